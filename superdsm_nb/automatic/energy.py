"""Fourth stage: the objects, and the best combination of them."""

from __future__ import annotations

from .. import dsm
from ..config import AutomaticEnergySettings
from ..events import Emit, Progress
from ..filters import within_distance
from ..image import AtomRegions, Image
from ..minsetcover import MinSetCover
from ..objects import compute_objects
from ..performance import ClusterReport, PerformanceReport
from ..stage import PipelineData, Stage


class AutomaticEnergyMinimization(Stage[AutomaticEnergySettings]):
    """Fit an object to each atom.

    Reads ``y``, ``y_mask``, ``atoms``, ``adjacencies``, ``dsm_cfg``, ``radius`` and ``zoom``; adds ``y_img``,
    the offset intensities with the pixels that fits may use; ``cover``, a `MinSetCover`; ``objects``, every
    `Object` whose energy was computed; and ``performance``, a `PerformanceReport`.

    Attributes
    ----------
    fit : callable
        Fits a model to a region.
    """

    name = AutomaticEnergySettings.section
    inputs = ("y", "y_mask", "atoms", "adjacencies", "dsm_cfg", "radius", "zoom")
    outputs = ("y_img", "cover", "objects", "performance")
    settings_type = AutomaticEnergySettings
    fit = staticmethod(dsm.fit)

    def process(self, inputs: PipelineData, settings: AutomaticEnergySettings, emit: Emit) -> PipelineData:
        """Compute the cover."""
        y, graph, parameters = inputs["y"], inputs["adjacencies"], inputs["dsm_cfg"]
        y_img = Image(y, inputs["y_mask"] & within_distance(y > 0, parameters.background_margin))
        objects = compute_objects(
            [frozenset({atom}) for atom in graph.atoms],
            AtomRegions(y_img, inputs["atoms"]),
            parameters,
            lambda done, total: emit(Progress(done, total, "objects")),
            self.fit,
        )
        cover = MinSetCover(settings.object_cost * (inputs["radius"] * inputs["zoom"]) ** 2, graph)
        cover.update(objects)
        cover.finalize()
        performance = PerformanceReport(
            overall_object_count=len(objects),
            overall_computed_object_count=len(objects),
            fallback_object_count=sum(item.fallback != "" for item in objects),
            timeout_object_count=sum(item.fallback == "time" for item in objects),
            clusters=[
                ClusterReport(
                    len(graph.get_atoms_in_cluster(label)),
                    cover.get_cluster_costs(label),
                    cover.get_cluster_lower_bound(label),
                )
                for label in cover.cluster_labels
            ],
        )
        return {"y_img": y_img, "cover": cover, "objects": objects, "performance": performance}
