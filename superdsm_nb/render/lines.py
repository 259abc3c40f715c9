"""Straight lines in pictures."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def draw_line(
    p1: tuple[float, float], p2: tuple[float, float], thickness: float, shape: tuple[int, int]
) -> NDArray[np.bool_]:
    """Draw a straight line.

    Parameters
    ----------
    p1, p2 : (float, float)
        Row and column of its ends, which may lie outside of the image (pixels).
    thickness : float
        Width of the line (pixels).
    shape : (int, int)
        H and W.

    Returns
    -------
    (H, W) bool
        True on the line.

    Examples
    --------
    >>> draw_line((1, 0), (1, 2), thickness=1, shape=(3, 4)).astype(int)
    array([[0, 0, 0, 0],
           [1, 1, 1, 0],
           [0, 0, 0, 0]])
    """
    mask = np.zeros(shape, bool)
    mask[line_pixels(p1, p2, thickness, shape)] = True
    return mask


def line_pixels(
    p1: tuple[float, float], p2: tuple[float, float], thickness: float, shape: tuple[int, ...]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of the pixels of a line.

    `skimage.draw.polygon` is not used, because it includes pixels on some edges only, which makes even widths
    uneven.
    """
    half = thickness / 2
    rows, cols = (
        slice(max(0, math.floor(min(ends) - half)), min(size, math.ceil(max(ends) + half) + 1))
        for ends, size in zip(zip(p1, p2, strict=True), shape, strict=True)
    )
    row, col = np.ogrid[rows, cols]
    length = math.dist(p1, p2)
    down, right = ((p2[0] - p1[0]) / length, (p2[1] - p1[1]) / length) if length > 0 else (0.0, 1.0)
    along = (row - p1[0]) * down + (col - p1[1]) * right
    across = (col - p1[1]) * down - (row - p1[0]) * right
    on_line = (along >= -0.5) & (along <= length + 0.5) & (across > -half) & (across <= half)
    found = np.nonzero(on_line)
    return found[0] + rows.start, found[1] + cols.start
