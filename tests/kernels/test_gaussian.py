"""The deformation basis against the word of the specification, on ragged, torn and collapsed regions."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from superdsm_nb.kernels import gaussian

from support import naive

subsamples = st.integers(1, 6)
tiles = st.sampled_from([1, 3, 4, 16])


@st.composite
def masks(draw, longest=15):
    """Draw a mask with at least one pixel: full or sparse, with holes, empty rows and empty columns."""
    shape = draw(st.integers(1, longest)), draw(st.integers(1, longest))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    mask = rng.random(shape) < draw(st.sampled_from([0.03, 0.3, 0.7, 0.95, 1.0]))
    for axis in range(2):
        if draw(st.booleans()):
            emptied = rng.random(shape[axis]) < 0.3
            mask[emptied if axis == 0 else (slice(None), emptied)] = False
    mask[rng.integers(shape[0]), rng.integers(shape[1])] = True
    return mask


def window_of(kernel, tile):
    """Frame the kernel as `build_blocks` wants it."""
    window = np.pad(kernel, tile)
    window.setflags(write=False)
    return window


def build(mask, kernel, subsample, tile):
    """Assemble the blocks of a mask; return them, the order of their pixels and the coordinates x1, x2."""
    rows, cols = naive.pixels_of(mask)
    x1, x2 = (rows - rows.mean()) / 7, (cols - cols.mean()) / 5
    compact_rows, compact_cols, _, _ = gaussian.compact_grid(rows, cols)
    points = gaussian.column_points(compact_rows, compact_cols, subsample)
    order, start = gaussian.tile_order(compact_rows, compact_cols, tile)
    blocks = gaussian.build_blocks(
        *(compact_rows, compact_cols, order, start, x1, x2, points),
        *(window_of(kernel, tile), len(kernel), tile),
    )
    return blocks, order, x1, x2


@naive.settings_for(100)
@given(mask=masks())
def test_the_compact_grid_counts_only_used_rows_and_columns(mask):
    rows, cols = naive.pixels_of(mask)
    compact_rows, compact_cols, height, width = gaussian.compact_grid(rows, cols)
    expected_rows, expected_cols, expected_height, expected_width = naive.compact_grid(rows, cols)
    np.testing.assert_array_equal(compact_rows, expected_rows)
    np.testing.assert_array_equal(compact_cols, expected_cols)
    assert (height, width) == (expected_height, expected_width)


def test_a_gap_inside_a_region_closes_up():
    rows, cols = np.array([2, 2, 9]), np.array([5, 8, 5])
    compact_rows, compact_cols, height, width = gaussian.compact_grid(rows, cols)
    assert compact_rows.tolist() == [0, 0, 1]
    assert compact_cols.tolist() == [0, 1, 0]
    assert (height, width) == (2, 2)


@naive.settings_for(200)
@given(mask=masks(), subsample=subsamples)
@example(mask=np.array([[False, True], [True, True]]), subsample=2)
def test_column_points_are_those_of_the_specification(mask, subsample):
    compact = naive.compact_mask(mask)
    points = gaussian.column_points(*naive.pixels_of(compact), subsample)
    np.testing.assert_array_equal(points, np.flatnonzero(naive.column_points(compact, subsample)[compact]))


@naive.settings_for(100)
@given(mask=masks(), subsample=subsamples)
def test_every_pixel_is_less_than_the_spacing_away_from_a_column_point(mask, subsample):
    rows, cols = naive.pixels_of(naive.compact_mask(mask))
    points = gaussian.column_points(rows, cols, subsample)
    to_rows = np.abs(rows[:, np.newaxis] - rows[points])
    to_cols = np.abs(cols[:, np.newaxis] - cols[points])
    assert np.maximum(to_rows, to_cols).min(axis=1).max() < subsample


def test_without_a_pixel_on_the_grid_the_first_pixel_is_the_first_column_point():
    rows, cols = naive.pixels_of(np.array([[False, True, True], [True, True, True], [True, True, False]]))
    assert gaussian.column_points(rows, cols, 3).tolist() == [0]


@naive.settings_for(100)
@given(mask=masks(), tile=tiles)
def test_the_tile_order_names_every_pixel_once(mask, tile):
    rows, cols = naive.pixels_of(mask)
    order, start = gaussian.tile_order(rows, cols, tile)
    np.testing.assert_array_equal(np.sort(order), np.arange(rows.size))
    assert (start[0], start[-1]) == (0, rows.size)


@naive.settings_for(100)
@given(mask=masks(), tile=tiles)
def test_each_tile_holds_the_pixels_of_one_square_in_row_major_order(mask, tile):
    rows, cols = naive.pixels_of(mask)
    order, start = gaussian.tile_order(rows, cols, tile)
    squares = []
    for begin, end in itertools.pairwise(start):
        pixels = order[begin:end]
        squares += {(r // tile, c // tile) for r, c in zip(rows[pixels], cols[pixels], strict=True)}
        assert (np.diff(pixels) > 0).all()
    assert len(squares) == len(set(squares)) == start.size - 1


@naive.settings_for(100)
@given(
    mask=masks(),
    subsample=subsamples,
    tile=tiles,
    smooth_amount=st.sampled_from([1, 1.3, 2, 3]),
    multiplier=st.sampled_from([0.5, 1, 2]),
)
def test_the_blocks_hold_the_polynomial_and_the_gaussian_columns(
    mask, subsample, tile, smooth_amount, multiplier
):
    kernel = naive.gaussian_kernel(smooth_amount, multiplier)
    blocks, order, x1, x2 = build(mask, kernel, subsample, tile)
    F = naive.polynomial_matrix(x1, x2)
    G = naive.deformation_matrix(mask, smooth_amount, subsample, multiplier, always=True)
    expected = np.hstack([F, G])[order]
    assert blocks.size == expected.shape[1]
    np.testing.assert_allclose(naive.dense(blocks), expected, rtol=2e-6, atol=1e-12)


@naive.settings_for(60)
@given(mask=masks(), subsample=st.integers(1, 4), tile=tiles)
def test_the_deformations_of_a_pixel_are_weighted_by_shares_that_sum_to_one(mask, subsample, tile):
    blocks, _, _, _ = build(mask, naive.gaussian_kernel(1), subsample, tile)
    G = naive.dense(blocks)[:, gaussian.POLYNOMIAL :]
    assert (G >= 0).all()
    np.testing.assert_allclose(G.sum(axis=1), 1, rtol=0, atol=1e-6)


def test_a_pixel_out_of_reach_of_every_column_has_no_deformation():
    blocks, order, _, _ = build(np.ones((1, 9), bool), naive.gaussian_kernel(1, 0.5), 9, 16)
    G = naive.dense(blocks)[np.argsort(order), gaussian.POLYNOMIAL :]
    assert G.ravel().tolist() == pytest.approx([1, 1] + 7 * [0])


@naive.settings_for(40)
@given(mask=masks(longest=20))
def test_only_columns_whose_window_reaches_a_tile_are_stored(mask):
    blocks, _, _, _ = build(mask, naive.gaussian_kernel(1, 0.5), 2, 4)
    A = naive.dense(blocks)
    for t in range(blocks.pixel_start.size - 1):
        stored = blocks.columns[blocks.column_start[t] : blocks.column_start[t + 1]]
        used = A[blocks.pixel_start[t] : blocks.pixel_start[t + 1], gaussian.POLYNOMIAL :].any(axis=0)
        assert set(np.flatnonzero(used) + gaussian.POLYNOMIAL) <= set(stored.tolist())
        assert len(stored) == len(set(stored.tolist()))


@naive.settings_for(100)
@given(mask=masks(), step=st.integers(1, 5))
def test_thinning_keeps_every_so_manieth_row_and_column(mask, step):
    rows, cols = naive.pixels_of(mask)
    kept = gaussian.thin(rows, cols, step)
    assert kept.tolist() == np.flatnonzero((rows % step == 0) & (cols % step == 0)).tolist()


@naive.settings_for(60)
@given(mask=masks())
def test_the_enclosing_frame_is_centred_and_as_large_as_the_longer_side(mask):
    rows, cols = naive.pixels_of(mask)
    longer = max(np.ptp(rows), np.ptp(cols), 1)
    assert gaussian.enclosing_frame(rows, cols) == pytest.approx((rows.mean(), cols.mean(), longer / 2))
