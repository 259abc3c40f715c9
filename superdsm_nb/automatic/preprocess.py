"""First stage: the size of the nuclei, the image at the canonical resolution, and its foreground."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..canonical import resized_map
from ..config import AutomaticPreprocessSettings
from ..events import Emit, LogLine
from ..stage import PipelineData, Stage
from .defects import content_box, defect_tolerance, noise, without_defects, without_outliers
from .distribution import sample
from .emptiness import foreground_or_nothing
from .objectsize import radius_of_objects
from .sample import Read, Thinned, chosen_squares, is_large, sample_of_image
from .size import estimated_radius, radius_of_mask
from .threshold import Foreground, Levels, smoothed_noise
from .window import Canvas, Measures, resized, zoom_of

FALLBACK_RADIUS = 16.0  # pixels, if there is nothing to measure
TINY = 6.0  # pixels
SAME_RADIUS = 0.03  # logarithm of a ratio; the image is not resized again for less
CLOSE_RADIUS = 0.08  # likewise; the next estimate would differ by a fraction of it
MAX_ROUNDS = 4  # the radius settles, or goes to and fro between two values that are almost equal
CORE_PERCENTILE = 75  # of a given foreground; counts as certain
TINIEST = 1e-100  # of a given foreground; less would overflow


class AutomaticPreprocessing(Stage[AutomaticPreprocessSettings]):
    """Find the size of the nuclei, resize the image so that all nuclei have it, and find the foreground.

    Frames and single defective pixels are ignored. All lengths follow from the radius of the nuclei, and all
    intensities are compared with those around, so neither the unit of the intensities nor the resolution
    matters.

    Reads ``g_raw`` (H, W) float64 in [0, 1], ``foreground`` (H, W) float64 if the user gives it, and
    ``radius`` if the diameter is given; adds ``content``, the rows and columns of the image without a frame,
    of which alone all others are; ``radius``, ``zoom``, ``canonical`` (h, w) float64, ``y`` (h, w) float64,
    positive in the foreground, and ``measures``, what was measured in a sample of a large image, or None.
    """

    name = AutomaticPreprocessSettings.section
    inputs = ("g_raw",)
    optional_inputs = ("foreground", "radius")
    outputs = ("content", "radius", "zoom", "canonical", "y", "measures")
    settings_type = AutomaticPreprocessSettings

    def process(
        self, inputs: PipelineData, settings: AutomaticPreprocessSettings, emit: Emit
    ) -> PipelineData:
        """Compute radius, canonical image and foreground."""
        box = content_box(inputs["g_raw"])
        g = np.ascontiguousarray(inputs["g_raw"][box])
        given, radius = inputs.get("foreground"), inputs.get("radius")
        if given is not None:
            found = _with_foreground(without_defects(g), np.ascontiguousarray(given[box]), radius, settings)
        elif is_large(inputs["g_raw"].shape):
            found = _in_parts(g, radius, settings)
        else:
            found, _ = _measured(without_defects(g), radius, settings)
        emit(
            LogLine(
                f"radius {found['radius']:.2f} pixels, resized to "
                f"{' x '.join(map(str, found['canonical'].shape))}"
            )
        )
        return {"content": box, "measures": None, **found}


def measure(
    read: Read, few: Thinned, radius: float | None, settings: AutomaticPreprocessSettings
) -> Measures:
    """Measure what concerns a large image as a whole in a sample of it.

    Parameters
    ----------
    read : callable
        Returns some rows and columns of the content of the image, as float64 in [0, 1].
    few : Thinned
        Some of its pixels.
    radius : float, optional
        Radius of a typical nucleus (pixels), if it is known.
    settings : AutomaticPreprocessSettings
        As for the stage.

    Returns
    -------
    Measures
        The same, however the image is read.
    """
    image = sample_of_image(read, few.side, chosen_squares(few))
    tolerance = defect_tolerance(image)
    image = image if tolerance is None else without_outliers(image, tolerance)
    found, levels = _measured(image, radius, settings, is_shaded=False)
    outside = sample(image)[sample(resized_map(found["y"] <= 0, image.shape))]
    background = float(np.median(outside)) if outside.size else float(image.min())
    return Measures(found["radius"], tolerance, noise(image), levels, background)


def _in_parts(
    g: NDArray[np.float64], radius: float | None, settings: AutomaticPreprocessSettings
) -> PipelineData:
    """Measure a sample of a large image, and find the foreground of all of it as that of its parts."""

    def read(rows: slice, cols: slice) -> NDArray[np.float64]:
        return g[rows, cols]

    measures = measure(read, Thinned.of(read, g.shape), radius, settings)
    canvas = Canvas(read, g.shape, measures, settings)
    whole = slice(0, canvas.canonical_shape[0]), slice(0, canvas.canonical_shape[1])
    return {
        "radius": measures.radius,
        "zoom": canvas.zoom,
        "canonical": canvas.canonical(whole),
        "y": canvas.foreground(whole),
        "measures": measures,
    }


def _with_foreground(
    g: NDArray[np.float64],
    given: NDArray[np.float64],
    radius: float | None,
    settings: AutomaticPreprocessSettings,
) -> PipelineData:
    """Bring image and given foreground to the canonical resolution."""

    def at(radius: float) -> PipelineData:
        zoom = zoom_of(radius, settings)
        y = _in_units_of_its_core(resized(given, zoom))
        return {"radius": radius, "zoom": zoom, "canonical": resized(g, zoom), "y": y}

    return at(radius) if radius is not None else _settled(at, radius_of_mask(given > 0))


def _measured(
    g: NDArray[np.float64],
    radius: float | None,
    settings: AutomaticPreprocessSettings,
    is_shaded: bool = True,
) -> tuple[PipelineData, Levels]:
    """Find radius, canonical image and foreground of an image, and the levels of its foreground."""
    pixel_noise = noise(g)
    levels: list[Levels] = []

    def at(radius: float) -> PipelineData:
        zoom = zoom_of(radius, settings)
        canonical = resized(g, zoom)
        found = _foreground(canonical, radius, zoom, pixel_noise, settings, is_shaded)
        levels.append(found.levels)
        return {"radius": radius, "zoom": zoom, "canonical": canonical, "y": found.y()}

    result = at(radius) if radius is not None else _settled(at, _first_radius(g, pixel_noise, settings))
    return result, levels[-1]


def _settled(at: Callable[[float], PipelineData], first: float) -> PipelineData:
    """Return results for the radius of the objects that they lead to."""
    result = at(first if math.isfinite(first) else FALLBACK_RADIUS)
    for _ in range(MAX_ROUNDS):
        radius = radius_of_objects(result["y"], result["radius"], result["zoom"])
        change = abs(math.log(radius / result["radius"]))
        if change > SAME_RADIUS:
            result = at(radius)
        if change < CLOSE_RADIUS:
            break
    return result


def _first_radius(
    image: NDArray[np.float64], pixel_noise: float, settings: AutomaticPreprocessSettings
) -> float:
    """Estimate the radius; if it is tiny, which noise is as well, from a foreground without noise."""
    radius = estimated_radius(image)
    if not radius < TINY:
        return radius
    return radius_of_mask(_foreground(image, FALLBACK_RADIUS, 1.0, pixel_noise, settings).y() > 0)


def _foreground(
    canonical: NDArray[np.float64],
    radius: float,
    zoom: float,
    pixel_noise: float,
    settings: AutomaticPreprocessSettings,
    is_shaded: bool = True,
) -> Foreground:
    """The foreground; radius and noise are those of the image, as resizing hides noise."""
    left = smoothed_noise(pixel_noise, settings.noise_smoothing * radius)
    return foreground_or_nothing(
        canonical,
        smoothing=settings.noise_smoothing * radius * zoom,
        reach=settings.reach * radius * zoom,
        height=settings.threshold_height,
        min_contrast=settings.min_local_contrast,
        least_height=settings.min_noises * left,
        is_shaded=is_shaded,
    )


def _in_units_of_its_core(foreground: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scale a given foreground so that what is certain has about the value that the inside of nuclei has."""
    positive = foreground[foreground > 0]
    if not positive.size:
        return foreground
    result: NDArray[np.float64] = foreground / max(float(np.percentile(positive, CORE_PERCENTILE)), TINIEST)
    return result
