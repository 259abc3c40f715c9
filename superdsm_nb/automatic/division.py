"""Atoms: the foreground divided at seeds, wherever shape or brightness hint at a nucleus."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..filters import distance
from .threshold import blurred

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
    inside = np.pad(y > 0, 1, mode="edge")
    depth = distance(~inside)[1:-1, 1:-1] if not inside.all() else np.full(y.shape, np.inf)
    score = blurred(np.minimum(depth, DEEPEST * radius), smoothing * radius) / radius
    sigma = blob_size * radius / math.sqrt(2)
    for weight, brightness in (
        (blob_weight, np.clip(y, *BRIGHTNESS)),
        (log_blob_weight, np.log(np.maximum(y + DARK, DIMMEST))),
    ):
        if weight > 0:
            score = score - weight * sigma**2 * ndimage.gaussian_laplace(brightness, sigma)
    return score


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
    from skimage.morphology import local_maxima, reconstruction  # noqa: PLC0415 - take 0.1 s to load
    from skimage.segmentation import watershed  # noqa: PLC0415

    if not foreground.any():
        return np.zeros(foreground.shape, np.int32)
    relief = np.where(foreground, score, score[foreground].min() - 2 * min_depth)
    filled = reconstruction(relief - min_depth, relief) if min_depth > 0 else relief
    seeds, _ = ndimage.label(local_maxima(filled) & foreground, np.ones((3, 3)))
    atoms = np.ascontiguousarray(watershed(-score, seeds, mask=foreground), np.int32)
    left = foreground & (atoms == 0)  # touches a peak only at a corner, or is flat
    if left.any():
        parts, _ = ndimage.label(left)
        atoms[left] = parts[left] + atoms.max()
    return atoms
