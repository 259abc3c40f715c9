"""Atoms: components with the shape of one nucleus stay whole."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

import superdsm_nb
from superdsm_nb.automatic.regions import joined_where_simple
from superdsm_nb.events import ignore
from superdsm_nb.metrics import score

ROWS, COLS = np.mgrid[:120, :160].astype(float)


def disk(row, col, radius=14):
    return np.hypot(ROWS - row, COLS - col) < radius


def in_stripes(mask, width=7):
    """Atoms of a mask: stripes, numbered from 1."""
    return np.where(mask, COLS // width + 1, 0).astype(np.int32)


def test_the_atoms_of_a_disk_are_joined_and_those_of_two_touching_ones_are_not():
    one, two = disk(30, 30), disk(80, 60) | disk(80, 86)
    atoms = in_stripes(one | two)

    joined = joined_where_simple(atoms, 14.0)

    assert np.unique(joined[one]).size == 1
    assert np.unique(joined[two]).size == np.unique(atoms[two]).size
    assert np.array_equal(joined > 0, atoms > 0)
    assert np.array_equal(np.unique(joined), np.arange(joined.max() + 1))


def test_a_component_far_larger_than_a_nucleus_is_a_clump_whatever_its_shape():
    atoms = in_stripes(disk(60, 80, 50))

    assert joined_where_simple(atoms, 40.0).max() == 1
    np.testing.assert_array_equal(joined_where_simple(atoms, 14.0) > 0, atoms > 0)
    assert joined_where_simple(atoms, 14.0).max() == np.unique(atoms).size - 1


def test_an_image_full_of_foreground_and_one_without_keep_their_labels():
    full = in_stripes(np.ones(ROWS.shape, bool))
    assert joined_where_simple(full, 5.0).min() >= 1
    assert joined_where_simple(np.zeros((5, 5), np.int32), 5.0).max() == 0


@pytest.mark.parametrize(("long", "short"), [(21, 7), (24, 6), (33, 4.1)])
def test_elongated_nuclei_are_whole_where_all_nuclei_are_elongated(long, short):
    rng = np.random.default_rng(0)
    rows, cols = np.mgrid[:350, :350].astype(float)
    truth = np.zeros(rows.shape, np.int32)
    for number in range(25):
        row, col = 35 + 70 * (number // 5), 35 + 70 * (number % 5)
        angle = rng.uniform(0, np.pi)
        along = (cols - col) * np.cos(angle) + (rows - row) * np.sin(angle)
        across = (rows - row) * np.cos(angle) - (cols - col) * np.sin(angle)
        truth[(along / long) ** 2 + (across / short) ** 2 < 1] = number + 1
    image = rng.poisson(100 + 1000 * ndimage.gaussian_filter((truth > 0).astype(float), 1.0))

    assert score(superdsm_nb.segment(image, emit=ignore), truth).ap50 >= 0.95
