"""Nobody types a list of names: patterns of file ids, and `batch --init`."""

from __future__ import annotations

import json

import pytest

from superdsm_nb.batch.jobs import expand_jobs
from superdsm_nb.batch.spec import find_tasks
from superdsm_nb.errors import TaskError
from superdsm_nb.io import imsave

from support.trees import write_images, write_task


def ids(root, **fields):
    """File ids of a task whose images are matched."""
    places = {"img_pathpattern": "{ROOTDIR}/images/%s.tif", "seg_pathpattern": "seg/%s.png", "file_ids": "*"}
    write_task(root, runnable=True, **{**places, **fields})
    (task,) = find_tasks(root)
    return [job.file_id for job in expand_jobs(task, root)]


@pytest.fixture
def root(tmp_path):
    for name in ("b", "a", "plate1-x", ".hidden", "below/c", "odd [1]"):
        (tmp_path / "images" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "images" / f"{name}.tif").write_bytes(b"")
    (tmp_path / "images" / "notes.txt").write_bytes(b"")
    (tmp_path / "images" / "folder.tif").mkdir()
    return tmp_path


def test_a_pattern_means_all_images_that_match(root):
    assert ids(root) == ["a", "b", "odd [1]", "plate1-x"]
    assert ids(root, file_ids="plate*") == ["plate1-x"]
    assert ids(root, file_ids="[ab]") == ["a", "b"]
    assert ids(root, file_ids="*/*") == ["below/c"]


def test_two_stars_stand_for_any_folders_but_follow_no_link(root):
    deep = ["a", "b", "below/c", "odd [1]", "plate1-x"]
    for _ in range(2):
        assert ids(root, file_ids="**/*") == deep
        assert ids(root, file_ids="**") == ["a", "b", "odd [1]", "plate1-x"]
        assert ids(root, file_ids="**/c") == ["below/c"]
        assert ids(root, file_ids="below/**/c") == ["below/c"]
        assert ids(root, file_ids="**/**/**/c") == ["below/c"]
        for name in "xyz":
            (root / "images" / "below" / name).unlink(missing_ok=True)
            (root / "images" / "below" / name).symlink_to("..")


def test_an_image_that_comes_later_belongs_to_the_task(root):
    assert "z" not in ids(root)
    (root / "images" / "z.tif").write_bytes(b"")
    assert "z" in ids(root)


def test_the_folder_of_the_images_may_have_any_name(tmp_path):
    root = tmp_path / "a [b] 100%s*"
    write_images(root / "images", ["x"]) if (root / "images").mkdir(parents=True) is None else None
    assert ids(root) == ["x"]


def test_a_pattern_that_matches_nothing_is_refused(root):
    with pytest.raises(TaskError, match=r"file_ids 'q\*' matches no image: there is no file .*q\*\.tif"):
        ids(root, file_ids="q*")


def test_a_pattern_needs_a_place_for_strings(root):
    with pytest.raises(TaskError, match="needs an img_pathpattern with one %s"):
        ids(root, img_pathpattern="{ROOTDIR}/images/%03d.tif", seg_pathpattern="seg/%03d.png")


def test_derived_tasks_inherit_the_pattern(root):
    ids(root)
    write_task(root / "sub", runnable=True)
    tasks = find_tasks(root)
    assert [job.file_id for job in expand_jobs(tasks[1], root)] == ["a", "b", "odd [1]", "plate1-x"]


# ---------------------------------------------------------------- batch --init


def test_init_writes_a_task_that_runs(run, tmp_path, sample):
    for name in ("a", "b"):
        imsave(tmp_path / f"{name}.tif", sample.image)
    outcome = run("batch", tmp_path, "--init")
    assert outcome.code == 0
    assert json.loads((tmp_path / "task.json").read_text())["file_ids"] == "*"
    assert "task, 2 images" in outcome.out
    outcome = run("batch", tmp_path, "--run")
    assert outcome.code == 0
    assert sorted(path.name for path in (tmp_path / "segmentation").iterdir()) == ["a.png", "b.png"]


def test_init_writes_tasks_that_also_run_from_a_folder_above(run, tmp_path, sample):
    for name in ("one", "two"):
        imsave(tmp_path / name / "a.tif", sample.image)
        assert run("batch", tmp_path / name, "--init").code == 0
    write_task(tmp_path / "one" / "derived", runnable=True)
    tasks = {task.name(tmp_path): expand_jobs(task, tmp_path) for task in find_tasks(tmp_path)}
    images = {
        name: [job.image.relative_to(tmp_path).as_posix() for job in jobs] for name, jobs in tasks.items()
    }
    assert images == {"one": ["one/a.tif"], "one/derived": ["one/a.tif"], "two": ["two/a.tif"]}


def test_the_folder_of_a_task_may_have_a_percent_sign_in_its_name(tmp_path):
    root = tmp_path / "100%s"
    write_images(root, ["x"]) if root.mkdir() is None else None
    assert ids(root, img_pathpattern="{TASKDIR}/%s.tif") == ["x"]


def test_init_lists_images_of_several_formats(run, tmp_path, sample):
    for name in ("a.tif", "b.png"):
        imsave(tmp_path / name, sample.image)
    assert run("batch", tmp_path, "--init").code == 0
    assert json.loads((tmp_path / "task.json").read_text())["file_ids"] == ["a.tif", "b.png"]


def test_init_overwrites_no_task(run, tmp_path, sample):
    imsave(tmp_path / "a.tif", sample.image)
    (tmp_path / "task.json").write_text("{}")
    outcome = run("batch", tmp_path, "--init")
    assert outcome.code == 2
    assert "already" in outcome.err
    assert (tmp_path / "task.json").read_text() == "{}"


@pytest.mark.parametrize("name", [".", "missing"])
def test_init_without_images_is_wrong_use(run, tmp_path, name):
    outcome = run("batch", tmp_path / name, "--init")
    assert outcome.code == 2
    assert outcome.err.count("\n") == 1
    assert ("There is no folder" in outcome.err) == (name == "missing")
    assert not list(tmp_path.iterdir())
