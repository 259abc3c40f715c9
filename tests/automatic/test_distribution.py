"""Statistics of sorted intensities against NumPy's and scikit-image's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.filters import threshold_otsu

from superdsm_nb.automatic.distribution import MOST, otsu, percentile, sample, sample_of, sorted_sample

from support import naive

seeds = st.integers(0, 2**32 - 1)


@naive.settings_for(100)
@given(seed=seeds, size=st.integers(1, 300), percent=st.floats(0, 100))
def test_percentiles_are_those_of_numpy(seed, size, percent):
    values = np.sort(np.random.default_rng(seed).normal(size=size))
    assert percentile(values, percent) == pytest.approx(np.percentile(values, percent), abs=1e-12)


@naive.settings_for(100)
@given(seed=seeds, size=st.integers(2, 300), step=st.floats(0, 8))
def test_the_threshold_is_that_of_scikit_image_to_a_bin(seed, size, step):
    rng = np.random.default_rng(seed)
    values = np.sort(rng.normal(size=size) + step * (rng.random(size) < 0.3))

    found, expected = otsu(values), threshold_otsu(values)

    def spread(threshold):  # between the classes
        low, high = values[values <= threshold], values[values > threshold]
        return low.size * high.size * (low.mean() - high.mean()) ** 2 if low.size and high.size else 0.0

    assert found == pytest.approx(expected, abs=np.ptp(values) / 256) or spread(found) == pytest.approx(
        spread(expected), rel=0.05
    )


def test_the_threshold_of_equal_values_is_the_value():
    assert otsu(np.full(7, 0.25)) == 0.25


@pytest.mark.parametrize("shape", [(7, 9), (255, 257), (512, 512), (1000, 900), (40, 40_000)])
def test_a_sample_is_regular_and_small_enough(shape):
    image = np.arange(np.prod(shape), dtype=float).reshape(shape)

    part = sample(image)

    assert part.size <= max(2.3 * MOST, image.size if image.size <= MOST else 0)
    assert part.size == image.size or part.size > MOST / 2.5
    assert (np.diff(sorted_sample(image)) > 0).all()
    assert np.median(part) == pytest.approx(np.median(image), rel=0.02)


@naive.settings_for(100)
@given(height=st.integers(1, 3000), width=st.integers(1, 3000), margin=st.integers(0, 5))
def test_a_sample_is_the_same_from_either_end_of_each_side(height, width, margin):
    sides = (margin + height + 3, width)
    rows, cols = sample_of((slice(margin, margin + height), slice(0, width)))

    pixels = np.arange(sides[0])[rows], np.arange(sides[1])[cols]

    for chosen, first, last in zip(pixels, (margin, 0), (margin + height - 1, width - 1), strict=True):
        assert chosen.size > 0
        assert chosen[0] - first == last - chosen[-1]
