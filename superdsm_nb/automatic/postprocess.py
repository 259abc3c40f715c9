"""Fifth stage: the objects of the cover in pixels of the image, without those that are not nuclei."""

from __future__ import annotations

import math

from ..canonical import moved_object
from ..config import AutomaticPostprocessSettings
from ..events import Emit, ObjectDiscarded
from ..objects import PostprocessedObject
from ..postprocess import eccentricity
from ..stage import PipelineData, Stage


class AutomaticPostprocessing(Stage[AutomaticPostprocessSettings]):
    """Enlarge the masks to the size of the image, and discard small objects.

    Reads ``cover``, ``g_raw``, ``canonical`` and ``radius``; adds ``postprocessed_objects``, a list of
    `PostprocessedObject` in pixels of the image.
    """

    name = AutomaticPostprocessSettings.section
    inputs = ("cover", "g_raw", "canonical", "radius")
    outputs = ("postprocessed_objects",)
    settings_type = AutomaticPostprocessSettings

    def process(
        self, inputs: PipelineData, settings: AutomaticPostprocessSettings, emit: Emit
    ) -> PipelineData:
        """Resize and filter the objects of the cover."""
        small, shape = inputs["canonical"].shape, inputs["g_raw"].shape
        min_radius = settings.min_radius * inputs["radius"]
        accepted = []
        for item in inputs["cover"].solution:
            atoms = tuple(sorted(item.footprint))
            moved = moved_object(item, small, shape)
            if moved.area == 0:
                emit(ObjectDiscarded("its mask is empty", atoms=atoms))
                continue
            radius = math.sqrt(moved.area / math.pi)
            if radius < min_radius:
                row, col = (part.start + (part.stop - part.start) // 2 for part in moved.box)
                reason = f"its radius of {radius:.3g} is below {min_radius:.3g} pixels"
                emit(ObjectDiscarded(reason, row, col, atoms))
                continue
            accepted.append(
                PostprocessedObject(
                    moved.fg_offset,
                    moved.fg_fragment,
                    original=item,
                    norm_energy=item.energy / item.pixels,
                    eccentricity=eccentricity(moved.fg_fragment),
                )
            )
        return {"postprocessed_objects": accepted}
