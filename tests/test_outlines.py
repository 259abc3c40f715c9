"""Outlines and tables, read back with the libraries of the programs they are for."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pyarrow.parquet
import pytest
import roifile
import shapely
import tifffile
from PIL import Image
from skimage.draw import polygon2mask

from superdsm_nb.io import PixelSize, imread, imsave, pixel_size
from superdsm_nb.outlines import geojson, outlines, rois, signed_area
from superdsm_nb.tables import OBJECT_COLUMNS

SCALE = ("--set", "AF_scale=11")


def blobs(seed, shape=(40, 50), count=12):
    """A label map of touching, ragged, holed and divided objects."""
    rng = np.random.default_rng(seed)
    labels = np.zeros(shape, np.uint16)
    rows, cols = np.indices(shape)
    for label in range(1, count + 1):
        row, col, radius = rng.integers(0, shape[0]), rng.integers(0, shape[1]), rng.integers(1, 12)
        labels[(rows - row) ** 2 + (cols - col) ** 2 <= radius**2] = label
    labels[rng.random(shape) < 0.02] = 0
    return labels


def inside(ring, shape):
    """Pixels whose centres lie inside a ring of x and y."""
    return polygon2mask(shape, np.asarray(ring)[:, ::-1] - 0.5)


@pytest.mark.parametrize("seed", range(8))
def test_exactly_the_pixels_of_an_object_are_inside_its_outline(seed):
    labels = blobs(seed)
    drawn = np.zeros_like(labels)
    for outline in outlines(labels):
        mask = inside(outline.exterior, labels.shape)
        for hole in outline.holes:
            mask &= ~inside(hole, labels.shape)
        drawn[mask] = outline.label
    assert np.array_equal(drawn, labels)


def test_outlines_are_in_the_coordinates_of_pixel_corners():
    (outline,) = outlines(np.array([[0, 0, 0], [0, 5, 0]]))
    assert outline.label == 5
    assert outline.exterior.mean(axis=0) == pytest.approx([1.5, 1.5], abs=0.2)
    assert np.array_equal(outline.exterior[0], outline.exterior[-1])


def test_background_has_no_outline():
    assert list(outlines(np.array([[-1, 0], [0, -1]]))) == []


@pytest.mark.parametrize("seed", range(4))
def test_imagej_regions_cover_the_objects(seed, tmp_path):
    labels = blobs(seed)
    (tmp_path / "rois.zip").write_bytes(rois(labels))
    drawn = np.zeros_like(labels)
    for roi in roifile.roiread(tmp_path / "rois.zip"):
        assert roi.roitype in (roifile.ROI_TYPE.POLYGON, roifile.ROI_TYPE.FREEHAND)
        drawn[inside(roi.coordinates(), labels.shape)] = int(roi.name.split("-")[0])
    holes = (drawn > 0) & (labels == 0)  # regions have none
    assert np.array_equal(drawn[~holes & (labels > 0)] > 0, labels[~holes & (labels > 0)] > 0)
    smooth = np.zeros_like(labels)
    smooth[10:20, 10:25], smooth[10:20, 25:30] = 3, 7
    (tmp_path / "two.zip").write_bytes(rois(smooth))
    masks = {
        roi.name: inside(roi.coordinates(), labels.shape) for roi in roifile.roiread(tmp_path / "two.zip")
    }
    assert {name: mask.sum() for name, mask in masks.items()} == {"0003": 150, "0007": 50}
    assert np.array_equal(masks["0003"], smooth == 3)


def test_pieces_of_one_object_are_regions_of_their_own(tmp_path):
    labels = np.zeros((9, 9), int)
    labels[1:3, 1:3] = labels[5:7, 5:7] = 4
    (tmp_path / "rois.zip").write_bytes(rois(labels))
    assert [roi.name for roi in roifile.roiread(tmp_path / "rois.zip")] == ["0004", "0004-2"]


def test_equal_label_maps_are_equal_files():
    assert rois(blobs(1)) == rois(blobs(1))
    assert geojson(blobs(1), provenance={"a": 1}) == geojson(blobs(1), provenance={"a": 1})


@pytest.mark.parametrize("seed", range(6))
def test_qupath_gets_valid_polygons_of_the_objects(seed):
    labels = blobs(seed)
    collection = json.loads(geojson(labels))
    assert collection["type"] == "FeatureCollection"
    rows, cols = np.indices(labels.shape)
    points = shapely.points(cols.ravel() + 0.5, rows.ravel() + 0.5)
    drawn = np.zeros_like(labels)
    for feature in collection["features"]:
        shape = shapely.geometry.shape(feature["geometry"])
        assert shape.is_valid
        assert feature["properties"]["objectType"] == "detection"
        drawn[shapely.contains(shape, points).reshape(labels.shape)] = int(feature["properties"]["name"])
    assert np.array_equal(drawn, labels)
    assert len({feature["id"] for feature in collection["features"]}) == len(collection["features"])


def test_rings_run_as_geojson_wants_them():
    labels = np.ones((7, 7), int)
    labels[3, 3] = 0
    (feature,) = json.loads(geojson(labels))["features"]
    exterior, hole = (np.array(ring) for ring in feature["geometry"]["coordinates"])
    assert signed_area(exterior) > 0 > signed_area(hole)


def test_figures_of_the_objects_become_measurements():
    rows = [{"label": 1, "image": "a", "area": 4.0, "contrast": float("inf"), "on_boundary": True}]
    (feature,) = json.loads(geojson(np.ones((2, 2), int), rows))["features"]
    assert feature["properties"]["measurements"] == {"area": 4.0, "on_boundary": 1.0}


# ---------------------------------------------------------------- superdsm-nb segment


def test_segment_writes_everything_that_is_asked_for(run, image_path, tmp_path):
    files = {name: tmp_path / f"out.{name}" for name in ("zip", "geojson", "csv", "parquet")}
    outcome = run(
        *("segment", image_path, "-o", tmp_path / "l.png", *SCALE, "--rois", files["zip"]),
        *("--geojson", files["geojson"], "--csv", files["csv"], "--parquet", files["parquet"]),
    )
    assert (outcome.code, outcome.err) == (0, "")
    labels = imread(tmp_path / "l.png")
    count = labels.max()
    assert len(roifile.roiread(files["zip"])) == count
    collection = json.loads(files["geojson"].read_text())
    assert len(collection["features"]) == count
    assert collection["provenance"]["scale"] == 11
    with files["csv"].open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["label"]) for row in rows] == list(range(1, count + 1))
    assert [float(row["area"]) for row in rows] == [(labels == k).sum() for k in range(1, count + 1)]
    table = pyarrow.parquet.read_table(files["parquet"]).to_pylist()
    assert list(table[0]) == ["image", *OBJECT_COLUMNS]
    assert [row["energy"] for row in table] == [float(row["energy"]) for row in rows]
    assert {row["image"] for row in table} == {"cells.tif"}


def test_several_images_go_to_folders_and_one_table(run, tmp_path, sample):
    for name in ("a", "b"):
        imsave(tmp_path / f"{name}.tif", sample.image)
    images = [tmp_path / f"{name}.tif" for name in ("a", "b")]
    outcome = run(
        *("segment", *images, "-o", tmp_path / "l", *SCALE, "--rois", tmp_path / "r"),
        *("--geojson", tmp_path / "g", "--csv", tmp_path / "t.csv"),
    )
    assert outcome.code == 0
    assert sorted(path.name for path in (tmp_path / "r").iterdir()) == ["a.zip", "b.zip"]
    assert sorted(path.name for path in (tmp_path / "g").iterdir()) == ["a.geojson", "b.geojson"]
    with (tmp_path / "t.csv").open(newline="") as file:
        assert {row["image"] for row in csv.DictReader(file)} == {"a.tif", "b.tif"}


@pytest.mark.parametrize(
    ("option", "name"),
    [("--rois", "x.roi"), ("--geojson", "x.json"), ("--csv", "x.txt"), ("--parquet", "x.csv")],
)
def test_a_wrong_suffix_is_refused_before_any_work(run, image_path, tmp_path, option, name):
    outcome = run("segment", image_path, "-o", tmp_path / "l.png", *SCALE, option, tmp_path / name)
    assert (outcome.code, outcome.out) == (2, "")
    assert "must end in" in outcome.err
    assert not (tmp_path / "l.png").exists()


def test_parquet_without_its_library_is_refused_with_what_to_install(run, image_path, tmp_path, monkeypatch):
    from superdsm_nb import tables

    monkeypatch.setattr(tables, "find_spec", lambda name: None)
    outcome = run(
        "segment", image_path, "-o", tmp_path / "l.png", *SCALE, "--parquet", tmp_path / "t.parquet"
    )
    assert outcome.code == 2
    assert "pip install 'superdsm_nb[parquet]'" in outcome.err
    assert not (tmp_path / "l.png").exists()


# ---------------------------------------------------------------- the size of pixels


def write_ome(path, unit="µm", x=0.25, y=0.5):
    metadata = {
        "axes": "YX",
        "PhysicalSizeX": x,
        "PhysicalSizeXUnit": unit,
        "PhysicalSizeY": y,
        "PhysicalSizeYUnit": unit,
    }
    tifffile.imwrite(path, np.zeros((5, 6), np.uint16), ome=True, metadata=metadata)


@pytest.mark.parametrize(("unit", "factor"), [("µm", 1), ("nm", 1000), ("mm", 0.001)])
def test_the_size_of_pixels_is_read_from_ome_tiff(tmp_path, unit, factor):
    write_ome(tmp_path / "a.ome.tif", unit, 0.25 * factor, 0.5 * factor)
    assert pixel_size(tmp_path / "a.ome.tif") == pytest.approx((0.5, 0.25))


@pytest.mark.parametrize("unit", ["um", "micron", "\\u00B5m"])
def test_the_size_of_pixels_is_read_from_imagej_tiff(tmp_path, unit):
    tifffile.imwrite(
        *(tmp_path / "a.tif", np.zeros((5, 6), np.uint16)),
        imagej=True,
        resolution=(4.0, 2.0),
        metadata={"unit": unit},
    )
    assert pixel_size(tmp_path / "a.tif") == pytest.approx((0.5, 0.25))


def test_resolutions_of_screens_and_printers_are_no_size(tmp_path):
    for dots in (72, 96, 300):
        Image.new("L", (4, 4)).save(tmp_path / "a.png", dpi=(dots, dots))
        assert pixel_size(tmp_path / "a.png") is None
        Image.new("L", (4, 4)).save(tmp_path / "a.tif", dpi=(dots, dots))
        assert pixel_size(tmp_path / "a.tif") is None


def test_files_without_a_size_have_none(tmp_path, image_path):
    (tmp_path / "text.png").write_text("no image")
    for path in (image_path, tmp_path / "text.png", tmp_path / "nowhere.tif"):
        assert pixel_size(path) is None


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_the_size_of_pixels_survives_writing(tmp_path, name):
    imsave(tmp_path / name, np.zeros((5, 6), np.uint16), {}, PixelSize(0.5, 0.25))
    assert pixel_size(tmp_path / name) == pytest.approx((0.5, 0.25), rel=1e-4)


def test_results_keep_the_size_of_pixels(run, tmp_path, sample):
    tifffile.imwrite(
        *(tmp_path / "cells.tif", sample.image),
        ome=True,
        metadata={"axes": "YX", "PhysicalSizeX": 0.3, "PhysicalSizeY": 0.3},
    )
    for suffix in ("png", "tif"):
        target = tmp_path / f"l.{suffix}"
        run("segment", tmp_path / "cells.tif", "-o", target, *SCALE, "--overlay", tmp_path / "c.png")
        assert pixel_size(target) == pytest.approx((0.3, 0.3), rel=1e-4)
        assert pixel_size(tmp_path / "c.png") == pytest.approx((0.3, 0.3), rel=1e-4)
    with Image.open(tmp_path / "l.png") as picture:
        assert json.loads(picture.text["Description"])["pixel_size_micrometers"] == [0.3, 0.3]


def test_a_point_in_time_is_chosen(run, tmp_path, sample):
    series = np.zeros((3, *sample.image.shape), np.uint16)
    series[2] = sample.image
    tifffile.imwrite(tmp_path / "cells.tif", series, imagej=True, metadata={"axes": "TYX"})
    outcome = run("segment", tmp_path / "cells.tif", "-o", tmp_path / "l.png", *SCALE)
    assert outcome.code == 2
    assert "choose a point in time (--time)" in outcome.err
    assert run("segment", tmp_path / "cells.tif", "-o", tmp_path / "l.png", *SCALE, "--time", 2).code == 0
    assert imread(tmp_path / "l.png").max() >= 2
    assert (
        "there is no time 3"
        in run("segment", tmp_path / "cells.tif", "-o", tmp_path / "l.png", *SCALE, "--time", 3).err
    )


@pytest.mark.parametrize("compression", ["zlib", "lzw", "packbits", "jpeg", "zstd", "lzma", "deflate", "png"])
def test_tiff_files_of_every_compression_are_read(tmp_path, compression):
    image = np.add.outer(np.arange(64), np.arange(48)).astype(np.uint8)
    try:
        tifffile.imwrite(tmp_path / "a.tif", image, compression=compression)
    except (KeyError, ValueError) as error:
        pytest.fail(f"the library that reads {compression} is missing: {error}")
    assert np.abs(imread(tmp_path / "a.tif").astype(int) - image).max() <= (8 if compression == "jpeg" else 0)


def test_a_table_of_nothing_has_its_columns():
    from superdsm_nb.tables import parquet_bytes

    table = pyarrow.parquet.read_table(io.BytesIO(parquet_bytes(["image", *OBJECT_COLUMNS], [])))
    assert table.column_names == ["image", *OBJECT_COLUMNS]
