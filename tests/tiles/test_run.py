"""Runs over tiles: mistakes, interruption, and who does the work."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest

from superdsm_nb.errors import ConfigError, ImageError, OutputError, TaskError
from superdsm_nb.io import imread, imsave, save_zarr
from superdsm_nb.tiles import run as module
from superdsm_nb.tiles import segment_tiles, work

from support.mosaics import mosaic

SCRIPT = """
import sys
from superdsm_nb.automatic import sample
from superdsm_nb.tiles import segment_tiles
sample.LARGE, sample.SIDE = 100_000, 128
if __name__ == "__main__":
    segment_tiles(*sys.argv[1:3], tile=200, workers=int(sys.argv[3]), dask=(sys.argv[4:] or [None])[0])
"""


@pytest.fixture(scope="module")
def image():
    return mosaic()


@pytest.fixture
def path(tmp_path, image):
    save_zarr(tmp_path / "image.zarr", image)
    return tmp_path / "image.zarr"


@pytest.fixture(scope="module")
def expected(image, tmp_path_factory):
    """The label map of an undisturbed run, file by file."""
    folder = tmp_path_factory.mktemp("expected")
    save_zarr(folder / "image.zarr", image)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("superdsm_nb.automatic.sample.LARGE", 100_000)
        patch.setattr("superdsm_nb.automatic.sample.SIDE", 128)
        segment_tiles(folder / "image.zarr", folder / "labels.zarr", tile=200, workers=1)
    return contents(folder / "labels.zarr")


def contents(folder):
    files = (each for each in folder.rglob("*") if each.is_file())
    return {each.relative_to(folder): each.read_bytes() for each in files}


def started(path, *arguments):
    script = path.with_name("script.py")
    script.write_text(SCRIPT)
    command = [sys.executable, script, path, path.with_name("labels.zarr"), *arguments]
    return subprocess.Popen([str(each) for each in command], start_new_session=True)


@pytest.mark.usefixtures("small_is_large")
def test_what_is_finished_is_not_done_again(path, expected, monkeypatch):
    done = []

    def interrupted(job):
        if len(done) == 7:
            raise KeyboardInterrupt
        done.append(job.path)
        return work.do(job)

    monkeypatch.setattr("superdsm_nb.tiles.run.do", interrupted)
    labels = path.with_name("labels.zarr")
    with pytest.raises(KeyboardInterrupt):
        segment_tiles(path, labels, tile=200, workers=1)
    assert not labels.exists()
    monkeypatch.setattr("superdsm_nb.tiles.run.do", lambda job: done.append(job.path) or work.do(job))
    monkeypatch.setattr(module, "measure", None)  # is not measured again
    events = []

    result = segment_tiles(path, labels, tile=200, workers=1, emit=events.append)

    tiles = result.provenance["tiles"]
    assert len(done) == len(set(done)) == tiles["count"] + tiles["clusters_on_their_own"]
    assert any(str(event) == f"7 of {tiles['count']} tiles were finished before" for event in events)
    assert contents(labels) == expected
    assert sorted(each.name for each in path.parent.iterdir()) == ["image.zarr", "labels.zarr"]
    assert result.object_count == imread(labels).max()


@pytest.mark.usefixtures("small_is_large")
@pytest.mark.parametrize("changes", ["image", "settings", "tile"])
def test_nothing_is_taken_from_a_run_that_was_about_something_else(path, image, changes, monkeypatch):
    labels, done = path.with_name("labels.zarr"), []

    def interrupted(job):
        if len(done) == 7:
            raise KeyboardInterrupt
        done.append(job)
        return work.do(job)

    monkeypatch.setattr("superdsm_nb.tiles.run.do", interrupted)
    with pytest.raises(KeyboardInterrupt):
        segment_tiles(path, labels, tile=200, workers=1)
    monkeypatch.undo()
    monkeypatch.setattr("superdsm_nb.automatic.sample.LARGE", 100_000)
    monkeypatch.setattr("superdsm_nb.automatic.sample.SIDE", 128)
    options = {"tile": 200, "config": {}}
    if changes == "image":
        shutil.rmtree(path)
        save_zarr(path, image[::-1])
    elif changes == "settings":
        options["config"] = {"global-energy-minimization": {"object_cost": 2.0}}
    else:
        options["tile"] = 120

    segment_tiles(path, labels, workers=1, **options)
    fresh = segment_tiles(path, path.with_name("fresh.zarr"), workers=1, **options)

    np.testing.assert_array_equal(imread(labels), imread(fresh.path))


@pytest.mark.slow
def test_a_run_that_is_killed_at_any_moment_can_be_resumed(path, expected):
    labels = path.with_name("labels.zarr")
    folder = path.with_name(".labels.zarr.tiles")
    for count in (0, 1, 8, 20, 25):
        process = started(path, 2)
        while process.poll() is None and len(list(folder.glob("tile-*.npz"))) < count:
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    assert started(path, 2).wait() == 0

    assert contents(labels) == expected
    assert not folder.exists()


@pytest.mark.slow
def test_the_workers_of_a_dask_cluster_give_the_same_bytes(path, expected):
    assert started(path, 2, "local").wait() == 0
    assert contents(path.with_name("labels.zarr")) == expected


@pytest.mark.slow
def test_a_worker_that_is_killed_is_told_of_and_the_rest_is_kept(path, expected, monkeypatch):
    folder = path.with_name(".labels.zarr.tiles")
    script = path.with_name("script.py")
    script.write_text(SCRIPT)
    command = [sys.executable, str(script), str(path), str(path.with_name("labels.zarr")), "2"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while not list(folder.glob("tile-*.npz")):
        time.sleep(0.01)
    children = psutil.Process(process.pid).children()
    worker = next(each.pid for each in children if "spawn_main" in " ".join(each.cmdline()))
    os.kill(worker, signal.SIGKILL)

    _, error = process.communicate()

    assert "TaskError: A worker process was killed, most likely because memory ran out" in error
    assert list(folder.glob("tile-*.npz"))
    assert started(path, 2).wait() == 0
    assert contents(path.with_name("labels.zarr")) == expected


@pytest.mark.usefixtures("small_is_large")
def test_two_runs_do_not_work_on_the_same_label_map(path):
    labels = path.with_name("labels.zarr")
    events = []

    def second(event):
        if not events:
            events.append(event)
            with pytest.raises(TaskError, match="is in use by another run"):
                segment_tiles(path, labels, tile=200, workers=1)

    segment_tiles(path, labels, tile=200, workers=1, emit=second)
    assert events


def test_a_link_in_place_of_the_folder_of_finished_tiles_is_not_followed(path):
    mine = path.with_name("mine")
    mine.mkdir()
    (mine / "data.npz").write_bytes(b"mine")
    path.with_name(".labels.zarr.tiles").symlink_to(mine)

    with pytest.raises(OutputError, match="is a link, which is not followed"):
        segment_tiles(path, path.with_name("labels.zarr"), workers=1)

    assert (mine / "data.npz").read_bytes() == b"mine"


@pytest.mark.usefixtures("small_is_large")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tile": 20}, "A tile has 20 pixels along a side, but must have at least 64"),
        ({"workers": 0}, "number of workers is 0"),
        ({"config": {"AF_scale": 10}}, "Only the automatic method divides an image into tiles"),
        ({"config": {"postprocess": {"enabled": False}}}, "stage postprocess is disabled"),
        ({"config": {"preprocess": {"noise_smoothing": 3.0}}}, "noise_smoothing is 3, but must be at most"),
        (
            {"config": {"global-energy-minimization": {"border_smoothing": 3.0}}},
            "border_smoothing is too large",
        ),
        ({"config": {"c2f-region-analysis": {"blob_size": 3.0}}}, "blob_size is too large for tiles"),
    ],
)
def test_what_tiles_do_not_allow_is_refused_in_a_sentence(path, options, message):
    with pytest.raises(ConfigError, match=message):
        segment_tiles(path, path.with_name("labels.zarr"), **{"workers": 1, **options})
    assert not path.with_name("labels.zarr").exists()


def test_small_images_are_not_for_tiles(path):
    with pytest.raises(ConfigError, match="An image of 576 x 576 pixels is segmented as a whole"):
        segment_tiles(path, path.with_name("labels.zarr"), workers=1)


@pytest.mark.usefixtures("small_is_large")
def test_bad_images_are_named(tmp_path, image):
    labels = tmp_path / "labels.zarr"
    imsave(tmp_path / "image.png", image)
    with pytest.raises(ImageError, match=r"image\.png can only be read as a whole: convert it to OME-Zarr"):
        segment_tiles(tmp_path / "image.png", labels)
    save_zarr(tmp_path / "constant.zarr", np.full((600, 600), 7, np.uint16))
    with pytest.raises(ImageError, match=r"constant\.zarr: The image is constant \(every pixel is 7\)"):
        segment_tiles(tmp_path / "constant.zarr", labels)
    bad = image.astype(np.float32)
    bad[500, 17] = np.nan
    save_zarr(tmp_path / "nan.zarr", bad)
    with pytest.raises(ImageError, match=r"nan\.zarr: The image holds NaN or infinite values"):
        segment_tiles(tmp_path / "nan.zarr", labels)
    with pytest.raises(ImageError, match="There is no file"):
        segment_tiles(tmp_path / "missing.zarr", labels)
    labels.mkdir()
    with pytest.raises(OutputError, match="was not written by superdsm_nb"):
        segment_tiles(tmp_path / "nan.zarr", labels)


@pytest.mark.usefixtures("small_is_large")
def test_the_command_line_divides_images_on_request_and_giants_anyway(run, path, monkeypatch):
    labels = path.with_name("labels.zarr")

    out = run("segment", path, "-o", labels, "--tile", 300, "--json").out

    record = json.loads(out)
    assert record["tiles"]["count"] == 9
    assert record["objects"] == imread(labels).max()
    monkeypatch.setattr("superdsm_nb.cli.tiling.GIANT", 100_000)
    out = run("segment", path, "-o", labels).out
    assert f"{record['objects']} objects in 1 tile, " in out
    failed = run("segment", path, "-o", path.with_name("labels.png"), "--tile", 300)
    assert failed.code == 2
    assert "Of tiles, a label map in OME-Zarr is made and nothing else" in failed.err
    failed = run("segment", path, "-o", labels, "--tile", 300, "--time-limit", 5)
    assert failed.code == 2
