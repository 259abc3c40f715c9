"""Blob detection: the determinant of the Hessian by box filters, and maxima over position and scale."""

from __future__ import annotations

import numpy as np

from ._jit import jit


@jit
def hessian_determinant(integral, sigma, first, last):
    """Approximate the determinant of the Hessian of an image filtered with a Gaussian, in some of its rows.

    Each derivative is a few box filters, as in `skimage.feature.hessian_matrix_det`; here without the GIL
    and many times as fast.

    Parameters
    ----------
    integral : (H, W) float64
        Integral image: the sum over all pixels up to each row and column, both included.
    sigma : float
        Standard deviation that the boxes approximate (pixels).
    first, last : int
        The rows, from `first` up to, but not including, `last`.

    Returns
    -------
    (last - first, W) float64
    """
    width = integral.shape[1]
    size = int(3 * sigma)
    third, half = size // 3, (size - 1) // 2
    long = 2 * third - 1
    weight = 1.0 / size / size
    out = np.empty((last - first, width))
    strip = np.empty(width)
    boxes = np.empty((8, width))
    b0, b1, b2, b3 = boxes[0], boxes[1], boxes[2], boxes[3]
    b4, b5, b6, b7 = boxes[4], boxes[5], boxes[6], boxes[7]
    for r in range(first, last):
        _strip(integral, r - third, third, strip)
        _boxes(strip, 1, third, b0)
        _boxes(strip, -third, third, b1)
        _strip(integral, r + 1, third, strip)
        _boxes(strip, -third, third, b2)
        _boxes(strip, 1, third, b3)
        _strip(integral, r - third + 1, long, strip)
        _boxes(strip, -half, size, b4)
        _boxes(strip, -(third // 2), third, b5)
        _strip(integral, r - half, size, strip)
        _boxes(strip, 1 - third, long, b6)
        _strip(integral, r - third // 2, third, strip)
        _boxes(strip, 1 - third, long, b7)
        row = out[r - first]
        for c in range(width):
            xy = b0[c] + b2[c] - b1[c] - b3[c]
            xx = b4[c] - 3 * b5[c]
            yy = b6[c] - 3 * b7[c]
            row[c] = weight * weight * (xx * yy - 0.81 * xy * xy)
    return out


@jit
def _strip(integral, start, length, out):
    """Cumulative sums over a strip of rows, up to each column; clipped at the border."""
    end = integral.shape[0] - 1
    first = min(max(start, 0), end)
    above, below = integral[first], integral[min(first + max(length, -first), end)]
    for c in range(out.size):
        out[c] = below[c] - above[c]


@jit
def _boxes(strip, start, length, out):
    """Sums over the boxes of a strip that begin `start` columns from each column; clipped at the border.

    A box that would begin before the border begins there, at its full length. No sum is negative.
    """
    width = strip.size
    # From `left` to `right` no box is clipped.
    left = max(-start, -start - length, 0)
    right = max(min(width, width - start - max(length, 0)), left)
    for place in range(width - max(right - left, 0)):
        c = place if place < left else place + max(right - left, 0)
        begin = min(max(c + start, 0), width - 1)
        total = strip[min(max(begin + length, 0), width - 1)] - strip[begin]
        out[c] = total if total > 0.0 else 0.0
    if left < right:
        inner, begins, ends = out[left:right], strip[left + start :], strip[left + start + length :]
        for c in range(inner.size):
            total = ends[c] - begins[c]
            inner[c] = total if total > 0.0 else 0.0


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
        for s in range(scales):
            row = stack[s, r]
            for c in range(width):
                value = row[c]
                # Most voxels are below the threshold or next to a higher one.
                if not value > threshold or value < row[max(c - 1, 0)] or value < row[min(c + 1, width - 1)]:
                    continue
                highest = True
                for s2 in range(max(s - 1, 0), min(s + 2, scales)):
                    for r2 in range(max(r - 1, 0), min(r + 2, height)):
                        for c2 in range(max(c - 1, 0), min(c + 2, width)):
                            highest = highest and stack[s2, r2, c2] <= value
                if not highest:
                    continue
                if count == found.shape[0]:
                    longer = np.empty((2 * count, 3), np.int64)
                    longer[:count] = found
                    found = longer
                found[count, 0], found[count, 1], found[count, 2] = r, c, s
                count += 1
    places = (found[:count, 0] * width + found[:count, 1]) * scales + found[:count, 2]
    return found[:count][np.argsort(places)]


@jit
def suppress_overlapping(rows, cols, radii):
    """Which blobs remain if each removes later ones whose centre is within the larger of the two radii.

    Parameters
    ----------
    rows, cols, radii : (K,) float64
        Centres and radii (pixels), the most important blobs first.

    Returns
    -------
    (K,) bool
    """
    kept = np.empty(rows.size, np.int64)
    count = 0
    left = np.zeros(rows.size, np.bool_)
    for i in range(rows.size):
        alone = True
        for k in range(count):
            j = kept[k]
            reach = max(radii[i], radii[j])
            if (rows[i] - rows[j]) ** 2 + (cols[i] - cols[j]) ** 2 < reach * reach:
                alone = False
                break
        if alone:
            kept[count] = i
            count += 1
            left[i] = True
    return left
