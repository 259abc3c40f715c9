"""Shapes are those of scikit-image, in pixels and in micrometres."""

from __future__ import annotations

import math
from dataclasses import replace
from time import process_time

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import ndimage
from skimage.measure import regionprops_table

from superdsm_nb import analyze
from superdsm_nb.results.shape import LENGTHS, SHAPE_COLUMNS, Pixels, position_columns, shape_columns
from superdsm_nb.results.tables import object_rows, saturation_level
from superdsm_nb.synthetic import generate

ANISOTROPIC = (0.3, 0.5)
OF_SKIMAGE = [name for name in SHAPE_COLUMNS if name != "form_factor"]


def _blobs():
    """Regions of all forms, with holes, and some that touch each other or the border."""
    noise = ndimage.gaussian_filter(np.random.default_rng(0).random((150, 200)), 2)
    labels, _ = ndimage.label(noise > 0.505)
    return labels


def _special():
    """A pixel, lines, a diagonal, a square, and two regions in many pieces that share their box."""
    labels = np.zeros((60, 80), np.uint16)
    labels[0, 0] = 1
    labels[3, 2:9] = 2
    labels[10:30, 10] = 3
    labels[np.arange(35, 40), np.arange(35, 40)] = 4
    labels[10:16, 40:46] = 7
    labels[40:60, 50:80] = np.where(np.random.default_rng(0).random((20, 30)) > 0.5, 5, 6)
    return labels


@pytest.mark.parametrize("labels", [_blobs(), _special()], ids=["blobs", "special"])
def test_every_column_is_that_of_regionprops_table(labels):
    pixels = Pixels.of(labels)
    names = ("label", "area", "centroid", "bbox", "eccentricity", *OF_SKIMAGE)
    expected = regionprops_table(labels, properties=names)
    found = position_columns(pixels) | shape_columns(pixels)

    for name, values in expected.items():
        assert_allclose(found[name], values, rtol=1e-9, atol=1e-7, err_msg=name)
    for name in ("label", "area", *(f"bbox-{axis}" for axis in range(4))):
        assert found[name].dtype.kind == "i"


@pytest.mark.parametrize("labels", [_blobs(), _special()], ids=["blobs", "special"])
def test_anisotropic_pixels_are_scaled_before_measuring(labels):
    names = ["area", *(name for name in LENGTHS if name != "perimeter")]  # skimage refuses that one
    expected = regionprops_table(labels, properties=names, spacing=ANISOTROPIC)
    found = shape_columns(Pixels.of(labels), ANISOTROPIC)

    for name, values in expected.items():
        own = "area_um2" if name == "area" else f"{name}_um"
        assert_allclose(found[own], values, rtol=1e-9, atol=1e-7, err_msg=own)


def test_the_perimeter_of_a_disk_on_anisotropic_pixels_is_near_that_of_the_disk():
    rows, cols = np.mgrid[:400, :240] * np.reshape(ANISOTROPIC, (2, 1, 1))
    disk = ((rows - 60) ** 2 + (cols - 60) ** 2 < 50**2).astype(int)

    found = shape_columns(Pixels.of(disk), ANISOTROPIC)

    assert found["perimeter_um"] == pytest.approx(2 * math.pi * 50, rel=0.08)  # steps along a grid are longer
    assert found["feret_diameter_max_um"] == pytest.approx(100, rel=0.01)


def test_square_pixels_scale_all_lengths():
    found = shape_columns(Pixels.of(_blobs()), (0.5, 0.5))
    for name in LENGTHS:
        assert_allclose(found[f"{name}_um"], found[name] / 2)


def test_without_a_pixel_size_there_are_no_micrometres():
    found = shape_columns(Pixels.of(_special()))
    assert np.isnan(found["area_um2"]).all()
    assert np.isnan(found["perimeter_um"]).all()


def test_the_form_factor_of_a_disk_is_near_1_and_that_of_a_pixel_unknown():
    rows, cols = np.mgrid[:101, :101]
    labels = ((rows - 50) ** 2 + (cols - 50) ** 2 < 40**2).astype(int)
    labels[0, 0] = 2
    disk, pixel = shape_columns(Pixels.of(labels))["form_factor"]
    assert disk == pytest.approx(1, abs=0.1)
    assert math.isnan(pixel)


def test_an_empty_label_map_has_no_objects():
    pixels = Pixels.of(np.zeros((5, 5), np.uint16))
    assert all(values.size == 0 for values in (position_columns(pixels) | shape_columns(pixels)).values())


# ---------------------------------------------------------------- quality


def test_objects_at_the_border_and_saturated_pixels_are_told():
    labels = np.zeros((20, 20), int)
    labels[0:4, 5:9], labels[10:14, 10:14] = 1, 2
    g = np.where(labels > 0, 100, 10).astype(np.uint8)
    g[10:12, 10:14] = 255

    first, second = object_rows(labels, g, [[], []], saturation=saturation_level(g))

    assert (first["touches_border"], second["touches_border"]) == (1, 0)
    assert (first["saturated_fraction"], second["saturated_fraction"]) == (0, 0.5)
    assert math.isnan(first["cluster"])
    assert math.isnan(first["cluster_size"])


@pytest.mark.parametrize(
    ("largest", "dtype", "expected"),
    [
        (255, "u1", 255),
        (254, "u1", math.inf),
        (4095, "u2", 4095),
        (4000, "u2", math.inf),
        (65535, "f4", 65535),
        (1.0, "f8", 1),
        (0.9, "f8", math.inf),
    ],
)
def test_saturation_is_the_end_of_the_range_of_the_type_or_of_the_camera(largest, dtype, expected):
    assert saturation_level(np.array([[0, largest]], dtype)) == expected


def test_the_cluster_of_an_object_is_that_of_its_atoms(sample):
    result = analyze(sample.image, diameter=31)
    graph, rows = result.data["adjacencies"], result.rows
    originals = [item.original for item in result.data["postprocessed_objects"]]

    assert [row["cluster"] for row in rows] == [
        graph.get_cluster_label(min(item.footprint)) for item in originals
    ]
    clusters = [row["cluster"] for row in rows]
    assert [row["cluster_size"] for row in rows] == [clusters.count(each) for each in clusters]


def test_measuring_takes_less_than_a_tenth_of_the_segmentation():
    sample = generate(seed=1, shape=(900, 900), nuclei=200)
    analyze(sample.image[:300, :300]).rows  # noqa: B018 - compiles the kernels
    start = process_time()
    result = analyze(sample.image)
    segmenting = process_time() - start
    assert result.object_count > 150
    measuring = []
    for _ in range(3):
        again = replace(result)
        _ = again.labels
        start = process_time()
        _ = again.rows
        measuring.append(process_time() - start)
    assert min(measuring) < 0.1 * segmenting
