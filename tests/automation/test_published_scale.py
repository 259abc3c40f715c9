"""The published estimation of the scale, on images small enough to be checked by hand or by SciPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from superdsm_nb.automation import scale
from superdsm_nb.automation.scale import _peaks, disk_overlap, estimate_scale, prune_blobs
from superdsm_nb.errors import ScaleEstimationError
from superdsm_nb.kernels.blobs import hessian_determinant


@pytest.mark.parametrize("rows", [1, 3, 10**6])
def test_blobs_are_found_the_same_in_strips_of_any_height(rows, monkeypatch):
    image = image_of_disks(30)
    g = image / image.max()
    sigmas = np.array([7.0, 14.1, 21.2, 28.3])
    expected = [values.tolist() for values in _peaks(g, sigmas)]
    assert expected[0]
    monkeypatch.setattr(scale, "STRIP_ROWS", rows)

    found = [values.tolist() for values in _peaks(g, sigmas)]

    assert found[0] == expected[0]
    assert found[1] == pytest.approx(expected[1], rel=1e-12)


@given(st.integers(1, 60), st.integers(1, 60), st.floats(1, 30), st.data())
@settings(deadline=None, max_examples=60)
def test_rows_of_a_determinant_are_those_of_the_whole(height, width, sigma, data):
    integral = np.random.default_rng(0).random((height, width)).cumsum(axis=0).cumsum(axis=1)
    first = data.draw(st.integers(0, height - 1))
    last = data.draw(st.integers(first, height))

    part = hessian_determinant(integral, sigma, first, last)

    np.testing.assert_array_equal(part, hessian_determinant(integral, sigma, 0, height)[first:last])


def image_of_disks(radius):
    rows, cols = np.ogrid[:500, :500]
    centers = ((100, 100), (100, 350), (330, 120), (350, 370))
    return sum(((rows - r) ** 2 + (cols - c) ** 2 <= radius**2).astype(float) for r, c in centers)


def test_the_estimated_scale_is_of_the_order_of_the_objects_and_grows_with_them():
    scales = [estimate_scale(image_of_disks(radius)) for radius in (30, 45, 70)]

    assert scales == sorted(scales)
    for estimate, radius in zip(scales, (30, 45, 70), strict=True):
        assert 0.4 < estimate / (radius / math.sqrt(2)) < 2.5


def test_the_estimated_scale_does_not_depend_on_the_unit_of_intensity():
    image = image_of_disks(40)

    assert estimate_scale(image * 1000 + 5) == pytest.approx(estimate_scale(image))


def test_an_image_without_blobs_is_refused_with_advice():
    image = np.zeros((100, 100))
    image[50, 50] = 1

    with pytest.raises(ScaleEstimationError, match="set AF_scale"):
        estimate_scale(image)


@given(st.floats(0.5, 5), st.floats(0.5, 5), st.floats(0, 8))
@settings(deadline=None, max_examples=50)
def test_the_overlap_of_two_disks_is_that_of_their_areas(sigma1, sigma2, distance):
    r1, r2 = sigma1 * math.sqrt(2), sigma2 * math.sqrt(2)
    x, step = np.linspace(-r1, r1, 400_001, retstep=True)
    low = np.maximum(
        -np.sqrt(np.maximum(r1**2 - x**2, 0)), -np.sqrt(np.maximum(r2**2 - (x - distance) ** 2, 0))
    )
    inside = np.abs(x - distance) < r2
    area = -2 * low[inside].sum() * step

    (overlap,) = disk_overlap(np.array([[0, 0, sigma1]]), np.array([[0, distance, sigma2]]))

    assert overlap == pytest.approx(area / (math.pi * min(r1, r2) ** 2), abs=2e-3)


def test_the_smaller_of_two_overlapping_blobs_is_dropped():
    blobs = np.array([[50, 50, 10.0], [52, 50, 6.0], [200, 200, 4.0]])

    assert prune_blobs(blobs, 0.5).tolist() == [[50, 50, 10.0], [200, 200, 4.0]]


def test_of_blobs_at_one_place_one_is_left():
    blobs = np.array([[50, 50, 6.0], [50, 50, 10.0], [90, 90, 5.0], [90, 90, 5.0]])

    assert prune_blobs(blobs, 0.5).tolist() == [[50, 50, 10.0], [90, 90, 5.0]]
