"""Filters against SciPy and NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage.feature import hessian_matrix_det, peak_local_max

from superdsm_nb import filters, parallel
from superdsm_nb.filters import (
    LowFrequencies,
    distance,
    gaussian,
    squared_distance,
    standard_deviation,
    wide_gaussian,
)
from superdsm_nb.kernels.blobs import hessian_determinant, local_maxima


@given(st.integers(1, 40), st.integers(1, 40), st.floats(0.6, 30), st.integers(0, 99))
@settings(deadline=None, max_examples=60)
def test_filters_in_the_cosine_transform_equal_those_of_scipy(height, width, sigma, seed):
    image = np.random.default_rng(seed).random((height, width))

    np.testing.assert_allclose(wide_gaussian(image, sigma), ndimage.gaussian_filter(image, sigma), atol=1e-12)


@given(st.integers(1, 60), st.integers(1, 60), st.floats(3, 30), st.floats(1, 3), st.integers(0, 99))
@settings(deadline=None, max_examples=60)
def test_laplacians_of_low_frequencies_are_those_of_scipy_but_for_what_its_truncation_leaks(
    height, width, narrowest, factor, seed
):
    image = np.random.default_rng(seed).random((height, width))
    sigma = narrowest * factor

    laplacian = LowFrequencies(image, narrowest).gaussian_laplace(sigma).rows(0, height)

    expected = ndimage.gaussian_laplace(image, sigma)
    np.testing.assert_allclose(laplacian, expected, atol=3e-4 / sigma**2)


@given(st.integers(0, 99), st.integers(1, 70), st.integers(1, 70), st.floats(0.7, 40))
@settings(deadline=None, max_examples=100)
def test_the_determinant_of_the_hessian_is_that_of_scikit_image(seed, height, width, sigma):
    image = np.random.default_rng(seed).random((height, width))

    determinant = hessian_determinant(image.cumsum(axis=0).cumsum(axis=1), sigma, 0, height)

    np.testing.assert_allclose(determinant, hessian_matrix_det(image, sigma), atol=1e-11)


@given(st.integers(0, 99), st.integers(1, 4), st.integers(1, 9), st.integers(1, 9))
@settings(deadline=None, max_examples=100)
def test_maxima_over_position_and_scale_are_those_of_scikit_image(seed, scales, height, width):
    stack = np.random.default_rng(seed).integers(0, 5, (scales, height, width)).astype(float)
    if stack.min() == stack.max():
        return  # a constant image has no maxima for scikit-image

    peaks = local_maxima(stack, 1.5)

    expected = peak_local_max(
        np.moveaxis(stack, 0, -1), threshold_abs=1.5, footprint=np.ones((3, 3, 3)), exclude_border=False
    )
    assert np.array_equal(peaks, np.array(sorted(expected.tolist())).reshape(-1, 3))


@pytest.mark.parametrize("sigma", [1.4, 40.0])
@pytest.mark.parametrize("highest", [0.3, 2.0])
def test_the_gaussian_takes_intensities_up_to_a_limit(sigma, highest):
    image = np.random.default_rng(0).random((60, 70))
    expected = ndimage.gaussian_filter(np.minimum(image, highest), sigma)

    np.testing.assert_allclose(gaussian(image, sigma, highest), expected, atol=1e-12)


@given(st.integers(1, 40), st.integers(1, 40), st.floats(1e-3, 1e3), st.integers(0, 99))
@settings(deadline=None, max_examples=60)
def test_the_standard_deviation_is_numpys_and_has_no_seams(height, width, spread, seed):
    image = 5 + spread * np.random.default_rng(seed).random((height, width))
    whole = standard_deviation(image)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parallel, "STRIP", 20)
        assert standard_deviation(image) == whole

    assert whole == pytest.approx(image.std(), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("sigma", [1.4, 40.0])
def test_the_gaussian_is_scipys_whatever_way_it_is_computed(sigma):
    image = np.random.default_rng(0).random((60, 70))

    np.testing.assert_allclose(gaussian(image, sigma), ndimage.gaussian_filter(image, sigma), atol=1e-12)


@given(st.integers(1, 60), st.integers(1, 60), st.floats(0.4, 7.9), st.integers(0, 99))
@settings(deadline=None, max_examples=60)
def test_filters_and_distances_have_no_seams(height, width, sigma, seed):
    rng = np.random.default_rng(seed)
    image = rng.random((height, width))
    objects = rng.random((height, width)) < rng.choice([0.02, 0.3])
    objects[rng.integers(height), rng.integers(width)] = True
    expected = ndimage.distance_transform_edt(~objects)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parallel, "STRIP", 20)
        patch.setattr(filters, "OVERLAP", 0)
        filtered, away, squared = gaussian(image, sigma), distance(objects), squared_distance(objects)

    np.testing.assert_allclose(filtered, ndimage.gaussian_filter(image, sigma), atol=1e-12)
    np.testing.assert_allclose(away, expected, atol=1e-12)
    np.testing.assert_array_equal(squared, np.round(expected**2))


@pytest.mark.parametrize("sigma", [1e4, 1e5])
def test_filters_much_wider_than_the_image_give_its_mean(sigma):
    image = np.random.default_rng(0).random((30, 40))

    np.testing.assert_allclose(wide_gaussian(image, sigma), image.mean(), rtol=1e-3)
