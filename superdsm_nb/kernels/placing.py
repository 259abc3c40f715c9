"""Where a nucleus that moves away from others fits in, for images that are generated."""

import numpy as np

from ._jit import jit


@jit
def first_fit(owner, coverage, inside, tops, lefts, areas, allowed, margin, min_pixels):
    """Find the first of several places where a nucleus overlaps no other one too much.

    Parameters
    ----------
    owner : (H, W) int32
        The nucleus that each pixel belongs to, from 1; 0 outside.
    coverage : (H, W) int32
        How many nuclei are on top of each other.
    inside : (h, w) bool
        The pixels of the nucleus in its box; odd sides, with its centre in the middle.
    tops, lefts : (N,) int64
        First row and column of the box at each place.
    areas : (M,) int64
        Of all nuclei in `owner` (pixels).
    allowed : float
        Share of the smaller one of two nuclei that they may have in common. Three never may.
    margin : int
        Rows and columns around the image (pixels); the centre must be in the image.
    min_pixels : int
        How many pixels must be in the image.

    Returns
    -------
    int
        Index of the place; -1 if there is none before the nucleus leaves the image.
    """
    height, width = inside.shape
    area = np.count_nonzero(inside)
    first_row, last_row = margin, owner.shape[0] - margin
    first_col, last_col = margin, owner.shape[1] - margin
    shared = np.zeros(areas.size + 1, np.int64)
    for place in range(tops.size):
        top, left = tops[place], lefts[place]
        row, col = top + height // 2, left + width // 2
        if not (first_row <= row < last_row and first_col <= col < last_col):
            return -1
        visible = 0
        for y in range(max(0, first_row - top), min(height, last_row - top)):
            for x in range(max(0, first_col - left), min(width, last_col - left)):
                visible += inside[y, x]
        if visible < min_pixels:
            return -1
        shared[:] = 0
        if _fits(owner, coverage, inside, top, left, areas, area, allowed, shared):
            return place
    return -1


@jit
def _fits(owner, coverage, inside, top, left, areas, area, allowed, shared):
    """Whether a place is allowed; counts the pixels shared with each nucleus."""
    for y in range(inside.shape[0]):
        for x in range(inside.shape[1]):
            if not inside[y, x]:
                continue
            if coverage[top + y, left + x] > 1:
                return False
            label = owner[top + y, left + x]
            if label == 0:
                continue
            shared[label] += 1
            if shared[label] > allowed * min(area, areas[label - 1]):
                return False
    return True
