"""Clusters: the image divided around its bright regions, and the work of splitting them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..config import RegionAnalysisSettings
from ..errors import WorkAmountError
from ..events import Emit, Warned
from ..filters import dense_rank_of_distance, maximum_filter, squared_distance
from ..kernels.regions import component_sizes, masked_sizes
from ..kernels.watershed import watershed

# Pixels flooded by watersheds, which takes half a minute. Nuclei on a dark background need less than 10^8.
MIN_WORK_OF_WARNING = 3 * 10**8


def find_clusters(
    y: NDArray[np.float64], max_irregularity: float
) -> tuple[NDArray[np.bool_], NDArray[np.int32]]:
    """Discard irregular foreground and divide the image among the connected components of the rest.

    Parameters
    ----------
    y : (H, W) float64
        Offset intensities.
    max_irregularity : float
        Components with a larger share of boundary pixels are discarded.

    Returns
    -------
    y_mask : (H, W) bool
        False on discarded components.
    clusters : (H, W) int32
        Labels from 1, covering the image; all 0 if nothing is left.
    """
    foreground = y > 0
    components, count = ndimage.label(foreground)
    sizes, boundary_sizes = component_sizes(components, count)
    regular = boundary_sizes <= min(max_irregularity, 1.0) * sizes
    regular[0] = False
    y_mask = ~foreground | regular[components]
    markers = (np.cumsum(regular) * regular).astype(np.int32)[components]
    if not regular.any():
        return y_mask, markers
    levels = dense_rank_of_distance(squared_distance(markers > 0))
    clusters: NDArray[np.int32] = watershed(levels, markers, np.ones(y.shape, bool))
    return y_mask, clusters


def check_work(
    y: NDArray[np.float64],
    y_mask: NDArray[np.bool_],
    clusters: NDArray[np.int32],
    boxes: Sequence[tuple[slice, slice]],
    settings: RegionAnalysisSettings,
    emit: Emit,
) -> None:
    """Warn or stop before hours are spent on an image whose foreground is one connected region.

    There is a watershed for each maximum of a cluster, so the work is its area times the number of maxima.

    Parameters
    ----------
    y, y_mask, clusters : (H, W) arrays
        Offset intensities, usable pixels, cluster labels.
    boxes : sequence of (slice, slice)
        Bounding box of each cluster.
    settings : RegionAnalysisSettings
        Hyperparameters of the stage.
    emit : callable
        Receives a warning.

    Raises
    ------
    WorkAmountError
        If a cluster needs more than ``max_work_amount``.
    """
    most = settings.max_work_amount
    areas = masked_sizes(clusters, (y > 0) & y_mask, len(boxes))
    worst, worst_area, worst_count = 0, 0, 0
    for label in np.flatnonzero(areas.astype(np.float64) ** 2 > min(most, MIN_WORK_OF_WARNING)).tolist():
        box, area = boxes[label - 1], int(areas[label])
        maxima = y[box] == maximum_filter(y[box], settings.seed_connectivity)
        count = int(np.count_nonzero(maxima & (clusters[box] == label) & (y[box] > 0) & y_mask[box]))
        if area * count > worst:
            worst, worst_area, worst_count = area * count, area, count
    what = (
        f"{100 * worst_area / y.size:.0f} % of the image forms one connected bright region with "
        f"{worst_count} maxima; splitting it"
    )
    ask = "are nuclei bright on a dark background, and is the scale right?"
    if worst > most:
        raise WorkAmountError(
            f"{what} would take hours: {ask} If so, raise c2f-region-analysis/max_work_amount."
        )
    if worst > MIN_WORK_OF_WARNING:
        emit(Warned(f"{what} takes a long time: {ask}"))
