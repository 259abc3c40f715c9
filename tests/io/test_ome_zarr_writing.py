"""OME-Zarr: what is written, ome-zarr-py reads; commands take stores and make them."""

from __future__ import annotations

import json

import numpy as np
import ome_zarr.format
import ome_zarr.io
import ome_zarr.reader
import ome_zarr.writer
import pytest

from superdsm_nb import segment_file, write_outputs
from superdsm_nb.batch.lock import sweep
from superdsm_nb.errors import ConfigError, ImageError, OutputError
from superdsm_nb.io import (
    PixelSize,
    file_digest,
    imread,
    pixel_size,
    save_zarr,
    writing_inside,
)

from support.trees import run_tree, write_task
from support.zarrstores import FORMATS, RNG, STACK, metadata_file, ome, write

# ome-zarr-py and zarr leave files open, and warn of what they change.
pytestmark = [
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.parametrize("version", FORMATS),
]


@pytest.mark.parametrize("labels", [True, False])
def test_what_is_written_ome_zarr_py_reads(tmp_path, version, labels):
    image = RNG.integers(0, 70_000, (3, 700, 520)).astype(np.uint32)
    path = tmp_path / "new" / "a.ome.zarr"
    save_zarr(
        *(path, image),
        axes="cyx",
        labels=labels,
        provenance={"scale": 11.5, "gap": float("inf")},
        pixel_size=PixelSize(0.5, 0.25),
        channel_names=["A", "B", "C"],
        version=version,
    )
    location = ome_zarr.io.parse_url(path, fmt=FORMATS[version])
    node = next(iter(ome_zarr.reader.Reader(location)()))
    assert [each.shape for each in node.data] == [(3, 700, 520), (3, 350, 260), (3, 175, 130)]
    np.testing.assert_array_equal(np.asarray(node.data[0]), image)
    second = np.asarray(node.data[1])
    if labels:
        np.testing.assert_array_equal(second, image[:, ::2, ::2])
    else:
        mean = image.reshape(3, 350, 2, 260, 2).astype(float).mean(axis=(2, 4))
        np.testing.assert_allclose(second, mean, atol=0.5)
    assert node.metadata["axes"][0] == {"name": "c", "type": "channel"}
    assert node.metadata["coordinateTransformations"][1][0]["scale"] == [1.0, 1.0, 0.5]
    content = json.loads(metadata_file(path, version).read_text())
    known = content["attributes"]["superdsm_nb"] if version == "0.5" else content["superdsm_nb"]
    assert known["scale"] == 11.5
    assert ("image-label" in ome(content)) == labels
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("dtype", ["u1", "u2", "u4", "i4"])
def test_what_is_written_is_read(tmp_path, version, dtype):
    image = RNG.integers(0, 200, (2, 30, 20)).astype(dtype)
    path = tmp_path / "a.zarr"
    save_zarr(path, image, axes="tyx", labels=True, pixel_size=PixelSize(0.5, 0.25), version=version)
    np.testing.assert_array_equal(imread(path, time=1), image[1])
    assert imread(path, time=1).dtype == dtype
    assert pixel_size(path) == (0.5, 0.25)


def test_the_same_is_written_each_time(tmp_path, version):
    digests = set()
    for name in ("a.zarr", "a.zarr", "b/a.zarr"):
        save_zarr(tmp_path / name, STACK[0, 0], labels=True, provenance={"a": 1}, version=version)
        digests.add(file_digest(tmp_path / name))
    assert len(digests) == 1


def test_the_version_is_chosen_by_the_environment(tmp_path, version, monkeypatch):
    monkeypatch.setenv("SUPERDSM_NB_OME_ZARR", version)
    save_zarr(tmp_path / "a.zarr", STACK[0, 0])
    assert metadata_file(tmp_path / "a.zarr", version).is_file()
    monkeypatch.setenv("SUPERDSM_NB_OME_ZARR", "0.1")
    with pytest.raises(ConfigError, match=r"SUPERDSM_NB_OME_ZARR must be 0\.4 or 0\.5"):
        save_zarr(tmp_path / "b.zarr", STACK[0, 0])


def test_a_folder_that_was_not_written_here_is_never_replaced(tmp_path, version):
    path = write(tmp_path / "a.zarr", version)
    before = file_digest(path)
    with pytest.raises(OutputError, match="it is there, and was not written by superdsm_nb"):
        save_zarr(path, STACK[0, 0], version=version)
    assert file_digest(path) == before
    save_zarr(tmp_path / "b.zarr", STACK[0, 0], version=version)
    (tmp_path / "b.zarr" / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match="it is there"):
        save_zarr(tmp_path / "b.zarr", STACK[0, 1], version=version)
    (tmp_path / "c.zarr").mkdir()
    with pytest.raises(OutputError, match="it is there"):
        save_zarr(tmp_path / "c.zarr", STACK[0, 1], version=version)


def test_a_store_that_cannot_be_completed_leaves_nothing_behind(tmp_path, version, monkeypatch):
    save_zarr(tmp_path / "a.zarr", STACK[0, 0], version=version)

    def fail(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("superdsm_nb.io.zarrwriting._replace", fail)
    with pytest.raises(OutputError, match=r"cannot be written: No space left on device\.$"):
        save_zarr(tmp_path / "a.zarr", STACK[0, 1], version=version)
    assert list(tmp_path.iterdir()) == [tmp_path / "a.zarr"]
    np.testing.assert_array_equal(imread(tmp_path / "a.zarr"), STACK[0, 0])


@pytest.mark.parametrize(
    ("image", "options"),
    [
        (STACK[0, 0], {"axes": "xy"}),
        (STACK[0, 0], {"axes": "zyx"}),
        (STACK[0], {"axes": "qyx"}),
        (STACK[0, 0].astype(float), {"labels": True}),
        (STACK[0, 0] > 5, {}),
        (STACK[0, 0, :0], {}),
    ],
)
def test_what_a_store_cannot_hold_is_refused(tmp_path, version, image, options):
    with pytest.raises(ImageError, match="cannot hold an image of"):
        save_zarr(tmp_path / "a.zarr", image, version=version, **options)


# ---------------------------------------------------------------- commands


def test_a_store_is_segmented_into_a_store_and_scored(run, tmp_path, version, sample, monkeypatch):
    monkeypatch.setenv("SUPERDSM_NB_OME_ZARR", version)
    images, target = tmp_path / "images", tmp_path / "labels.ome.zarr"
    save_zarr(images / "a.ome.zarr", sample.image, pixel_size=PixelSize(0.5, 0.5))
    for _ in range(2):
        outcome = run("segment", images / "a.ome.zarr", "-o", target, "--set", "AF_scale=11")
        assert outcome.code == 0, outcome.err
    labels = imread(target)
    np.testing.assert_array_equal(labels, segment_file(images / "a.ome.zarr", {"AF_scale": 11}).labels)
    content = json.loads(metadata_file(target, version).read_text())
    known = content["attributes"]["superdsm_nb"] if version == "0.5" else content["superdsm_nb"]
    assert known["image"] == "a.ome.zarr"
    assert known["image_sha256"] == file_digest(images / "a.ome.zarr")
    assert pixel_size(target) == (0.5, 0.5)
    assert run("segment", images, "-o", tmp_path / "pngs", "--set", "AF_scale=11").code == 0
    np.testing.assert_array_equal(imread(tmp_path / "pngs" / "a.ome.png"), labels)
    scored = run("score", target, tmp_path / "pngs" / "a.ome.png", "--json")
    assert scored.code == 0, scored.err
    assert json.loads(scored.out)["labels.ome.zarr"]["seg"] == 1


def test_a_command_does_not_replace_the_image_or_a_strange_folder(
    run, tmp_path, version, sample, monkeypatch
):
    monkeypatch.setenv("SUPERDSM_NB_OME_ZARR", version)
    image = tmp_path / "a.zarr"
    save_zarr(image, sample.image)
    outcome = run("segment", image, "-o", image)
    assert (outcome.code, "would overwrite the image" in outcome.err) == (2, True)
    (tmp_path / "b.zarr").mkdir()
    outcome = run("segment", image, "-o", tmp_path / "b.zarr")
    assert "it is there, and was not written by superdsm_nb" in outcome.err
    outcome = run("segment", image, "-o", tmp_path / "c.png", "--overlay", tmp_path / "d.zarr")
    assert (outcome.code, "must end in .png, .tif or .tiff" in outcome.err) == (2, True)


def test_labels_of_a_stack_become_one_store(tmp_path, version, sample, monkeypatch):
    from superdsm_nb import segment_stack

    monkeypatch.setenv("SUPERDSM_NB_OME_ZARR", version)
    save_zarr(tmp_path / "a.zarr", np.stack([sample.image, sample.image[::-1]]), axes="zyx")
    from superdsm_nb.io import Source

    stack = segment_stack(Source(tmp_path / "a.zarr", plane="all"), {"AF_scale": 11})
    write_outputs(stack, {"seg": tmp_path / "labels.zarr"})
    for plane in (0, 1):
        np.testing.assert_array_equal(imread(tmp_path / "labels.zarr", plane=plane), stack.labels[plane])


def test_a_task_reads_stores_that_its_pattern_matches_and_writes_stores(
    tmp_path, version, sample, monkeypatch
):
    monkeypatch.setenv("SUPERDSM_NB_OME_ZARR", version)
    for name in ("a", "b"):
        save_zarr(tmp_path / "images" / f"{name}.zarr", sample.image)
    fields = {
        "runnable": True,
        "img_pathpattern": "{ROOTDIR}/images/%s.zarr",
        "seg_pathpattern": "labels/%s.zarr",
        "file_ids": "*",
        "num_cpus": 1,
        "config": {"AF_scale": 11},
    }
    write_task(tmp_path / "task", **fields)
    assert run_tree(tmp_path)[0] == 0
    for name in ("a", "b"):
        np.testing.assert_array_equal(
            imread(tmp_path / "task" / "labels" / f"{name}.zarr"),
            segment_file(tmp_path / "images" / "a.zarr", {"AF_scale": 11}).labels,
        )
    before = file_digest(tmp_path / "task" / "labels")
    assert run_tree(tmp_path)[0] == 0
    assert file_digest(tmp_path / "task" / "labels") == before
    save_zarr(tmp_path / "images" / "b.zarr", sample.image[::-1].copy())
    assert run_tree(tmp_path)[0] == 0
    np.testing.assert_array_equal(
        imread(tmp_path / "task" / "labels" / "b.zarr"),
        segment_file(tmp_path / "images" / "b.zarr", {"AF_scale": 11}).labels,
    )


def test_a_store_is_not_written_through_a_link_in_the_folder_of_a_task(tmp_path, version):
    (tmp_path / "task").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "task" / "labels").symlink_to(tmp_path / "elsewhere")
    with (
        writing_inside(tmp_path / "task"),
        pytest.raises(OutputError, match="is a link, and none is followed"),
    ):
        save_zarr(tmp_path / "task" / "labels" / "a.zarr", STACK[0, 0], version=version)
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_store_that_a_killed_run_left_unfinished_is_removed(tmp_path, version, monkeypatch):
    def die(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("superdsm_nb.io.zarrwriting._replace", die)
    monkeypatch.setattr("superdsm_nb.io.zarrwriting.shutil.rmtree", lambda *_, **__: None)
    with pytest.raises(KeyboardInterrupt):
        save_zarr(tmp_path / "a.zarr", STACK[0, 0], version=version)
    monkeypatch.undo()
    (left,) = tmp_path.iterdir()
    assert left.is_dir()
    sweep([tmp_path])
    assert not list(tmp_path.iterdir())
