"""Atoms: the foreground divided among the peaks of a relief."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from superdsm_nb.automatic.division import divide as divide_between
from superdsm_nb.automatic.division import score_heights, seed_score

from support import naive

SCORE = {"smoothing": 0.1, "blob_size": 0.35, "blob_weight": 0.5, "log_blob_weight": 0.2}

seeds = st.integers(0, 2**32 - 1)


def divide(foreground, score, depth):
    return divide_between(foreground, score, depth, score_heights(0.5, 0.2))


def disks(centers, radius, shape):
    """Return y of smooth disks: 1 inside, 0 on the outline."""
    rows, cols = np.indices(shape)
    distance = np.min([np.hypot(rows - row, cols - col) for row, col in centers], axis=0)
    return np.clip(radius - distance, -0.4, 1.0)


def without_diagonals(y):
    """Keep of the foreground what touches no other part of it at a corner only; the first pixel is dark."""
    result = y.copy()
    result[:2, :2] = -1
    parts, _ = ndimage.label(result > 0)
    around, count = ndimage.label(result > 0, np.ones((3, 3)))
    mixed = [label for label in range(1, count + 1) if np.unique(parts[around == label]).size > 1]
    result[np.isin(around, mixed)] = -1
    return result


def assert_partition(atoms, foreground):
    """Labels 1 to n, each connected, exactly on the foreground."""
    np.testing.assert_array_equal(atoms > 0, foreground)
    count = int(atoms.max())
    assert np.unique(atoms[foreground]).tolist() == list(range(1, count + 1))
    for label in range(1, count + 1):
        assert ndimage.label(atoms == label)[1] == 1


@naive.settings_for(150)
@given(seed=seeds, share=st.floats(-1, 1), width=st.sampled_from([0.5, 1.0, 2.0]), depth=st.floats(1e-3, 0.5))
def test_atoms_are_connected_and_divide_exactly_the_foreground(seed, share, width, depth):
    rng = np.random.default_rng(seed)
    y = without_diagonals(ndimage.gaussian_filter(rng.normal(size=(24, 30)), width) * 2 * width + share)

    atoms = divide(y > 0, seed_score(y, 5.0, **SCORE), depth)

    assert_partition(atoms, y > 0)


@naive.settings_for(60)
@given(seed=seeds)
def test_a_greater_depth_never_gives_more_atoms(seed):
    y = without_diagonals(
        ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(30, 30)), 2) + 0.05
    )
    score = seed_score(y, 5.0, **SCORE)

    counts = [int(divide(y > 0, score, depth).max()) for depth in (0.001, 0.01, 0.1, 1.0, 100.0)]

    assert counts == sorted(counts, reverse=True)
    assert counts[-1] == ndimage.label(y > 0)[1]


@pytest.mark.parametrize("gap", [1.2, 1.5, 1.9])
@pytest.mark.parametrize("radius", [6, 12, 20])
def test_two_disks_that_touch_are_at_least_two_atoms(gap, radius):
    size = 6 * radius
    first, second = (size // 2, size // 2 - gap * radius / 2), (size // 2, size // 2 + gap * radius / 2)
    y = disks([first, second], radius, (size, size))

    atoms = divide(y > 0, seed_score(y, radius, **SCORE), 0.01)

    assert ndimage.label(y > 0)[1] == 1
    assert atoms.max() >= 2
    assert atoms[tuple(np.round(first).astype(int))] != atoms[tuple(np.round(second).astype(int))]


def test_without_foreground_there_is_no_atom():
    atoms = divide(np.zeros((5, 6), bool), np.zeros((5, 6)), 0.1)
    assert (atoms.dtype, atoms.shape, atoms.max()) == (np.int32, (5, 6), 0)


def test_what_touches_at_a_corner_only_has_an_atom_of_its_own():
    foreground = np.zeros((6, 7), bool)
    foreground[1:4, 1:4] = foreground[4, 4] = True
    score = np.where(foreground, 1.0, 0.0)
    score[2, 2] = 2.0

    assert_partition(divide(foreground, score, 0.01), foreground)


def test_without_a_depth_the_lowest_part_has_an_atom():
    foreground = np.array([[True, False, True]])
    assert_partition(divide(foreground, np.array([[1.0, 0.0, 2.0]]), 0.0), foreground)


def test_an_image_of_foreground_only_is_divided():
    y = np.ones((20, 20))
    assert_partition(divide(y > 0, seed_score(y, 5.0, **SCORE), 0.01), y > 0)


def test_without_weights_the_relief_is_the_distance_to_the_background_in_radii():
    y = disks([(20, 20)], 9.5, (41, 41))

    score = seed_score(y, 10.0, smoothing=0, blob_size=1, blob_weight=0, log_blob_weight=0)

    np.testing.assert_allclose(score, ndimage.distance_transform_edt(y > 0) / 10)
