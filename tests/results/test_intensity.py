"""Intensities of other channels, in nuclei and in rings around them."""

from __future__ import annotations

import csv
import math

import numpy as np
import pytest
import tifffile
from numpy.testing import assert_allclose
from skimage.measure import regionprops

import superdsm_nb
from superdsm_nb.errors import ConfigError, ImageError
from superdsm_nb.io import imread, imsave
from superdsm_nb.results.channels import named_channels
from superdsm_nb.results.intensity import (
    Measure,
    check_measure,
    intensity_columns,
    is_intensity_column,
    ring_labels,
)
from superdsm_nb.results.ringwidth import ring_width
from superdsm_nb.results.shape import Pixels

from support.runs import rows_of
from support.trees import run_tree, write_task

SCALE = ("--set", "AF_scale=11")


@pytest.fixture
def labels():
    """Two nuclei that are 6 pixels apart, and one in the corner."""
    labels = np.zeros((60, 70), np.uint16)
    labels[20:30, 20:30], labels[20:30, 36:46], labels[:5, :5] = 1, 2, 3
    return labels


@pytest.fixture
def channel():
    return np.random.default_rng(0).integers(0, 4000, (60, 70)).astype(np.uint16)


def test_the_statistics_are_those_of_the_pixels_of_each_nucleus(labels, channel):
    columns = intensity_columns(labels, Pixels.of(labels), Measure({"GFP": channel}))

    for number, region in enumerate(regionprops(labels, channel)):
        values = channel[labels == region.label]
        assert columns["mean_intensity_GFP"][number] == pytest.approx(region.intensity_mean)
        assert columns["std_intensity_GFP"][number] == pytest.approx(region.intensity_std)
        assert columns["median_intensity_GFP"][number] == np.median(values)
        assert columns["sum_intensity_GFP"][number] == values.sum()
        assert columns["min_intensity_GFP"][number] == values.min()
        assert columns["max_intensity_GFP"][number] == values.max()
    assert all(map(is_intensity_column, columns))


def test_the_background_is_that_near_the_nucleus_and_is_subtracted(labels):
    channel = np.where(labels > 0, 500.0, 100.0)
    channel[:, 50:] = 900  # too far from the first

    columns = intensity_columns(labels, Pixels.of(labels), Measure({"a": channel}))

    assert columns["background_intensity_a"][0] == 100
    assert columns["corrected_mean_intensity_a"][0] == 400


def test_without_background_nearby_it_is_unknown():
    labels = np.ones((4, 4), int)
    columns = intensity_columns(labels, Pixels.of(labels), Measure({"a": labels}, ring="2"))
    assert math.isnan(columns["background_intensity_a"][0])
    assert math.isnan(columns["ring_mean_intensity_a"][0])


@pytest.mark.parametrize(("width", "size"), [("4", None), ("2um", (0.5, 0.5)), ("1.5 um", (0.3, 0.5))])
def test_a_ring_is_what_is_nearest_to_its_nucleus_and_in_no_other(labels, width, size):
    ring = ring_labels(labels, width, size)

    value, unit = ring_width(width)
    sides = (1.0, 1.0) if unit == "px" else size
    where = np.argwhere(np.ones_like(labels)) * sides
    distances = {
        label: np.hypot(*(where[:, None] - np.argwhere(labels == label) * sides).transpose(2, 0, 1)).min(1)
        for label in (1, 2, 3)
    }
    nearest = np.min(list(distances.values()), axis=0)
    inside = (labels > 0).ravel()
    assert np.array_equal(ring.ravel() > 0, ~inside & (nearest <= value))
    for label in (1, 2, 3):
        assert_allclose(distances[label][ring.ravel() == label], nearest[ring.ravel() == label])
        assert (ring == label).any()


def test_the_ring_has_columns_of_its_own(labels, channel):
    columns = intensity_columns(labels, Pixels.of(labels), Measure({"GFP": channel}, "3"))
    ring = ring_labels(labels, "3")
    expected = [channel[ring == label].mean() for label in (1, 2, 3)]
    assert_allclose(columns["ring_mean_intensity_GFP"], expected)
    background = np.array(columns["background_intensity_GFP"])
    assert_allclose(columns["ring_corrected_mean_intensity_GFP"], expected - background)


@pytest.mark.parametrize("width", ["", "0", "-3", "wide", "2 m", "1.2.3", "inf"])
def test_a_width_that_is_none_is_refused(width):
    with pytest.raises(ConfigError, match="The width of the ring is"):
        ring_width(width)


def test_what_cannot_be_measured_is_refused_before_the_work():
    image = np.zeros((4, 5))
    with pytest.raises(ImageError, match=r"channel a to measure is 5 x 4 pixels, but the image is 4 x 5\."):
        check_measure(Measure({"a": image.T}), image.shape)
    with pytest.raises(ImageError, match="holds values of type complex128"):
        check_measure(Measure({"a": image + 1j}), image.shape)
    with pytest.raises(ConfigError, match="the pixel size of the image is unknown"):
        check_measure(Measure({"a": image}, "2um"), image.shape)
    with pytest.raises(ConfigError, match="Two channels to measure are called GFP"):
        named_channels(["GFP", "GFP"])


# ---------------------------------------------------------------- from the command line and in tasks


@pytest.fixture
def stack(tmp_path, sample):
    """A file of two channels: nuclei, and their negative."""
    image = sample.image.astype(np.float64)
    image = np.round(1000 * (image - image.min()) / np.ptp(image)).astype(np.uint16)
    path = tmp_path / "images" / "cells.tif"
    path.parent.mkdir()
    tifffile.imwrite(path, np.stack([image, 1000 - image]), imagej=True, metadata={"axes": "CYX"})
    return path


def test_a_channel_and_a_file_are_measured(run, tmp_path, stack):
    negative = tifffile.imread(stack)[1]
    imsave(tmp_path / "p53.tif", negative)
    outcome = run(
        *("segment", stack, "-o", tmp_path / "l.png", *SCALE, "--channel", 0, "--csv", tmp_path / "t.csv"),
        *("--measure", 1, "--measure", tmp_path / "p53.tif", "--ring", "3"),
    )
    assert (outcome.code, outcome.err) == (0, "")
    labels = imread(tmp_path / "l.png")
    rows = rows_of(tmp_path / "t.csv")
    assert rows
    for row in rows:
        inside = negative[labels == int(row["label"])]
        assert float(row["mean_intensity_p53"]) == pytest.approx(inside.mean())
        assert row["ring_mean_intensity_channel1"] == row["ring_mean_intensity_p53"]
        assert float(row["corrected_mean_intensity_p53"]) < 0


def test_several_images_take_a_folder_whose_name_the_columns_have(run, tmp_path, sample):
    for folder in ("dapi", "gfp"):
        for name in ("a", "b"):
            imsave(tmp_path / folder / f"{name}.tif", sample.image)
    outcome = run(
        *("segment", tmp_path / "dapi", "-o", tmp_path / "l", *SCALE, "--csv", tmp_path / "t.csv"),
        *("--measure", tmp_path / "gfp"),
    )
    assert outcome.code == 0
    with (tmp_path / "t.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["image"] for row in rows} == {"a.tif", "b.tif"}
    for row in rows:
        assert float(row["mean_intensity_gfp"]) == pytest.approx(float(row["intensity_mean"]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--csv", "t.csv", "--measure", "none.tif"], "there is no file none.tif"),
        (["--measure", "1"], "give --csv, --parquet, --cellprofiler, --qupath, --h5ad or --geojson as well"),
        (["--csv", "t.csv", "--ring", "3"], "--ring needs --measure"),
        (["--csv", "t.csv", "--measure", "1", "--ring", "x"], "The width of the ring is 'x'"),
        (
            ["--csv", "t.csv", "--measure", "1", "--measure", "1"],
            "Two channels to measure are called channel1",
        ),
    ],
)
def test_a_mistake_is_refused_before_any_work(run, tmp_path, stack, options, message):
    outcome = run("segment", stack, "-o", tmp_path / "l.png", *SCALE, "--channel", 0, *options)
    assert outcome.code == 2
    assert message in outcome.err
    assert not (tmp_path / "l.png").exists()


def test_a_measured_file_is_not_overwritten(run, tmp_path, stack):
    imsave(tmp_path / "l.png", tifffile.imread(stack)[1])
    options = ("--channel", 0, "--csv", tmp_path / "t.csv", "--measure", tmp_path / "l.png")
    outcome = run("segment", stack, "-o", tmp_path / "l.png", *options)
    assert outcome.code == 2
    assert "would overwrite the measured channel" in outcome.err


def test_a_channel_that_the_file_does_not_have_fails_with_a_sentence(run, tmp_path, stack):
    table = tmp_path / "t.csv"
    options = ("-o", tmp_path / "l.png", *SCALE, "--channel", 0, "--csv", table, "--measure", 7)
    outcome = run("segment", stack, *options)
    assert outcome.code == 1
    assert "there is no channel 7" in outcome.err


def test_a_task_measures_channels_of_its_files(tmp_path, stack):
    places = {"img_pathpattern": "{ROOTDIR}/images/%s.tif", "file_ids": ["cells"], "channel": 0}
    outputs = {"seg_pathpattern": "seg/%s.png", "csv_pathpattern": "csv/%s.csv"}
    fields = {"config": {"AF_scale": 11}, "measure": [1], "ring": "3"}
    root = write_task(tmp_path, runnable=True, **places, **outputs, **fields)
    run_tree(root)

    rows, own = rows_of(root / "objects.csv"), rows_of(root / "csv" / "cells.csv")
    assert rows
    assert [row["mean_intensity_channel1"] for row in rows] == [row["mean_intensity_channel1"] for row in own]
    labels, negative = imread(root / "seg" / "cells.png"), tifffile.imread(stack)[1]
    for row in rows:
        inside = negative[labels == int(row["label"])]
        assert float(row["mean_intensity_channel1"]) == pytest.approx(inside.mean())


def test_python_measures_channels_of_the_file_other_files_and_arrays(stack):
    negative = tifffile.imread(stack)[1]
    result = superdsm_nb.segment_file(
        superdsm_nb.Source(stack, channel=0), {"AF_scale": 11}, measure={"n": 1, "same": negative}
    )
    assert result.rows
    assert all(row["mean_intensity_n"] == row["mean_intensity_same"] for row in result.rows)
