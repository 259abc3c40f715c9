"""Blob detection: the determinant of the Hessian by box filters, and maxima over position and scale."""

from __future__ import annotations

import numpy as np

from ._jit import jit


@jit
def hessian_determinant(integral, sigma):
    """Approximate the determinant of the Hessian of an image filtered with a Gaussian.

    Each derivative is a few box filters, as in `skimage.feature.hessian_matrix_det`; here without the GIL
    and several times as fast.

    Parameters
    ----------
    integral : (H, W) float64
        Integral image: the sum over all pixels up to each row and column, both included.
    sigma : float
        Standard deviation that the boxes stand for (pixels).

    Returns
    -------
    (H, W) float64
    """
    height, width = integral.shape
    size = int(3 * sigma)
    third, half = size // 3, (size - 1) // 2
    weight = 1.0 / size / size
    out = np.empty((height, width))
    # First and last columns where no box is cut off by the border.
    left, right = min(size, width), max(width - size - 1, 0)
    for r in range(height):
        upper = _ends(r - third, third, height)
        lower = _ends(r + 1, third, height)
        long = _ends(r - third + 1, 2 * third - 1, height)
        whole = _ends(r - half, size, height)
        short = _ends(r - third // 2, third, height)
        for c in range(width):
            if left <= c < right:
                continue
            before, behind = _ends(c - third, third, width), _ends(c + 1, third, width)
            xy = _box(integral, upper, behind) + _box(integral, lower, before)
            xy -= _box(integral, upper, before) + _box(integral, lower, behind)
            xx = _box(integral, long, _ends(c - half, size, width))
            xx -= 3 * _box(integral, long, _ends(c - third // 2, third, width))
            yy = _box(integral, whole, _ends(c - third + 1, 2 * third - 1, width))
            yy -= 3 * _box(integral, short, _ends(c - third + 1, 2 * third - 1, width))
            out[r, c] = weight * weight * (xx * yy - 0.81 * xy * xy)
        if left < right:
            inner = out[r, left:right]
            a = left - third
            b = left + 1
            u0, u1 = integral[upper[0]], integral[upper[1]]
            l0, l1 = integral[lower[0]], integral[lower[1]]
            g0, g1 = integral[long[0]], integral[long[1]]
            w0, w1 = integral[whole[0]], integral[whole[1]]
            s0, s1 = integral[short[0]], integral[short[1]]
            for i in range(inner.size):
                xy = _span(u0, u1, i + b, third) + _span(l0, l1, i + a, third)
                xy -= _span(u0, u1, i + a, third) + _span(l0, l1, i + b, third)
                xx = _span(g0, g1, i + left - half, size)
                xx -= 3 * _span(g0, g1, i + left - third // 2, third)
                yy = _span(w0, w1, i + a + 1, 2 * third - 1)
                yy -= 3 * _span(s0, s1, i + a + 1, 2 * third - 1)
                inner[i] = weight * weight * (xx * yy - 0.81 * xy * xy)
    return out


@jit
def _ends(start, length, size):
    """Where a box of a length begins and ends, cut off at the border."""
    first = min(max(start, 0), size - 1)
    return first, min(max(first + length, 0), size - 1)


@jit
def _box(integral, rows, cols):
    """Sum over a box, never negative."""
    return _span(integral[rows[0]], integral[rows[1]], cols[0], cols[1] - cols[0])


@jit
def _span(above, below, start, length):
    """Sum over the box between two rows of an integral image, never negative."""
    return max(0.0, above[start] + below[start + length] - above[start + length] - below[start])


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
