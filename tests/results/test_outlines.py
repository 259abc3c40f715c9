"""Outlines, read back with the libraries of the programs they are for."""

from __future__ import annotations

import json

import numpy as np
import pytest
import roifile
import shapely
from skimage.draw import polygon2mask

from superdsm_nb.results.outlines import geojson, outlines, rois, signed_area


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
    assert feature["properties"]["measurements"] == {
        "Area px^2": 4.0,
        "Model reaches the image border": 1.0,
    }
