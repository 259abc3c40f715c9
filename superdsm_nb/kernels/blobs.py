"""Maxima over position and scale."""

from __future__ import annotations

import numpy as np

from ._jit import jit


@jit
def local_maxima(stack, threshold):
    """Voxels above a threshold that no neighbour exceeds (3 x 3 x 3, less at the border).

    Parameters
    ----------
    stack : (S, H, W) float
        An image per scale.
    threshold : float
        Lower values are not considered.

    Returns
    -------
    (K, 3) int64
        Row, column and scale of each, in the order of rows, then columns, then scales.
    """
    scales, height, width = stack.shape
    found = np.empty((64, 3), np.int64)
    count = 0
    for r in range(height):
        for c in range(width):
            for s in range(scales):
                value = stack[s, r, c]
                if not value > threshold:
                    continue
                highest = True
                for s2 in range(max(s - 1, 0), min(s + 2, scales)):
                    for r2 in range(max(r - 1, 0), min(r + 2, height)):
                        for c2 in range(max(c - 1, 0), min(c + 2, width)):
                            if stack[s2, r2, c2] > value:
                                highest = False
                if not highest:
                    continue
                if count == found.shape[0]:
                    longer = np.empty((2 * count, 3), np.int64)
                    longer[:count] = found
                    found = longer
                found[count, 0], found[count, 1], found[count, 2] = r, c, s
                count += 1
    return found[:count]
