"""Distance maps against SciPy's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from superdsm_nb.filters import (
    FARTHEST,
    dense_rank,
    dense_rank_of_distance,
    distance,
    maximum_filter,
    squared_distance,
    within_distance,
)
from superdsm_nb.kernels.distance import depth, nearest_labels

from support import naive


@naive.settings_for(300)
@given(st.integers(1, 30), st.integers(1, 30), st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_distances_are_those_of_scipy_to_the_last_bit(height, width, share, seed):
    rng = np.random.default_rng(seed)
    objects = rng.random((height, width)) < share
    objects.flat[rng.integers(objects.size)] = True

    assert np.array_equal(distance(objects), ndimage.distance_transform_edt(~objects))


def test_without_objects_everything_is_far():
    assert (squared_distance(np.zeros((2, 3), bool)) == FARTHEST).all()


@pytest.mark.parametrize("factor", [1, 10**9])
def test_levels_of_distances_are_their_ranks(factor):
    squared = np.array([[0, 9, 4], [4, 0, 25]]) * factor

    assert dense_rank_of_distance(squared).tolist() == dense_rank(squared).tolist() == [[0, 2, 1], [1, 0, 3]]


@naive.settings_for(100)
@given(
    objects=arrays(np.bool_, st.tuples(st.integers(1, 12), st.integers(1, 12))),
    radius=st.one_of(st.integers(0, 8), st.floats(0, 8), st.just(np.inf)),
)
def test_near_is_what_is_at_most_that_far(objects, radius):
    assert (within_distance(objects, radius) == (distance(objects) <= radius)).all()


@naive.settings_for(100)
@given(
    image=arrays(np.float64, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(-3, 3)),
    connectivity=st.sampled_from([4, 8]),
)
def test_the_highest_around_is_scipys(image, connectivity):
    footprint = ndimage.generate_binary_structure(2, connectivity // 4)
    expected = ndimage.maximum_filter(image, footprint=footprint)
    assert (maximum_filter(image, connectivity) == expected).all()


@naive.settings_for(150)
@given(st.integers(1, 20), st.integers(1, 20), st.floats(0, 0.5), st.integers(0, 2**32 - 1))
def test_the_nearest_label_is_one_of_a_pixel_that_near(height, width, share, seed):
    rng = np.random.default_rng(seed)
    labels = (rng.integers(1, 9, (height, width)) * (rng.random((height, width)) < share)).astype(np.int32)
    labels.flat[rng.integers(labels.size)] = 3

    nearest, squared = nearest_labels(labels)

    np.testing.assert_array_equal(squared, np.rint(ndimage.distance_transform_edt(labels == 0) ** 2))
    rows, cols = np.nonzero(labels)
    for row, col in np.ndindex(labels.shape):
        distances = (rows - row) ** 2 + (cols - col) ** 2
        assert nearest[row, col] in labels[rows, cols][distances == distances.min()]


@naive.settings_for(100)
@given(arrays(np.bool_, st.tuples(st.integers(1, 12), st.integers(1, 12))))
def test_the_depth_of_a_region_is_the_distance_to_what_is_outside(inside):
    expected = ndimage.distance_transform_edt(inside) if not inside.all() else np.ones(inside.shape)
    np.testing.assert_array_equal(depth(inside), expected)
