"""Gaussians of any width against SciPy's, and local means on blocks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from superdsm_nb.automatic.smoothing import WIDE, Grid, blurred, laplacian

from support import naive

sides = st.integers(1, 40)


def noise(height, width, seed=0):
    return np.random.default_rng(seed).random((height, width))


@naive.settings_for(100)
@given(height=sides, width=sides, sigma=st.floats(0.2, WIDE), seed=st.integers(0, 2**32 - 1))
def test_narrow_gaussians_are_those_of_scipy(height, width, sigma, seed):
    image = noise(height, width, seed)
    np.testing.assert_allclose(blurred(image, sigma), ndimage.gaussian_filter(image, sigma), atol=1e-12)


@pytest.mark.parametrize("sigma", [6.5, 9.0, 24.0, 60.0])
@pytest.mark.parametrize("shape", [(300, 333), (97, 512)])
def test_wide_gaussians_are_almost_those_of_scipy(sigma, shape):
    image = blurred(noise(*shape), 2.0)  # as nuclei, not as single pixels

    result = blurred(image, sigma)

    expected = ndimage.gaussian_filter(image, sigma)
    assert np.abs(result - expected).max() < 0.05 * np.ptp(expected) + 1e-6


@naive.settings_for(40)
@given(height=sides, width=sides, sigma=st.floats(0.3, 60), value=st.floats(-5, 5))
def test_a_constant_stays_what_it_is(height, width, sigma, value):
    np.testing.assert_allclose(blurred(np.full((height, width), value), sigma), value, atol=1e-12)


@naive.settings_for(40)
@given(height=sides, width=sides, sigma=st.floats(0.3, 30))
def test_a_flipped_image_gives_the_flipped_result(height, width, sigma):
    image = noise(height, width)
    np.testing.assert_allclose(
        blurred(image[::-1, ::-1], sigma)[::-1, ::-1], blurred(image, sigma), atol=1e-12
    )


def test_without_a_width_nothing_is_filtered():
    image = noise(5, 6)
    assert blurred(image, 0.0) is image


@pytest.mark.parametrize("sigma", [2.5, 4.0])
def test_the_laplacian_is_almost_that_of_scipy(sigma):
    image = noise(60, 70)

    result = laplacian(image, sigma)

    expected = ndimage.gaussian_laplace(image, sigma)
    assert np.abs(result - expected).max() < 0.08 * np.abs(expected).max()
    assert np.corrcoef(result.ravel(), expected.ravel())[0, 1] > 0.999


@naive.settings_for(40)
@given(height=sides, width=sides, sigma=st.floats(0.5, 20))
def test_values_of_blocks_are_interpolated_alike_at_all_and_at_some_pixels(height, width, sigma):
    grid = Grid((height, width), sigma)
    blocks = np.random.default_rng(0).random(grid.shape)
    rows, cols = slice(height // 3, height, 2), slice(0, width, 3)

    everywhere = grid.at(blocks, slice(0, height), slice(0, width))

    np.testing.assert_allclose(grid.at(blocks, rows, cols), everywhere[rows, cols])
    assert blocks.min() - 1e-12 <= everywhere.min() <= everywhere.max() <= blocks.max() + 1e-12
