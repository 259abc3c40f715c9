"""Exact Euclidean distance maps."""

from __future__ import annotations

import numpy as np

from ._jit import jit

FAR = 2**30  # larger than any distance along a column


@jit
def squared_distance(objects):
    """Squared distance of every pixel to the nearest object pixel (Meijster et al., 2000).

    Distances along each column come first, row by row; then each row finds, as the lower envelope of one
    parabola per column, the column through which the way is shortest.

    Parameters
    ----------
    objects : (H, W) bool
        At least one pixel must be set.

    Returns
    -------
    (H, W) int64
        0 on the objects.
    """
    height, width = objects.shape
    along = np.empty((height, width), np.int32)
    for c in range(width):
        along[0, c] = 0 if objects[0, c] else FAR
    for r in range(1, height):
        for c in range(width):
            along[r, c] = 0 if objects[r, c] else min(along[r - 1, c] + 1, FAR)
    for r in range(height - 2, -1, -1):
        for c in range(width):
            along[r, c] = min(along[r, c], along[r + 1, c] + 1)
    out = np.empty((height, width), np.int64)
    column = np.empty(width, np.int64)  # the parabolas of the envelope, from left to right
    begin = np.empty(width, np.int64)  # where each of them begins to be the lowest
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
    return out
