"""The images of a task: where each is read and where its results go."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from superdsm_nb.batch.jobs import expand_jobs, plan_all
from superdsm_nb.batch.spec import find_tasks

from support.jobs import SUFFIXES, job, jobs, refusal, write
from support.trees import write_task

# ---------------------------------------------------------------- where things are


def test_every_file_id_makes_a_job(tmp_path):
    made = jobs(tmp_path, file_ids=["a", 7])

    assert [job.file_id for job in made] == ["a", "7"]
    assert [job.image for job in made] == [tmp_path / "images/a.tif", tmp_path / "images/7.tif"]


@pytest.mark.parametrize(
    ("pattern", "file_id", "name"),
    [
        ("%d.png", 7, "7.png"),
        ("%03d.png", 7, "007.png"),
        ("%03d.png", 1234, "1234.png"),
        ("%s.png", 7, "7.png"),
        ("%s.png", "x/y", "x/y.png"),
        ("deep/%s.png", "x/y z", "deep/x/y z.png"),
        ("100%%-%s.png", "x", "100%-x.png"),
        ("%s.png", "50%", "50%.png"),
        ("%s.png", "%s", "%s.png"),
        ("{DIRNAME}/%s.png", "x", "task/x.png"),
    ],
)
def test_file_ids_fill_the_patterns(tmp_path, pattern, file_id, name):
    made = job(tmp_path / "task", seg_pathpattern=pattern, file_ids=[file_id])

    assert made.outputs["seg"] == tmp_path / "task" / name


@pytest.mark.parametrize("kind", SUFFIXES)
def test_every_pattern_makes_an_output_in_the_folder_of_the_task(tmp_path, kind):
    made = job(tmp_path / "task", **{f"{kind}_pathpattern": f"out/%s{SUFFIXES[kind]}"})

    assert made.outputs[kind] == tmp_path / "task" / "out" / f"a{SUFFIXES[kind]}"


def test_what_has_no_pattern_is_not_written(tmp_path):
    assert set(job(tmp_path).outputs) == {"seg"}


@pytest.mark.parametrize(
    ("pattern", "name"),
    [("log/%s", "log/a.tgz"), ("log/%s.tgz", "log/a.tgz"), ("log/%s.log", "log/a.log.tgz")],
)
def test_logs_are_compressed_whatever_the_pattern_says(tmp_path, pattern, name):
    assert job(tmp_path, log_pathpattern=pattern).outputs["log"] == tmp_path / name


@pytest.mark.parametrize(
    ("pattern", "image"),
    [
        ("{ROOTDIR}/{DIRNAME}/%s.tif", "{root}/task/a.tif"),
        ("images/%s.tif", "images/a.tif"),
        ("../images/%s.tif", "../images/a.tif"),
        ("/data/%s.tif", "/data/a.tif"),
        ("~/%s.tif", "{home}/a.tif"),
    ],
)
def test_image_patterns_know_the_root_the_folder_and_the_home(tmp_path, monkeypatch, pattern, image):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))

    made = job(tmp_path / "task", tmp_path, img_pathpattern=pattern)

    assert made.image == Path(image.format(root=tmp_path, home=tmp_path / "home"))


def test_an_inherited_dirname_is_the_folder_of_the_task_that_inherits_it(tmp_path):
    write(tmp_path, runnable=False, img_pathpattern="{ROOTDIR}/images/{DIRNAME}/%s.tif")
    write_task(tmp_path / "U2OS", runnable=True)

    *_, task = find_tasks(tmp_path)

    assert expand_jobs(task, tmp_path)[0].image == tmp_path / "images" / "U2OS" / "a.tif"


def test_a_percent_sign_in_the_name_of_a_folder_is_no_placeholder(tmp_path):
    folder = tmp_path / "50% dense"

    made = job(folder, seg_pathpattern="{DIRNAME}-%s.png")

    assert made.outputs["seg"] == folder / "50% dense-a.png"
    assert made.image == folder / "images" / "a.tif"


def test_the_folder_has_a_name_even_where_it_is_the_current_one(tmp_path, monkeypatch):
    monkeypatch.chdir(write(tmp_path / "task", seg_pathpattern="{DIRNAME}-%s.png"))

    (task,) = find_tasks(Path())

    assert expand_jobs(task, Path())[0].outputs["seg"] == Path("task-a.png")


def test_results_are_stored_under_the_file_id(tmp_path):
    made = job(tmp_path, file_ids=["x/y"])

    assert made.stored == tmp_path / "results" / "x" / "y.npz"
    assert made.timings == tmp_path / "results" / "x" / "y.timings.json"


def test_a_job_knows_where_the_runnable_ancestors_store_theirs(tmp_path):
    write(tmp_path)
    write_task(tmp_path / "template")
    write_task(tmp_path / "template" / "task", runnable=True)

    made = [expand_jobs(task, tmp_path)[0].ancestors for task in find_tasks(tmp_path)]

    assert made[0] == {}
    assert made[2] == {tmp_path: tmp_path / "results" / "a.npz"}


def test_a_job_knows_its_ancestors_from_the_nearest_on(tmp_path):
    for folder in ("", "x", "x/y"):
        write(tmp_path / folder)

    *_, task = find_tasks(tmp_path)

    assert list(expand_jobs(task, tmp_path)[0].ancestors) == [tmp_path / "x", tmp_path]


def test_templates_have_nothing_to_do(tmp_path):
    (template,) = find_tasks(write(tmp_path, runnable=False, seg_pathpattern="../%s.jpg"))

    assert plan_all([template], tmp_path) == [(template, [])]


# ---------------------------------------------------------------- patterns that cannot be filled


@pytest.mark.parametrize("name", ["img_pathpattern", *(f"{kind}_pathpattern" for kind in SUFFIXES)])
def test_a_pattern_for_integers_takes_no_text(tmp_path, name):
    assert refusal(tmp_path, **{name: "%03d.png"}) == (
        f"{tmp_path / 'task.json'}: {name} '%03d.png' does not accept the file id 'a': "
        "it must have one placeholder for it, %s for strings, or %d or %03d for integers."
    )


@pytest.mark.parametrize(
    ("pattern", "file_id"),
    [("same.png", "a"), ("same.png", 1), ("%s%s.png", "a"), ("%q.png", 1), ("%(x)s", 1)],
)
def test_a_pattern_without_one_place_for_the_file_id_is_refused(tmp_path, pattern, file_id):
    assert "does not accept the file id" in refusal(tmp_path, seg_pathpattern=pattern, file_ids=[file_id])


@pytest.mark.parametrize("pattern", ["%999999999d.png", "%099999d.png", "%-9999s.png", "%.99999s"])
@pytest.mark.parametrize("name", ["img_pathpattern", "seg_pathpattern"])
def test_a_pattern_that_would_fill_the_memory_is_refused(tmp_path, name, pattern):
    line = refusal(tmp_path, **{name: pattern}, file_ids=[1])

    assert line.endswith(f"{name} {pattern!r} has a placeholder that is too wide.")


def test_each_folder_is_looked_at_once_however_many_file_ids_there_are(tmp_path, monkeypatch):
    def looked(count):
        calls = Counter()
        for owner, name in ((Path, "resolve"), (os, "lstat"), (os.path, "realpath")):
            original = getattr(owner, name)

            def counted(*args, _original=original, _name=name, **options):
                calls[_name] += 1
                return _original(*args, **options)

            monkeypatch.setattr(owner, name, counted)
        folder = write(tmp_path / str(count), file_ids=[f"image-{number}" for number in range(count)])
        assert len(plan_all(find_tasks(folder), folder)[0][1]) == count
        monkeypatch.undo()
        return calls

    few, many = looked(50), looked(500)
    assert many["resolve"] == few["resolve"]
    assert many["realpath"] == few["realpath"]
    assert 0 < many["lstat"] - few["lstat"] <= 10 * 450


@pytest.mark.parametrize("kind", ["seg", "overlay", "adj"])
@pytest.mark.parametrize("suffix", [".jpg", ".npy", ""])
def test_a_picture_of_unknown_type_is_refused(tmp_path, kind, suffix):
    line = refusal(tmp_path, **{f"{kind}_pathpattern": f"%s{suffix}"})

    assert line.startswith(f"{tmp_path / 'task.json'}: {kind}_pathpattern leads to a file of unknown type: ")
    listed = ".png, .tif, .tiff or .zarr" if kind == "seg" else ".png, .tif or .tiff"
    assert line.endswith(f"{tmp_path / f'a{suffix}'} must end in {listed}.")


@pytest.mark.parametrize("suffix", [".png", ".tif", ".tiff", ".TIF", ".PNG"])
def test_pictures_are_written_as_png_or_tiff(tmp_path, suffix):
    assert job(tmp_path, seg_pathpattern=f"%s{suffix}").outputs["seg"] == tmp_path / f"a{suffix}"


def test_an_output_that_this_system_cannot_write_is_refused_before_any_work(tmp_path, monkeypatch):
    from superdsm_nb.results import tablefiles

    monkeypatch.setattr(tablefiles, "find_spec", lambda name: None)
    line = refusal(tmp_path, parquet_pathpattern="%s.parquet")
    assert "pip install 'superdsm_nb[parquet]'" in line
