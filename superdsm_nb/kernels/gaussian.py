"""The deformation matrix G: which columns it has, and its blocks.

A region is stored in square tiles of pixels. Within a tile only the columns whose Gaussian window reaches
it are kept, so that every product with G costs what its non-zeros cost; the pixels of a tile are
contiguous, so that the loops over them vectorise. The six polynomial columns of the shape model are kept
in front of those of G in the same blocks: A = [F | G].
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._jit import jit

POLYNOMIAL = 6


class Blocks(NamedTuple):
    """The design matrix A = [F | G] (N x (6 + M)) by tiles; T tiles, pixels in the order of the tiles."""

    pixel_start: NDArray[np.int64]  # (T + 1,) first pixel of each tile
    column_start: NDArray[np.int64]  # (T + 1,) first entry of each tile in `columns`
    columns: NDArray[np.int64]  # column of A for each row of a tile's block
    value_start: NDArray[np.int64]  # (T + 1,) first entry of each tile in `values`
    values: NDArray[np.float64]  # blocks one after the other, each (active columns, pixels) in C order
    size: int  # 6 + M


@jit
def compact_grid(rows, cols):
    """Drop every row and column without a pixel; gaps inside a region close up.

    Parameters
    ----------
    rows, cols : (N,) int64
        Pixel coordinates.

    Returns
    -------
    compact_rows, compact_cols : (N,) int64
        Coordinates in the grid of the used rows and columns.
    height, width : int
        Number of used rows and columns.
    """
    compact = np.empty((2, rows.size), np.int64)
    sizes = np.empty(2, np.int64)
    for axis in range(2):
        values = rows if axis == 0 else cols
        low = values.min()
        used = np.zeros(values.max() - low + 1, np.int64)
        for i in range(values.size):
            used[values[i] - low] = 1
        rank = np.cumsum(used)
        for i in range(values.size):
            compact[axis, i] = rank[values[i] - low] - 1
        sizes[axis] = rank[-1]
    return compact[0], compact[1], sizes[0], sizes[1]


@jit
def column_points(rows, cols, subsample):
    """Pixels at which the deformation basis is centred (the columns of G).

    Parameters
    ----------
    rows, cols : (N,) int64
        Pixel coordinates in the compacted grid, in row-major order.
    subsample : int
        Grid spacing s.

    Returns
    -------
    (M,) int64
        Indices of the chosen pixels, ascending: those on the grid of every s-th row and column, then as
        many more as it takes until no pixel is s or more (chessboard distance) from the nearest of them;
        always the nearest pixel out of reach, the first of equally near ones.
    """
    size = rows.size
    chosen = np.zeros(size, np.bool_)
    distance = np.full(size, np.iinfo(np.int64).max, np.int64)
    for i in range(size):
        if rows[i] % subsample == 0 and cols[i] % subsample == 0:
            chosen[i] = True
            for k in range(size):
                distance[k] = min(distance[k], max(abs(rows[k] - rows[i]), abs(cols[k] - cols[i])))
    while True:
        nearest = -1
        for k in range(size):
            if distance[k] >= subsample and (nearest < 0 or distance[k] < distance[nearest]):
                nearest = k
        if nearest < 0:
            return np.flatnonzero(chosen)
        chosen[nearest] = True
        for k in range(size):
            distance[k] = min(distance[k], max(abs(rows[k] - rows[nearest]), abs(cols[k] - cols[nearest])))


@jit
def tile_order(rows, cols, width, tile):
    """Order of the pixels by square tiles, row-major within each.

    Parameters
    ----------
    rows, cols : (N,) int64
        Pixel coordinates in the compacted grid, in row-major order.
    width : int
        Columns of that grid.
    tile : int
        Side of a tile.

    Returns
    -------
    order : (N,) int64
        The pixel to be stored at each position.
    pixel_start : (T + 1,) int64
        Where each non-empty tile begins in `order`.
    """
    across = (width + tile - 1) // tile
    number = (rows // tile) * across + cols // tile
    count = np.bincount(number)
    position = np.zeros(count.size + 1, np.int64)
    position[1:] = np.cumsum(count)
    pixel_start = np.zeros(np.count_nonzero(count) + 1, np.int64)
    pixel_start[1:] = position[1:][count > 0]
    order = np.empty(rows.size, np.int64)
    for i in range(rows.size):
        order[position[number[i]]] = i
        position[number[i]] += 1
    return order, pixel_start


@jit
def build_blocks(rows, cols, x1, x2, point_rows, point_cols, kernel, side, tile, pixel_start):
    """Assemble A = [F | G] by tiles.

    Row i of F is (x1^2, x2^2, 2 x1 x2, 2 x1, 2 x2, 1). G[i, j] = kernel(pixel i - point j), 0 outside the
    window, each row divided by its sum in single precision (a row without any column in reach stays 0).

    Parameters
    ----------
    rows, cols : (N,) int64
        Pixel coordinates in the compacted grid, in the order of the tiles.
    x1, x2 : (N,) float64
        The same pixels' coordinates in the frame of the polynomial.
    point_rows, point_cols : (M,) int64
        Column points in the compacted grid.
    kernel : (n + 2 tile, n + 2 tile) float32
        Gaussian window, its centre at n // 2 + tile, in a frame of `tile` zeros: what a tile in reach of a
        column can ask for lies inside, so that the innermost loop needs no test.
    side, tile : int
        n, and the side of a tile.
    pixel_start : (T + 1,) int64
        Where each tile begins.

    Returns
    -------
    Blocks
    """
    tiles = pixel_start.size - 1
    half = side // 2
    stride = side + 2 * tile
    window = kernel.ravel()
    active = np.empty((tiles, point_rows.size), np.bool_)
    column_start = np.zeros(tiles + 1, np.int64)
    value_start = np.zeros(tiles + 1, np.int64)
    for t in range(tiles):
        begin, end = pixel_start[t], pixel_start[t + 1]
        top, bottom = rows[begin:end].min(), rows[begin:end].max()
        left, right = cols[begin:end].min(), cols[begin:end].max()
        count = POLYNOMIAL
        for j in range(point_rows.size):
            active[t, j] = (
                bottom - point_rows[j] >= -half
                and top - point_rows[j] < side - half
                and right - point_cols[j] >= -half
                and left - point_cols[j] < side - half
            )
            count += active[t, j]
        column_start[t + 1] = column_start[t] + count
        value_start[t + 1] = value_start[t] + count * (end - begin)
    columns = np.empty(column_start[-1], np.int64)
    values = np.empty(value_start[-1], np.float64)
    for t in range(tiles):
        begin, end = pixel_start[t], pixel_start[t + 1]
        number = columns[column_start[t] : column_start[t + 1]]
        number[:POLYNOMIAL] = np.arange(POLYNOMIAL)
        number[POLYNOMIAL:] = np.flatnonzero(active[t]) + POLYNOMIAL
        block = values[value_start[t] : value_start[t + 1]].reshape(number.size, end - begin)
        for p in range(end - begin):
            u, v = x1[begin + p], x2[begin + p]
            block[0, p] = u * u
            block[1, p] = v * v
            block[2, p] = 2 * u * v
            block[3, p] = 2 * u
            block[4, p] = 2 * v
            block[5, p] = 1.0
        total = np.zeros(end - begin, np.float32)
        position = (rows[begin:end] + half + tile) * stride + cols[begin:end] + half + tile
        for c in range(POLYNOMIAL, number.size):
            j = number[c] - POLYNOMIAL
            offset = point_rows[j] * stride + point_cols[j]
            for p in range(end - begin):
                weight = window[position[p] - offset]
                block[c, p] = weight
                total[p] += weight
        for p in range(end - begin):
            if total[p] == 0:
                total[p] = 1
        for c in range(POLYNOMIAL, number.size):
            for p in range(end - begin):
                block[c, p] = np.float32(block[c, p]) / total[p]
    return Blocks(pixel_start, column_start, columns, value_start, values, POLYNOMIAL + point_rows.size)
