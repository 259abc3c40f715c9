"""Exact Euclidean distance maps."""

from __future__ import annotations

import numpy as np

from ._jit import jit

FAR = 2**30  # larger than any distance along a column


@jit
def distance_along_columns(objects, start, stop, out):
    """Distance of every pixel to the nearest object pixel in its column.

    Parameters
    ----------
    objects : (H, W) bool
        Pixels to which the distance is 0.
    start, stop : int
        First column, and the one after the last.
    out : (H, W) int32
        Receives the distances in these columns; FAR or more in a column without any.
    """
    height = objects.shape[0]
    for c in range(start, stop):
        out[0, c] = 0 if objects[0, c] else FAR
    for r in range(1, height):
        above, row, inside = out[r - 1], out[r], objects[r]
        for c in range(start, stop):
            row[c] = 0 if inside[c] else min(above[c] + 1, FAR)
    for r in range(height - 2, -1, -1):
        below, row = out[r + 1], out[r]
        for c in range(start, stop):
            row[c] = min(row[c], below[c] + 1)


@jit
def squared_distance(along, out):
    """Squared distance of every pixel to the nearest object pixel (Meijster et al., 2000).

    For each row, the lower envelope of one parabola per column gives the column with the shortest distance.

    Parameters
    ----------
    along : (H, W) int32
        `distance_along_columns` of some rows; below FAR somewhere in each.
    out : (H, W) int64
        Receives the squared distances of these rows; 0 on the objects.
    """
    height, width = along.shape
    column = np.empty(width, np.int64)  # the parabolas of the envelope, from left to right
    begin = np.empty(width, np.int64)  # where each of them becomes the lowest
    for r in range(height):
        used = _lower_envelope(along[r], column, begin)
        k = 0
        for c in range(width):
            while k + 1 < used and begin[k + 1] <= c:
                k += 1
            across = c - column[k]
            out[r, c] = across * across + np.int64(along[r, column[k]]) ** 2


@jit
def _lower_envelope(along, column, begin):
    """Find the parabolas that are the lowest somewhere: their columns, where each begins, and how many."""
    width = along.size
    used = 0
    for c in range(width):
        if along[c] >= FAR:
            continue
        level = np.int64(along[c]) ** 2
        start = 0
        while used > 0:
            other = column[used - 1]
            height_there = np.int64(along[other]) ** 2
            # First pixel where the new parabola is lower.
            start = (c * c - other * other + level - height_there) // (2 * (c - other)) + 1
            if start > begin[used - 1]:
                break
            used -= 1
            start = 0
        if start < width:
            column[used] = c
            begin[used] = start
            used += 1
    return used


@jit
def nearest_labels(labels):
    """Label of the nearest labelled pixel of every pixel, and its squared distance.

    As in `squared_distance`; of equally distant pixels the one farther left, then farther up, counts.

    Parameters
    ----------
    labels : (H, W) int32
        0 where there is none; at least one pixel is labelled.

    Returns
    -------
    nearest : (H, W) int32
        Labels.
    squared : (H, W) int64
        Squared distances (pixels).
    """
    height, width = labels.shape
    source = np.empty((height, width), np.int64)  # row of the nearest label in the column
    along = np.empty(width, np.int32)
    for c in range(width):
        source[0, c] = 0 if labels[0, c] else -FAR
    for r in range(1, height):
        for c in range(width):
            source[r, c] = r if labels[r, c] else source[r - 1, c]
    for r in range(height - 2, -1, -1):
        for c in range(width):
            after = source[r + 1, c]
            if after >= 0 and (source[r, c] < 0 or after - r < r - source[r, c]):
                source[r, c] = after
    nearest = np.empty((height, width), np.int32)
    squared = np.empty((height, width), np.int64)
    column, begin = np.empty(width, np.int64), np.empty(width, np.int64)
    for r in range(height):
        for c in range(width):
            along[c] = FAR if source[r, c] < 0 else abs(r - source[r, c])
        used = _lower_envelope(along, column, begin)
        k = 0
        for c in range(width):
            while k + 1 < used and begin[k + 1] <= c:
                k += 1
            row, col = source[r, column[k]], column[k]
            nearest[r, c] = labels[row, col]
            squared[r, c] = (r - row) ** 2 + (c - col) ** 2
    return nearest, squared


@jit
def depth(inside):
    """Distance of the pixels of a region to the nearest pixel outside it.

    Parameters
    ----------
    inside : (H, W) bool
        The region, which continues beyond the border of the crop.

    Returns
    -------
    (H, W) float64
        0 outside the region; 1 in it if nothing is outside.
    """
    height, width = inside.shape
    outside = np.empty((height, width), np.bool_)
    is_anything_outside = False
    for r in range(height):
        for c in range(width):
            outside[r, c] = not inside[r, c]
            is_anything_outside |= outside[r, c]
    along = np.empty((height, width), np.int32)
    squared = np.empty((height, width), np.int64)
    if is_anything_outside:
        distance_along_columns(outside, 0, width, along)
        squared_distance(along, squared)
    result = np.empty((height, width))
    for r in range(height):
        for c in range(width):
            result[r, c] = np.sqrt(squared[r, c]) if is_anything_outside else 1.0
    return result
