"""Hyperparameters from the image: its scale, and what follows from it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from .config import Config
from .errors import ScaleEstimationError
from .filters import Laplacian, LowFrequencies
from .image import intensities
from .kernels.blobs import hessian_determinant, local_maxima
from .parallel import ordered_map, single_threaded_blas
from .pipeline import Output, Pipeline

MIN_RADIUS, MAX_RADIUS, NUM_RADII = 20, 200, 10  # pixels
PEAK_THRESHOLD = 0.01
MAX_OVERLAP = 0.5
STRIP = 32  # rows
FAILED = (
    "The scale estimation failed: no blob of 20 to 200 pixels radius stands out in the image; set AF_scale "
    "to the radius of a typical object divided by 1.41."
)


def create_config(pipeline: Pipeline, base_config: Config, image: ArrayLike) -> tuple[Config, float]:
    """Complete a configuration with the hyperparameters that follow from the scale of the objects.

    Parameters
    ----------
    pipeline : Pipeline
        Its stages declare which hyperparameters scale, and how.
    base_config : Config
        What the user sets; not changed. Values that are set (and not None) are kept. ``AF_scale`` sets the
        scale; otherwise it is estimated from the image.
    image : (H, W) array, or (H, W, 3) if ``histological`` is set
        The image as it was read.

    Returns
    -------
    config : Config
        The completed configuration.
    scale : float
        Scale of the objects in pixels: radius / sqrt 2.

    Raises
    ------
    ScaleEstimationError
        If no scale can be estimated.
    """
    pipeline.check(base_config)
    g, _ = intensities(image, base_config.get("histological", False))
    scale = base_config.get("AF_scale")
    if scale is None:
        scale = estimate_scale(g)
    return scaled_config(pipeline, base_config, scale), float(scale)


def scaled_config(pipeline: Pipeline, base_config: Config, scale: float) -> Config:
    """Complete a configuration with the hyperparameters that follow from a known scale (pixels)."""
    config = base_config.copy()
    config.set_default("AF_scale", None)
    declarations = pipeline.declarations
    for key, automatic in declarations.automatic.items():
        factor = config.set_default(automatic, declarations[automatic].default, override_none=True)
        config.set_default(key, declarations[key].scaled_default(scale, factor), override_none=True)
    return config


def process_image(
    pipeline: Pipeline,
    base_config: Config,
    image: ArrayLike,
    last_stage: str | None = None,
    out: Output | None = None,
    first_stage: str | None = None,
    data: dict[str, Any] | None = None,
    scale: float | None = None,
) -> tuple[dict[str, Any], Config, dict[str, float]]:
    """Segment an image with hyperparameters that follow from its scale.

    Parameters
    ----------
    pipeline : Pipeline
        The stages.
    base_config : Config
        What the user sets; not changed.
    image : (H, W) array, or (H, W, 3) if ``histological`` is set
        The image.
    last_stage : str, optional
        Name of the last stage to run.
    out : Output, optional
        Takes progress and log lines.
    first_stage, data, scale : optional
        To start at a later stage: its name, the pipeline data object of the stages before it, and the scale
        that they were run with.

    Returns
    -------
    data : dict
        Pipeline data object.
    config : Config
        Hyperparameters used, every default filled in.
    timings : dict of str to float
        Seconds by stage; ``"scale"`` for the estimation of the scale.
    """
    out = out or Output()
    seconds: dict[str, float] = {}
    with single_threaded_blas():
        if scale is None:
            out.stage("scale")
            start = time.perf_counter()
            config, scale = create_config(pipeline, base_config, image)
            given = " (given)" if base_config.get("AF_scale") is not None else ""
            out.log(f"scale {scale:.2f} pixels{given}")
            seconds["scale"] = time.perf_counter() - start
        else:
            config = scaled_config(pipeline, base_config, scale)
        data, config, timings = pipeline.process_image(image, config, first_stage, last_stage, data, out)
    data["scale"] = scale
    return data, config, {**seconds, **timings}


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
    g = _enhanced(image)
    sigmas = np.linspace(MIN_RADIUS, MAX_RADIUS, NUM_RADII) / math.sqrt(2)
    sigmas = np.concatenate([[sigmas.min() / 2], sigmas])
    peaks, heights = _peaks(g, sigmas)
    peaks = peaks[np.argsort(-heights, kind="stable")]
    blobs = np.column_stack([peaks[:, :2], sigmas[peaks[:, 2]]]).astype(np.float64)
    blobs = prune_blobs(blobs, MAX_OVERLAP)
    radii = blobs[blobs[:, 2] > sigmas[0], 2] * math.sqrt(2)
    if radii.size == 0:
        raise ScaleEstimationError(FAILED)
    deviation = np.abs(radii - np.median(radii))
    inliers = radii[deviation <= np.abs(radii - np.median(radii)).mean()]
    return float(inliers.mean() / math.sqrt(2))


def _peaks(
    g: NDArray[np.float64], sigmas: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Maxima over position and scale: (K, 3) row, column and scale of each, in row-major order, and heights.

    The image is taken in strips of rows: what all scales answer there stays in the cache.
    """
    height, width = g.shape

    def laplacians_of(g: NDArray[np.float64]) -> list[Laplacian]:
        prepared = LowFrequencies(g, sigmas[0])
        return [prepared.gaussian_laplace(sigma) for sigma in sigmas]

    def integral_of(g: NDArray[np.float64]) -> NDArray[np.float64]:
        return g.cumsum(axis=0).cumsum(axis=1)

    preparations: list[Callable[[NDArray[np.float64]], Any]] = [laplacians_of, integral_of]
    laplacians, integral = ordered_map(lambda prepare: prepare(g), preparations)

    def search(begin: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        end = min(begin + STRIP, height)
        first, last = max(begin - 1, 0), min(end + 1, height)
        stack = np.zeros((sigmas.size, last - first, width))
        for response, laplacian, sigma in zip(stack, laplacians, sigmas, strict=True):
            determinant = hessian_determinant(integral, sigma, first, last)
            if determinant.max() > PEAK_THRESHOLD:
                np.multiply(determinant, laplacian.rows(first, last) < 0, out=response)
        peaks = local_maxima(stack, PEAK_THRESHOLD)
        heights = stack[peaks[:, 2], peaks[:, 0], peaks[:, 1]]
        peaks[:, 0] += first
        inside = (peaks[:, 0] >= begin) & (peaks[:, 0] < end)
        return peaks[inside], heights[inside]

    strips = ordered_map(search, range(0, height, STRIP))
    return np.concatenate([peaks for peaks, _ in strips]), np.concatenate([heights for _, heights in strips])


def _enhanced(image: NDArray[Any]) -> NDArray[np.float64]:
    g = image.astype(np.float64)
    low = max(g.min(), g.mean() - g.std())
    high = min(g.max(), g.mean() + g.std())
    clipped: NDArray[np.float64] = np.clip(g, low, high) - low
    return clipped / clipped.max()


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
    pairs = cKDTree(blobs[:, :2]).query_pairs(reach)
    # Which blob falls first decides which others may stay, so the published scales come out only in the
    # order in which the set gives its pairs. That order is the same in every process.
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
    """
    r1, r2 = np.sort([first[:, 2] * math.sqrt(2), second[:, 2] * math.sqrt(2)], axis=0)
    d = np.hypot(first[:, 0] - second[:, 0], first[:, 1] - second[:, 1])
    apart, inside = d >= r1 + r2, d <= r2 - r1
    between = np.where(apart | inside, r2, d)  # a distance at which the circles meet
    angle1 = np.arccos(np.clip((between**2 + r1**2 - r2**2) / (2 * between * r1), -1, 1))
    angle2 = np.arccos(np.clip((between**2 + r2**2 - r1**2) / (2 * between * r2), -1, 1))
    lens = (-between + r1 + r2) * (between + r1 - r2) * (between - r1 + r2) * (between + r1 + r2)
    area = r1**2 * angle1 + r2**2 * angle2 - 0.5 * np.sqrt(np.maximum(lens, 0))
    overlap: NDArray[np.float64] = np.where(apart, 0, np.where(inside, 1, area / (math.pi * r1**2)))
    return overlap
