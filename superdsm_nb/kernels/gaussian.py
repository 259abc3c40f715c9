"""The deformation matrix G: which columns it has, and its blocks.

A region is stored in square tiles of pixels. Within a tile only the columns whose Gaussian window reaches
it are kept, so that products with G take time in proportion to its non-zeros; the pixels of a tile are
contiguous, so that the loops over them vectorise. The six polynomial columns of the shape model are kept
in front of those of G in the same blocks: A = [F | G].
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._jit import jit

POLYNOMIAL = 6

FAR = 2**40  # pixels


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
        Indices of the chosen pixels, ascending: those on the grid of every s-th row and column, and then more
        until no pixel is s or more (chessboard distance) from the nearest of them. The next pixel is always
        the nearest one out of reach, the first of ties.
    """
    size = rows.size
    chosen = np.zeros(size, np.bool_)
    distance = np.full(size, FAR, np.int64)
    on_row, on_col = _multiples(rows.max() + 1, subsample), _multiples(cols.max() + 1, subsample)
    for i in range(size):
        if on_row[rows[i]] and on_col[cols[i]]:
            chosen[i] = True
            _update_distances(distance, rows, cols, rows[i], cols[i])
    while True:
        least = FAR + 1
        for k in range(size):
            candidate = distance[k] if distance[k] >= subsample else FAR + 1
            least = candidate if candidate < least else least
        if least > FAR:
            return np.flatnonzero(chosen)
        nearest = 0
        while distance[nearest] != least:
            nearest += 1
        chosen[nearest] = True
        _update_distances(distance, rows, cols, rows[nearest], cols[nearest])


@jit
def _update_distances(distance, rows, cols, row, col):
    """Update the chessboard distances of pixels for one more point."""
    for k in range(distance.size):
        across, along = rows[k] - row, cols[k] - col
        across = across if across > 0 else -across
        along = along if along > 0 else -along
        longer = across if across > along else along
        distance[k] = longer if longer < distance[k] else distance[k]


@jit
def _multiples(size, step):
    """Table of the integers that are multiples of a step, since division is slow."""
    table = np.zeros(size, np.bool_)
    for i in range(0, size, step):
        table[i] = True
    return table


@jit
def thin(rows, cols, step):
    """Pixels in every `step`-th row and column.

    Parameters
    ----------
    rows, cols : (N,) int64
        Pixel coordinates in the compacted grid.
    step : int
        Spacing.

    Returns
    -------
    (K,) int64
        Indices of the chosen pixels, ascending.
    """
    on_row, on_col = _multiples(rows.max() + 1, step), _multiples(cols.max() + 1, step)
    kept = np.empty(rows.size, np.int64)
    count = 0
    for i in range(rows.size):
        if on_row[rows[i]] and on_col[cols[i]]:
            kept[count] = i
            count += 1
    return kept[:count].copy()


@jit
def tile_order(rows, cols, tile):
    """Order of the pixels by square tiles, row-major within each.

    Parameters
    ----------
    rows, cols : (N,) int64
        Pixel coordinates in the compacted grid, in row-major order.
    tile : int
        Side of a tile.

    Returns
    -------
    order : (N,) int64
        The pixel to be stored at each position.
    pixel_start : (T + 1,) int64
        Where each non-empty tile begins in `order`.
    """
    width = cols.max() + 1
    across = (width + tile - 1) // tile
    row_part = np.arange(rows.max() + 1) // tile * across
    col_part = np.arange(width) // tile
    number = np.empty(rows.size, np.int64)
    for i in range(rows.size):
        number[i] = row_part[rows[i]] + col_part[cols[i]]
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
def enclosing_frame(rows, cols):
    """Centre of mass of the pixels, and half the longer side of their bounding box (at least 1/2)."""
    row_sum, col_sum = 0, 0
    top, bottom, left, right = rows[0], rows[0], cols[0], cols[0]
    for i in range(rows.size):
        row, col = rows[i], cols[i]
        row_sum += row
        col_sum += col
        top, bottom = min(top, row), max(bottom, row)
        left, right = min(left, col), max(right, col)
    return row_sum / rows.size, col_sum / rows.size, max(bottom - top, right - left, 1) / 2


@jit
def build_blocks(rows, cols, order, pixel_start, x1, x2, points, kernel, side, tile):
    """Assemble A = [F | G] by tiles.

    Row i of F is (x1^2, x2^2, 2 x1 x2, 2 x1, 2 x2, 1). G[i, j] = kernel(pixel i - point j), 0 outside the
    window, each row divided by its sum in single precision (a row without any column in reach stays 0).

    Parameters
    ----------
    rows, cols : (N,) int64
        Pixel coordinates in the compacted grid.
    order : (K,) int64
        The pixels to use (all or a subset), in the order of the tiles.
    pixel_start : (T + 1,) int64
        Where each tile begins in `order`.
    x1, x2 : (N,) float64
        The pixels' coordinates in the frame of the polynomial.
    points : (M,) int64
        The pixels at which the deformation basis is centred.
    kernel : (n + 2 tile, n + 2 tile) float32
        Gaussian window, its centre at n // 2 + tile, in a frame of `tile` zeros: every index that a tile in
        reach of a column needs is inside, so that the innermost loop needs no test.
    side, tile : int
        n, and the side of a tile.

    Returns
    -------
    Blocks
    """
    tiles = pixel_start.size - 1
    half = side // 2
    stride = side + 2 * tile
    window = kernel.ravel()
    active = np.empty((tiles, points.size), np.bool_)
    column_start = np.zeros(tiles + 1, np.int64)
    value_start = np.zeros(tiles + 1, np.int64)
    for t in range(tiles):
        begin, end = pixel_start[t], pixel_start[t + 1]
        top, bottom, left, right = FAR, 0, FAR, 0
        for p in range(begin, end):
            row, col = rows[order[p]], cols[order[p]]
            top, bottom = min(top, row), max(bottom, row)
            left, right = min(left, col), max(right, col)
        count = POLYNOMIAL
        for j in range(points.size):
            row, col = rows[points[j]], cols[points[j]]
            active[t, j] = (
                bottom - row >= -half
                and top - row < side - half
                and right - col >= -half
                and left - col < side - half
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
        position = np.empty(end - begin, np.uint64)
        for p in range(end - begin):
            i = order[begin + p]
            u, v = x1[i], x2[i]
            block[0, p] = u * u
            block[1, p] = v * v
            block[2, p] = 2 * u * v
            block[3, p] = 2 * u
            block[4, p] = 2 * v
            block[5, p] = 1.0
            position[p] = (rows[i] + half + tile) * stride + cols[i] + half + tile
        total = np.zeros(end - begin, np.float32)
        for c in range(POLYNOMIAL, number.size):
            point = points[number[c] - POLYNOMIAL]
            offset = np.uint64(rows[point] * stride + cols[point])
            row = block[c]
            for p in range(row.size):
                weight = window[position[p] - offset]  # unsigned: no test for negative indices
                row[p] = weight
                total[p] += weight
        for p in range(total.size):
            total[p] = total[p] if total[p] != 0 else np.float32(1)
        for c in range(POLYNOMIAL, number.size):
            row = block[c]
            for p in range(row.size):
                row[p] = np.float32(row[p]) / total[p]
    return Blocks(pixel_start, column_start, columns, value_start, values, POLYNOMIAL + points.size)
