"""The result of a segmentation: an image with its labels and all intermediate results."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._version import __version__
from ..canonical import at_image_size
from ..config import Config, Preset, resolve_preset
from ..corrections import Correction
from ..diameter import is_size_given
from ..events import ObjectDiscarded
from ..image import intensities
from ..io import LoadedImage, Source
from ..objects import BaseObject
from ..performance import PerformanceReport
from ..render import render_atoms
from ..render.labelmap import rasterize_with_sources
from .intensity import Measure
from .outlines import Outline, outlines
from .tables import fitted_objects, object_rows, saturation_level


@dataclass(frozen=True)
class Drawing:
    """How objects become label maps and contours.

    Attributes
    ----------
    dilate : int
        Dilate (negative: erode) every object by a disk of this radius (pixels).
    merge_overlap_threshold : float
        Two objects become one if their intersection is a larger fraction of the smaller one.
    border_width : int
        Width of contours (pixels).
    """

    dilate: int = 0
    merge_overlap_threshold: float = math.inf
    border_width: int = 2


@dataclass(frozen=True)
class Segmentation:
    """A segmented image.

    Attributes
    ----------
    image : LoadedImage
        The image and its origin.
    data : PipelineData
        Results of the stages: offset intensities, clusters, atoms, objects, the cover.
    config : Config
        Hyperparameters used, every default filled in.
    timings : mapping of str to float
        Seconds by stage; "scale" for the estimation of the scale.
    drawing : Drawing
        How objects become label maps and contours.
    is_complete : bool
        Whether nothing was left out because the time was over.
    discarded : tuple of ObjectDiscarded
        Objects of the cover that are not part of the result, and why.
    measure : Measure
        Other channels that the rows measure.
    """

    image: LoadedImage
    data: Mapping[str, Any]
    config: Config
    timings: Mapping[str, float] = field(default_factory=dict)
    drawing: Drawing = Drawing()
    is_complete: bool = True
    discarded: tuple[ObjectDiscarded, ...] = ()
    measure: Measure = field(default_factory=Measure)

    @property
    def scale(self) -> float:
        """Scale used (pixels): radius / sqrt 2."""
        scale: float = self.data["scale"]
        return scale

    @property
    def is_scale_given(self) -> bool:
        """Whether the size of the nuclei was given rather than estimated."""
        return is_size_given(self.config)

    @property
    def preset(self) -> Preset:
        """The method that made it: "automatic" or "published"."""
        return resolve_preset(self.config)

    @property
    def has_objects(self) -> bool:
        """Whether the pipeline has found objects; without them there is no label map."""
        return "cover" in self.data

    @property
    def labels(self) -> NDArray[Any]:
        """Label map; (H, W) uint16, or int32 for more than 65535 objects.

        Raises
        ------
        PipelineError
            If the pipeline ended before there were objects.
        """
        return self._rasterized[0]

    @property
    def object_count(self) -> int:
        """Number of objects, which is the largest label; 0 if the pipeline ended before there were any."""
        return len(self._rasterized[1]) if self.has_objects else 0

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """Measurements of the objects, a row for each label; see `superdsm_nb.results.tables`."""
        if not self.has_objects:
            return []
        labels, sources = self._rasterized
        g, _ = intensities(self.image.pixels, self.data["g_rgb"] is not None)
        return object_rows(
            labels,
            g,
            sources,
            pixel_size=self.image.pixel_size,
            graph=self.data.get("adjacencies"),
            saturation=saturation_level(g) if self.data["g_rgb"] is None else None,
            measure=self.measure,
        )

    @property
    def footprints(self) -> list[list[frozenset[int]]]:
        """For each label, the atoms of each of the objects that it shows; usually of one."""
        if not self.has_objects:
            return []
        return [[item.footprint for item in fitted_objects(items)] for items in self._rasterized[1]]

    @cached_property
    def _rasterized(self) -> tuple[NDArray[Any], Sequence[Sequence[BaseObject]]]:
        return rasterize_with_sources(
            self.data,
            dilate=self.drawing.dilate,
            merge_overlap_threshold=self.drawing.merge_overlap_threshold,
        )

    @property
    def performance(self) -> PerformanceReport:
        """How the cover was found, and what is proven of it."""
        report: PerformanceReport = self.data.get("performance", PerformanceReport())
        return report

    @property
    def corrections(self) -> tuple[Correction, ...]:
        """Corrections by hand that were made."""
        return self.data["decisions"].made if "decisions" in self.data else ()

    @property
    def picture(self) -> NDArray[Any]:
        """The image to draw results over; (H, W), or (H, W, 3) if it is histological."""
        colored = self.data["g_rgb"]
        return self.image.pixels if colored is None else colored

    @property
    def _foreground_digest(self) -> str | None:
        """SHA-256 of the foreground that the user gave (hexadecimal)."""
        if "foreground" not in self.data:
            return None
        return hashlib.sha256(np.ascontiguousarray(self.data["foreground"], "<f8").tobytes()).hexdigest()

    @property
    def _measured_digests(self) -> dict[str, str]:
        """SHA-256 of the pixels of each channel that is measured (hexadecimal)."""
        return {
            name: hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()
            for name, pixels in self.measure.channels.items()
        }

    @cached_property
    def outlines(self) -> Sequence[Outline]:
        """Outlines of the objects of the label map."""
        return tuple(outlines(self.labels))

    @cached_property
    def picture_of_atoms(self) -> NDArray[np.uint8]:
        """Picture of the atoms; (H, W, 3)."""
        return render_atoms(self.data_at_image_size)

    @cached_property
    def data_at_image_size(self) -> Mapping[str, Any]:
        """Results of the stages with maps and seeds in pixels of the image (see `at_image_size`)."""
        return at_image_size(self.data)

    @cached_property
    def provenance(self) -> dict[str, Any]:
        """How the result was made, as JSON values for the descriptions of its files."""
        performance, source = self.performance.row(), self.image.source
        size, threshold = self.image.pixel_size, self.drawing.merge_overlap_threshold
        part = Source(Path()).part if source is None else source.part
        return {
            "software": f"superdsm_nb {__version__}",
            "preset": self.preset,
            "image": self.image.name,
            "image_sha256": self.image.sha256,
            **part,
            "complete": self.is_complete,
            "foreground_sha256": self._foreground_digest,
            "pixel_size_micrometers": None if size is None else list(size),
            "measured": self._measured_digests,
            "ring": self.measure.ring,
            "dilate": self.drawing.dilate,
            "merge_overlap_threshold": threshold if threshold < math.inf else None,
            "scale": self.scale,
            "cover": {
                name: performance[name] for name in ("cost", "lower_bound", "gap", "proven_cluster_count")
            }
            | {"cluster_count": len(self.performance.clusters)},
            "corrections": [each.to_plain() for each in self.corrections],
            "config_digest": self.config.digest,
            "config": json.loads(self.config.dumps()),
        }
