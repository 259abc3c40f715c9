"""Estimation of the scale of the objects in an image: as published, and robustly."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import scipy  # submodules are loaded on first use; a given scale needs none
from numpy.typing import NDArray

from ..errors import ScaleEstimationError
from ..filters import Laplacian, LowFrequencies
from ..kernels.blobs import hessian_determinant, local_maxima, suppress_overlapping
from ..parallel import ordered_map

MIN_RADIUS, MAX_RADIUS, NUM_RADII = 20, 200, 10  # pixels
PEAK_THRESHOLD = 0.01
MAX_EXPONENT = 200  # powers of two
MAX_OVERLAP = 0.5
STRIP_ROWS = 32  # rows
NO_BLOB = (
    "The scale estimation failed: no blob with a radius of 20 to 200 pixels was found in the image; set "
    "AF_scale to the radius of a typical object divided by 1.41."
)
MIN_ROBUST_RADIUS, RADII_PER_OCTAVE, NUM_ROBUST_RADII = 5, 4, 22  # pixels; up to 190
ROBUST_THRESHOLD = 0.1  # the response to a disk on a dark background is 0.74
MAX_BLOBS = 20_000  # the faintest are dropped
# Pixels; along longer sides only three windows are searched, which is enough for a mean.
MAX_WINDOWLESS_SIDE, WINDOW = 4096, 2048
NO_ROBUST_BLOB = (
    "The scale estimation failed: no blob with a radius of 5 to 190 pixels was found in the image; set "
    "AF_scale to the radius of a typical object divided by 1.41."
)
# The published hyperparameters assume estimates of about 1.6 times radius / sqrt 2 of a typical nucleus; a
# factor of 1.5 gave the best segmentation on the test images.
PUBLISHED_EXCESS = 1.5
# Estimates outside these limits (pixels) are near the ends of the range of the estimator.
TRUSTED_SCALES = {"published": (28.3, 127.2), "robust": (6.4, 180.0)}


def estimate_scale(image: NDArray[Any]) -> float:
    """Estimate the scale of the objects in an image (TPAMI 2023).

    Blobs are maxima of the determinant of the Hessian over position and scale where the Laplacian of
    Gaussian is negative; the scale is the mean over the blobs near the median.

    Parameters
    ----------
    image : (H, W) array
        Intensities.

    Returns
    -------
    float
        Radius / sqrt 2 in pixels.

    Raises
    ------
    ScaleEstimationError
        If no blob is found.
    """
    g = _enhanced(image, NO_BLOB)
    sigmas = np.linspace(MIN_RADIUS, MAX_RADIUS, NUM_RADII) / math.sqrt(2)
    sigmas = np.concatenate([[sigmas.min() / 2], sigmas])
    peaks, heights = _peaks(g, sigmas)
    peaks = peaks[np.argsort(-heights, kind="stable")]
    blobs = np.column_stack([peaks[:, :2], sigmas[peaks[:, 2]]]).astype(np.float64)
    blobs = prune_blobs(blobs, MAX_OVERLAP)
    radii = blobs[blobs[:, 2] > sigmas[0], 2] * math.sqrt(2)
    if radii.size == 0:
        raise ScaleEstimationError(NO_BLOB)
    deviation = np.abs(radii - np.median(radii))
    inliers = radii[deviation <= np.abs(radii - np.median(radii)).mean()]
    return float(inliers.mean() / math.sqrt(2))


def estimate_scale_robustly(image: NDArray[Any]) -> float:
    """Estimate the scale of the objects in an image, robustly against noise and small changes.

    Blobs are maxima of the Laplacian of Gaussian over position and scale, with radii interpolated between the
    scales; a blob within a stronger one is dropped. Each is weighted by its squared response times its area,
    so that many faint specks count little, and the mean is taken over the middle half of the total weight, so
    that no single blob dominates. Radii from 5 to 190 pixels are covered; the published estimator starts at
    20.

    Parameters
    ----------
    image : (H, W) array
        Intensities.

    Returns
    -------
    float
        Scale in pixels, as the published estimator would give it: 1.5 times radius / sqrt 2.

    Raises
    ------
    ScaleEstimationError
        If no blob is found.
    """
    g = _enhanced(image, NO_ROBUST_BLOB)
    sigmas = MIN_ROBUST_RADIUS / math.sqrt(2) * 2 ** (np.arange(NUM_ROBUST_RADII) / RADII_PER_OCTAVE)
    found = [
        _laplacian_maxima(g[rows, cols], sigmas, rows.start, cols.start) for rows, cols in _windows(g.shape)
    ]
    peaks, heights = (np.concatenate(parts) for parts in zip(*found, strict=True))
    if not len(peaks):
        raise ScaleEstimationError(NO_ROBUST_BLOB)
    order = np.lexsort((*peaks.T, -heights[:, 1]))[:MAX_BLOBS]
    peaks, (below, height, above) = peaks[order], heights[order].T
    with np.errstate(divide="ignore", invalid="ignore"):
        vertex = 0.5 * (below - above) / (below - 2 * height + above)
    between = np.clip(np.nan_to_num(vertex), -0.5, 0.5)  # NaN at the ends of the range
    scales = sigmas[0] * 2 ** ((peaks[:, 2] + between) / RADII_PER_OCTAVE)
    centres = peaks[:, :2].T.astype(np.float64)
    kept = suppress_overlapping(centres[0], centres[1], scales * math.sqrt(2))
    weights = (height * scales) ** 2
    return PUBLISHED_EXCESS * math.exp(midmean(np.log(scales[kept]), weights[kept]))


def _windows(shape: tuple[int, ...]) -> Iterator[tuple[slice, slice]]:
    """Windows to search for blobs: the whole image, or three windows along a side that is too long."""
    along = [
        [slice(0, size)]
        if size <= MAX_WINDOWLESS_SIDE
        else [slice(start, start + WINDOW) for start in (0, (size - WINDOW) // 2, size - WINDOW)]
        for size in shape
    ]
    yield from itertools.product(*along)


def _laplacian_maxima(
    g: NDArray[np.float64], sigmas: NDArray[np.float64], row: int, col: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Maxima of the Laplacians of Gaussian of a window whose corner is at (row, col), and their heights."""
    prepared = LowFrequencies(g, sigmas[0])
    laplacians = ordered_map(prepared.gaussian_laplace, sigmas.tolist())

    def responses(first: int, last: int) -> NDArray[np.float64]:
        stack = np.empty((sigmas.size, last - first, g.shape[1]))
        for response, laplacian, sigma in zip(stack, laplacians, sigmas, strict=True):
            np.multiply(laplacian.rows(first, last), -(sigma**2), out=response)
        return stack

    peaks, heights = _maxima(responses, g.shape[0], ROBUST_THRESHOLD)
    peaks[:, 0] += row
    peaks[:, 1] += col
    return peaks, heights


def midmean(values: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    """Mean of the middle half of weighted values (interquartile mean).

    Parameters
    ----------
    values, weights : (K,) float64
        At least one value; positive weights.

    Returns
    -------
    float
        The weighted mean.
    """
    order = np.lexsort((weights, values))
    ends = np.cumsum(weights[order])
    ends /= ends[-1]
    inside = np.diff(np.clip(ends, 0.25, 0.75), prepend=0.25)
    return float(inside @ values[order] / inside.sum())


ESTIMATORS: dict[str, Callable[[NDArray[Any]], float]] = {
    "published": estimate_scale,
    "robust": estimate_scale_robustly,
}


def typical_diameter(scale: float, is_estimated: bool) -> float:
    """Return the diameter of nuclei that corresponds to a scale.

    Parameters
    ----------
    scale : float
        Scale in pixels.
    is_estimated : bool
        Whether it was estimated: both estimators give more than the scale of a typical nucleus.

    Returns
    -------
    float
        Pixels.
    """
    diameter = 2 * math.sqrt(2) * scale
    return diameter / PUBLISHED_EXCESS if is_estimated else diameter


def scale_warnings(estimator: str, scale: float) -> Iterator[str]:
    """Warn if an estimate is near an end of the range of the estimator."""
    low, high = TRUSTED_SCALES[estimator]
    if scale < low:
        hint = ', or automation/estimator to "robust"' if estimator == "published" else ""
        yield (
            f"the estimated scale of {scale:.1f} pixels is near the lower limit of the estimator: if the "
            f"nuclei are smaller, give their diameter{hint}"
        )
    if scale > high:
        yield (
            f"the estimated scale of {scale:.1f} pixels is near the upper limit of the estimator: if it "
            "looks wrong, give the diameter of a typical nucleus"
        )


def _peaks(
    g: NDArray[np.float64], sigmas: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Maxima of the determinant of the Hessian over position and scale, and their heights."""

    def laplacians_of(g: NDArray[np.float64]) -> list[Laplacian]:
        prepared = LowFrequencies(g, sigmas[0])
        return [prepared.gaussian_laplace(sigma) for sigma in sigmas]

    def integral_of(g: NDArray[np.float64]) -> NDArray[np.float64]:
        return g.cumsum(axis=0).cumsum(axis=1)

    preparations: list[Callable[[NDArray[np.float64]], Any]] = [laplacians_of, integral_of]
    laplacians, integral = ordered_map(lambda prepare: prepare(g), preparations)

    def responses(first: int, last: int) -> NDArray[np.float64]:
        stack = np.zeros((sigmas.size, last - first, g.shape[1]))
        for response, laplacian, sigma in zip(stack, laplacians, sigmas, strict=True):
            determinant = hessian_determinant(integral, sigma, first, last)
            if determinant.max() > PEAK_THRESHOLD:
                np.multiply(determinant, laplacian.rows(first, last) < 0, out=response)
        return stack

    peaks, neighbors = _maxima(responses, g.shape[0], PEAK_THRESHOLD)
    return peaks, neighbors[:, 1]


def _maxima(
    responses: Callable[[int, int], NDArray[np.float64]], height: int, threshold: float
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Maxima over position and scale, in row-major order.

    The image is processed in strips of rows, so that the responses at all scales stay in the cache.

    Parameters
    ----------
    responses : callable
        Called with the first row and the one after the last; returns the responses there, a (S, h, W) array.
    height : int
        Rows of the image.
    threshold : float
        Lower responses are not considered.

    Returns
    -------
    peaks : (K, 3) int64
        Row, column and scale of each.
    heights : (K, 3) float64
        Responses at the next smaller scale, at its own, and at the next larger one; NaN where there is none.
    """

    def search(begin: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        end = min(begin + STRIP_ROWS, height)
        first, last = max(begin - 1, 0), min(end + 1, height)
        stack = responses(first, last)
        peaks = local_maxima(stack, threshold)
        rows, cols, scales = peaks.T
        framed = np.pad(stack[:, rows, cols], ((1, 1), (0, 0)), constant_values=np.nan)
        heights = framed[scales[:, np.newaxis] + [0, 1, 2], np.arange(scales.size)[:, np.newaxis]]
        peaks[:, 0] += first
        inside = (peaks[:, 0] >= begin) & (peaks[:, 0] < end)
        return peaks[inside], heights[inside]

    strips = ordered_map(search, range(0, height, STRIP_ROWS))
    return np.concatenate([peaks for peaks, _ in strips]), np.concatenate([heights for _, heights in strips])


def _enhanced(image: NDArray[Any], failed: str) -> NDArray[np.float64]:
    g = image.astype(np.float64)
    exponent = math.frexp(max(abs(g.min()), abs(g.max())))[1]
    if abs(exponent) > MAX_EXPONENT:  # scaling by a power of two is exact; sums and squares stay in range
        g = np.ldexp(g, -exponent)
    low = max(g.min(), g.mean() - g.std())
    high = min(g.max(), g.mean() + g.std())
    clipped: NDArray[np.float64] = np.clip(g, low, high) - low
    highest = clipped.max()
    if highest == 0:
        raise ScaleEstimationError(failed)
    return clipped / highest


def prune_blobs(blobs: NDArray[np.float64], max_overlap: float) -> NDArray[np.float64]:
    """Drop the smaller of any two blobs whose disks overlap too much.

    Parameters
    ----------
    blobs : (K, 3) float64
        Row, column and sigma of each blob; its disk has the radius sigma * sqrt 2.
    max_overlap : float
        Largest allowed intersection, as a fraction of the smaller disk.

    Returns
    -------
    (L, 3) float64
        The blobs that are left.
    """
    if len(blobs) < 2:
        return blobs
    kept = blobs.copy()
    reach = 2 * blobs[:, 2].max() * math.sqrt(2)
    pairs = scipy.spatial.cKDTree(blobs[:, :2]).query_pairs(reach)
    # The order of removal decides which blobs remain, so the published scales are reproduced only in the
    # order in which the set yields its pairs. That order is the same in every process.
    order = np.array(list(pairs), np.int64).reshape(-1, 2)
    overlaps = disk_overlap(blobs[order[:, 0]], blobs[order[:, 1]])
    for a, b in order[overlaps > max_overlap].tolist():
        if kept[a, 2] > 0 and kept[b, 2] > 0:
            kept[b if kept[a, 2] > kept[b, 2] else a, 2] = 0
    return kept[kept[:, 2] > 0]


def disk_overlap(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Intersections of the disks of pairs of blobs over the areas of the smaller ones.

    Parameters
    ----------
    first, second : (K, 3) float64
        Row, column and sigma > 0 of the blobs of each pair.

    Returns
    -------
    (K,) float64
        Fractions from 0 (apart) to 1 (one inside the other).
    """
    r1, r2 = np.sort([first[:, 2] * math.sqrt(2), second[:, 2] * math.sqrt(2)], axis=0)
    d = np.hypot(first[:, 0] - second[:, 0], first[:, 1] - second[:, 1])
    disjoint, inside = d >= r1 + r2, d <= r2 - r1
    between = np.where(disjoint | inside, r2, d)  # a distance at which the circles meet
    angle1 = np.arccos(np.clip((between**2 + r1**2 - r2**2) / (2 * between * r1), -1, 1))
    angle2 = np.arccos(np.clip((between**2 + r2**2 - r1**2) / (2 * between * r2), -1, 1))
    lens = (-between + r1 + r2) * (between + r1 - r2) * (between - r1 + r2) * (between + r1 + r2)
    area = r1**2 * angle1 + r2**2 * angle2 - 0.5 * np.sqrt(np.maximum(lens, 0))
    overlap: NDArray[np.float64] = np.where(disjoint, 0, np.where(inside, 1, area / (math.pi * r1**2)))
    return overlap
