"""The radius of a typical nucleus."""

from __future__ import annotations

import math

import numpy as np
import pytest

from superdsm_nb import synthetic
from superdsm_nb.automatic.size import estimated_radius, radius_of_mask


def disk_mask(radius, size=None):
    size = size or 4 * radius
    rows, cols = np.indices((size, size)) - size // 2
    return np.hypot(rows, cols) <= radius


@pytest.mark.parametrize("radius", [5, 10, 25, 60])
def test_the_radius_of_a_disk_is_a_little_above_its_inscribed_one(radius):
    assert radius <= radius_of_mask(disk_mask(radius)) <= 1.25 * radius


def test_disks_that_touch_count_as_two():
    mask = np.zeros((60, 90), bool)
    for col in (28, 60):
        rows, cols = np.indices(mask.shape)
        mask |= np.hypot(rows - 30, cols - col) <= 17
    assert 16 <= radius_of_mask(mask) <= 21


@pytest.mark.parametrize("mask", [np.zeros((20, 20), bool), np.eye(20, dtype=bool)])
def test_a_mask_without_a_wide_place_has_no_radius(mask):
    assert math.isnan(radius_of_mask(mask))


def test_a_constant_image_has_no_radius():
    assert math.isnan(estimated_radius(np.full((64, 64), 0.2)))


@pytest.mark.parametrize("radius", [8.0, 16.0, 30.0])
def test_the_radius_of_synthetic_nuclei_is_about_right(radius):
    sample = synthetic.generate(2, (400, 400), 20, radius, 0.2)
    assert estimated_radius(sample.image.astype(float)) == pytest.approx(radius, rel=0.35)


def test_a_large_image_has_the_radius_of_its_smaller_copy():
    image = synthetic.generate(2, (400, 400), 20, 20.0, 0.2).image.astype(float)
    large = np.kron(image, np.ones((3, 3)))
    assert estimated_radius(large) == pytest.approx(3 * estimated_radius(image), rel=0.25)
