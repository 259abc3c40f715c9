"""Atoms: the foreground divided at seeds, wherever shape or brightness hint at a nucleus."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..filters import distance
from ..kernels.peaks import blob_brightness, peaks
from .smoothing import blurred, laplacian

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
    deep = distance(y <= 0)
    deep /= radius
    np.minimum(deep, DEEPEST, out=deep)
    score = blurred(deep, smoothing * radius)
    brightness = blob_brightness(y, blob_weight, *BRIGHTNESS, log_blob_weight, DARK, DIMMEST)
    sigma = blob_size * radius / math.sqrt(2)
    return score - sigma**2 * laplacian(brightness, sigma)


def divide(foreground: NDArray[np.bool_], score: NDArray[np.float64], min_depth: float) -> NDArray[np.int32]:
    """Divide a foreground among the peaks of a relief.

    Parameters
    ----------
    foreground : (h, w) bool
        Pixels to divide.
    score : (h, w) float64
        Relief with a peak in each atom.
    min_depth : float
        Peaks are separate if the relief falls by more than this between them.

    Returns
    -------
    (h, w) int32
        Labels of the atoms, from 1; 0 outside the foreground.
    """
    labels: NDArray[np.int32] = peaks(np.ascontiguousarray(score), foreground, min_depth)
    return labels
