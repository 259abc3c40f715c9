"""Third stage: the foreground divided into clusters and atoms."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..atoms import AtomAdjacencyGraph
from ..config import AutomaticRegionSettings
from ..events import Emit, LogLine
from ..kernels.regions import highest_pixels, joined_labels
from ..stage import PipelineData, Stage
from .division import divide, score_heights, seed_score
from .unions import NO_BORDERS, measure_shapes

SIMPLE = 0.95  # share that a nucleus covers of its convex hull, and of the ellipse with the same moments
ELLIPTIC = 0.985  # share of the ellipse alone: the corners of pixels add much to the hull of a long nucleus
MAX_SIMPLE_AREA, MAX_ELLIPTIC_AREA = 5.0, 8.0  # of a typical nucleus; a larger component is a clump


class AutomaticRegionAnalysis(Stage[AutomaticRegionSettings]):
    """Divide the foreground into its connected components, the clusters, and each into atoms.

    No clump has to be split in two first: seeds are found everywhere at once, more than there are nuclei, and
    the next stage decides which atoms belong together. No atom reaches beyond the foreground.

    Reads ``y``, ``radius`` and ``zoom``; adds ``y_mask`` (h, w) bool, which is true everywhere; ``clusters``
    and ``atoms`` (h, w) int32, labelled from 1; ``adjacencies``, the graph of the atoms; and ``seeds``, a
    (row, col) per atom.
    """

    name = AutomaticRegionSettings.section
    inputs = ("y", "radius", "zoom")
    outputs = ("y_mask", "atoms", "adjacencies", "seeds", "clusters")
    settings_type = AutomaticRegionSettings

    def process(self, inputs: PipelineData, settings: AutomaticRegionSettings, emit: Emit) -> PipelineData:
        """Compute clusters and atoms."""
        y = inputs["y"]
        atoms, score = atoms_of(y, inputs["radius"] * inputs["zoom"], settings)
        clusters, count = ndimage.label(atoms > 0, output=np.int32)
        highest = highest_pixels(score, atoms, int(atoms.max(initial=0))).tolist()
        seeds = [(float(row), float(col)) for row, col in highest]
        emit(LogLine(f"{count} clusters of {len(seeds)} atoms"))
        return {
            "y_mask": np.ones(y.shape, bool),
            "atoms": atoms,
            "adjacencies": AtomAdjacencyGraph(atoms, clusters, y > 0, seeds),
            "seeds": seeds,
            "clusters": clusters,
        }


def atoms_of(
    y: NDArray[np.float64],
    radius: float,
    settings: AutomaticRegionSettings,
    chosen: NDArray[np.bool_] | None = None,
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Return the atoms of a foreground, and the relief at whose peaks they are (see `seed_score`).

    Parameters
    ----------
    y : (h, w) float64
        Positive in the foreground.
    radius : float
        Radius of the nuclei (pixels).
    settings : AutomaticRegionSettings
        How it is divided.
    chosen : (h, w) bool, optional
        The connected components of the foreground that are divided; all by default.

    Returns
    -------
    atoms : (h, w) int32
        Labels from 1.
    score : (h, w) float64
        The relief.
    """
    score = seed_score(
        y,
        radius,
        smoothing=settings.seed_smoothing,
        blob_size=settings.blob_size,
        blob_weight=settings.blob_weight,
        log_blob_weight=settings.log_blob_weight,
    )
    heights = score_heights(settings.blob_weight, settings.log_blob_weight)
    return joined_where_simple(
        divide(y > 0 if chosen is None else chosen, score, settings.min_seed_depth, heights), radius
    ), score


def joined_where_simple(atoms: NDArray[np.int32], radius: float) -> NDArray[np.int32]:
    """Join the atoms of every connected component that has the shape of one nucleus.

    Parameters
    ----------
    atoms : (h, w) int32
        Labels from 1.
    radius : float
        Radius of the nuclei (pixels).

    Returns
    -------
    (h, w) int32
        Labels from 1, without gaps.
    """
    parts, count = ndimage.label(atoms > 0, output=np.int32)
    if count == 0 or count == int(atoms.max()):
        return atoms
    shapes = measure_shapes(parts, [frozenset((part,)) for part in range(1, count + 1)], NO_BORDERS)
    share = shapes.areas / (np.pi * radius**2)
    is_simple = (shapes.areas > SIMPLE * np.maximum(shapes.ellipses, shapes.hulls)) & (
        share < MAX_SIMPLE_AREA
    )
    is_simple |= (shapes.areas > ELLIPTIC * shapes.ellipses) & (share < MAX_ELLIPTIC_AREA)
    result: NDArray[np.int32] = joined_labels(atoms, parts, np.concatenate([[False], is_simple]))
    return result
