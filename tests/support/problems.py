"""Random regions as the kernels of the energy see them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

from superdsm_nb.kernels import gaussian

from support import naive

seeds = st.integers(0, 2**32 - 1)
alphas = st.floats(1e-3, 10)
epsilons = st.floats(1e-2, 10)


class Problem(NamedTuple):
    """A region as the kernels see it, the same as a dense matrix, and a point in parameter space."""

    blocks: gaussian.Blocks
    A: np.ndarray
    y: np.ndarray
    p: np.ndarray
    rng: np.random.Generator


@st.composite
def problems(draw, longest=12):
    """Draw a region of several tiles with offset intensities of either sign."""
    rng = np.random.default_rng(draw(seeds))
    mask = rng.random((draw(st.integers(1, longest)), draw(st.integers(2, longest)))) < 0.8
    mask[0, :2] = True
    subsample = draw(st.integers(2, 5))
    rows, cols = naive.pixels_of(mask)
    compact_rows, compact_cols, _, _ = gaussian.compact_grid(rows, cols)
    points = gaussian.column_points(compact_rows, compact_cols, subsample)
    if draw(st.booleans()):
        points = points[:0]
    order, start = gaussian.tile_order(compact_rows, compact_cols, 4)
    kernel = np.pad(naive.gaussian_kernel(1), 4)
    kernel.setflags(write=False)
    x1, x2 = (rows - rows.mean()) / 6, (cols - cols.mean()) / 6
    blocks = gaussian.build_blocks(*(compact_rows, compact_cols, order, start, x1, x2, points, kernel, 9, 4))
    y = rng.normal(size=rows.size) * draw(st.sampled_from([0.1, 1.0, 3.0]))
    p = rng.normal(size=blocks.size) * draw(st.sampled_from([0.1, 1.0, 5.0]))
    return Problem(blocks, naive.dense(blocks), y, p, rng)


def assert_close(actual, expected, tolerance=1e-10):
    """Compare relative to the largest entry: sums are rounded relative to their summands."""
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance * max(1, np.abs(expected).max()))
