"""A task.json is read, and what it leaves out is inherited from the tasks above it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from superdsm_nb.batch.fields import names
from superdsm_nb.batch.spec import Task, find_tasks

from support.specs import TASK, configs, write
from support.task_fields import DEFAULTS, EXAMPLES
from support.trees import write_task


def test_there_is_an_example_of_every_field_but_those_with_their_own_tests():
    assert {*EXAMPLES, "runnable", "base_config_path"} == set(names())


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_task_holds_what_its_file_says(tmp_path, name):
    value, _, read = EXAMPLES[name]

    (task,) = find_tasks(write(tmp_path, **{name: value}))

    assert read(task) == value


@pytest.mark.parametrize("name", DEFAULTS)
def test_what_no_file_says_has_its_default(tmp_path, name):
    (task,) = find_tasks(write_task(tmp_path))

    assert EXAMPLES[name][2](task) == DEFAULTS[name]


def test_without_its_pattern_an_output_is_not_wanted(tmp_path):
    (task,) = find_tasks(write(tmp_path, log_pathpattern="log/%s"))

    assert set(task.patterns) == {"seg", "log"}


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_task_inherits_from_its_nearest_ancestor(tmp_path, name):
    value, other, read = EXAMPLES[name]
    write(tmp_path, **{name: other})
    write_task(tmp_path / "near", **{name: value})
    write_task(tmp_path / "near" / "no task" / "deep", runnable=True)

    *_, task = find_tasks(tmp_path)

    assert read(task) == value


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_fields_of_a_task_are_laid_over_those_it_inherits(tmp_path, name):
    value, other, read = EXAMPLES[name]
    write(tmp_path, **{name: value})
    write_task(tmp_path / "sub", **{name: other})

    parent, child = find_tasks(tmp_path)

    assert (read(parent), read(child)) == (value, other)


def test_runnable_is_not_inherited(tmp_path):
    write(tmp_path, runnable=True)
    write_task(tmp_path / "sub")

    assert [task.runnable for task in find_tasks(tmp_path)] == [True, False]


def test_parents_come_before_their_children_and_siblings_by_name(tmp_path):
    for folder in ("b/x", "", "a", "b", "b/x/y"):
        write(tmp_path / folder)

    assert [task.name(tmp_path) for task in find_tasks(tmp_path)] == [".", "a", "b", "b/x", "b/x/y"]


def test_siblings_share_nothing_even_if_one_name_begins_like_the_other(tmp_path):
    write(tmp_path / "a", dilate=2)
    write(tmp_path / "ab")

    assert [task.dilate for task in find_tasks(tmp_path)] == [2, 0]


def test_a_task_knows_its_runnable_ancestors_from_the_nearest_on(tmp_path):
    for folder, runnable in (("", True), ("a", True), ("a/template", False), ("a/template/b", True)):
        write(tmp_path / folder, runnable=runnable)

    *_, task = find_tasks(tmp_path)

    assert [ancestor.name(tmp_path) for ancestor in task.runnable_ancestors] == ["a", "."]


def test_integers_in_environ_become_texts(tmp_path):
    (task,) = find_tasks(write(tmp_path, environ={"OMP_NUM_THREADS": 1}))

    assert task.environ == {"OMP_NUM_THREADS": "1"}


def test_configurations_are_merged_key_by_key_over_all_ancestors(tmp_path):
    write(tmp_path, config={"AF_scale": 11, "dsm": {"alpha": 1.0, "epsilon": 2.0}})
    write_task(tmp_path / "sub", config={"dsm": {"alpha": 3.0}})
    write_task(tmp_path / "sub" / "deep", config={"dsm/epsilon": 4.0})

    assert configs(tmp_path) == [
        {"AF_scale": 11, "dsm": {"alpha": 1.0, "epsilon": 2.0}},
        {"AF_scale": 11, "dsm": {"alpha": 3.0, "epsilon": 2.0}},
        {"AF_scale": 11, "dsm": {"alpha": 3.0, "epsilon": 4.0}},
    ]


def test_a_task_without_fields_has_an_empty_configuration():
    assert Task(Path()).config.entries == {}


def test_the_mark_that_editors_put_in_front_of_a_text_is_no_part_of_it(tmp_path):
    (tmp_path / "task.json").write_text(json.dumps({**TASK, "dilate": 2}), encoding="utf-8-sig")

    (task,) = find_tasks(tmp_path)

    assert task.dilate == 2
