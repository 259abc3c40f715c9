"""Exact Euclidean distance maps."""

from __future__ import annotations

import numpy as np

from ._jit import jit

FAR = 2**30  # larger than any distance along a column


@jit
def distance_along_columns(objects, out):
    """Distance of every pixel to the nearest object pixel in its column.

    Parameters
    ----------
    objects : (H, W) bool
        Pixels to which the distance is 0.
    out : (H, W) int32
        Receives the distances; FAR or more in a column without any.
    """
    height, width = objects.shape
    for c in range(width):
        out[0, c] = 0 if objects[0, c] else FAR
    for r in range(1, height):
        above, row, inside = out[r - 1], out[r], objects[r]
        for c in range(width):
            row[c] = 0 if inside[c] else min(above[c] + 1, FAR)
    for r in range(height - 2, -1, -1):
        below, row = out[r + 1], out[r]
        for c in range(width):
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
        used = 0
        for c in range(width):
            if along[r, c] >= FAR:
                continue
            level = np.int64(along[r, c]) ** 2
            start = 0
            while used > 0:
                other = column[used - 1]
                height_there = np.int64(along[r, other]) ** 2
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
        k = 0
        for c in range(width):
            while k + 1 < used and begin[k + 1] <= c:
                k += 1
            across = c - column[k]
            out[r, c] = across * across + np.int64(along[r, column[k]]) ** 2
