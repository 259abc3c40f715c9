"""Tasks are read, checked, planned and run; what is wrong with them is said before anything runs."""

from __future__ import annotations

import csv
import json
import math
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from superdsm_nb.batch.run import Failure, Job, plan, plan_all
from superdsm_nb.batch.run import run as run_task
from superdsm_nb.batch.spec import FIELDS, PLANNED, Task, find_tasks
from superdsm_nb.errors import TaskError
from superdsm_nb.io import imread, imsave
from superdsm_nb.stage import Output

TASK = {
    "runnable": True,
    "img_pathpattern": "{ROOTDIR}/images/%s.tif",
    "seg_pathpattern": "seg/%s.png",
    "file_ids": ["a", "b"],
    "config": {"AF_scale": 11},
}


def write_task(folder, fields=None, **changes):
    """Write a task with fields changed; None takes a field out."""
    folder.mkdir(parents=True, exist_ok=True)
    merged = {**(TASK if fields is None else fields), **changes}
    text = json.dumps({name: value for name, value in merged.items() if value is not None})
    (folder / "task.json").write_text(text, encoding="utf-8")
    return folder


def planned(folder, root=None, **changes):
    return plan(find_tasks(write_task(folder, **changes))[0], root or folder)


def files_in(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def root(tmp_path, sample):
    """A folder with one task of two images."""
    for name in ("a", "b"):
        imsave(tmp_path / "images" / f"{name}.tif", sample.image)
    return write_task(tmp_path)


# ---------------------------------------------------------------- reading tasks


def test_a_task_holds_what_its_file_says(tmp_path):
    (task,) = find_tasks(write_task(tmp_path, dilate=2))
    assert task.folder == tmp_path
    assert task.runnable
    assert task.fields["file_ids"] == ["a", "b"]
    assert task.fields["dilate"] == 2
    assert task.config["AF_scale"] == 11


def test_parents_come_before_their_children(tmp_path):
    for folder in ("b/x", "", "a", "b", "b/x/y"):
        write_task(tmp_path / folder)
    found = [task.folder.relative_to(tmp_path).as_posix() for task in find_tasks(tmp_path)]
    assert found == [".", "a", "b", "b/x", "b/x/y"]


def test_a_task_inherits_every_field_but_runnable(tmp_path):
    write_task(tmp_path, dilate=2)
    write_task(tmp_path / "sub", {"seg_border": 3})
    parent, child = find_tasks(tmp_path)
    assert (parent.runnable, child.runnable) == (True, False)
    assert child.fields == {**parent.fields, "seg_border": 3}


def test_a_template_may_be_incomplete_and_its_task_completes_it(tmp_path):
    write_task(tmp_path, {"img_pathpattern": "images/%s.tif"})
    write_task(tmp_path / "sub", img_pathpattern=None)
    template, task = find_tasks(tmp_path)
    assert (template.runnable, task.runnable) == (False, True)
    assert task.fields["img_pathpattern"] == "images/%s.tif"


def test_configurations_are_merged_key_by_key_from_the_nearest_ancestor(tmp_path):
    write_task(tmp_path, config={"AF_scale": 11, "dsm": {"alpha": 1.0, "epsilon": 2.0}})
    write_task(tmp_path / "sub", {"config": {"dsm": {"alpha": 3.0}}})
    write_task(tmp_path / "sub" / "between" / "deep", {"config": {"dsm/epsilon": 4.0}})
    configs = [task.config.entries for task in find_tasks(tmp_path)]
    assert configs == [
        {"AF_scale": 11, "dsm": {"alpha": 1.0, "epsilon": 2.0}},
        {"AF_scale": 11, "dsm": {"alpha": 3.0, "epsilon": 2.0}},
        {"AF_scale": 11, "dsm": {"alpha": 3.0, "epsilon": 4.0}},
    ]


def test_siblings_share_nothing(tmp_path):
    write_task(tmp_path / "a", dilate=2)
    write_task(tmp_path / "ab")
    assert [task.fields.get("dilate") for task in find_tasks(tmp_path)] == [2, None]


def test_infinity_is_accepted_as_the_original_writes_it(tmp_path):
    (tmp_path / "task.json").write_text(
        '{"merge_overlap_threshold": Infinity, "config": {"dsm": {"smooth_amount": Infinity}}}',
        encoding="utf-8",
    )
    (task,) = find_tasks(tmp_path)
    assert task.fields["merge_overlap_threshold"] == math.inf
    assert task.config["dsm/smooth_amount"] == math.inf


@pytest.mark.parametrize("name", PLANNED)
def test_a_field_of_the_original_without_effect_yet_is_noted(tmp_path, name):
    (task,) = find_tasks(write_task(tmp_path, {name: 1}))
    assert task.ignored == (name,)
    assert name not in task.fields


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("img_pathpatern", "img_pathpattern"),
        ("file_id", "file_ids"),
        ("Config", "config"),
        ("num_cpu", "num_cpus"),
        ("runable", "runnable"),
    ],
)
def test_an_unknown_field_is_answered_with_the_one_that_was_meant(tmp_path, written, meant):
    with pytest.raises(TaskError, match=rf"task\.json: unknown field {written}: did you mean {meant}\?"):
        find_tasks(write_task(tmp_path, {written: 1}))


def test_a_field_like_no_other_gets_no_suggestion(tmp_path):
    with pytest.raises(TaskError, match=r"unknown field xyzzy\.$"):
        find_tasks(write_task(tmp_path, {"xyzzy": 1}))


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("runnable", 1, "true or false"),
        ("runnable", "true", "true or false"),
        ("img_pathpattern", 3, "a text"),
        ("seg_pathpattern", ["x"], "a text"),
        ("overlay_pathpattern", True, "a text"),
        ("file_ids", "a", "a list of integers or texts"),
        ("file_ids", [1.5], "a list of integers or texts"),
        ("file_ids", [True], "a list of integers or texts"),
        ("dilate", 1.5, "an integer"),
        ("dilate", True, "an integer"),
        ("merge_overlap_threshold", "0.5", "a number of at least 0"),
        ("merge_overlap_threshold", -1, "a number of at least 0"),
        ("seg_border", 0, "an integer of at least 1"),
        ("config", [], "an object of hyperparameters"),
    ],
)
def test_a_field_of_the_wrong_type_is_named_with_what_was_expected(tmp_path, name, value, expected):
    message = f"the field {name} is {json.dumps(value)}, but must be {expected}."
    with pytest.raises(TaskError) as error:
        find_tasks(write_task(tmp_path, {name: value}))
    assert str(error.value) == f"{tmp_path / 'task.json'}: {message}"


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_no_field_may_be_null(tmp_path, name):
    (tmp_path / "task.json").write_text(json.dumps({name: None}), encoding="utf-8")
    with pytest.raises(TaskError, match=f"the field {name} is null, but must be"):
        find_tasks(tmp_path)


@pytest.mark.parametrize("name", ["img_pathpattern", "seg_pathpattern", "file_ids"])
def test_a_task_that_runs_needs_its_images_and_outputs(tmp_path, name):
    with pytest.raises(TaskError, match=f"the field {name} is missing"):
        find_tasks(write_task(tmp_path, **{name: None}))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"runnable": true,\n  "dilate" 2}', "is not valid JSON at line 2, column 12"),
        (b"[]", "must hold a JSON object"),
        (b"\xff", "is not a UTF-8 text file"),
    ],
)
def test_a_file_that_holds_no_object_is_refused(tmp_path, content, message):
    (tmp_path / "task.json").write_bytes(content)
    with pytest.raises(TaskError, match=rf"task\.json {message}"):
        find_tasks(tmp_path)


def test_a_folder_called_like_a_task_file_is_refused(tmp_path):
    (tmp_path / "task.json").mkdir()
    with pytest.raises(TaskError, match=r"task\.json cannot be read"):
        find_tasks(tmp_path)


@pytest.mark.parametrize(
    ("config", "message"),
    [({"dsm": {"aplha": 1}}, "did you mean dsm/alpha"), ({"AF_scale": -1}, "AF_scale is -1")],
)
def test_hyperparameters_are_checked_where_they_are_written(tmp_path, config, message):
    with pytest.raises(TaskError, match=rf"task\.json: .*{message}"):
        find_tasks(write_task(tmp_path, config=config))


def test_everything_wrong_with_any_task_is_shown_at_once(tmp_path):
    write_task(tmp_path / "a", dilate="x")
    write_task(tmp_path / "b")
    write_task(tmp_path / "c", file_ids=None)
    with pytest.raises(TaskError) as error:
        find_tasks(tmp_path)
    first, second = str(error.value).splitlines()
    assert str(Path("a", "task.json")) in first
    assert str(Path("c", "task.json")) in second


def test_a_folder_without_tasks_is_refused(tmp_path):
    with pytest.raises(TaskError, match=r"There is no task\.json in"):
        find_tasks(tmp_path)


def test_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(TaskError, match=r"There is no folder .*nowhere"):
        find_tasks(tmp_path / "nowhere")


# ---------------------------------------------------------------- planning


def test_every_file_id_makes_a_job(tmp_path):
    assert planned(tmp_path, overlay_pathpattern="over/%s.png") == [
        Job(
            name, tmp_path / f"images/{name}.tif", tmp_path / f"seg/{name}.png", tmp_path / f"over/{name}.png"
        )
        for name in ("a", "b")
    ]


def test_without_a_pattern_there_is_no_overlay(tmp_path):
    assert [job.overlay for job in planned(tmp_path)] == [None, None]


@pytest.mark.parametrize(
    ("pattern", "file_id", "name"),
    [
        ("%d.png", 7, "7.png"),
        ("%03d.png", 7, "007.png"),
        ("%s.png", 7, "7.png"),
        ("%s.png", "x/y", "x/y.png"),
        ("100%%-%s.png", "x", "100%-x.png"),
        ("{DIRNAME}/%s.png", "x", "task/x.png"),
    ],
)
def test_file_ids_fill_the_patterns(tmp_path, pattern, file_id, name):
    (job,) = planned(tmp_path / "task", seg_pathpattern=pattern, file_ids=[file_id])
    assert job.labels == tmp_path / "task" / name


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("{ROOTDIR}/{DIRNAME}/%s.tif", "{root}/task/a.tif"),
        ("images/%s.tif", "images/a.tif"),
        ("/data/%s.tif", "/data/a.tif"),
        ("~/%s.tif", "{home}/a.tif"),
    ],
)
def test_image_patterns_know_the_root_the_folder_and_the_home(tmp_path, monkeypatch, pattern, expected):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    (job,) = planned(tmp_path / "task", tmp_path, img_pathpattern=pattern, file_ids=["a"])
    assert job.image == Path(expected.format(root=tmp_path, home=tmp_path / "home"))


def test_a_percent_sign_in_the_name_of_a_folder_is_no_placeholder(tmp_path):
    folder = tmp_path / "50% dense"
    (job,) = planned(folder, seg_pathpattern="{DIRNAME}-%s.png", file_ids=["a"])
    assert job.labels == folder / "50% dense-a.png"
    assert job.image == folder / "images" / "a.tif"


def test_the_folder_has_a_name_even_where_it_is_the_current_one(tmp_path, monkeypatch):
    monkeypatch.chdir(write_task(tmp_path / "task", seg_pathpattern="{DIRNAME}-%s.png"))
    (task,) = find_tasks(Path())
    assert [job.labels for job in plan(task, Path())] == [Path("task-a.png"), Path("task-b.png")]


@pytest.mark.parametrize(
    ("pattern", "file_id"),
    [("%d.png", "a"), ("same.png", "a"), ("same.png", 1), ("%s%s.png", "a"), ("%q.png", 1), ("%(x)s.png", 1)],
)
def test_a_pattern_that_does_not_take_the_file_ids_is_refused(tmp_path, pattern, file_id):
    with pytest.raises(TaskError, match=r"does not take the file id .*: use %s for texts"):
        planned(tmp_path, seg_pathpattern=pattern, file_ids=[file_id])


@pytest.mark.parametrize("name", ["seg_pathpattern", "overlay_pathpattern"])
@pytest.mark.parametrize(
    ("pattern", "file_id"), [("../%s.png", "a"), ("%s.png", "../a"), ("/tmp/%s.png", "a")]
)
def test_an_output_outside_the_folder_of_the_task_is_refused(tmp_path, name, pattern, file_id):
    with pytest.raises(TaskError, match=f"{name} .*leads outside the task's folder"):
        planned(tmp_path / "task", **{name: pattern}, file_ids=[file_id])


@pytest.mark.parametrize("name", ["seg_pathpattern", "overlay_pathpattern"])
def test_an_output_of_unknown_type_is_refused(tmp_path, name):
    with pytest.raises(TaskError, match=rf"{name} .*a\.jpg must end in"):
        planned(tmp_path, **{name: "%s.jpg"})


@pytest.mark.parametrize(
    "changes",
    [
        {"file_ids": ["a", "a"]},
        {"overlay_pathpattern": "seg/%s.png"},
        {"overlay_pathpattern": "seg/../seg/%s.png"},
    ],
)
def test_two_outputs_never_share_a_file(tmp_path, changes):
    with pytest.raises(TaskError, match=r"two outputs would be written to .*a\.png"):
        planned(tmp_path, **changes)


@pytest.mark.parametrize("name", ["seg_pathpattern", "overlay_pathpattern"])
def test_an_output_never_overwrites_an_image(tmp_path, name):
    with pytest.raises(TaskError, match=r"an output would overwrite the image .*a\.tif"):
        planned(tmp_path, **{name: "images/%s.tif"})


def test_templates_have_nothing_to_do(tmp_path):
    write_task(tmp_path, runnable=False)
    (template,) = find_tasks(tmp_path)
    assert plan_all([template], tmp_path) == [(template, [])]


def test_everything_wrong_with_any_plan_is_shown_at_once(tmp_path):
    for folder in "abc":
        write_task(tmp_path / folder, seg_pathpattern="%s.png" if folder == "b" else "%d.png")
    with pytest.raises(TaskError) as error:
        plan_all(find_tasks(tmp_path), tmp_path)
    assert len(str(error.value).splitlines()) == 2


# ---------------------------------------------------------------- running


def test_a_run_tells_of_every_image_and_returns_the_failures(root):
    (task,) = find_tasks(root)
    jobs = plan(task, root)
    jobs[0].image.unlink()
    begun, ended = [], []
    failures = run_task(task, jobs, Output(), begun.append, lambda job, result: ended.append((job, result)))
    assert begun == jobs
    assert [(job, result.scale) for job, result in ended] == [(jobs[1], 11)]
    assert failures == [Failure(jobs[0], f"There is no file {jobs[0].image}.")]


def test_dilation_and_border_reach_the_results(root, tmp_path):
    write_task(root / "plain", TASK, file_ids=["a"], overlay_pathpattern="over/%s.png", seg_border=1)
    write_task(root / "wide", TASK, file_ids=["a"], overlay_pathpattern="over/%s.png", dilate=3)
    for task, jobs in plan_all(find_tasks(root), root):
        if task.folder != root:
            assert not run_task(task, jobs, Output(), lambda _: None, lambda *_: None)
    area = {name: np.count_nonzero(imread(root / name / "seg/a.png")) for name in ("plain", "wide")}
    drawn = {}
    for name in area:
        overlay = imread(root / name / "over/a.png", histological=True)
        drawn[name] = np.count_nonzero(overlay[:, :, 0] != overlay[:, :, 1])
    assert area["plain"] < area["wide"]
    assert drawn["plain"] < drawn["wide"]


def test_a_task_without_fields_has_an_empty_configuration():
    assert Task(Path()).config.entries == {}


# ---------------------------------------------------------------- superdsm-nb batch


def test_batch_lists_its_work_without_writing_anything(run, root):
    write_task(root / "template", {"dilate": 1})
    (root / "images" / "b.tif").unlink()
    before = files_in(root)
    outcome = run("batch", root)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.splitlines() == [
        f"{root}: task",
        f"  {root / 'images/a.tif'} -> {root / 'seg/a.png'}",
        f"  {root / 'images/b.tif'} -> {root / 'seg/b.png'}  (there is no such image)",
        f"{root / 'template'}: template, not run (runnable is not true)",
        "Nothing was run: add --run to do so.",
    ]
    assert files_in(root) == before


def test_batch_run_writes_the_label_maps_of_tasks_and_none_of_templates(run, root):
    write_task(root / "template", {"dilate": 1})
    before = files_in(root)
    outcome = run("batch", root, "--run")
    assert (outcome.code, outcome.err) == (0, "")
    assert sorted(set(files_in(root)) - set(before)) == ["performance.csv", "seg/a.png", "seg/b.png"]
    assert imread(root / "seg/a.png").max() >= 2
    assert outcome.out.splitlines()[0] == f"{root}: task"
    assert outcome.out.splitlines()[1].startswith("  a.tif: ")
    assert outcome.out.splitlines()[3].startswith("  cover proven optimal in ")
    assert outcome.out.splitlines()[4] == f"{root / 'template'}: template, not run (runnable is not true)"


def test_a_batch_tells_how_good_its_covers_are_by_image_and_in_total(run, root):
    run("batch", root, "--run")

    with (root / "performance.csv").open(newline="") as file:
        rows = {row["file_id"]: row for row in csv.DictReader(file)}

    assert list(rows) == ["a", "b", "total"]
    for name, row in rows.items():
        assert float(row["gap"]) == 0
        assert float(row["cost"]) == float(row["lower_bound"]) > 0
        clusters = row["direct_solution_trial_count"]
        assert int(row["proven_cluster_count"]) == int(clusters) > 0, name
    for column in ("cost", "overall_computed_object_count", "proven_cluster_count"):
        summands = [float(rows[name][column]) for name in "ab"]
        assert float(rows["total"][column]) == pytest.approx(sum(summands))


def test_an_image_may_be_called_total(run, root):
    write_task(root, TASK, file_ids=["a", "total"])
    shutil.copy(root / "images" / "a.tif", root / "images" / "total.tif")
    run("batch", root, "--run")

    with (root / "performance.csv").open(newline="") as file:
        assert [row["file_id"] for row in csv.DictReader(file)] == ["a", "total", "total"]


def test_a_table_that_cannot_be_written_does_not_stop_the_other_tasks(run, root):
    (root / "performance.csv").mkdir()
    write_task(root / "more", TASK, file_ids=["b"], seg_pathpattern="seg/%s.png")
    outcome = run("batch", root, "--run")

    assert outcome.code == 0
    assert f"{root / 'performance.csv'} cannot be written: " in outcome.err
    assert (root / "more" / "seg" / "b.png").exists()


def test_a_batch_gives_the_same_label_map_as_a_single_image(run, root, tmp_path):
    run("batch", root, "--run")
    run("segment", root / "images/a.tif", "-o", tmp_path / "alone.png", "--set", "AF_scale=11")
    assert (tmp_path / "alone.png").read_bytes() == (root / "seg/a.png").read_bytes()


def test_an_image_that_fails_is_reported_and_the_others_go_on(run, root):
    imsave(root / "images" / "a.tif", np.full((9, 9), 7, np.uint8))
    write_task(root / "more", TASK, file_ids=["b"])
    outcome = run("batch", root, "--run")
    assert outcome.code == 1
    first, second = outcome.err.splitlines()
    assert first.startswith(f"Error: {root / 'images' / 'a.tif'}: The image is constant")
    assert second == "  1 of 2 images failed"
    assert (root / "seg/b.png").exists()
    assert (root / "more/seg/b.png").exists()


@pytest.mark.parametrize("option", [[], ["--run"]], ids=["list", "run"])
def test_errors_of_all_tasks_come_before_any_work_with_exit_code_2(run, root, option):
    write_task(root / "x", seg_pathpattern="../%s.png")
    write_task(root / "y", file_ids=["a", "a"])
    before = files_in(root)
    outcome = run("batch", root, *option)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("Error: ")
    assert [line.endswith((".", "?")) for line in outcome.err.splitlines()] == [True, True]
    assert files_in(root) == before


def test_batch_tells_of_fields_without_effect(run, root):
    write_task(root, num_cpus=4)
    outcome = run("batch", root)
    assert outcome.err == "  the field num_cpus has no effect yet\n"


def test_a_verbose_batch_shows_what_stages_do(run, root):
    write_task(root, file_ids=["a"])
    assert "scale 11.00 pixels" in run("batch", root, "--run", "--verbose").err


def test_a_batch_of_a_missing_folder_is_refused(run, tmp_path):
    outcome = run("batch", tmp_path / "nowhere")
    assert (outcome.code, outcome.err) == (2, f"Error: There is no folder {tmp_path / 'nowhere'}.\n")


def test_a_defect_met_in_one_image_does_not_cost_the_others(tmp_path, monkeypatch):
    from superdsm_nb.batch import run as module
    from superdsm_nb.batch.spec import Task
    from superdsm_nb.performance import PerformanceReport
    from superdsm_nb.stage import Output

    def segment_file(image, *_, **__):
        if image.name == "a.tif":
            raise ZeroDivisionError("division by zero")
        return SimpleNamespace(performance=PerformanceReport())

    monkeypatch.setattr(module, "segment_file", segment_file)
    jobs = [module.Job(name, tmp_path / name, tmp_path / f"{name}.png", None) for name in ("a.tif", "b.tif")]
    finished = []

    failures = module.run(
        Task(tmp_path), jobs, Output(), lambda job: None, lambda job, result: finished.append(result)
    )

    assert len(finished) == 1
    assert [failure.reason for failure in failures] == [
        f"{tmp_path / 'a.tif'}: unexpected ZeroDivisionError: division by zero"
    ]
