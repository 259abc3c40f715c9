"""The foreground: what it does not depend on, and what it finds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from superdsm_nb.automatic.defects import noise as noise_of
from superdsm_nb.automatic.distribution import otsu, sorted_sample
from superdsm_nb.automatic.smoothing import blurred
from superdsm_nb.automatic.threshold import highest_of_nuclei, local_foreground, smoothed_noise

from support import naive

SETTINGS = {
    "smoothing": 1.0,
    "reach": 12.0,
    "height": 0.4,
    "min_contrast": 0.1,
    "least_height": 0.0,
}

seeds = st.integers(0, 2**32 - 1)


def foreground_of(image, **changes):
    return local_foreground(image, **{**SETTINGS, **changes})


def disks(seed=0, noise=0.02, shape=(80, 90)):
    """Bright disks on a darker background, with noise; and which pixels are bright."""
    rng = np.random.default_rng(seed)
    rows, cols = np.indices(shape)
    centers = [(20, 20), (22, 62), (58, 30), (56, 70)]
    bright = np.min([np.hypot(rows - row, cols - col) for row, col in centers], axis=0) < 9
    return 0.2 + 0.6 * bright + noise * rng.normal(size=shape), bright


@naive.settings_for(40)
@given(seed=seeds, constant=st.floats(-100, 100))
def test_a_constant_does_not_matter(seed, constant):
    image, _ = disks(seed)

    one, other = foreground_of(image), foreground_of(image + constant)

    np.testing.assert_allclose(other.y(), one.y(), atol=1e-7)
    assert other.levels.dip == pytest.approx(one.levels.dip, abs=1e-9)
    assert other.levels.distinctness == pytest.approx(one.levels.distinctness, rel=1e-6)


@naive.settings_for(40)
@given(seed=seeds, factor=st.floats(1e-4, 1e4))
def test_the_unit_of_the_intensities_does_not_matter(seed, factor):
    image, _ = disks(seed)

    one, other = foreground_of(image), foreground_of(image * factor)

    np.testing.assert_allclose(other.y(), one.y(), atol=1e-7)
    assert other.levels.dip == pytest.approx(factor * one.levels.dip, rel=1e-6)
    assert other.levels.distinctness == pytest.approx(one.levels.distinctness, rel=1e-6)


def test_the_foreground_is_what_is_bright_but_for_the_edges():
    image, bright = disks()

    found = foreground_of(image)
    y, dip, distinctness = found.y(), found.levels.dip, found.levels.distinctness

    assert (y[ndimage.binary_erosion(bright, iterations=2)] > 0).all()
    assert (y[~ndimage.binary_dilation(bright, iterations=2)] < 0).all()
    assert dip * distinctness == pytest.approx(0.6, rel=0.2)


def test_intensities_are_compared_with_those_around():
    image, bright = disks(noise=0.005)
    uneven = image * np.linspace(1, 2, image.shape[1]) + np.linspace(0, 0.4, image.shape[0])[:, np.newaxis]

    y = foreground_of(uneven).y()

    assert (y[ndimage.binary_erosion(bright, iterations=2)] > 0).all()
    assert (y[~ndimage.binary_dilation(bright, iterations=2)] < 0).all()


def test_noise_alone_has_hardly_any_foreground():
    noise = np.random.default_rng(0).normal(size=(200, 200))
    high = 5 * smoothed_noise(1.0, 1.0)
    assert np.mean(foreground_of(noise, least_height=high).y() > 0) < 0.01


@pytest.mark.parametrize("sigma", [0.0, 1.0, 3.0])
def test_the_noise_left_after_smoothing_is_that_of_the_smoothed_image(sigma):
    noise = np.random.default_rng(0).normal(size=(300, 300))
    assert smoothed_noise(noise_of(noise), sigma) == pytest.approx(
        blurred(noise, sigma).std(), rel=0.1 if sigma else 0.02
    )


@pytest.mark.parametrize("sigma", [0.0, 1.0, 3.0])
def test_noise_is_not_distinct_and_nuclei_are(sigma):
    noise = blurred(np.random.default_rng(0).normal(size=(200, 200)), sigma)
    image, _ = disks()

    assert foreground_of(noise).levels.distinctness < 2
    assert foreground_of(image).levels.distinctness > 10


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_a_constant_image_has_no_foreground(value):
    image = np.full((30, 40), value)

    found = foreground_of(image)
    y, dip, distinctness = found.y(), found.levels.dip, found.levels.distinctness

    assert np.isfinite(y).all()
    assert not (y > 0).any()
    assert dip == pytest.approx(0, abs=1e-12)
    assert distinctness == 0


def test_images_of_few_pixels_do_not_fail():
    for shape in ((1, 1), (1, 7), (2, 3)):
        y = foreground_of(np.arange(np.prod(shape)).reshape(shape) / 10).y()
        assert y.shape == shape
        assert np.isfinite(y).all()


def test_a_few_very_bright_pixels_hardly_change_what_is_clipped():
    image, bright = disks()
    glaring = image.copy()
    glaring[40:42, 40:42] = 50

    highest = highest_of_nuclei(sorted_sample(glaring))

    assert highest < 5 * image.max()
    assert np.mean(image[bright] <= highest + 0.02) == 1
    clipped = np.minimum(glaring, highest)
    assert otsu(sorted_sample(clipped)) == pytest.approx(otsu(sorted_sample(image)), abs=0.02)
    assert otsu(sorted_sample(glaring)) > 2 * otsu(sorted_sample(image))


def test_a_few_very_bright_pixels_do_not_move_the_foreground():
    image, bright = disks()
    glaring = image.copy()
    glaring[40:42, 40:42] = 50
    far = np.hypot(*(np.indices(image.shape) - 41)) > 10

    y = foreground_of(glaring).y()

    assert (y[ndimage.binary_erosion(bright, iterations=2) & far] > 0).all()
    assert (y[~ndimage.binary_dilation(bright, iterations=2) & far] < 0).all()


@naive.settings_for(60)
@given(seed=seeds, factor=st.floats(0.1, 10))
def test_what_is_clipped_scales_with_the_unit_and_is_never_above_the_brightest(seed, factor):
    values = np.sort(np.random.default_rng(seed).gamma(1.0, size=900))

    highest = highest_of_nuclei(values)

    assert np.percentile(values, 50) < highest <= values[-1]
    assert highest_of_nuclei(factor * values) == pytest.approx(factor * highest, rel=0.02)


def test_a_constant_image_is_not_clipped():
    assert highest_of_nuclei(np.full(400, 0.4)) == 0.4
