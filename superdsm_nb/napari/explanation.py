"""Why an object is as it is, in words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..events import ObjectDiscarded
from ..render.discarded import discarded_objects, rasterize_discarded
from ..results.result import Segmentation

NAMED_PIECES = 6  # of which the labels are told


def explained(row: Mapping[str, Any], footprint: Sequence[int] = ()) -> str:
    """Say what is known of a nucleus.

    Parameters
    ----------
    row : mapping
        Its measurements.
    footprint : sequence of int
        Labels of the pieces that it was merged from.

    Examples
    --------
    >>> explained({"label": 3, "area": 810, "energy": 0.25, "contrast": 2.5}, [4, 7])
    'Nucleus 3: 810 px², energy 0.25, contrast 2.5, merged from 2 pieces (4, 7)'
    """
    told = [f"{row['area']} px²"]
    micrometres = row.get("area_um2", math.nan)
    if not math.isnan(micrometres):
        told.append(f"{micrometres:.3g} µm²")
    for name in ("energy", "contrast"):
        if not math.isnan(row.get(name, math.nan)):
            told.append(f"{name} {row[name]:.3g}")
    if footprint:
        told.append(_merged(footprint))
    return f"Nucleus {row['label']}: {', '.join(told)}"


def explained_discarded(event: ObjectDiscarded) -> str:
    """Say why something is no nucleus of the result."""
    pieces = f" ({_merged(event.atoms)})" if event.atoms else ""
    return f"Discarded: {event.reason}{pieces}"


def told_of(result: Segmentation) -> str:
    """Say in a line what was found."""
    noun = "nucleus" if result.object_count == 1 else "nuclei"
    gap = result.performance.gap
    optimal = "proven optimal" if gap == 0 else f"at most {100 * gap:.2g} % from the optimum"
    discarded = f"; {len(result.discarded)} discarded" if result.discarded else ""
    return f"{result.object_count} {noun}, {optimal}{discarded}."


def discarded_map(result: Segmentation) -> tuple[NDArray[Any], dict[int, ObjectDiscarded]]:
    """Draw what was discarded.

    Returns
    -------
    labels : (H, W) int array
        Label map.
    reasons : dict of int to ObjectDiscarded
        What is known of each label.
    """
    labels = rasterize_discarded(result.data)
    footprints = [tuple(sorted(item.footprint)) for item, _ in discarded_objects(result.data)]
    events = {tuple(sorted(event.atoms)): event for event in result.discarded}
    reasons = {
        label: events[footprint] for label, footprint in enumerate(footprints, 1) if footprint in events
    }
    return labels, reasons


def pieces_of(result: Segmentation, label: int) -> tuple[int, ...]:
    """Return the labels of the pieces that a nucleus was merged from."""
    footprints = result.footprints
    if not 1 <= label <= len(footprints):
        return ()
    return tuple(sorted(frozenset().union(*footprints[label - 1])))


def row_of(result_rows: Sequence[Mapping[str, Any]], label: int) -> Mapping[str, Any] | None:
    """Return the row of a label."""
    return next((row for row in result_rows if row["label"] == label), None)


def centre_of(row: Mapping[str, Any]) -> NDArray[np.float64]:
    """Row and column of the centre of a nucleus in its view."""
    return np.array([row["centroid-0"], row["centroid-1"]])


def _merged(footprint: Sequence[int]) -> str:
    if len(footprint) == 1:
        return f"one piece ({footprint[0]})"
    named = ", ".join(map(str, sorted(footprint)[:NAMED_PIECES]))
    more = ", ..." if len(footprint) > NAMED_PIECES else ""
    return f"merged from {len(footprint)} pieces ({named}{more})"
