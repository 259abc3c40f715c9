"""Third stage: clusters of foreground, split coarse to fine into atomic regions."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from .. import dsm
from ..atoms import AtomAdjacencyGraph
from ..config import RegionAnalysisSettings
from ..events import Emit, LogLine, Progress, Warned
from ..parallel import ordered_map
from ..stage import PipelineData, Stage
from .clusters import check_work, find_clusters
from .splitter import ClusterSplitter, Pixels


class C2F_RegionAnalysis(Stage[RegionAnalysisSettings]):  # noqa: N801 - the documented name
    """Coarse-to-fine region analysis (TPAMI 2023).

    The image is divided into clusters around the connected components of the foreground (y > 0), and each
    cluster into atoms: regions that an ellipse describes well enough, or that are too small to split.

    Reads ``y`` and ``dsm_cfg``; adds ``y_mask`` (H, W) bool, false on discarded foreground; ``clusters``
    and ``atoms`` (H, W) int32, labelled from 1 over the whole image; ``adjacencies``, the graph of the
    atoms; and ``seeds``, a (row, col) per atom.

    Attributes
    ----------
    fit : callable
        Fits an ellipse to a region.
    """

    name = RegionAnalysisSettings.section
    inputs = ("y", "dsm_cfg")
    outputs = ("y_mask", "atoms", "adjacencies", "seeds", "clusters")
    settings_type = RegionAnalysisSettings
    fit = staticmethod(dsm.fit)

    def process(self, inputs: PipelineData, settings: RegionAnalysisSettings, emit: Emit) -> PipelineData:
        """Compute clusters and atoms."""
        y = inputs["y"]
        y_mask, clusters = find_clusters(y, settings.max_cluster_marker_irregularity)
        boxes = ndimage.find_objects(clusters)
        check_work(y, y_mask, clusters, boxes, settings, emit)
        parameters = inputs["dsm_cfg"].without_deformations()

        def split(label: int) -> tuple[list[tuple[Pixels, tuple[float, float]]], list[str]]:
            splitter = ClusterSplitter(
                label, boxes[label - 1], y, y_mask, clusters, parameters, settings, self.fit
            )
            atoms = [(atom.pixels, splitter.seed_position(atom)) for atom in splitter.run()]
            return atoms, splitter.failed_fits

        atoms = np.zeros(y.shape, np.int32)
        seeds: list[tuple[float, float]] = []
        results = ordered_map(
            split,
            range(1, len(boxes) + 1),
            lambda done, total: emit(Progress(done, total, "clusters")),
        )
        for box, (parts, _) in zip(boxes, results, strict=True):
            for pixels, (row, col) in parts:
                seeds.append((row + box[0].start, col + box[1].start))
                atoms[box][pixels.box][pixels.mask] = len(seeds)
        emit(LogLine(f"{len(boxes)} clusters of {len(seeds)} atoms"))
        failed = [reason for _, reasons in results for reason in reasons]
        if failed:
            emit(
                Warned(
                    f"{len(failed)} ellipse fits found no minimum ({failed.count('time')} of them within "
                    "dsm/cp_timeout), so some regions may not have been split as they should"
                )
            )
        adjacencies = AtomAdjacencyGraph(atoms, clusters, y > 0, seeds)
        return {
            "y_mask": y_mask,
            "atoms": atoms,
            "adjacencies": adjacencies,
            "seeds": seeds,
            "clusters": clusters,
        }
