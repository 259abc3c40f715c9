"""A task.json is read, inherited and checked; everything that is wrong is said at once, and where."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from task_fields import DEFAULTS, EXAMPLES, WRONG
from trees import write_task

from superdsm_nb.batch.fields import expected, names
from superdsm_nb.batch.spec import Task, choose, find_tasks
from superdsm_nb.errors import TaskError
from superdsm_nb.pipeline import create_default_pipeline

TASKS = Path(__file__).parents[1] / "tasks"
READY = sorted(TASKS.rglob("task.json"))
DECLARED = create_default_pipeline().declarations
TASK = {
    "runnable": True,
    "img_pathpattern": "images/%s.tif",
    "seg_pathpattern": "seg/%s.png",
    "file_ids": ["a", "b"],
}


def write(folder, **changes):
    """Write a complete task with fields changed; None takes a field out."""
    return write_task(folder, **{**TASK, **changes})


def write_json(path, **entries):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(entries), encoding="utf-8")


def complaints(root):
    """What is said of the tasks, line by line."""
    with pytest.raises(TaskError) as error:
        find_tasks(root)
    return str(error.value).splitlines()


def configs(root):
    return [task.config.entries for task in find_tasks(root)]


# ---------------------------------------------------------------- reading and inheriting


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


# ---------------------------------------------------------------- numbers that are not finite


@pytest.mark.parametrize(
    ("text", "read", "value"),
    [
        ('{"merge_overlap_threshold": Infinity}', lambda task: task.merge_overlap_threshold, math.inf),
        (
            '{"config": {"dsm": {"smooth_amount": Infinity}}}',
            lambda task: task.config["dsm/smooth_amount"],
            math.inf,
        ),
        (
            '{"config": {"c2f-region-analysis": {"min_norm_energy_improvement": -Infinity}}}',
            lambda task: task.config["c2f-region-analysis/min_norm_energy_improvement"],
            -math.inf,
        ),
    ],
    ids=["field", "hyperparameter", "negative"],
)
def test_infinity_is_a_number_where_it_has_a_meaning(tmp_path, text, read, value):
    (tmp_path / "task.json").write_text(text, encoding="utf-8")

    (task,) = find_tasks(tmp_path)

    assert read(task) == value


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            '{"merge_overlap_threshold": NaN}',
            "the field merge_overlap_threshold is NaN, but must be a number of at least 0.",
        ),
        (
            '{"merge_overlap_threshold": -Infinity}',
            "the field merge_overlap_threshold is -Infinity, but must be a number of at least 0.",
        ),
        ('{"dilate": Infinity}', "the field dilate is Infinity, but must be an integer."),
        ('{"seg_border": NaN}', "the field seg_border is NaN, but must be an integer of at least 1."),
        ('{"num_cpus": Infinity}', "the field num_cpus is Infinity, but must be an integer of at least 1."),
        ('{"file_ids": [NaN]}', "the field file_ids is [NaN], but must be a list of integers or texts."),
        (
            '{"config": {"AF_scale": NaN}}',
            "Hyperparameter AF_scale is nan, but must be above 0 and at most 100000.",
        ),
    ],
)
def test_infinity_and_nan_are_refused_where_they_have_none(tmp_path, text, sentence):
    (tmp_path / "task.json").write_text(text, encoding="utf-8")

    assert complaints(tmp_path) == [f"{tmp_path / 'task.json'}: {sentence}"]


# ---------------------------------------------------------------- what is wrong with one file


@pytest.mark.parametrize(("name", "value", "what"), WRONG)
def test_a_field_of_the_wrong_type_is_named_with_what_was_expected(tmp_path, name, value, what):
    write_task(tmp_path, **{name: value})

    sentence = f"the field {name} is {json.dumps(value)}, but must be {what}."
    assert complaints(tmp_path) == [f"{tmp_path / 'task.json'}: {sentence}"]


@pytest.mark.parametrize("name", names())
def test_no_field_may_be_null(tmp_path, name):
    write_json(tmp_path / "task.json", **{name: None})

    sentence = f"the field {name} is null, but must be {expected(name)}."
    assert complaints(tmp_path) == [f"{tmp_path / 'task.json'}: {sentence}"]


def test_a_wrong_value_is_quoted_only_as_far_as_it_fits_a_line(tmp_path):
    write_task(tmp_path, dilate="x" * 1000)

    (line,) = complaints(tmp_path)

    assert line.endswith('is "' + "x" * 96 + "..., but must be an integer.")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("img_pathpatern", "img_pathpattern"),
        ("file_id", "file_ids"),
        ("Config", "config"),
        ("num_cpu", "num_cpus"),
        ("runable", "runnable"),
        ("base_config", "base_config_path"),
    ],
)
def test_an_unknown_field_is_answered_with_the_one_that_was_meant(tmp_path, written, meant):
    write_task(tmp_path, **{written: 1})

    assert complaints(tmp_path) == [
        f"{tmp_path / 'task.json'}: unknown field {written}: did you mean {meant}?"
    ]


def test_a_field_like_no_other_gets_no_suggestion(tmp_path):
    write_task(tmp_path, xyzzy=1)

    assert complaints(tmp_path) == [f"{tmp_path / 'task.json'}: unknown field xyzzy."]


@pytest.mark.parametrize("name", ["img_pathpattern", "seg_pathpattern", "file_ids"])
def test_a_task_that_runs_needs_its_images_and_label_maps(tmp_path, name):
    write(tmp_path, **{name: None})

    assert complaints(tmp_path) == [f"{tmp_path / 'task.json'}: the field {name} is missing."]


def test_a_template_may_be_incomplete_and_a_derived_task_completes_it(tmp_path):
    write_task(tmp_path, img_pathpattern="images/%s.tif")
    write(tmp_path / "sub", img_pathpattern=None)

    template, task = find_tasks(tmp_path)

    assert (template.runnable, task.runnable) == (False, True)
    assert task.img_pathpattern == "images/%s.tif"


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"dsm": {"aplha": 1}}, "Unknown hyperparameter dsm/aplha: did you mean dsm/alpha?"),
        ({"dsm/aplha": 1}, "Unknown hyperparameter dsm/aplha: did you mean dsm/alpha?"),
        ({"alpha": 1}, "Unknown hyperparameter alpha: did you mean dsm/alpha?"),
        ({"xyzzy": 1}, "Unknown hyperparameter xyzzy: there is none of that name."),
        ({"AF_scale": -1}, "Hyperparameter AF_scale is -1, but must be above 0 and at most 100000."),
        ({"AF_scale": "11"}, "Hyperparameter AF_scale is '11', but must be a number."),
        ({"dsm": 1}, "dsm is a section of hyperparameters, but its value is 1."),
    ],
)
def test_hyperparameters_are_checked_where_they_are_written(tmp_path, config, sentence):
    write(tmp_path, config=config)
    write_task(tmp_path / "sub", runnable=True)

    assert complaints(tmp_path) == [f"{tmp_path / 'task.json'}: {sentence}"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b'{"runnable": true,\n  "dilate" 2}', "is not valid JSON at line 2, column 12: "),
        (b'{"runnable": true,\n\n}', "is not valid JSON at line "),
        (b"", "is not valid JSON at line 1, column 1: "),
        (b"[]", "must hold a JSON object, such as {}."),
        (b"\xff", "is not a UTF-8 text file."),
    ],
)
def test_a_file_that_holds_no_json_object_is_refused(tmp_path, content, sentence):
    (tmp_path / "task.json").write_bytes(content)

    (line,) = complaints(tmp_path)

    assert line.startswith(f"{tmp_path / 'task.json'} {sentence}")


def test_a_folder_called_like_a_task_file_is_refused(tmp_path):
    (tmp_path / "task.json").mkdir()

    (line,) = complaints(tmp_path)

    assert line.startswith(f"{tmp_path / 'task.json'} cannot be read: ")


# ---------------------------------------------------------------- everything at once


def test_everything_wrong_with_one_file_is_said_at_once(tmp_path):
    write(tmp_path, dilate="x", file_ids=3, file_id=1, config={"AF_scale": -1, "dsm": {"aplha": 1}})

    said = "\n".join(complaints(tmp_path))

    for what in ("field dilate is", "field file_ids is", "unknown field file_id:", "AF_scale", "dsm/aplha"):
        assert said.count(what) == 1


def test_everything_wrong_with_any_task_is_said_at_once(tmp_path):
    write(tmp_path / "a", dilate="x")
    write(tmp_path / "b")
    write(tmp_path / "c", file_ids=None)
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "task.json").write_text("{")

    starts = [line.split("task.json")[0] for line in complaints(tmp_path)]

    assert [Path(start).name for start in starts] == ["a", "c", "d"]


@pytest.mark.parametrize(
    "changes",
    [{"seg_pathpattern": 1}, {"file_id": ["a"], "file_ids": None}, {"img_pathpattern": None, "runnable": 1}],
    ids=["wrong type", "misspelt", "not known whether it runs"],
)
def test_what_is_wrong_with_a_parent_is_not_said_again_of_its_children(tmp_path, changes):
    write(tmp_path, **changes)
    for folder in ("sub", "sub/deep"):
        write_task(tmp_path / folder, runnable=True)

    (line,) = complaints(tmp_path)

    assert line.startswith(f"{tmp_path / 'task.json'}: ")


def test_a_parent_that_is_no_json_leaves_no_field_missing_in_its_children(tmp_path):
    (tmp_path / "task.json").write_text("{")
    write_task(tmp_path / "sub", runnable=True)

    (line,) = complaints(tmp_path)

    assert line.startswith(f"{tmp_path / 'task.json'} is not valid JSON")


def test_the_own_mistakes_of_a_child_are_said_beside_those_of_its_parent(tmp_path):
    write(tmp_path, dilate="x")
    write_task(tmp_path / "sub", runnable=True, seg_border=0)

    assert [line.split(": ")[1].split(" is ")[0] for line in complaints(tmp_path)] == [
        "the field dilate",
        "the field seg_border",
    ]


def test_a_folder_without_tasks_is_refused(tmp_path):
    (line,) = complaints(tmp_path)

    assert line.startswith(f"There is no task.json in {tmp_path} or below")


def test_a_root_that_is_no_folder_is_refused(tmp_path):
    (tmp_path / "file").touch()

    assert complaints(tmp_path / "nowhere") == [f"There is no folder {tmp_path / 'nowhere'}."]
    assert complaints(tmp_path / "file") == [f"{tmp_path / 'file'} is no folder."]


# ---------------------------------------------------------------- base_config_path


def test_a_base_configuration_lies_between_the_inherited_and_the_own_one(tmp_path):
    write_json(tmp_path / "base.json", dsm={"alpha": 2, "epsilon": 2})
    write(tmp_path, config={"AF_scale": 1, "dsm": {"alpha": 1, "epsilon": 1}})
    write_task(tmp_path / "sub", base_config_path="../base.json", config={"dsm": {"epsilon": 3}})

    _, config = configs(tmp_path)

    assert config == {"AF_scale": 1, "dsm": {"alpha": 2, "epsilon": 3}}


def test_a_base_configuration_may_hold_infinity(tmp_path):
    (tmp_path / "base.json").write_text('{"dsm": {"smooth_amount": Infinity}}')
    write(tmp_path, base_config_path="base.json")

    assert configs(tmp_path) == [{"dsm": {"smooth_amount": math.inf}}]


@pytest.mark.parametrize(
    "pattern",
    ["../files/base.json", "{root}/files/base.json", "{ROOTDIR}/files/base.json", "~/base.json"],
    ids=["relative", "absolute", "root", "home"],
)
def test_the_base_configuration_is_found_by(tmp_path, monkeypatch, pattern):
    monkeypatch.setenv("HOME", str(tmp_path / "files"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "files"))
    write_json(tmp_path / "files" / "base.json", AF_scale=7)
    write(tmp_path / "task", base_config_path=pattern.replace("{root}", str(tmp_path)))

    assert configs(tmp_path) == [{"AF_scale": 7}]


def test_a_relative_base_configuration_is_looked_for_where_it_is_written_and_not_where_it_is_inherited(
    tmp_path,
):
    write_json(tmp_path / "base.json", AF_scale=7)
    write_json(tmp_path / "sub" / "base.json", AF_scale=8)
    write(tmp_path, base_config_path="base.json")
    write_task(tmp_path / "sub", runnable=True)

    assert configs(tmp_path) == [{"AF_scale": 7}, {"AF_scale": 7}]


def test_dirname_is_the_folder_of_the_task_that_inherits_the_base_configuration(tmp_path):
    for folder, scale in (("a", 7), ("b", 8)):
        write_json(tmp_path / f"{folder}.json", AF_scale=scale)
        write_task(tmp_path / folder, runnable=True)
    write(tmp_path, runnable=False, base_config_path="{DIRNAME}.json")

    assert configs(tmp_path) == [{}, {"AF_scale": 7}, {"AF_scale": 8}]


@pytest.mark.parametrize("runnable", [True, False])
def test_what_an_ancestor_changed_of_a_base_configuration_stays_changed(tmp_path, runnable):
    write_json(tmp_path / "base.json", AF_scale=7, dsm={"alpha": 1})
    write(tmp_path, runnable=runnable, base_config_path="base.json", config={"AF_scale": 9})
    write_task(tmp_path / "sub", runnable=True)

    assert configs(tmp_path) == [{"AF_scale": 9, "dsm": {"alpha": 1}}] * 2


def test_another_base_configuration_is_laid_over_what_an_ancestor_set(tmp_path):
    write_json(tmp_path / "base.json", AF_scale=7, dsm={"alpha": 1})
    write_json(tmp_path / "sub" / "base.json", AF_scale=8)
    write(tmp_path, base_config_path="base.json", config={"AF_scale": 9})
    write_task(tmp_path / "sub", base_config_path="base.json")

    assert configs(tmp_path)[1] == {"AF_scale": 8, "dsm": {"alpha": 1}}


def test_a_task_that_runs_needs_its_base_configuration(tmp_path):
    write(tmp_path, base_config_path="nowhere.json")

    (line,) = complaints(tmp_path)

    assert f"{tmp_path / 'nowhere.json'} cannot be read" in line


def test_a_template_needs_no_base_configuration(tmp_path):
    write(tmp_path, runnable=False, base_config_path="nowhere.json", config={"AF_scale": 9})

    assert configs(tmp_path) == [{"AF_scale": 9}]


@pytest.mark.parametrize("runnable", [True, False])
@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ('{"AF_scale": 7', " is not valid JSON at line 1, column 15: "),
        ("[]", " must hold a JSON object, such as {}."),
        ('{"AF_scal": 7}', ": Unknown hyperparameter AF_scal: did you mean AF_scale?"),
        ('{"AF_scale": 0}', ": Hyperparameter AF_scale is 0, but must be above 0"),
    ],
)
def test_what_is_wrong_with_a_base_configuration_is_said_of_its_file(tmp_path, runnable, content, sentence):
    (tmp_path / "base.json").write_text(content)
    write(tmp_path, runnable=runnable, base_config_path="base.json")
    write_task(tmp_path / "sub", runnable=True)

    (line,) = complaints(tmp_path)

    assert f"{tmp_path / 'base.json'}{sentence}" in line


# ---------------------------------------------------------------- choosing


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
