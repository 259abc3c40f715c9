"""How a label map was made of tiles, and what proves it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .._version import __version__
from ..config import Config
from ..io import PixelSize
from ..performance import relative_gap
from .joining import Whole
from .plan import Plan
from .records import Record


def provenance_of(
    plan: Plan,
    pixel_size: PixelSize | None,
    wholes: Sequence[Whole],
    lone: Sequence[Whole],
    records: Sequence[Callable[[], Record]],
) -> dict[str, Any]:
    """Return how the label map was made, as JSON values, with the certificate.

    Parameters
    ----------
    plan : Plan
        The tiles.
    pixel_size : PixelSize or None
        Size of a pixel.
    wholes, lone : sequence of Whole
        The clusters across tiles, and those of them that were segmented on their own.
    records : sequence of callable
        Each loads a record.

    Returns
    -------
    dict
        The same for any division into tiles, except for the entry "tiles".
    """
    clusters = np.concatenate([load().clusters for load in records])
    clusters = clusters[np.lexsort((clusters[:, 1], clusters[:, 0]))]
    _, _, atoms, _, cost, bound = clusters.T
    config = Config(json.loads(plan.config))
    total, least = float(cost.sum()), float(bound.sum())
    largest = max((max(_sides(each)) for each in wholes), default=0)
    return {
        "software": f"superdsm_nb {__version__}",
        "preset": "automatic",
        "image": plan.source.path.name,
        "image_sha256": plan.digest,
        **plan.source.part,
        "complete": True,
        "foreground_sha256": None,
        "pixel_size_micrometers": None if pixel_size is None else list(pixel_size),
        "measured": {},
        "ring": None,
        "dilate": 0,
        "merge_overlap_threshold": None,
        "scale": plan.measures.radius / math.sqrt(2),
        "cover": {
            "cost": total,
            "lower_bound": least,
            "gap": relative_gap(total, least),
            "proven_cluster_count": int((cost <= bound + 1e-9 * np.abs(cost)).sum()),
            "cluster_count": len(clusters),
        },
        "tiles": {
            "size": plan.tile,
            "count": math.prod(plan.grid),
            "reach": round(plan.reach / plan.zoom, 1),
            "clusters_across": len(wholes),
            "clusters_on_their_own": len(lone),
            "most_atoms": int(atoms.max(initial=0)),
            "largest_cluster_across": round(largest / plan.zoom, 1),
        },
        "corrections": [],
        "config_digest": config.digest,
        "config": json.loads(plan.config),
    }


def _sides(whole: Whole) -> tuple[int, int]:
    rows, cols = whole.box
    return rows.stop - rows.start, cols.stop - cols.start
