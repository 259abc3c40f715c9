"""Everything that is wrong with a task.json is said at once, and where."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from superdsm_nb.batch.fields import expected, names
from superdsm_nb.batch.spec import find_tasks

from support.specs import complaints, write, write_json
from support.task_fields import IDS, WRONG
from support.trees import write_task

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
        ('{"file_ids": [NaN]}', f"the field file_ids is [NaN], but must be {IDS}."),
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
        ({"xyzzy": 1}, "Unknown hyperparameter xyzzy."),
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
    assert complaints(tmp_path / "file") == [f"{tmp_path / 'file'} is not a folder."]
