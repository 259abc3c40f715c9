"""Means over blocks, interpolation between them, and separable filters."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from superdsm_nb.kernels.smoothing import (
    axis,
    block_means,
    block_of,
    bright_blocks,
    interpolated,
    mirrored,
    place_of,
    relative,
)

from support import naive

sides = st.integers(1, 25)
seeds = st.integers(0, 2**32 - 1)


@st.composite
def divided(draw):
    """An image and numbers of blocks along its sides."""
    height, width = draw(sides), draw(sides)
    rng = np.random.default_rng(draw(seeds))
    return rng.random((height, width)), draw(st.integers(1, height)), draw(st.integers(1, width))


def shares(size, count):
    """Share of each of `size` pixels in each of `count` blocks, (count, size)."""
    pixels = np.arange(size)
    low, high = np.arange(count)[:, None] * size / count, (np.arange(count)[:, None] + 1) * size / count
    return np.clip(np.minimum(pixels + 1, high) - np.maximum(pixels, low), 0, None)


def places(image, rows, cols):
    """Where the pixels of an image lie among blocks, and how many blocks there are per pixel."""
    height, width = image.shape
    return axis(height, rows), axis(width, cols), (rows / height) * (cols / width)


def means(image, rows, cols):
    along_rows, along_cols, scale = places(image, rows, cols)
    return block_means(image, along_rows, along_cols, (rows, cols), scale)


@naive.settings_for(100)
@given(size=sides, data=st.data())
def test_every_pixel_is_divided_among_its_blocks(size, data):
    count = data.draw(st.integers(1, size))

    block, share = block_of(size, count)

    found = np.zeros((count + 1, size))
    found[block, np.arange(size)] = share
    found[block + 1, np.arange(size)] += 1 - share
    np.testing.assert_allclose(found[:count], shares(size, count), atol=1e-9)


@naive.settings_for(100)
@given(divided())
def test_blocks_have_the_mean_of_their_pixels(case):
    image, rows, cols = case
    down, along = shares(image.shape[0], rows), shares(image.shape[1], cols)
    expected = (down @ image @ along.T) / (down.sum(axis=1)[:, None] * along.sum(axis=1))
    np.testing.assert_allclose(means(image, rows, cols), expected, atol=1e-9)


@naive.settings_for(100)
@given(divided(), st.floats(-0.5, 0.5), st.floats(0.5, 1.5), seeds)
def test_what_is_brighter_than_the_thresholds_is_averaged(case, lowest, highest, seed):
    image, rows, cols = case
    thresholds = np.random.default_rng(seed).random((rows, cols))

    where = places(image, rows, cols)
    brightness, share, total, count = bright_blocks(image, lowest, highest, thresholds, *where)

    clipped = np.clip(image, lowest, highest)
    is_bright = clipped > interpolated(thresholds, *where[:2])
    np.testing.assert_allclose(brightness, means(np.where(is_bright, clipped, 0.0), rows, cols), atol=1e-9)
    np.testing.assert_allclose(share, means(is_bright.astype(float), rows, cols), atol=1e-9)
    np.testing.assert_allclose(total, np.where(is_bright, clipped, 0).sum(), atol=1e-9)
    assert count == is_bright.sum()


@naive.settings_for(100)
@given(divided(), seeds)
def test_images_are_compared_with_interpolated_thresholds(case, seed):
    image, rows, cols = case
    rng = np.random.default_rng(seed)
    thresholds, units = rng.random((rows, cols)), rng.random((rows, cols)) + 0.5

    def pixels(blocks):
        for side, size in enumerate(image.shape):
            count = blocks.shape[side]
            position = np.clip((np.arange(size) + 0.5) * count / size - 0.5, 0, count - 1)
            blocks = np.apply_along_axis(
                lambda line, at=position, n=count: np.interp(at, np.arange(n), line), side, blocks
            )
        return blocks

    expected = (image - pixels(thresholds)) / pixels(units)
    np.testing.assert_allclose(
        relative(image, thresholds, units, *places(image, *units.shape)[:2]), expected, atol=1e-9
    )
    np.testing.assert_allclose(
        interpolated(units, *places(image, *units.shape)[:2]), pixels(units), atol=1e-9
    )


def test_a_single_block_has_no_neighbour():
    below, weight = place_of(4, 1)
    assert below.tolist() == [0] * 4
    assert weight.tolist() == [0] * 4


def test_beyond_its_borders_an_image_is_its_mirror_image():
    expected = np.pad(np.arange(4), 9, mode="symmetric")
    assert [mirrored(index, 4) for index in range(-9, 13)] == expected.tolist()
