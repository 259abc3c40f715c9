"""Tasks are chosen by their names, alone or with those derived from them."""

from __future__ import annotations

import pytest

from superdsm_nb.batch.choosing import choose
from superdsm_nb.batch.spec import find_tasks
from superdsm_nb.errors import TaskError

from support.specs import write
from support.trees import write_task


@pytest.fixture
def tree(tmp_path):
    for folder in ("U2OS/default/adapted", "U2OS/default", "U2OS2/default"):
        write(tmp_path / folder)
    return tmp_path


@pytest.mark.parametrize(
    ("single", "families", "chosen"),
    [
        ([], [], ["U2OS/default", "U2OS/default/adapted", "U2OS2/default"]),
        (["U2OS/default"], [], ["U2OS/default"]),
        (["U2OS/default/"], [], ["U2OS/default"]),
        (["U2OS2/default", "U2OS/default"], [], ["U2OS/default", "U2OS2/default"]),
        ([], ["U2OS/default"], ["U2OS/default", "U2OS/default/adapted"]),
        ([], ["U2OS"], ["U2OS/default", "U2OS/default/adapted"]),
        (["U2OS2/default"], ["U2OS"], ["U2OS/default", "U2OS/default/adapted", "U2OS2/default"]),
        (["U2OS/default"], ["U2OS/default/adapted"], ["U2OS/default", "U2OS/default/adapted"]),
        ([], ["."], ["U2OS/default", "U2OS/default/adapted", "U2OS2/default"]),
    ],
)
def test_tasks_are_chosen_alone_or_with_those_derived_from_them(tree, single, families, chosen):
    tasks = choose(find_tasks(tree), tree, single, families)

    assert [task.name(tree) for task in tasks] == chosen


def test_a_task_may_be_named_from_where_the_command_runs(tree, monkeypatch):
    monkeypatch.chdir(tree.parent)

    tasks = choose(find_tasks(tree), tree, [f"{tree.name}/U2OS/default"], [])

    assert [task.name(tree) for task in tasks] == ["U2OS/default"]


def test_a_chosen_task_has_inherited_from_ancestors_that_are_not_chosen(tree):
    write_task(tree, dilate=5)

    (task,) = choose(find_tasks(tree), tree, ["U2OS/default/adapted"], [])

    assert task.dilate == 5


@pytest.mark.parametrize(("single", "families"), [(["U2OS/defualt"], []), ([], ["U2OS/defualt"])])
def test_an_unknown_task_is_answered_with_the_one_that_was_meant(tree, single, families):
    with pytest.raises(TaskError) as error:
        choose(find_tasks(tree), tree, single, families)

    assert str(error.value) == f"There is no task U2OS/defualt in {tree}: did you mean U2OS/default?"


def test_a_task_like_no_other_is_answered_with_all_there_are(tree):
    with pytest.raises(TaskError) as error:
        choose(find_tasks(tree), tree, ["xyzzy"], [])

    known = "U2OS/default, U2OS/default/adapted, U2OS2/default"
    assert str(error.value) == f"There is no task xyzzy in {tree}: the tasks are {known}."


def test_a_folder_that_holds_no_task_itself_is_not_a_task(tree):
    with pytest.raises(TaskError, match="There is no task U2OS in"):
        choose(find_tasks(tree), tree, ["U2OS"], [])


def test_a_family_without_members_is_refused(tree):
    (tree / "empty").mkdir()

    with pytest.raises(TaskError, match="There is no task empty in"):
        choose(find_tasks(tree), tree, [], ["empty"])
