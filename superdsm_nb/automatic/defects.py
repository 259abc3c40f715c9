"""What is not part of the picture: frames around it, and hot and dead pixels; and its noise."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..kernels.neighbors import outliers
from ..parallel import strips
from .distribution import sample_of

MIN_CONTENT = 0.25  # share of the pixels beside a frame that differ from it
MIN_SIDE = 3  # pixels of the content; if less is left, the image is a gradient without a frame
DEFECT_NOISES = 6.0  # a defect differs from its neighbours by at least this many standard deviations of noise
MAX_DEFECTS = 1e-3  # share of the pixels; more than this are not defects but the image
MAD_TO_STD = 1.4826  # of normally distributed values
NO_NOISE = 1e-12

Box = tuple[slice, slice]


def content_box(image: NDArray[np.float64]) -> Box:
    """Return the part of an image inside a frame of one value, as cameras and stitchers add it.

    A side is cut if its lines have one value and the next line differs from them in many pixels. So the plain
    background of a clean image is not taken for a frame.

    Parameters
    ----------
    image : (H, W) float64
        Intensities.

    Returns
    -------
    (slice, slice)
        Rows and columns of the content; everything if there is no frame.
    """
    start, stop = [0, 0], list(image.shape)
    changed = True
    while changed:
        changed = False
        for axis in (0, 1):
            for from_end in (False, True):
                part = image[start[0] : stop[0], start[1] : stop[1]]
                lines = part if axis == 0 else part.T
                width = _frame_width(lines[::-1] if from_end else lines)
                changed |= width > 0
                if from_end:
                    stop[axis] -= width
                else:
                    start[axis] += width
                if stop[axis] - start[axis] < MIN_SIDE:
                    return slice(0, image.shape[0]), slice(0, image.shape[1])
    return slice(start[0], stop[0]), slice(start[1], stop[1])


def _frame_width(lines: NDArray[np.float64]) -> int:
    """Number of lines of one value at the start, 0 if they are not a frame."""
    value = lines[0, 0]
    if (lines[0] != value).any():
        return 0
    is_other = lines != value
    width = int(is_other.any(axis=1).argmax())
    return width if is_other[width].mean() >= MIN_CONTENT else 0


def without_defects(image: NDArray[np.float64]) -> NDArray[np.float64]:
    """Replace single pixels that are much brighter or darker than all their neighbours.

    A pixel is a defect if it exceeds the range of its eight neighbours by more than that range, and by the
    noise. No optical image of a nucleus has such pixels.

    Parameters
    ----------
    image : (H, W) float64
        Intensities.

    Returns
    -------
    (H, W) float64
        With the middle of the range of the neighbours in place of defects; the image itself if there are
        none.
    """
    tolerance = DEFECT_NOISES * noise(image)
    most = max(1, int(MAX_DEFECTS * image.size))
    found: list[tuple[NDArray[np.int64], NDArray[np.float64]]] = []
    strips(
        lambda part: found.append(outliers(image, tolerance, most, part.start, part.stop)),
        *image.shape,
    )
    count = sum(len(places) for places, _ in found)
    if count == 0 or count > most:
        return image
    result = image.copy()
    for places, middle in found:
        result[tuple(places.T)] = middle
    return result


def noise(image: NDArray[np.float64]) -> float:
    """Return the standard deviation of the pixel noise, from the differences to the mean of four neighbours.

    The median ignores the few pixels on edges. Images smoothed by their optics or software have less noise
    by this measure than they seem to.
    """
    if min(image.shape) < 3:
        return NO_NOISE
    rows, cols = sample_of((slice(1, image.shape[0] - 1), slice(1, image.shape[1] - 1)))
    around = image[_moved(rows, -1), cols] + image[_moved(rows, 1), cols]
    around += image[rows, _moved(cols, -1)] + image[rows, _moved(cols, 1)]
    difference = np.abs(image[rows, cols] - around / 4)
    return MAD_TO_STD * float(np.median(difference)) / math.sqrt(1.25) + NO_NOISE


def _moved(part: slice, by: int) -> slice:
    return slice(part.start + by, part.stop + by, part.step)
