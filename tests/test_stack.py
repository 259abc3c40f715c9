"""Stacks and series: every plane is segmented by itself, and the results are put together."""

from __future__ import annotations

import csv
import json
import zipfile

import numpy as np
import pytest
import roifile
import tifffile

import superdsm_nb
from superdsm_nb import Source, analyze, parallel, segment, segment_stack, write_outputs
from superdsm_nb.errors import AxisChoiceError, Cancelled, ConfigError, ImageError
from superdsm_nb.events import ObjectDiscarded, Progress, Warned, ignore
from superdsm_nb.io import imread, pixel_size
from superdsm_nb.results.intensity import Measure
from superdsm_nb.results.result import Drawing
from superdsm_nb.synthetic import generate

from support import naive

pytestmark = naive.compiled_only
SHAPE = (2, 3, 2)  # T, Z, C
OUTPUTS = ("seg", "overlay", "rois", "geojson", "csv", "discarded", "atoms", "adj")
SUFFIXES = {"csv": ".csv", "discarded": ".csv", "rois": ".zip", "geojson": ".geojson"}


@pytest.fixture(scope="module")
def pixels():
    planes = [
        generate(seed=seed, shape=(96, 120), nuclei=4, radius=11).image for seed in range(np.prod(SHAPE))
    ]
    return np.stack(planes).astype(np.uint16).reshape(*SHAPE, 96, 120)


@pytest.fixture(scope="module")
def path(pixels, tmp_path_factory):
    path = tmp_path_factory.mktemp("stack") / "a.tif"
    size = {
        f"PhysicalSize{axis}{unit}": value for axis in "XY" for unit, value in (("", 0.5), ("Unit", "µm"))
    }
    metadata = {"axes": "TZCYX", "Channel": {"Name": ["DAPI", "GFP"]}, **size}
    tifffile.imwrite(path, pixels, ome=True, metadata=metadata)
    return path


@pytest.fixture(scope="module")
def result(path):
    return segment_stack(Source(path, channel=0, plane="all", time="all"), outputs=OUTPUTS)


@pytest.fixture(scope="module")
def files(result, tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    paths = {kind: folder / f"{kind}{SUFFIXES.get(kind, '.tif')}" for kind in OUTPUTS}
    assert write_outputs(result, paths) == list(OUTPUTS)
    return paths


def test_each_plane_is_segmented_as_if_it_were_the_only_one(result, pixels):
    assert (result.axes, result.sizes) == (("time", "plane"), (2, 3))
    for time in range(2):
        for plane in range(3):
            np.testing.assert_array_equal(result.labels[time, plane], segment(pixels[time, plane, 0]))


def test_an_array_gives_what_the_file_gives_whatever_the_order_of_its_axes(result, pixels):
    given = np.moveaxis(pixels[:, :, 0], 0, 1)  # Z before T
    again = segment_stack(given, axes="ZTYX")
    assert again.axes == result.axes
    np.testing.assert_array_equal(again.labels, result.labels)


def test_results_do_not_depend_on_the_number_of_threads(result, path, monkeypatch):
    monkeypatch.setenv(parallel.THREADS_VARIABLE, "1")
    alone = segment_stack(Source(path, channel="DAPI", plane="all", time="all"))
    np.testing.assert_array_equal(alone.labels, result.labels)
    assert repr(alone.rows) == repr(result.rows_of("csv"))  # NaN included


def test_the_planes_and_time_points_of_a_path_are_all_segmented(path, tmp_path, pixels):
    tifffile.imwrite(tmp_path / "b.tif", pixels[0, :, 0], imagej=True, metadata={"axes": "ZYX"})
    assert segment_stack(tmp_path / "b.tif").labels.shape == (3, 96, 120)
    with pytest.raises(AxisChoiceError, match="2 in C"):
        segment_stack(path)


def test_channels_are_named_in_tables(path):
    result = segment_stack(Source(path, channel="all", plane=0, time=1))
    assert result.axes == ("channel",)
    assert {row["channel"] for row in result.rows} == {"DAPI", "GFP"}


def test_a_label_stack_has_the_axes_and_the_pixel_size_of_its_image(files, result):
    with tifffile.TiffFile(files["seg"]) as stack:
        assert stack.series[0].axes == "TZYX"
        np.testing.assert_array_equal(stack.asarray(), result.labels)
        assert stack.is_imagej
        told = json.loads(stack.imagej_metadata["Info"])
    assert pixel_size(files["seg"]) == (0.5, 0.5)
    assert told["axes"] == {"time": 2, "plane": 3}
    assert [each["objects"] for each in told["planes"]] == [each.object_count for each in result.planes]
    assert (told["image"], told["channel"], told["plane"]) == ("a.tif", 0, "all")
    np.testing.assert_array_equal(imread(files["seg"], time=1, plane=2), result.labels[1, 2])


@pytest.mark.parametrize("kind", ["overlay", "atoms", "adj"])
def test_pictures_are_stacks_of_those_of_each_plane(files, path, kind, tmp_path):
    single = superdsm_nb.segment_file(Source(path, channel=0, plane=1, time=1))
    write_outputs(single, {kind: tmp_path / "single.tif"})
    with tifffile.TiffFile(files[kind]) as stack:
        assert stack.series[0].axes == "TZYXS"
        np.testing.assert_array_equal(stack.asarray()[1, 1], tifffile.imread(tmp_path / "single.tif"))


def test_tables_have_a_column_for_each_axis(files, result):
    rows = list(csv.DictReader(files["csv"].read_text().splitlines()))
    assert list(rows[0])[:4] == ["image", "time", "plane", "label"]
    places = {(int(row["time"]), int(row["plane"]), int(row["label"])) for row in rows}
    assert len(places) == len(rows) == result.object_count
    for time in range(2):
        for plane in range(3):
            labels = {label for at, place, label in places if (at, place) == (time, plane)}
            assert labels == set(np.unique(result.labels[time, plane])) - {0}
    discarded = files["discarded"].read_text().splitlines()
    assert discarded[0].startswith("image,time,plane,row" if len(discarded) > 1 else "image,row")


def test_regions_are_in_their_planes(files, result):
    with zipfile.ZipFile(files["rois"]) as archive:
        regions = {name: roifile.ImagejRoi.frombytes(archive.read(name)) for name in archive.namelist()}
    region = regions["t0001-z0002-0001.roi"]
    assert (region.t_position, region.z_position, region.c_position) == (2, 3, 0)
    assert len({name[:17] for name in regions}) == result.object_count


def test_outlines_are_in_their_planes(files, result):
    features = json.loads(files["geojson"].read_text())["features"]
    assert len(features) == len({each["id"] for each in features}) == result.object_count
    planes = [(each["geometry"]["plane"]["t"], each["geometry"]["plane"]["z"]) for each in features]
    expected = [plane.object_count for plane in result.planes]
    assert [planes.count((time, plane)) for time in range(2) for plane in range(3)] == expected


def test_other_channels_are_measured_in_the_same_plane(path, pixels):
    result = segment_stack(
        Source(path, channel=0, plane="all", time=1),
        measure={"green": "GFP", "flat": pixels[0, 0, 1], "own": pixels[1, :, 1]},
    )
    for row in result.rows:
        inside = result.labels[row["plane"]] == row["label"]
        assert row["mean_intensity_green"] == pytest.approx(pixels[1, row["plane"], 1][inside].mean())
        assert row["mean_intensity_own"] == row["mean_intensity_green"]
        assert row["mean_intensity_flat"] == pytest.approx(pixels[0, 0, 1][inside].mean())


def test_a_foreground_may_be_given_for_each_plane_or_for_all(pixels, tmp_path):
    stack = pixels[0, :, 0]
    masks = np.zeros(stack.shape, np.uint8)
    masks[0, 20:50, 20:50] = masks[2, 50:80, 60:100] = 1
    tifffile.imwrite(tmp_path / "masks.tif", masks, imagej=True, metadata={"axes": "ZYX"})
    tifffile.imwrite(tmp_path / "mask.tif", masks[0])
    options = {"axes": "ZYX", "diameter": 22, "emit": ignore}
    each = segment_stack(stack, foreground=tmp_path / "masks.tif", **options).labels
    np.testing.assert_array_equal(each, segment_stack(stack, foreground=masks, **options).labels)
    assert each[0].any()
    assert not each[1].any()
    one = segment_stack(stack, foreground=tmp_path / "mask.tif", **options).labels
    np.testing.assert_array_equal(one[1], segment(stack[1], foreground=masks[0], diameter=22))
    tifffile.imwrite(tmp_path / "few.tif", masks[:2], imagej=True, metadata={"axes": "ZYX"})
    with pytest.raises(ImageError, match=r"few\.tif has 2 plane places, but the stack 3 plane"):
        segment_stack(stack, foreground=tmp_path / "few.tif", **options)


def test_a_foreground_in_colours_is_one_picture_as_that_of_an_image(pixels, tmp_path):
    stack = pixels[0, :2, 0]
    mask = (stack[0] > stack[0].mean()).astype(np.uint8) * 255
    superdsm_nb.imsave(tmp_path / "mask.png", np.stack([mask] * 3, -1))
    options = {"axes": "ZYX", "diameter": 22, "emit": ignore}
    labels = segment_stack(stack, foreground=tmp_path / "mask.png", **options).labels
    assert labels.any()
    np.testing.assert_array_equal(labels, segment_stack(stack, foreground=mask / 255, **options).labels)


def test_a_foreground_of_several_channels_is_refused_with_what_to_do(path, pixels):
    with pytest.raises(ImageError, match=r"2 in C.* belongs to a stack: save one picture") as caught:
        segment_stack(pixels[0, :, 0], axes="ZYX", foreground=path)
    assert not isinstance(caught.value, AxisChoiceError)


def test_all_is_no_channel_to_measure(path):
    with pytest.raises(ImageError, match='"all" stands for several channels to measure'):
        segment_stack(Source(path, channel=0, plane="all", time=0), measure={"x": "all"})


def test_a_stack_of_texts_is_refused(pixels):
    with pytest.raises(ImageError, match="must hold numbers"):
        segment_stack(pixels[0, :2, 0].astype(str), axes="ZYX", emit=ignore)


def test_the_description_of_a_plane_tells_what_that_of_an_image_tells(pixels):
    stack, mask = pixels[0, :2, 0], pixels[0, 0, 0] > pixels[0, 0, 0].mean()
    options = {"diameter": 22, "foreground": mask, "drawing": Drawing(dilate=1), "emit": ignore}
    result = segment_stack(stack, axes="ZYX", measure={"p53": stack[::-1]}, ring="3", **options)
    one = analyze(stack[1], measure=Measure({"p53": stack[0]}, "3"), **options).provenance
    told = result.provenance["planes"][1]
    for name in ("foreground_sha256", "measured", "ring", "dilate", "merge_overlap_threshold", "scale"):
        assert told[name] == one[name]


def test_a_plane_that_cannot_be_segmented_is_left_empty_with_a_warning(pixels):
    stack = pixels[0, :, 0].astype(float)
    stack[1] = 7
    stack[2, 3, 3] = np.nan
    events = []
    result = segment_stack(stack, axes="ZYX", outputs=("seg", "overlay"), emit=events.append)
    assert [plane.object_count > 0 for plane in result.planes] == [True, False, False]
    assert not result.labels[1:].any()
    assert [plane.position["plane"] for plane in result.failed] == [2]
    warned = [str(event) for event in events if isinstance(event, Warned)]
    assert warned[0].startswith("plane 1 is left empty: every pixel is the same")
    assert warned[1].startswith("plane 2 is left empty: ")
    assert [event.done for event in events if isinstance(event, Progress)] == [1, 2, 3]


def test_a_plane_that_cannot_be_decoded_is_left_empty(pixels, tmp_path):
    for number in range(3):
        path = tmp_path / "a.tif"
        tifffile.imwrite(path, pixels[0, :, 0], imagej=True, metadata={"axes": "ZYX"}, compression="zlib")
        with tifffile.TiffFile(path) as file:
            offset = file.pages[number].dataoffsets[0]
        content = bytearray(path.read_bytes())
        content[offset : offset + 8] = b"\xff" * 8
        path.write_bytes(bytes(content))
        result = segment_stack(path, emit=ignore)
        assert [plane.error is None for plane in result.planes] == [at != number for at in range(3)]


def test_what_is_discarded_is_told_with_its_plane(pixels):
    events = []
    config = {"postprocess/min_area": 0.9}
    result = segment_stack(pixels[0, :, 0], config, axes="ZYX", outputs=("discarded",), emit=events.append)
    rows = result.rows_of("discarded")
    told = [event for event in events if isinstance(event, ObjectDiscarded)]
    assert rows
    assert [(each.row, each.col, each.reason) for each in told] == [
        (row["row"], row["col"], f"{row['reason']} (plane {row['plane']})") for row in rows
    ]


def test_a_stack_of_which_no_plane_can_be_segmented_is_refused(tmp_path):
    tifffile.imwrite(tmp_path / "flat.tif", np.ones((3, 20, 20), np.uint8), photometric="minisblack")
    with pytest.raises(ImageError, match=r"flat\.tif: every pixel is the same"):
        segment_stack(tmp_path / "flat.tif", emit=ignore)


def test_the_error_of_a_stack_names_its_file(path):
    with pytest.raises(ImageError, match=r"a\.tif: The time limit of 1e-06 s is over"):
        segment_stack(Source(path, channel=0, plane="all", time="all"), time_limit=1e-6, emit=ignore)


def test_a_file_with_a_single_picture_is_a_stack_of_one(pixels, tmp_path):
    tifffile.imwrite(tmp_path / "one.tif", pixels[0, 0, 0])
    result = segment_stack(tmp_path / "one.tif")
    np.testing.assert_array_equal(result.labels, segment(pixels[0, 0, 0]))
    write_outputs(result, {"seg": tmp_path / "labels.tif"})
    np.testing.assert_array_equal(imread(tmp_path / "labels.tif"), result.labels)


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        (None, "An array needs its axes"),
        ("YXZ", "must be T, Z or C, each once, and YX at the end"),
        ("ZZYX", "must be T, Z or C, each once"),
        ("TZYX", "the array has 3 dimensions"),
    ],
)
def test_axes_that_an_array_does_not_have_are_refused(axes, message):
    with pytest.raises(ConfigError, match=message):
        segment_stack(np.zeros((2, 20, 20)), axes=axes)


def test_hyperparameters_are_no_output_of_a_stack(result, tmp_path):
    with pytest.raises(ConfigError, match="There is no output cfg of a stack"):
        write_outputs(result, {"cfg": tmp_path / "c.json"})
    with pytest.raises(ConfigError, match="There is no output cfg of a stack"):
        segment_stack(np.zeros((2, 20, 20)), axes="ZYX", outputs=("cfg",))


def test_what_is_not_kept_is_refused_rather_than_empty(pixels, tmp_path):
    options = {"axes": "ZYX", "diameter": 22}
    table = segment_stack(pixels[0, :2, 0], outputs=("csv",), **options)
    assert table.rows
    with pytest.raises(ConfigError, match="Nothing is kept of the planes for the output seg"):
        _ = table.labels
    with pytest.raises(ConfigError, match="Nothing is kept of the planes for the output overlay"):
        write_outputs(table, {"csv": tmp_path / "t.csv", "overlay": tmp_path / "o.tif"})
    assert not (tmp_path / "t.csv").exists()
    labels = segment_stack(pixels[0, :2, 0], outputs=("seg",), **options)
    with pytest.raises(ConfigError, match="Nothing is kept of the planes for the output csv"):
        _ = labels.rows


def test_a_label_stack_of_planes_and_channels_becomes_a_store(path, tmp_path):
    result = segment_stack(Source(path, channel="all", plane="all", time="all"), diameter=22)
    write_outputs(result, {"seg": tmp_path / "l.zarr"})
    for place in np.ndindex(SHAPE):
        found = imread(tmp_path / "l.zarr", **dict(zip(("time", "plane", "channel"), place, strict=True)))
        np.testing.assert_array_equal(found, result.labels[place])


def test_label_maps_of_more_objects_than_16_bits_hold_are_an_ome_tiff(tmp_path):
    planes = [np.full((8, 8), value, np.uint32) for value in (1, 70000)]
    superdsm_nb.io.imsave_stack(tmp_path / "a.tif", planes, ("time",), (2,), {"x": "µ"}, None)
    with tifffile.TiffFile(tmp_path / "a.tif") as stack:
        assert stack.is_ome
        assert stack.series[0].axes == "TYX"
        assert stack.asarray().max() == 70000
        assert "\\u00b5" in stack.ome_metadata


def test_the_memory_of_label_maps_is_a_small_part_of_their_size(result):
    kept = sum(len(plane.pictures["seg"].content) for plane in result.planes)
    assert kept < result.labels.nbytes / 10


def test_other_files_of_a_single_plane_are_read_at_the_same_plane(pixels, tmp_path):
    stack, other = pixels[0, :, 0], pixels[1, :, 0]
    masks = np.stack([stack[0] > np.inf, stack[1] > np.percentile(stack[1], 80), stack[2] > np.inf])
    for name, planes in (("image", stack), ("other", other), ("masks", masks.astype(np.uint8))):
        tifffile.imwrite(tmp_path / f"{name}.tif", planes, imagej=True, metadata={"axes": "ZYX"})
    options = {"measure": {"other": tmp_path / "other.tif"}, "foreground": tmp_path / "masks.tif"}
    result = superdsm_nb.segment_file(Source(tmp_path / "image.tif", plane=1), **options)
    np.testing.assert_array_equal(result.labels, segment(stack[1], foreground=masks[1]))
    for row in result.rows:
        inside = result.labels == row["label"]
        assert row["mean_intensity_other"] == pytest.approx(other[1][inside].mean())
    tifffile.imwrite(tmp_path / "other.tif", other[2])
    single = superdsm_nb.segment_file(Source(tmp_path / "image.tif", plane=1), **options).rows[0]
    inside = result.labels == single["label"]
    assert single["mean_intensity_other"] == pytest.approx(other[2][inside].mean())


def test_a_stack_that_is_cancelled_is_no_stack_of_empty_planes(pixels, monkeypatch):
    def cancelled(*arguments, **options):
        raise Cancelled("The segmentation was cancelled.")

    monkeypatch.setattr("superdsm_nb.stack.analyze", cancelled)
    with pytest.raises(Cancelled):
        segment_stack(pixels, axes="TZCYX")
