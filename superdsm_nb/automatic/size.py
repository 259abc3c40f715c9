"""The radius of a typical nucleus, from the inscribed circles of the bright regions."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..filters import distance
from .defects import noise
from .threshold import blurred, clipped, otsu, smoothed_noise

FAST_SIDE = 500  # pixels; larger images are measured at a lower resolution if their nuclei allow it
MIN_COARSE_RADIUS = 7.0  # pixels at the lower resolution
MIN_RADIUS = 2.5  # pixels; smaller bright regions are not nuclei
ROUNDS = 3
INSCRIBED_SHARE = 0.9  # of the radius of a nucleus, measured: nuclei are not quite round
MIN_WINDOW = 15  # pixels
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
    step = min(image.shape) // FAST_SIDE
    if step > 1:
        height, width = (size // step * step for size in image.shape)
        coarse = image[:height, :width].reshape(height // step, step, width // step, step).mean(axis=(1, 3))
        radius = _measured(coarse)
        if radius > MIN_COARSE_RADIUS:
            return step * radius
    return _measured(image)


def _measured(image: NDArray[np.float64]) -> float:
    smooth = blurred(image, 1.0)
    middle, least = float(np.median(smooth)), NOISES * smoothed_noise(noise(image), 1.0)
    smooth = np.minimum(smooth, max(float(clipped(smooth).max()), middle + 2 * least))
    window = max(MIN_WINDOW, int(min(image.shape) / 6))
    limit = max(0.5 * (otsu(smooth) + middle), middle + least)
    mask = ndimage.binary_opening((smooth > blurred(smooth, window / 2)) & (smooth > limit))
    return radius_of_mask(mask)


def radius_of_mask(mask: NDArray[np.bool_]) -> float:
    """Return the radius of a typical convex part of a mask, NaN if it holds none (pixels)."""
    if mask.all() or not mask.any():
        return math.nan
    depth = distance(~np.pad(mask, 1, mode="edge"))[1:-1, 1:-1]
    smoothing, radius = 1.0, math.nan
    for _ in range(ROUNDS):
        smooth = blurred(depth, smoothing)
        size = 2 * max(1, int(smoothing)) + 1
        peaks = (ndimage.maximum_filter(smooth, size=size, mode="nearest") == smooth) & (smooth > 1.5)
        if not peaks.any():
            return math.nan
        radii = np.sort(depth[peaks])
        areas = np.cumsum(radii**2)
        radius = float(radii[np.searchsorted(areas, areas[-1] / 2)])
        smoothing = max(1.0, 0.25 * radius)
    return max(radius / INSCRIBED_SHARE, MIN_RADIUS)
