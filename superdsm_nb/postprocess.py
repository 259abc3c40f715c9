"""Fifth stage: objects of the cover are refined, and those that are no nuclei discarded."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .config import Config
from .filters import dilated, distance, eroded, gaussian, is_near, standard_deviation
from .hyperparameters import Hyperparameter, Scaling
from .objects import BaseObject, Object
from .stage import Output, Stage

CONTRAST_REACH = 5.0  # the surroundings reach this many times exterior_scale beyond exterior_offset
GLARE_EROSION = 2


@dataclass
class PostprocessedObject(BaseObject):
    """An object of the final result.

    Attributes
    ----------
    original : Object
        The object of the cover it was made from.
    norm_energy : float
        Energy per pixel of its region.
    contrast : float
        Mean intensity inside over mean intensity around.
    eccentricity : float
        Of the mask before refinement.
    is_glare : bool
        Whether it looks like a glare.
    """

    original: Object | None = None
    norm_energy: float = math.nan
    contrast: float = math.nan
    eccentricity: float = 0.0
    is_glare: bool = False


class Postprocessing(Stage):
    """Discard spurious objects and refine the masks of the others (TPAMI 2023).

    Reads ``cover`` and ``g_raw``; adds ``postprocessed_objects``, a list of `PostprocessedObject`.
    """

    name = "postprocess"
    inputs = ("cover", "g_raw")
    outputs = ("postprocessed_objects",)
    hyperparameters = (
        Hyperparameter(
            "max_norm_energy", 0.2, "float", "discard objects with more energy per pixel", minimum=0
        ),
        Hyperparameter("discard_image_boundary", False, "bool", "discard objects on the image border"),
        Hyperparameter(
            *("min_boundary_obj_radius", 0.0, "float"),
            "discard smaller objects on the image border (pixels)",
            minimum=0,
        ),
        Hyperparameter(
            *("min_object_radius", 0.0, "float"),
            "discard smaller objects (pixels)",
            minimum=0,
            scaling=Scaling("radius", 0.0),
        ),
        Hyperparameter(
            *("max_object_radius", math.inf, "float"),
            "discard larger objects (pixels)",
            minimum=0,
            scaling=Scaling("radius", math.inf),
        ),
        Hyperparameter(
            "max_eccentricity", 0.99, "float", "discard more elongated objects (1: a line)", minimum=0
        ),
        Hyperparameter(
            *("max_boundary_eccentricity", math.inf, "float"),
            "the same on the image border; null: max_eccentricity",
            minimum=0,
            optional=True,
        ),
        Hyperparameter(
            *("exterior_scale", 5.0, "float"),
            "how fast the weight of the surroundings falls off in the contrast (pixels)",
            minimum=1e-3,
            maximum=1e5,
        ),
        Hyperparameter(
            *("exterior_offset", 5.0, "float"),
            "gap between an object and its surroundings in the contrast (pixels)",
            minimum=0,
            maximum=1e5,
        ),
        Hyperparameter(
            *("min_contrast", 1.35, "float"),
            "discard objects whose mean intensity is less than this multiple of that of their surroundings",
            minimum=0,
        ),
        Hyperparameter(
            "contrast_epsilon",
            *(1e-4, "float", "keeps the contrast finite on black surroundings"),
            minimum=0,
            maximum=1e6,
        ),
        Hyperparameter(
            *("mask_stdamp", 2.0, "float"),
            "pixels at the rim join an object within this many standard deviations of its mean intensity; "
            "0: masks are not refined",
            minimum=0,
        ),
        Hyperparameter(
            *("mask_max_distance", 1, "int"),
            "refinement moves the rim by at most so many pixels; 0: masks are not refined",
            minimum=0,
            maximum=1000,
        ),
        Hyperparameter(
            "mask_smoothness",
            3.0,
            "float",
            "smoothing of the image for the refinement (pixels)",
            minimum=0,
            maximum=1e5,
        ),
        Hyperparameter("fill_holes", True, "bool", "fill holes of masks that are not refined"),
        Hyperparameter(
            *("glare_detection_smoothness", 3.0, "float"),
            "smoothing of the image for the detection of glares (pixels)",
            minimum=0,
            maximum=1e5,
        ),
        Hyperparameter(
            "glare_detection_num_layers",
            5,
            "int",
            "intensity layers looked at in a possible glare",
            minimum=1,
            maximum=1000,
        ),
        Hyperparameter(
            *("glare_detection_min_layer", 0.5, "float"),
            "lowest of those layers, as a fraction of the range of intensity",
            minimum=0,
            maximum=1,
        ),
        Hyperparameter(
            *("min_glare_radius", math.inf, "float"),
            "objects larger than this may be glares, which are discarded (pixels)",
            minimum=0,
            scaling=Scaling("radius", math.inf),
        ),
        Hyperparameter(
            *("min_boundary_glare_radius", None, "float"),
            "the same on the image border; null: min_glare_radius",
            minimum=0,
            optional=True,
        ),
    )

    def settings(self, config: Config) -> dict[str, Any]:
        """Values by name; those for the image border default to those for its inside."""
        values = super().settings(config)
        for name, inner in (
            ("min_boundary_glare_radius", "min_glare_radius"),
            ("max_boundary_eccentricity", "max_eccentricity"),
        ):
            if values[name] is None:
                values[name] = config[f"{self.name}/{name}"] = values[inner]
        return values

    def process(self, inputs: Mapping[str, Any], values: dict[str, Any], out: Output) -> dict[str, Any]:
        """Refine and filter the objects of the cover."""
        candidates = []
        for item in inputs["cover"].solution:
            if item.area > 0:
                candidates.append(item)
            else:
                out.log(f"object of the atoms {sorted(item.footprint)} discarded: its mask is empty")
        examiner = Examiner(inputs["g_raw"], candidates, values)
        accepted = []
        # Not on threads: so many small steps would only wait for each other.
        for number, candidate in enumerate(candidates, 1):
            item, reason = examiner.examine(candidate)
            out.progress(number, len(candidates), "objects")
            if reason is None:
                accepted.append(item)
            else:
                row, col = (part.start + (part.stop - part.start) // 2 for part in candidate.box)
                out.log(f"object at row {row}, column {col} discarded: {reason}")
        return {"postprocessed_objects": accepted}


class Examiner:
    """Measures, refines and judges objects, each on its bounding box.

    Parameters
    ----------
    g_raw : (H, W) float64
        Intensities in [0, 1].
    objects : list of Object
        All objects of the cover that have pixels.
    values : dict
        Hyperparameters of the stage.
    """

    def __init__(self, g_raw: NDArray[np.float64], objects: list[Object], values: Mapping[str, Any]) -> None:
        self._g = g_raw
        self._values = values
        self._std = standard_deviation(g_raw)
        covered = np.zeros(g_raw.shape, bool)
        for item in objects:
            item.fill_foreground(covered)
        self._background = ~is_near(covered, values["exterior_offset"])
        self._smooth = gaussian(g_raw, values["mask_smoothness"])
        self._glare_smooth: NDArray[np.float64] | None = None
        if math.isfinite(min(values["min_glare_radius"], values["min_boundary_glare_radius"])):
            self._glare_smooth = gaussian(g_raw, values["glare_detection_smoothness"])

    def examine(self, item: Object) -> tuple[PostprocessedObject, str | None]:
        """Return the refined object and why it is to be discarded, or None."""
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
        values = self._values
        side = "boundary_" if on_boundary else ""
        max_eccentricity = values[f"max_{side}eccentricity"]
        min_radius = values["min_boundary_obj_radius" if on_boundary else "min_object_radius"]
        tests = (
            (result.area == 0, "nothing is left of its mask"),
            (result.is_glare, "it is a glare"),
            (
                result.norm_energy > values["max_norm_energy"],
                f"its energy per pixel of {result.norm_energy:.3g} is above {values['max_norm_energy']:g}",
            ),
            (
                result.contrast < values["min_contrast"],
                f"its contrast of {result.contrast:.3g} is below {values['min_contrast']:g}",
            ),
            (
                result.eccentricity > max_eccentricity,
                f"its eccentricity of {result.eccentricity:.3g} is above {max_eccentricity:g}",
            ),
            (on_boundary and values["discard_image_boundary"], "it is on the image border"),
            (
                not min_radius <= radius <= values["max_object_radius"],
                f"its radius of {radius:.3g} is not {min_radius:g} to {values['max_object_radius']:g} pixels",
            ),
        )
        return next((reason for failed, reason in tests if failed), None)

    def _contrast(self, item: Object) -> float:
        offset, scale = self._values["exterior_offset"], self._values["exterior_scale"]
        epsilon = self._values["contrast_epsilon"]
        box, mask = item.crop(self._g.shape, offset + CONTRAST_REACH * scale + 1)
        g = self._g[box] / self._std
        away = np.maximum(0, distance(mask) - offset) / scale
        around = (away <= CONTRAST_REACH) & ~mask & self._background[box]
        if not around.any():
            return math.inf  # nothing to compare with: no reason to discard it
        exterior = np.average(g[around], weights=np.exp(-away[around]))
        return float((g[mask].mean() + epsilon) / (exterior + epsilon))

    def _is_glare(self, item: Object, radius: float) -> bool:
        side = "boundary_" if item.on_boundary else ""
        if not radius > self._values[f"min_{side}glare_radius"]:
            return False
        assert self._glare_smooth is not None
        box, mask = item.crop(self._g.shape, GLARE_EROSION)
        g = self._glare_smooth[box]
        mask = eroded(mask, GLARE_EROSION)
        if not mask.any():
            return False
        low, high = g[mask].min(), g[mask].max()
        fractions = np.linspace(
            self._values["glare_detection_min_layer"],
            1,
            self._values["glare_detection_num_layers"],
            endpoint=False,
        )
        layers = (mask & (g > low + fraction * (high - low)) for fraction in fractions)
        return all(ndimage.label(layer)[1] <= 1 for layer in layers)

    def _refine(self, item: Object, result: PostprocessedObject) -> None:
        """Decide anew on the pixels at the rim by their intensity, and fill holes."""
        values = self._values
        result.fg_offset, result.fg_fragment = item.fg_offset, item.fg_fragment
        refined = values["mask_stdamp"] > 0 and values["mask_max_distance"] > 0
        if not refined and not values["fill_holes"]:
            return
        box, mask = item.crop(self._g.shape, values["mask_max_distance"] + 1)
        if refined:
            g = self._smooth[box]
            mean, deviation = g[mask].mean(), g[mask].std()
            reach = values["mask_max_distance"]
            band = dilated(mask, reach) ^ eroded(mask, reach)
            mask[band] = np.abs(g[band] - mean) <= values["mask_stdamp"] * deviation
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
