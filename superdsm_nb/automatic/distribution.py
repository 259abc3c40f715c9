"""The distribution of the intensities of an image, sorted once."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

MOST = 2**16  # pixels; of larger images, a regular grid of pixels is enough
BINS = 256


def sorted_sample(image: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the intensities of an image in ascending order; of large images, those of a regular grid."""
    return np.sort(sample(image), axis=None)


def sample(image: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return pixels on a regular grid that is fine enough for statistics, in the middle of the image."""
    return image[sample_of(tuple(slice(0, size) for size in image.shape))]


def sample_of(part: tuple[slice, ...]) -> tuple[slice, ...]:
    """Return a regular grid of the pixels of a part of an image, the same from either end of each side."""
    step = math.sqrt(math.prod(each.stop - each.start for each in part) / MOST)
    odd = 2 * int((step + 0.25) / 2) + 1  # at most three times as many pixels, at least a third
    return tuple(_middle(each, odd) for each in part)


def _middle(part: slice, step: int) -> slice:
    """Return each `step`-th pixel (an odd number) of a part of a side, as many at its start as at its end."""
    last = part.stop - part.start - 1
    steps = last // step
    if (last - steps * step) % 2 and steps:
        steps -= 1
    start = part.start + (last - steps * step) // 2
    return slice(start, start + steps * step + 1, step)


def percentile(ascending: NDArray[np.float64], percent: float) -> float:
    """Return a percentile of sorted values, interpolated linearly."""
    position = percent / 100 * (ascending.size - 1)
    below = int(position)
    above = min(below + 1, ascending.size - 1)
    return float(ascending[below] + (position - below) * (ascending[above] - ascending[below]))


def otsu(ascending: NDArray[np.float64]) -> float:
    """Return Otsu's threshold of sorted values: the best of 256; the value itself if all are the same."""
    low, high = float(ascending[0]), float(ascending[-1])
    edges = np.linspace(low, high, BINS + 1)
    if not edges[0] < edges[1]:
        return low
    counts = np.diff(np.searchsorted(ascending, edges[1:-1]), prepend=0, append=ascending.size)
    centers = 0.5 * (edges[:-1] + edges[1:])
    below, sums = np.cumsum(counts), np.cumsum(counts * centers)
    above, rest = below[-1] - below[:-1], sums[-1] - sums[:-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = below[:-1] * above * (sums[:-1] / below[:-1] - rest / above) ** 2
    return float(centers[np.nanargmax(spread)])
