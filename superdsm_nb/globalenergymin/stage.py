"""Fourth stage: the globally best family of objects."""

from __future__ import annotations

from collections.abc import Sequence

from .. import dsm
from ..config import EnergyMinimizationSettings
from ..events import Emit, Progress
from ..filters import within_distance
from ..image import AtomRegions, Image
from ..objects import Object, compute_objects
from ..stage import PipelineData, Stage
from .search import Search


class GlobalEnergyMinimization(Stage[EnergyMinimizationSettings]):
    """Find the family of objects of least total energy that covers all atoms (TPAMI 2023).

    Reads ``y``, ``y_mask``, ``atoms``, ``adjacencies`` and ``dsm_cfg``; adds ``y_img``, the offset
    intensities with the pixels that fits may use; ``cover``, a `MinSetCover`; ``objects``, every `Object`
    whose energy was computed; and ``performance``, a `PerformanceReport`.

    Attributes
    ----------
    fit : callable
        Fits a model to a region.
    """

    name = EnergyMinimizationSettings.section
    inputs = ("y", "y_mask", "atoms", "adjacencies", "dsm_cfg")
    outputs = ("y_img", "cover", "objects", "performance")
    settings_type = EnergyMinimizationSettings
    fit = staticmethod(dsm.fit)

    def process(self, inputs: PipelineData, settings: EnergyMinimizationSettings, emit: Emit) -> PipelineData:
        """Compute the cover."""
        y, parameters = inputs["y"], inputs["dsm_cfg"]
        near = within_distance(y > 0, parameters.background_margin)
        y_img = Image(y, inputs["y_mask"] & near)
        regions = AtomRegions(y_img, inputs["atoms"])

        def compute(footprints: Sequence[frozenset[int]], what: str) -> list[Object]:
            return compute_objects(
                footprints,
                regions,
                parameters,
                lambda done, total: emit(Progress(done, total, what)),
                self.fit,
            )

        search = Search(inputs["adjacencies"], compute, settings, emit)
        search.run()
        return {
            "y_img": y_img,
            "cover": search.cover,
            "objects": search.objects,
            "performance": search.performance,
        }

    def objects_of(
        self, data: PipelineData, settings: EnergyMinimizationSettings, footprints: Sequence[frozenset[int]]
    ) -> list[Object]:
        """Fit a model to each union of atoms."""
        regions = AtomRegions(data["y_img"], data["atoms"])
        return compute_objects(footprints, regions, data["dsm_cfg"], fit=self.fit)
