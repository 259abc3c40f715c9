"""Fifth stage: objects of the cover are refined, and those that are not nuclei are discarded."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .config import Config, PostprocessSettings
from .errors import TimeLimitError
from .events import Emit, ObjectDiscarded, Progress, Warned
from .filters import dilated, distance, eroded, gaussian, standard_deviation, within_distance
from .objects import Object, PostprocessedObject
from .stage import PipelineData, Stage
from .timelimit import check, leave_undone, undone

CONTRAST_REACH = 5.0  # the surroundings reach this many times exterior_scale beyond exterior_offset
GLARE_EROSION = 2


class Postprocessing(Stage[PostprocessSettings]):
    """Discard spurious objects and refine the masks of the others (TPAMI 2023).

    Reads ``cover`` and ``g_raw``; adds ``postprocessed_objects``, a list of `PostprocessedObject`.
    """

    name = PostprocessSettings.section
    inputs = ("cover", "g_raw")
    optional_inputs = ("decisions",)
    outputs = ("postprocessed_objects",)
    settings_type = PostprocessSettings

    def fill_defaults(self, config: Config) -> None:
        """Fill in defaults; limits for the image border default to those for the inside."""
        super().fill_defaults(config)
        for name, inner in (
            ("min_boundary_glare_radius", "min_glare_radius"),
            ("max_boundary_eccentricity", "max_eccentricity"),
        ):
            if config[f"{self.name}/{name}"] is None:
                config[f"{self.name}/{name}"] = float(config[f"{self.name}/{inner}"])

    def process(self, inputs: PipelineData, settings: PostprocessSettings, emit: Emit) -> PipelineData:
        """Refine and filter the objects of the cover."""
        candidates = []
        for item in inputs["cover"].solution:
            if item.area > 0:
                candidates.append(item)
            else:
                emit(ObjectDiscarded("its mask is empty", atoms=tuple(sorted(item.footprint))))
        object_filter = ObjectFilter(inputs["g_raw"], candidates, settings)
        accepted = []
        # Not on threads: many small steps would only wait for each other.
        for number, candidate in enumerate(candidates, 1):
            try:
                check()
            except TimeLimitError:
                if number == 1 or not leave_undone():
                    raise
                emit(Warned(undone(number - 1, len(candidates), "objects")))
                break
            result, reason = object_filter.examine(candidate)
            reason = by_hand(inputs, candidate, reason)
            emit(Progress(number, len(candidates), "objects"))
            if reason is None:
                accepted.append(result)
            else:
                row, col = (part.start + (part.stop - part.start) // 2 for part in candidate.box)
                emit(ObjectDiscarded(reason, row, col, tuple(sorted(candidate.footprint))))
        return {"postprocessed_objects": accepted}


def by_hand(inputs: PipelineData, item: Object, reason: str | None) -> str | None:
    """Return why an object is discarded, or None, after corrections by hand of that reason."""
    decisions = inputs.get("decisions")
    if decisions is not None and item.footprint in decisions.deleted:
        return "it was deleted by hand"
    return None if decisions is not None and item.footprint in decisions.kept else reason


class ObjectFilter:
    """Measures, refines and filters objects, each on its bounding box.

    Parameters
    ----------
    g_raw : (H, W) float64
        Intensities in [0, 1].
    objects : list of Object
        All objects of the cover that have pixels.
    settings : PostprocessSettings
        Hyperparameters of the stage.
    """

    def __init__(
        self, g_raw: NDArray[np.float64], objects: list[Object], settings: PostprocessSettings
    ) -> None:
        self._g = g_raw
        self._settings = settings
        self._std = standard_deviation(g_raw)
        covered = np.zeros(g_raw.shape, bool)
        for item in objects:
            item.fill_foreground(covered)
        self._background = ~within_distance(covered, settings.exterior_offset)
        self._smooth = gaussian(g_raw, settings.mask_smoothness)
        self._glare_smooth: NDArray[np.float64] | None = None
        if math.isfinite(min(settings.glare_radius(False), settings.glare_radius(True))):
            self._glare_smooth = gaussian(g_raw, settings.glare_detection_smoothness)

    def examine(self, item: Object) -> tuple[PostprocessedObject, str | None]:
        """Return the refined object, and the reason to discard it or None."""
        mask = item.fg_fragment
        result = PostprocessedObject(
            original=item,
            norm_energy=item.energy / item.pixels,
            contrast=self._contrast(item),
            eccentricity=eccentricity(mask),
        )
        radius = math.sqrt(item.area / math.pi)
        result.is_glare = self._is_glare(item, radius)
        self._refine(item, result)
        return result, self._reason(result, item.on_boundary, radius)

    def _reason(self, result: PostprocessedObject, on_boundary: bool, radius: float) -> str | None:
        settings = self._settings
        max_eccentricity = settings.eccentricity_limit(on_boundary)
        min_radius = settings.least_radius(on_boundary)
        tests = (
            (result.area == 0, "nothing is left of its mask"),
            (result.is_glare, "it is a glare"),
            (
                result.norm_energy > settings.max_norm_energy,
                f"its energy per pixel of {result.norm_energy:.3g} is above {settings.max_norm_energy:g}",
            ),
            (
                result.contrast < settings.min_contrast,
                f"its contrast of {result.contrast:.3g} is below {settings.min_contrast:g}",
            ),
            (
                result.eccentricity > max_eccentricity,
                f"its eccentricity of {result.eccentricity:.3g} is above {max_eccentricity:g}",
            ),
            (on_boundary and settings.discard_image_boundary, "it is on the image border"),
            (
                not min_radius <= radius <= settings.max_object_radius,
                f"its radius of {radius:.3g} is not {min_radius:g} to {settings.max_object_radius:g} pixels",
            ),
        )
        return next((reason for failed, reason in tests if failed), None)

    def _contrast(self, item: Object) -> float:
        offset, scale = self._settings.exterior_offset, self._settings.exterior_scale
        epsilon = self._settings.contrast_epsilon
        box, mask = item.crop(self._g.shape, offset + CONTRAST_REACH * scale + 1)
        g = self._g[box] / self._std
        away = np.maximum(0, distance(mask) - offset) / scale
        around = (away <= CONTRAST_REACH) & ~mask & self._background[box]
        if not around.any():
            return math.inf  # nothing to compare with: no reason to discard it
        exterior = np.average(g[around], weights=np.exp(-away[around]))
        return float((g[mask].mean() + epsilon) / (exterior + epsilon))

    def _is_glare(self, item: Object, radius: float) -> bool:
        if not radius > self._settings.glare_radius(item.on_boundary):
            return False
        assert self._glare_smooth is not None
        box, mask = item.crop(self._g.shape, GLARE_EROSION)
        g = self._glare_smooth[box]
        mask = eroded(mask, GLARE_EROSION)
        if not mask.any():
            return False
        low, high = g[mask].min(), g[mask].max()
        fractions = np.linspace(
            self._settings.glare_detection_min_layer,
            1,
            self._settings.glare_detection_num_layers,
            endpoint=False,
        )
        layers = (mask & (g > low + fraction * (high - low)) for fraction in fractions)
        return all(ndimage.label(layer)[1] <= 1 for layer in layers)

    def _refine(self, item: Object, result: PostprocessedObject) -> None:
        """Reassign the pixels near the boundary by their intensity, and fill holes."""
        settings = self._settings
        result.fg_offset, result.fg_fragment = item.fg_offset, item.fg_fragment
        refined = settings.mask_stdamp > 0 and settings.mask_max_distance > 0
        if not refined and not settings.fill_holes:
            return
        box, mask = item.crop(self._g.shape, settings.mask_max_distance + 1)
        if refined:
            g = self._smooth[box]
            mean, deviation = g[mask].mean(), g[mask].std()
            reach = settings.mask_max_distance
            band = dilated(mask, reach) ^ eroded(mask, reach)
            mask[band] = np.abs(g[band] - mean) <= settings.mask_stdamp * deviation
        mask = ndimage.binary_fill_holes(mask)
        rows, cols = np.nonzero(mask)
        result.set_pixels(rows + box[0].start, cols + box[1].start)


def eccentricity(mask: NDArray[np.bool_]) -> float:
    """Eccentricity of the ellipse with the second moments of a mask of at least one pixel.

    As `skimage.measure.regionprops` defines it.
    """
    rows, cols = np.nonzero(mask)
    rows, cols = rows - rows.mean(), cols - cols.mean()
    across, along, mixed = float(rows @ rows), float(cols @ cols), float(rows @ cols)
    spread = math.hypot(across - along, 2 * mixed)
    longest = across + along + spread
    # The ratio of the axes, squared, is (longest - 2 spread) / longest.
    return math.sqrt(min(1.0, 2 * spread / longest)) if longest > 0 else 0.0


Examiner = ObjectFilter  # its name in 0.1.0, for one more version
