"""Distance maps against SciPy's."""

from __future__ import annotations

import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from superdsm_nb.filters import FARTHEST, distance, levels, levels_of_distance, squared_distance


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

    assert levels_of_distance(squared).tolist() == levels(squared).tolist() == [[0, 2, 1], [1, 0, 3]]
