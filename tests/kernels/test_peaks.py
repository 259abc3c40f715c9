"""Division of a foreground among peaks, against its definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from superdsm_nb.automatic.division import BRIGHTNESS, DARK, DIMMEST
from superdsm_nb.kernels.peaks import blob_brightness, peaks

from support import naive

EVERYWHERE = np.ones((3, 3))  # 8-neighbours

seeds = st.integers(0, 2**32 - 1)
sides = st.integers(1, 9)


def without_corners(mask):
    """Fill pixels until none touches another one at a corner only."""
    result = mask.copy()
    while True:
        a, b, c, d = result[:-1, :-1], result[:-1, 1:], result[1:, :-1], result[1:, 1:]
        falling, rising = a & d & ~b & ~c, b & c & ~a & ~d
        if not (falling | rising).any():
            return result
        b |= falling
        a |= rising


def deep_peaks(relief, foreground, depth):
    """Number of peaks by definition: the higher one of any two is beyond a saddle deeper than `depth`.

    Levels are visited from above; at each, the components above it are compared with their peaks.
    """
    count = 0
    for label in range(1, ndimage.label(foreground)[1] + 1):
        part = ndimage.label(foreground)[0] == label
        tops = {}  # pixel of a peak that still counts -> its height
        final = 0
        for level in np.unique(relief[part])[::-1]:
            above, number = ndimage.label(part & (relief >= level), EVERYWHERE)
            merged = {}
            for pixel, height in tops.items():
                merged.setdefault(above[pixel], []).append((height, pixel))
            tops = {}
            for index in range(1, number + 1):
                members = sorted(merged.get(index, []), reverse=True)
                if not members:
                    pixel = tuple(np.argwhere(above == index)[0])
                    members = [(level, pixel)]
                tops[members[0][1]] = members[0][0]
                final += sum(height - level > depth for height, _ in members[1:])
        count += final + 1
    return count


@naive.settings_for(100)
@given(
    seed=seeds,
    share=st.floats(0.3, 1),
    depth=st.floats(0, 1.5),
    height=st.integers(1, 9),
    width=st.integers(1, 9),
)
def test_there_are_as_many_parts_as_deep_peaks(seed, share, depth, height, width):
    rng = np.random.default_rng(seed)
    relief = rng.random((height, width)) * 2
    foreground = without_corners(rng.random((height, width)) < share)

    labels = peaks(relief, foreground, depth, 0.0, 2.0)

    assert labels.max() == deep_peaks(relief, foreground, depth + 1e-4) or labels.max() == deep_peaks(
        relief, foreground, depth
    )
    assert ((labels > 0) == foreground).all()
    first = [int(np.flatnonzero(labels == label)[0]) for label in range(1, labels.max() + 1)]
    assert first == sorted(first)


def test_nothing_is_divided_without_a_foreground():
    assert not peaks(np.ones((3, 4)), np.zeros((3, 4), bool), 0.1, 0.0, 1.0).any()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 5e-324])
def test_no_height_is_beyond_the_levels(value):
    relief = np.array([[0.0, value, 0.0, 1.0], [0.0, 0.0, value, 0.0]])
    assert (peaks(relief, np.ones(relief.shape, bool), 0.1, 0.0, 1.0) > 0).all()


@naive.settings_for(30)
@given(seed=seeds, weight=st.floats(0, 2), log_weight=st.floats(0, 2))
def test_blobs_are_bright_in_a_clipped_sum(seed, weight, log_weight):
    y = np.random.default_rng(seed).normal(size=(6, 7))
    expected = weight * np.clip(y, *BRIGHTNESS) + log_weight * np.log(np.maximum(y + DARK, DIMMEST))
    np.testing.assert_allclose(blob_brightness(y, weight, *BRIGHTNESS, log_weight, DARK, DIMMEST), expected)
