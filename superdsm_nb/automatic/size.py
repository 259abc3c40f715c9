"""The radius of a typical nucleus, from the inscribed circles of the bright regions."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..filters import distance
from ..kernels.neighbors import local_maxima
from .defects import noise
from .distribution import otsu, percentile, sorted_sample
from .smoothing import blurred, coarse_means
from .threshold import highest_of_nuclei, smoothed_noise

FAST_SIDE = 500  # pixels; larger images are measured at a lower resolution if their nuclei allow it
MAX_STEP = 2  # pixels; at a still lower resolution, small nuclei run together
MIN_COARSE_RADIUS = 7.0  # pixels at the lower resolution
MIN_RADIUS = 2.5  # pixels; smaller bright regions are not nuclei
ROUNDS = 3
INSCRIBED_SHARE = 0.9  # of the radius of a nucleus, measured: nuclei are not quite round
MIN_WINDOW = 15  # pixels
MIN_DEPTH = 1.5  # pixels; regions that are thinner hold no nucleus
NOISES = 4.0  # what is bright is above the median by at least this many standard deviations of the noise


def estimated_radius(image: NDArray[np.float64]) -> float:
    """Estimate the radius of a typical nucleus.

    The image is thresholded, globally and against its surroundings. The radius is the area-weighted median of
    the inscribed radii at the maxima of the distance to the background, which is smoothed at part of the
    radius found in the round before.

    Parameters
    ----------
    image : (H, W) float64
        Intensities.

    Returns
    -------
    float
        In pixels; NaN if nothing is bright.
    """
    step = min(min(image.shape) // FAST_SIDE, MAX_STEP)
    if step > 1:
        coarse = coarse_means(image, tuple(size // step for size in image.shape))
        radius = _measured(coarse)
        if radius > MIN_COARSE_RADIUS:
            return step * radius
    return _measured(image)


def _measured(image: NDArray[np.float64]) -> float:
    smooth = blurred(image, 1.0)
    values = sorted_sample(smooth)
    middle, least = percentile(values, 50), NOISES * smoothed_noise(noise(image), 1.0)
    highest = max(highest_of_nuclei(values), middle + 2 * least)
    smooth = np.minimum(smooth, highest)
    window = max(MIN_WINDOW, int(min(image.shape) / 6))
    limit = max(0.5 * (otsu(np.minimum(values, highest)) + middle), middle + least)
    return radius_of_mask(_opened((smooth > blurred(smooth, window / 2)) & (smooth > limit)))


def _opened(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Remove what is thinner than a pixel and its four neighbours (morphological opening)."""
    padded = np.pad(mask, 2)
    eroded = _combined(padded, np.logical_and)
    return _combined(eroded, np.logical_or)


def _combined(mask: NDArray[np.bool_], combine: np.ufunc) -> NDArray[np.bool_]:
    """Combine each pixel but those on the border with its four neighbours."""
    result = combine(mask[1:-1, 1:-1], mask[:-2, 1:-1])
    for other in (mask[2:, 1:-1], mask[1:-1, :-2], mask[1:-1, 2:]):
        combine(result, other, out=result)
    return result


def radius_of_mask(mask: NDArray[np.bool_]) -> float:
    """Return the radius of a typical convex part of a mask, NaN if it holds none (pixels)."""
    if mask.all() or not mask.any():
        return math.nan
    deep = distance(~mask)
    smoothing, radius = 1.0, math.nan
    for _ in range(ROUNDS):
        smooth = blurred(deep, smoothing)
        peaks = local_maxima(smooth, max(1, int(smoothing)), MIN_DEPTH)
        if not len(peaks):
            return math.nan
        radii = np.sort(deep[tuple(peaks.T)])
        areas = np.cumsum(radii**2)
        radius = float(radii[np.searchsorted(areas, areas[-1] / 2)])
        smoothing = max(1.0, 0.25 * radius)
    return max(radius / INSCRIBED_SHARE, MIN_RADIUS)
