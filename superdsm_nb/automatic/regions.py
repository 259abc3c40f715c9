"""Third stage: the foreground divided into clusters and atoms."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from ..atoms import AtomAdjacencyGraph
from ..c2freganal.clusters import find_clusters
from ..config import AutomaticRegionSettings
from ..events import Emit, LogLine
from ..stage import PipelineData, Stage


class AutomaticRegionAnalysis(Stage[AutomaticRegionSettings]):
    """Divide the image into clusters around the connected components of the foreground, an atom each.

    Reads ``y``; adds ``y_mask`` (h, w) bool, false on discarded foreground; ``clusters`` and ``atoms`` (h, w)
    int32, labelled from 1; ``adjacencies``, the graph of the atoms; and ``seeds``, a (row, col) per atom.
    """

    name = AutomaticRegionSettings.section
    inputs = ("y",)
    outputs = ("y_mask", "atoms", "adjacencies", "seeds", "clusters")
    settings_type = AutomaticRegionSettings

    def process(self, inputs: PipelineData, settings: AutomaticRegionSettings, emit: Emit) -> PipelineData:
        """Compute clusters and atoms."""
        y = inputs["y"]
        y_mask, clusters = find_clusters(y, settings.max_irregularity)
        atoms = clusters.copy()
        labels = np.arange(1, int(atoms.max(initial=0)) + 1)
        bright = np.where(y_mask, y, -np.inf)
        positions = ndimage.maximum_position(bright, atoms, labels) if labels.size else []
        seeds = [(float(row), float(col)) for row, col in positions]
        emit(LogLine(f"{len(seeds)} clusters of {len(seeds)} atoms"))
        return {
            "y_mask": y_mask,
            "atoms": atoms,
            "adjacencies": AtomAdjacencyGraph(atoms, clusters, y > 0, seeds),
            "seeds": seeds,
            "clusters": clusters,
        }
