"""Frames, hot and dead pixels, and noise."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from superdsm_nb import synthetic
from superdsm_nb.automatic.defects import content_box, noise, without_defects

from support import naive

SIDES = ("top", "bottom", "left", "right")
FRAMES = [sides for size in range(1, 5) for sides in itertools.combinations(SIDES, size)]

seeds = st.integers(0, 2**32 - 1)


def textured(seed=0, shape=(60, 70)):
    return np.random.default_rng(seed).normal(0.4, 0.02, shape)


def noise_free_disk(size=81, radius=20):
    rows, cols = np.indices((size, size)) - size // 2
    return np.clip(radius + 0.5 - np.hypot(rows, cols), 0, 1)


@pytest.mark.parametrize("sides", FRAMES, ids="-".join)
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_frame_is_cut_on_the_sides_where_it_is(sides, value):
    widths = {"top": 3, "bottom": 9, "left": 1, "right": 6}
    top, bottom, left, right = (widths[side] if side in sides else 0 for side in SIDES)
    image = np.pad(textured(), ((top, bottom), (left, right)), constant_values=value)

    box = content_box(image)

    assert box == (slice(top, top + 60), slice(left, left + 70))


def test_frames_of_different_values_are_cut_one_after_the_other():
    image = np.pad(np.pad(textured(), 2, constant_values=0.0), ((0, 0), (4, 0)), constant_values=1.0)
    assert content_box(image) == (slice(2, 62), slice(6, 76))


def test_an_image_without_a_frame_is_whole():
    assert content_box(textured()) == (slice(0, 60), slice(0, 70))


def test_the_black_background_of_a_clean_disk_is_no_frame():
    image = noise_free_disk()
    assert content_box(image) == (slice(0, 81), slice(0, 81))


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (20, 30)])
def test_a_constant_image_is_whole(shape):
    image = np.full(shape, 0.5)

    assert content_box(image) == tuple(slice(0, size) for size in shape)
    assert without_defects(image) is image


@naive.settings_for(100)
@given(seed=seeds, value=st.sampled_from([-1.0, 0.0, 1.0, 50.0]), count=st.integers(1, 4))
def test_hot_and_dead_pixels_get_the_middle_of_the_range_of_their_neighbours(seed, value, count):
    rng = np.random.default_rng(seed)
    image = textured(seed)
    places = np.stack(np.unravel_index(rng.choice(20 * 23, count, replace=False), (20, 23)), axis=1) * 3
    damaged = image.copy()
    damaged[tuple(places.T)] = value

    result = without_defects(damaged)

    for row, col in places:
        around = np.pad(image, 1, mode="reflect")[row : row + 3, col : col + 3].ravel()
        others = np.delete(around, 4)
        assert result[row, col] == pytest.approx((others.max() + others.min()) / 2)
    result[tuple(places.T)] = value
    np.testing.assert_array_equal(result, damaged)


def test_the_image_that_is_given_is_not_changed():
    image = textured()
    image[5, 5] = 9
    copy = image.copy()

    without_defects(image)

    np.testing.assert_array_equal(image, copy)


def test_many_single_pixels_are_the_image_and_not_defects():
    image = np.zeros((60, 60))
    image[::3, ::3] = 1
    assert without_defects(image) is image


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "changes", [{}, {"radius": 6.0, "blur": 0.7}, {"texture": 0.5, "nucleoli": 3.0}, {"brightness": 200.0}]
)
def test_textured_nuclei_have_no_defects(seed, changes):
    image = synthetic.generate(seed, (256, 256), 15, **changes).image.astype(np.float64)

    result = without_defects(image)

    assert np.mean(result == image) >= 0.9999


def test_spots_of_more_than_one_pixel_are_not_defects():
    image = textured()
    image[20, 20:22] = 5
    assert without_defects(image) is image


@pytest.mark.parametrize("std", [0.001, 0.05, 7.0])
def test_the_noise_is_the_standard_deviation_of_pixels_whatever_lies_below(std):
    smooth = 100 * noise_free_disk(301, 60) + np.linspace(0, 50, 301)
    image = smooth + np.random.default_rng(0).normal(0, std, smooth.shape)
    assert noise(image) == pytest.approx(std, rel=0.05)


@pytest.mark.parametrize("turned", [np.flipud, np.fliplr, np.transpose])
def test_the_noise_is_that_of_the_flipped_image(turned):
    image = np.random.default_rng(0).normal(size=(301, 424))
    assert noise(turned(image)) == pytest.approx(noise(image), rel=1e-12)


@pytest.mark.parametrize("image", [np.zeros((2, 9)), np.ones((9, 9)), np.indices((9, 9))[0] * 1.0])
def test_where_there_is_no_noise_it_is_tiny_but_not_zero(image):
    assert 0 < noise(image) < 1e-9


def test_a_gradient_is_not_a_stack_of_frames():
    gradient = np.add.outer(np.arange(64.0), np.zeros(64))
    for image in (gradient, gradient.T):
        assert content_box(image) == (slice(0, 64), slice(0, 64))


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.2])
@pytest.mark.parametrize("turned", [lambda image: image, np.flipud, np.fliplr, np.transpose])
def test_the_noise_of_single_photons_is_that_of_their_number(rate, turned):
    rows, cols = np.indices((230, 250)) % 64 - 32
    image = np.random.default_rng(0).poisson(rate, rows.shape) + 50.0 * (np.hypot(rows, cols) < 10)
    assert noise(turned(image)) == pytest.approx(np.sqrt(rate), rel=0.4)
    assert noise(turned(image)) == pytest.approx(noise(image), rel=1e-12)


@pytest.mark.parametrize("spreads", [0.0, 1.0, 2.0])
def test_the_noise_of_a_clipped_background_is_what_is_left_of_it(spreads):
    image = np.clip(np.random.default_rng(0).normal(-spreads, 1, (230, 250)), 0, None)
    assert noise(image) == pytest.approx(image.std(), rel=0.15)
