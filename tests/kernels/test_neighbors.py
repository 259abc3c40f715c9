"""Outliers among neighbours and local maxima, against SciPy's rank filters."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from superdsm_nb.kernels.neighbors import local_maxima, outliers

from support import naive

AROUND = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]], bool)
sides = st.integers(1, 12)
seeds = st.integers(0, 2**32 - 1)


@naive.settings_for(150)
@given(height=sides, width=sides, seed=seeds, tolerance=st.floats(0, 0.3), data=st.data())
def test_outliers_exceed_the_range_of_their_neighbours(height, width, seed, tolerance, data):
    image = np.random.default_rng(seed).random((height, width)) ** 6
    first = data.draw(st.integers(0, height - 1))

    places, middle = outliers(image, tolerance, image.size, first, height)

    highest = ndimage.maximum_filter(image, footprint=AROUND, mode="mirror")
    lowest = ndimage.minimum_filter(image, footprint=AROUND, mode="mirror")
    limit = highest - lowest + tolerance
    expected = (image > highest + limit) | (image < lowest - limit)
    expected[:first] = False
    assert places.tolist() == np.argwhere(expected).tolist()
    np.testing.assert_allclose(middle, (0.5 * (highest + lowest))[expected])


@naive.settings_for(150)
@given(height=sides, width=sides, seed=seeds, reach=st.integers(1, 5), levels=st.integers(2, 50))
def test_maxima_are_exceeded_by_nothing_around(height, width, seed, reach, levels):
    image = np.random.default_rng(seed).integers(levels, size=(height, width)).astype(float)

    places = local_maxima(image, reach, levels / 3)

    highest = ndimage.maximum_filter(image, size=2 * reach + 1, mode="nearest")
    assert places.tolist() == np.argwhere((image == highest) & (image > levels / 3)).tolist()
