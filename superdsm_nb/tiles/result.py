"""All objects of the tiles: which of them are nuclei, their labels, and the label map in parts."""

from __future__ import annotations

import re
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..automatic.judge import Judge, typical
from .plan import Plan
from .records import Record, Stored

MOST_IN_MEMORY = 64  # records whose objects are kept while the label map is drawn
FIGURES = r" (is )?(by a factor of )?\d.*"  # in a reason, and what follows them


class Placed(NamedTuple):
    """Objects that are drawn.

    Attributes
    ----------
    labels : (N,) int64
        Their labels.
    boxes : (N, 4) int64
        First row, first column, height and width (pixels of the image).
    places : (N, 2) int64
        Number of the record, and number of the object in it.
    """

    labels: NDArray[np.int64]
    boxes: NDArray[np.int64]
    places: NDArray[np.int64]


@dataclass(frozen=True)
class Accepted:
    """The objects of a label map.

    Attributes
    ----------
    boxes : (N, 4) int64
        First row, first column, height and width (pixels of the image), by label from 1.
    areas : (N,) int64
        In pixels.
    places : (N, 2) int64
        Number of the record, and number of the object in it.
    discarded : Counter
        How many objects were discarded, by the reason without its figures.
    """

    boxes: NDArray[np.int64]
    areas: NDArray[np.int64]
    places: NDArray[np.int64]
    discarded: Counter[str]

    @property
    def count(self) -> int:
        """Number of objects."""
        return len(self.boxes)

    @property
    def placed(self) -> Placed:
        """All of them."""
        return Placed(np.arange(1, self.count + 1), self.boxes, self.places)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the label map, as for images that are segmented as a whole."""
        return np.dtype(np.uint16 if self.count <= np.iinfo(np.uint16).max else np.int32)


def accept(plan: Plan, records: Sequence[Callable[[], Record]]) -> Accepted:
    """Judge all objects, and number those that are nuclei in the order of their first pixels.

    Parameters
    ----------
    plan : Plan
        The tiles.
    records : sequence of callable
        Each loads a record; none of them is kept.

    Returns
    -------
    Accepted
        The same for any division into tiles.
    """
    boxes, values, areas, firsts, places = [], [], [], [], []
    for number, load in enumerate(records):
        stored = load().objects
        boxes.append(stored.boxes)
        values.append(stored.values)
        areas.append(stored.areas)
        firsts.append(stored.firsts)
        places.append(np.stack([np.full(len(stored.boxes), number), np.arange(len(stored.boxes))], axis=1))
    box, value, area = np.concatenate(boxes), np.concatenate(values), np.concatenate(areas)
    first, place = np.concatenate(firsts), np.concatenate(places)
    discarded: Counter[str] = Counter()
    kept = np.zeros(len(box), bool)
    if len(box):
        order = np.lexsort((first[:, 1], first[:, 0]))
        box, value, area, place = box[order], value[order], area[order], place[order]
        low, high, mean, brightness, on_boundary, _ = value.T
        judge = Judge(
            typical(high - low, area),
            typical(brightness, area),
            plan.measures.radius,
            plan.measures.noise,
            plan.settings.postprocess,
        )
        for at in range(len(box)):
            reason = judge.reason(
                float(area[at]),
                float(low[at]),
                float(high[at]),
                float(mean[at]),
                brightness=float(brightness[at]),
                on_boundary=bool(on_boundary[at]),
            )
            kept[at] = reason is None
            if reason is not None:
                discarded[re.sub(FIGURES, "", reason)] += 1
    top, left = (part.start for part in plan.content_box)
    box = box[kept] + np.array([top, left, 0, 0])
    return Accepted(box, area[kept], place[kept], discarded)


class LabelMap:
    """The label map, of which any part can be drawn.

    Parameters
    ----------
    placed : Placed
        The objects, at least those of what is drawn.
    dtype : dtype
        Of the label map.
    load : callable
        Returns the record of a number.
    """

    def __init__(self, placed: Placed, dtype: np.dtype[Any], load: Callable[[int], Record]) -> None:
        self._placed, self._dtype, self._load = placed, dtype, load
        self._stored: OrderedDict[int, Stored] = OrderedDict()

    def read(self, rows: slice, cols: slice) -> NDArray[Any]:
        """Draw some rows and columns.

        Parameters
        ----------
        rows, cols : slice
            With a start and a stop.

        Returns
        -------
        (H, W) uint16 or int32
            Labels; 0 is the background.
        """
        labels, boxes, places = self._placed
        out = np.zeros((rows.stop - rows.start, cols.stop - cols.start), self._dtype)
        start, size = boxes[:, :2], boxes[:, 2:]
        corner, end = np.array([rows.start, cols.start]), np.array([rows.stop, cols.stop])
        inside = ((start < end) & (start + size > corner)).all(axis=1)
        for at in np.flatnonzero(inside).tolist():
            record, number = places[at].tolist()
            mask = self._objects(record).mask(number)
            first, last = np.maximum(start[at], corner), np.minimum(start[at] + size[at], end)
            target, source = (
                tuple(slice(*ends) for ends in zip(first - origin, last - origin, strict=True))
                for origin in (corner, start[at])
            )
            out[target][mask[source]] = labels[at]
        return out

    def _objects(self, record: int) -> Stored:
        if record not in self._stored:
            self._stored[record] = self._load(record).objects
            if len(self._stored) > MOST_IN_MEMORY:
                self._stored.popitem(last=False)
        self._stored.move_to_end(record)
        return self._stored[record]
