"""First stage: the size of the nuclei, the image at the canonical resolution, and its foreground."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..config import AutomaticPreprocessSettings
from ..events import Emit, LogLine
from ..filters import gaussian
from ..stage import PipelineData, Stage

MIN_AREA = 12  # pixels of the components that count in the estimate of the radius
FALLBACK_RADIUS = 12.0  # pixels, if there is no component


class AutomaticPreprocessing(Stage[AutomaticPreprocessSettings]):
    """Find the size of the nuclei, resize the image so that all nuclei have it, and find the foreground.

    Reads ``g_raw`` (H, W) float64 in [0, 1], ``foreground`` (H, W) float64 if the user gives it, and
    ``radius`` if the diameter is given; adds ``radius``, ``zoom``, ``canonical`` (h, w) float64 and ``y``
    (h, w) float64, positive in the foreground.
    """

    name = AutomaticPreprocessSettings.section
    inputs = ("g_raw",)
    optional_inputs = ("foreground", "radius")
    outputs = ("radius", "zoom", "canonical", "y")
    settings_type = AutomaticPreprocessSettings

    def process(
        self, inputs: PipelineData, settings: AutomaticPreprocessSettings, emit: Emit
    ) -> PipelineData:
        """Compute radius, canonical image and foreground."""
        g = inputs["g_raw"]
        radius = inputs["radius"] if "radius" in inputs else estimated_radius(g)
        zoom = min(settings.canonical_radius / radius, settings.max_zoom)
        canonical = resized(g, zoom)
        emit(LogLine(f"radius {radius:.2f} pixels, resized to {' x '.join(map(str, canonical.shape))}"))
        if "foreground" in inputs:
            y = resized(inputs["foreground"], zoom)
        else:
            smooth = gaussian(canonical, settings.smoothing * radius * zoom)
            y = smooth - otsu_threshold(smooth)
        return {"radius": radius, "zoom": zoom, "canonical": canonical, "y": np.ascontiguousarray(y)}


def estimated_radius(g: NDArray[np.float64]) -> float:
    """Estimate the radius of a typical nucleus from the areas of the bright regions of an image (pixels)."""
    smooth = gaussian(g, 1.0)
    components, count = ndimage.label(smooth > otsu_threshold(smooth))
    areas = np.bincount(components.ravel(), minlength=count + 1)[1:]
    areas = areas[areas >= MIN_AREA]
    return math.sqrt(float(np.median(areas)) / math.pi) if areas.size else FALLBACK_RADIUS


def resized(image: NDArray[np.float64], zoom: float) -> NDArray[np.float64]:
    """Resize an image by a factor; at least one pixel is left."""
    from skimage.transform import resize  # noqa: PLC0415 - takes 0.1 s; the published method does not need it

    shape = [max(1, round(size * zoom)) for size in image.shape]
    result: NDArray[np.float64] = resize(image, shape, order=1, mode="edge", anti_aliasing=zoom < 1)
    return result


def otsu_threshold(image: NDArray[np.float64]) -> float:
    """Return the threshold between dark and bright pixels; a constant image has no brighter ones."""
    from skimage.filters import threshold_otsu  # noqa: PLC0415 - as above

    return float(threshold_otsu(image))
