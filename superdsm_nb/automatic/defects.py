"""What is not part of the picture: frames around it, and hot and dead pixels; and its noise."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

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
FLAT = 0.4  # share of the pixels that are as bright as their neighbours; with more, the median says nothing
BLOCK = 16  # pixels of a square
BAND = 2**21  # pixels that are looked at together, from the side of the image inwards

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
    return content_box_of(lambda rows, cols: image[rows, cols], image.shape)


def content_box_of(read: Callable[[slice, slice], NDArray[np.float64]], shape: tuple[int, ...]) -> Box:
    """Return the content, as `content_box` does, of an image that is read in parts.

    Parameters
    ----------
    read : callable
        Returns some rows and columns of the image.
    shape : (int, int)
        Shape of the image.

    Returns
    -------
    (slice, slice)
        Rows and columns of the content.
    """
    box = [slice(0, size) for size in shape]
    changed = True
    while changed:
        changed = False
        for axis in (0, 1):
            for from_end in (False, True):
                width = _frame_width(read, box, axis, from_end)
                changed |= width > 0
                start, stop = box[axis].start, box[axis].stop
                box[axis] = slice(start, stop - width) if from_end else slice(start + width, stop)
                if stop - start - width < MIN_SIDE:
                    return slice(0, shape[0]), slice(0, shape[1])
    return box[0], box[1]


def _frame_width(
    read: Callable[[slice, slice], NDArray[np.float64]], box: Sequence[slice], axis: int, from_end: bool
) -> int:
    """Number of lines of one value at a side, 0 if they are not a frame."""
    size = box[axis].stop - box[axis].start

    def lines(first: int, stop: int) -> NDArray[np.float64]:
        stop = min(stop, size)
        part = list(box)
        start, end = box[axis].start, box[axis].stop
        part[axis] = slice(end - stop, end - first) if from_end else slice(start + first, start + stop)
        image = read(part[0], part[1])
        image = image if axis == 0 else image.T
        return image[::-1] if from_end else image

    value = (line := lines(0, 1)[0])[0]
    if (line != value).any():
        return 0
    step = max(1, BAND // line.size)
    for first in range(0, size, step):
        is_other = lines(first, first + step) != value
        found = is_other.any(axis=1)
        if found.any():
            width = int(found.argmax())
            return first + width if is_other[width].mean() >= MIN_CONTENT else 0
    return 0


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
    tolerance = defect_tolerance(image)
    return image if tolerance is None else without_outliers(image, tolerance)


def defect_tolerance(image: NDArray[np.float64]) -> float | None:
    """Return by how much defects differ from their neighbours; None if there are none, or too many."""
    tolerance = DEFECT_NOISES * noise(image)
    most = max(1, int(MAX_DEFECTS * image.size))
    count = sum(len(places) for places, _ in _outliers(image, tolerance, most))
    return None if count == 0 or count > most else tolerance


def without_outliers(image: NDArray[np.float64], tolerance: float) -> NDArray[np.float64]:
    """Replace all pixels that differ from their neighbours by more than a tolerance.

    Parameters
    ----------
    image : (H, W) float64
        Intensities.
    tolerance : float
        In units of the image.

    Returns
    -------
    (H, W) float64
        With the middle of the range of the neighbours in place of such pixels; a copy if there are any.
    """
    found = _outliers(image, tolerance, image.size)
    if not any(len(places) for places, _ in found):
        return image
    result = image.copy()
    for places, middle in found:
        result[tuple(places.T)] = middle
    return result


def _outliers(
    image: NDArray[np.float64], tolerance: float, most: int
) -> list[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    found: list[tuple[NDArray[np.int64], NDArray[np.float64]]] = []
    strips(
        lambda part: found.append(outliers(image, tolerance, most, part.start, part.stop)),
        *image.shape,
    )
    return found


def noise(image: NDArray[np.float64]) -> float:
    """Return the standard deviation of the pixel noise, from the differences to the mean of four neighbours.

    The median ignores the few pixels on edges. Images smoothed by their optics or software have less noise
    by this measure than they seem to. Where most pixels have one value, as clipped backgrounds and single
    photons do, it is the median of the noise in squares.
    """
    if min(image.shape) < 3:
        return NO_NOISE
    rows, cols = sample_of((slice(1, image.shape[0] - 1), slice(1, image.shape[1] - 1)))
    around = image[_moved(rows, -1), cols] + image[_moved(rows, 1), cols]
    around += image[rows, _moved(cols, -1)] + image[rows, _moved(cols, 1)]
    difference = np.abs(image[rows, cols] - around / 4)
    typical = MAD_TO_STD * float(np.median(difference))
    if np.count_nonzero(difference) < (1 - FLAT) * difference.size:
        typical = max(typical, _noise_in_squares(difference))
    return typical / math.sqrt(1.25) + NO_NOISE


def _noise_in_squares(difference: NDArray[np.float64]) -> float:
    """Return the median of the root mean squares in squares, which a few pixels are enough for.

    Squares begin at all four corners, so that they are the same in an image that is flipped.
    """
    largest = float(difference.max())
    if largest == 0:
        return 0.0
    rows, cols = (max(1, size // BLOCK) for size in difference.shape)
    height, width = (min(BLOCK, size) for size in difference.shape)
    power = (difference / largest) ** 2
    means = [
        turned[: rows * height, : cols * width].reshape(rows, height, cols, width).mean(axis=(1, 3))
        for turned in (power, power[::-1], power[:, ::-1], power[::-1, ::-1])
    ]
    return largest * math.sqrt(float(np.median(means)))


def _moved(part: slice, by: int) -> slice:
    return slice(part.start + by, part.stop + by, part.step)
