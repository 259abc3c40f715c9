"""First stage: the size of the nuclei, the image at the canonical resolution, and its foreground."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..config import AutomaticPreprocessSettings
from ..events import Emit, LogLine
from ..stage import PipelineData, Stage
from .defects import NO_NOISE, content_box, noise, without_defects
from .emptiness import foreground_or_nothing
from .objectsize import radius_of_objects
from .size import estimated_radius, radius_of_mask
from .threshold import smoothed_noise

FALLBACK_RADIUS = 16.0  # pixels, if there is nothing to measure
TINY = 6.0  # pixels
SAME_RADIUS = 0.03  # logarithm of a ratio; the image is not resized again for less
CLOSE_RADIUS = 0.08  # likewise; the next estimate would differ by a fraction of it
MAX_ROUNDS = 4  # the radius settles, or goes to and fro between two values that are almost equal
SAME_SIZE = 0.1  # relative; an image whose nuclei have almost the canonical radius is not resized
CORE_PERCENTILE = 75  # of a given foreground; counts as certain
TINIEST = 1e-100  # of a given foreground; less would overflow


class AutomaticPreprocessing(Stage[AutomaticPreprocessSettings]):
    """Find the size of the nuclei, resize the image so that all nuclei have it, and find the foreground.

    Frames and single defective pixels are ignored. All lengths follow from the radius of the nuclei, and all
    intensities are compared with those around, so neither the unit of the intensities nor the resolution
    matters.

    Reads ``g_raw`` (H, W) float64 in [0, 1], ``foreground`` (H, W) float64 if the user gives it, and
    ``radius`` if the diameter is given; adds ``content``, the rows and columns of the image without a frame,
    of which alone all others are; ``radius``, ``zoom``, ``canonical`` (h, w) float64 and ``y`` (h, w)
    float64, positive in the foreground.
    """

    name = AutomaticPreprocessSettings.section
    inputs = ("g_raw",)
    optional_inputs = ("foreground", "radius")
    outputs = ("content", "radius", "zoom", "canonical", "y")
    settings_type = AutomaticPreprocessSettings

    def process(
        self, inputs: PipelineData, settings: AutomaticPreprocessSettings, emit: Emit
    ) -> PipelineData:
        """Compute radius, canonical image and foreground."""
        box = content_box(inputs["g_raw"])
        g = without_defects(np.ascontiguousarray(inputs["g_raw"][box]))
        given = inputs.get("foreground")
        if given is not None:
            given = np.ascontiguousarray(given[box])
        pixel_noise = noise(g) if given is None else NO_NOISE

        def at(radius: float) -> PipelineData:
            zoom = _zoom(radius, settings)
            canonical = resized(g, zoom)
            y = (
                _foreground(canonical, radius, zoom, pixel_noise, settings)
                if given is None
                else _in_units_of_its_core(resized(given, zoom))
            )
            return {"content": box, "radius": radius, "zoom": zoom, "canonical": canonical, "y": y}

        if "radius" in inputs:
            result = at(inputs["radius"])
        else:
            first = _first_radius(g, pixel_noise, settings) if given is None else radius_of_mask(given > 0)
            result = at(first if math.isfinite(first) else FALLBACK_RADIUS)
            for _ in range(MAX_ROUNDS):
                radius = radius_of_objects(result["y"], result["radius"], result["zoom"])
                change = abs(math.log(radius / result["radius"]))
                if change > SAME_RADIUS:
                    result = at(radius)
                if change < CLOSE_RADIUS:
                    break
        emit(
            LogLine(
                f"radius {result['radius']:.2f} pixels, resized to "
                f"{' x '.join(map(str, result['canonical'].shape))}"
            )
        )
        return result


def _first_radius(
    image: NDArray[np.float64], pixel_noise: float, settings: AutomaticPreprocessSettings
) -> float:
    """Estimate the radius; if it is tiny, which noise is as well, from a foreground without noise."""
    radius = estimated_radius(image)
    if not radius < TINY:
        return radius
    return radius_of_mask(_foreground(image, FALLBACK_RADIUS, 1.0, pixel_noise, settings) > 0)


def _zoom(radius: float, settings: AutomaticPreprocessSettings) -> float:
    zoom = min(settings.canonical_radius / radius, settings.max_zoom)
    return 1.0 if abs(zoom - 1) < SAME_SIZE else zoom


def _foreground(
    canonical: NDArray[np.float64],
    radius: float,
    zoom: float,
    pixel_noise: float,
    settings: AutomaticPreprocessSettings,
) -> NDArray[np.float64]:
    """Offset intensities; radius and noise are those of the image, as resizing hides noise."""
    left = smoothed_noise(pixel_noise, settings.noise_smoothing * radius)
    return foreground_or_nothing(
        canonical,
        smoothing=settings.noise_smoothing * radius * zoom,
        reach=settings.reach * radius * zoom,
        height=settings.threshold_height,
        min_contrast=settings.min_local_contrast,
        least_height=settings.min_noises * left,
    ).y()


def resized(image: NDArray[np.float64], zoom: float) -> NDArray[np.float64]:
    """Resize an image by a factor; at least one pixel is left."""
    if zoom == 1:
        return image
    rows, cols = (_averages(size, max(1, round(size * zoom))) for size in image.shape)
    result: NDArray[np.float64] = np.ascontiguousarray((cols @ (rows @ image).T).T)
    return result


def _averages(old: int, new: int) -> sparse.csr_array:
    """Weights that make `new` pixels along a side of `old` ones: triangles at least a pixel wide."""
    width = math.sqrt(1 + 1.5 * max(0.0, old / new - 1) ** 2)
    center = (np.arange(new) + 0.5) * old / new - 0.5
    first = np.floor(center - width).astype(np.int64) + 1
    source = first[:, None] + np.arange(math.ceil(2 * width))
    weights = np.maximum(0.0, 1 - np.abs(source - center[:, None]) / width)
    weights /= weights.sum(axis=1, keepdims=True)
    places = np.repeat(np.arange(new), source.shape[1]), np.clip(source, 0, old - 1).ravel()
    return sparse.csr_array((weights.ravel(), places), shape=(new, old))


def _in_units_of_its_core(foreground: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scale a given foreground so that what is certain has about the value that the inside of nuclei has."""
    positive = foreground[foreground > 0]
    if not positive.size:
        return foreground
    result: NDArray[np.float64] = foreground / max(float(np.percentile(positive, CORE_PERCENTILE)), TINIEST)
    return result
