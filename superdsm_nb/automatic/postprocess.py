"""Fifth stage: the outlines of the objects on the image, without those that are not nuclei."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..config import AutomaticPostprocessSettings
from ..events import Emit, ObjectDiscarded, Progress, Warned
from ..objects import Object, PostprocessedObject
from ..postprocess import by_hand
from ..stage import PipelineData, Stage, are_same
from ..timelimit import undone
from .defects import Box, noise, without_defects, without_outliers
from .judge import Judge, typical
from .outlines import FoundOutlines, Outline, find_outlines
from .window import Measures

FINE_RADIUS, LARGE_RADIUS = 25.0, 45.0  # pixels; in between, the edges of nuclei are seen ever better


class AutomaticPostprocessing(Stage[AutomaticPostprocessSettings]):
    """Find the outlines on the pixels of the image, and discard what is not a nucleus.

    Whether an object is a nucleus is judged relative to the other objects of the image, and to the noise.

    Reads ``cover``, ``g_raw``, ``content``, ``canonical``, ``y``, ``radius`` and ``zoom``; adds
    ``postprocessed_objects``, a list of `PostprocessedObject` in pixels of the image, and ``outlines``, which
    a run with other limits need not find again.
    """

    name = AutomaticPostprocessSettings.section
    inputs = ("cover", "g_raw", "content", "canonical", "y", "radius", "zoom")
    optional_inputs = ("foreground", "outlines", "decisions", "measures")
    outputs = ("postprocessed_objects", "outlines")
    settings_type = AutomaticPostprocessSettings

    def process(
        self, inputs: PipelineData, settings: AutomaticPostprocessSettings, emit: Emit
    ) -> PipelineData:
        """Find outlines, and filter the objects of the cover."""
        objects = inputs["cover"].solution
        if not objects:
            return {"postprocessed_objects": [], "outlines": None}
        before, is_given, measures = inputs.get("outlines"), "foreground" in inputs, inputs.get("measures")
        ground = Ground.of(inputs, None if before is None else before.ground)
        placed = (height_of_outlines(inputs["radius"], settings), settings.outline_reach)
        is_same = before is not None and before.ground is ground and before.placed == placed
        found = find_outlines(
            objects,
            inputs["canonical"].shape,
            ground.image,
            inputs["radius"],
            inputs["zoom"],
            height=placed[0],
            reach=placed[1],
            level=0.0 if is_given else None,
            background=None if measures is None else measures.background,
            before=before.found if before is not None and is_same else None,
            report=lambda done, total: emit(Progress(done, total, "objects")),
        )
        known = RememberedOutlines(found, ground, placed)
        outlines, box = found.outlines, inputs["content"]
        if len(outlines) < len(objects):
            emit(Warned(undone(len(outlines), len(objects), "objects")))
            objects = objects[: len(outlines)]
            if not objects:
                return {"postprocessed_objects": [], "outlines": known}
        heights = np.array([each.high - each.low for each in outlines])
        bright = np.array([inputs["y"][item.box][item.fg_fragment].mean() for item in objects])
        height, brightness = (
            typical(each, np.array([o.area for o in outlines])) for each in (heights, bright)
        )
        judge = Judge(height, brightness, inputs["radius"], ground.noise, settings)
        accepted = []
        for item, outline, own in zip(objects, outlines, bright.tolist(), strict=True):
            reason = judge.reason(
                outline.area,
                outline.low,
                outline.high,
                outline.mean,
                brightness=own,
                on_boundary=item.on_boundary,
                is_given=is_given,
            )
            reason = by_hand(inputs, item, reason)
            if reason is None:
                accepted.append(_postprocessed(item, outline, box))
            else:
                row, col = (
                    part.start + start + size // 2
                    for part, start, size in zip(box, outline.offset, outline.mask.shape, strict=True)
                )
                emit(ObjectDiscarded(reason, row, col, tuple(sorted(item.footprint))))
        return {"postprocessed_objects": accepted, "outlines": known}


def height_of_outlines(radius: float, settings: AutomaticPostprocessSettings) -> float:
    """Return where outlines lie between background (0) and core (1), for a radius in pixels.

    Six sets of hand-drawn outlines agree on it: the larger the nuclei on the screen, the farther out on their
    blurred edges they are outlined.
    """
    share = math.log(radius / FINE_RADIUS) / math.log(LARGE_RADIUS / FINE_RADIUS)
    share = min(1.0, max(0.0, share))
    return (1 - share) * settings.outline_height + share * settings.large_outline_height


@dataclass(frozen=True, eq=False)
class Ground:
    """The image without its frame and defects, on which outlines are found.

    Attributes
    ----------
    sources : tuple
        The entries of the pipeline data object that it was made of.
    image : (H, W) float64
        Intensities, or the foreground that was given.
    noise : float
        Standard deviation of the noise.
    """

    sources: tuple[Any, ...]
    image: NDArray[np.float64]
    noise: float

    @classmethod
    def of(cls, inputs: PipelineData, before: Ground | None) -> Ground:
        """Return that of a pipeline data object: the one before, if nothing has changed."""
        given = inputs.get("foreground")
        source = inputs["g_raw"] if given is None else given
        measures: Measures | None = inputs.get("measures")
        sources = (source, inputs["content"], inputs["canonical"], inputs["radius"], inputs["zoom"], measures)
        if before is not None and are_same(sources, before.sources):
            return before
        image = np.ascontiguousarray(source[inputs["content"]])
        if measures is not None:
            if measures.tolerance is not None:
                image = without_outliers(image, measures.tolerance)
            return cls(sources, image, measures.noise)
        if given is None:
            image = without_defects(image)
        return cls(sources, image, noise(image))


class RememberedOutlines(NamedTuple):
    """Outlines, and what they depend on besides their objects.

    Attributes
    ----------
    found : FoundOutlines
        The outlines.
    ground : Ground
        What they were found on.
    placed : (float, float)
        Height and reach.
    """

    found: FoundOutlines
    ground: Ground
    placed: tuple[float, float]


def _postprocessed(item: Object, outline: Outline, box: Box) -> PostprocessedObject:
    """Return the object on the pixels of the image; its outline is on those without the frame."""
    result = PostprocessedObject(
        original=item,
        norm_energy=item.energy / item.pixels,
        contrast=outline.mean / outline.low if outline.low > 0 else math.inf,
        eccentricity=outline.eccentricity,
    )
    if outline.area > 0:
        (top, left), (above, beside) = outline.offset, (part.start for part in box)
        result.fg_offset, result.fg_fragment = (top + above, left + beside), outline.mask
    return result
