"""Atoms: the foreground divided at seeds, wherever shape or brightness hint at a nucleus."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..filters import distance
from ..kernels.peaks import blob_brightness, peaks
from .smoothing import blurred, laplacian, reach_of

DEEPEST = 1.2  # radii; distances to the background above this say nothing about nuclei
BRIGHTNESS = (-0.5, 1.5)  # of y, in units of the local contrast; brighter pixels are texture
DARK = 0.4  # of the local contrast, from the background to the threshold
DIMMEST = 0.1  # of the local contrast above the background, in logarithms


def seed_score(
    y: NDArray[np.float64],
    radius: float,
    *,
    smoothing: float,
    blob_size: float,
    blob_weight: float,
    log_blob_weight: float,
) -> NDArray[np.float64]:
    """Return a relief with a peak in each nucleus, and for large or textured ones several.

    It adds the distance to the background, in radii, to the response of y and of its logarithm to blobs
    (Laplacians of Gaussians). The first separates nuclei by their outlines, the second by dark lines between
    them, the third also where one is much brighter than the other.

    Parameters
    ----------
    y : (h, w) float64
        Intensity above the local threshold, in units of the local contrast.
    radius : float
        Radius of the nuclei (pixels).
    smoothing, blob_size : float
        Smoothing of the distance, and radius of the blobs, as multiples of the radius.
    blob_weight, log_blob_weight : float
        Weights of the responses.

    Returns
    -------
    (h, w) float64
        The relief.
    """
    score = distance(y <= 0)
    score /= radius
    np.minimum(score, DEEPEST, out=score)
    score = blurred(score, smoothing * radius)
    brightness = blob_brightness(y, blob_weight, *BRIGHTNESS, log_blob_weight, DARK, DIMMEST)
    sigma = blob_size * radius / math.sqrt(2)
    blobs = laplacian(brightness, sigma)
    blobs *= sigma**2
    return np.subtract(score, blobs, out=blobs)


def divide(
    foreground: NDArray[np.bool_],
    score: NDArray[np.float64],
    min_depth: float,
    heights: tuple[float, float],
) -> NDArray[np.int32]:
    """Divide a foreground among the peaks of a relief.

    Parameters
    ----------
    foreground : (h, w) bool
        Pixels to divide.
    score : (h, w) float64
        Relief with a peak in each atom.
    min_depth : float
        Peaks are separate if the relief falls by more than this between them.
    heights : (float, float)
        Between which heights the relief lies, see `score_heights`.

    Returns
    -------
    (h, w) int32
        Labels of the atoms, from 1; 0 outside the foreground.
    """
    labels: NDArray[np.int32] = peaks(np.ascontiguousarray(score), foreground, min_depth, *heights)
    return labels


def score_heights(blob_weight: float, log_blob_weight: float) -> tuple[float, float]:
    """Return heights between which `seed_score` lies in the foreground, whatever the image.

    Blobs answer by hardly more than half the range of the brightness in them.
    """
    darkest, brightest = BRIGHTNESS
    logarithms = math.log((brightest + DARK) / DIMMEST)
    most = 0.5 * (blob_weight * (brightest - darkest) + log_blob_weight * logarithms)
    return -most, DEEPEST + most


def score_reach(radius: float, smoothing: float, blob_size: float) -> int:
    """Return up to which distance pixels have an influence on `seed_score` (pixels)."""
    blob = reach_of(blob_size * radius / math.sqrt(2)) + 1
    return max(math.ceil(DEEPEST * radius) + 1 + reach_of(smoothing * radius), blob)
