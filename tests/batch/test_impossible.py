"""What no system can do is refused in one sentence before anything runs; found by looking for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from superdsm_nb.batch.choosing import choose
from superdsm_nb.batch.jobs import expand_jobs, plan_all
from superdsm_nb.batch.spec import find_tasks
from superdsm_nb.batch.survey import survey
from superdsm_nb.errors import TaskError

from support.trees import needs_links, write_task

TASK = {
    "runnable": True,
    "img_pathpattern": "{ROOTDIR}/images/%s.tif",
    "seg_pathpattern": "seg/%s.png",
    "file_ids": ["a"],
}


def write(folder, **changes):
    return write_task(folder, **{**TASK, **changes})


def refused(root):
    """What is said of the tasks, line by line."""
    with pytest.raises(TaskError) as error:
        plan_all(find_tasks(root), root)
    return str(error.value).splitlines()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[" * 100_000, "it is nested too deeply"),
        ('{"config": ' * 60 + "{}" + "}" * 60, "it is nested too deeply"),
        ('{"dilate": ' + "1" * 5000 + "}", "a number is too long"),
        ('{"dilate": -' + "1" * 400 + "}", "a number is too long"),
        ('{"dilate": 1, "plane": 2, "dilate": 1}', 'the key "dilate" occurs twice in one object'),
        ('{"config": {"AF_scale": 1, "AF_scale": 2}}', 'the key "AF_scale" occurs twice in one object'),
    ],
    ids=["brackets", "objects", "digits", "overflow", "twice", "twice inside"],
)
def test_json_without_bounds_or_with_two_meanings_is_refused(tmp_path, text, problem):
    (tmp_path / "task.json").write_text(text)

    assert refused(tmp_path) == [f"{tmp_path / 'task.json'} is not valid JSON: {problem}."]


def test_folders_may_be_nested_as_deep_as_a_path_can_be(tmp_path):
    deep = tmp_path.joinpath(*"d" * 1500)
    for folder in (*reversed(deep.parents), deep):
        folder.mkdir(exist_ok=True)
    write(tmp_path)
    write(deep)
    try:
        assert [task.folder for task in find_tasks(tmp_path)] == [tmp_path, deep]
    finally:
        while deep != tmp_path:
            (deep / "task.json").unlink(missing_ok=True)
            deep.rmdir()
            deep = deep.parent


def test_a_key_of_many_parts_is_refused(tmp_path):
    (line,) = refused(write(tmp_path, config={"a/" * 5000 + "a": 1}))

    assert line.endswith("its name has too many parts.")
    assert len(line) < 400


@pytest.mark.parametrize("pattern", ["a\0%s.tif", "~nobodyofthatname/%s.tif", "a\ud800%s.tif"])
def test_a_pattern_of_images_that_no_system_has_is_refused(tmp_path, pattern):
    (line,) = refused(write(tmp_path, img_pathpattern=pattern))

    assert "img_pathpattern with file id 'a' gives an impossible path" in line


@needs_links
@pytest.mark.parametrize("name", ["img_pathpattern", "seg_pathpattern"])
def test_a_loop_of_links_is_refused(tmp_path, name):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")

    (line,) = refused(write(tmp_path, **{name: "{ROOTDIR}/loop/%s.png"}))

    assert f"{name} with file id 'a' gives an impossible path" in line


def test_a_number_that_is_no_character_is_refused(tmp_path):
    (line,) = refused(write(tmp_path, seg_pathpattern="%c.png", file_ids=[-1]))

    assert "does not accept the file id -1" in line


@pytest.mark.parametrize("path", ["a\0", "~nobodyofthatname/x.json"])
def test_a_base_configuration_that_no_system_has_is_refused(tmp_path, path):
    (line,) = refused(write(tmp_path, base_config_path=path))

    assert "base_config_path" in line
    assert "gives an impossible path" in line


def test_a_missing_base_configuration_names_the_task_and_the_field_once(tmp_path):
    write(tmp_path, runnable=False, base_config_path="no.json")
    for name in "uv":
        write_task(tmp_path / name, runnable=True)

    (line,) = refused(tmp_path)

    assert line.startswith(f"{tmp_path / 'task.json'}: base_config_path no.json: ")
    assert "cannot be read" in line


def test_the_same_base_configuration_by_another_name_is_not_merged_again(tmp_path):
    (tmp_path / "base.json").write_text('{"AF_scale": 7}')
    write(tmp_path, base_config_path="base.json", config={"AF_scale": 9})
    write_task(tmp_path / "sub", runnable=True, base_config_path="../base.json")

    assert find_tasks(tmp_path)[1].config["AF_scale"] == 9


def test_an_absolute_pattern_inside_the_task_goes_with_a_relative_root(tmp_path, monkeypatch):
    monkeypatch.chdir(write(tmp_path, seg_pathpattern=f"{tmp_path}/seg/%s.png"))
    (task,) = find_tasks(Path())
    absolute = expand_jobs(task, Path())[0].digest
    write(tmp_path)

    (task,) = find_tasks(Path())

    assert expand_jobs(task, Path())[0].digest == absolute


def test_the_root_may_stand_in_patterns_of_outputs(tmp_path, monkeypatch):
    write(tmp_path / "task", seg_pathpattern="{ROOTDIR}/task/seg/%s.png")
    monkeypatch.chdir(tmp_path)

    (task,) = find_tasks(Path())

    assert expand_jobs(task, Path())[0].outputs["seg"] == tmp_path / "task" / "seg" / "a.png"


@pytest.mark.parametrize(
    "changes",
    [
        {"cfg_pathpattern": "results/%s.timings.json"},
        {"cfg_pathpattern": "%s.json", "base_config_path": "a.json"},
        {"cfg_pathpattern": ".superdsm-nb.%s", "file_ids": ["lock"]},
        {"file_ids": ["a", "a.png/b"]},
    ],
    ids=["timings", "base configuration", "lock", "file needed as folder"],
)
def test_what_a_task_needs_is_never_overwritten(tmp_path, changes):
    (tmp_path / "a.json").write_text("{}")

    (line,) = refused(write(tmp_path, **changes))

    assert "which belongs to the task" in line or "would be both a file and a folder" in line


def test_an_empty_file_id_is_refused(tmp_path):
    assert refused(write(tmp_path, file_ids=[""])) == [f"{tmp_path / 'task.json'}: a file id is empty."]


def test_a_name_that_no_task_can_have_is_refused(tmp_path):
    tasks = find_tasks(write(tmp_path))

    with pytest.raises(TaskError, match="There is no task"):
        choose(tasks, tmp_path, ["a\0"], [])


def test_a_folder_of_tasks_is_chosen_as_such(tmp_path):
    write(tmp_path / "set" / "one")
    tasks = find_tasks(tmp_path)

    with pytest.raises(TaskError, match="it is a folder of tasks, so use --task-dir"):
        choose(tasks, tmp_path, ["set"], [])
    assert choose(tasks, tmp_path, [], ["set"]) == tasks


def test_an_output_never_hits_a_task_that_is_not_chosen(tmp_path):
    write(tmp_path, seg_pathpattern="sub/%s.tif")
    write(tmp_path / "sub", img_pathpattern="{ROOTDIR}/sub/%s.tif")
    tasks = find_tasks(tmp_path)

    with pytest.raises(TaskError, match="would overwrite the image"):
        survey(tasks, tmp_path, chosen=choose(tasks, tmp_path, ["."], []))


def test_editors_may_be_told_of_the_schema(tmp_path):
    (tmp_path / "task.json").write_text(json.dumps({"$schema": "task.schema.json", **TASK}))

    assert find_tasks(tmp_path)[0].runnable
