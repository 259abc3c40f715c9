"""What has been found so far, and the layers that show it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QObject, Signal

from ..events import ObjectDiscarded
from ..results.result import Segmentation
from .explanation import centre_of, discarded_map, explained, explained_discarded, pieces_of, row_of
from .planes import Planes, Position
from .resultlayers import DISCARDED, NUCLEI, find_layer, show_labels
from .view import View
from .work import AllFound, Found

if TYPE_CHECKING:
    from napari.layers import Labels
    from napari.viewer import Viewer

TOLD = ("area", "energy", "contrast")  # columns that napari shows for the nucleus under the mouse


@dataclass(frozen=True)
class Place:
    """A pixel of the view.

    Attributes
    ----------
    position : tuple of int
        Its plane, by the axes before the last two.
    row, col : int
        Where it is in the view.
    label : int
        Of the nucleus there; 0 if there is none.
    """

    position: Position
    row: int
    col: int
    label: int


class Results(QObject):
    """The results of one view, and of all its planes.

    Emits `changed` when there are others.

    Parameters
    ----------
    viewer : Viewer
        Gets the layers.
    """

    changed = Signal()

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self.viewer = viewer
        self.view: View | None = None
        self.result: Segmentation | None = None
        self.planes: Planes | None = None
        self._shows_discarded = False
        self._reasons: dict[int, ObjectDiscarded] = {}

    @property
    def layer(self) -> Labels | None:
        """The layer that shows the nuclei; None if there is none (any more)."""
        return None if self.view is None else find_layer(self.viewer, self.view.layer, NUCLEI)

    @property
    def rows(self) -> Sequence[Mapping[str, Any]]:
        """Measurements of the nuclei, of all planes that have been segmented."""
        if self.planes is not None:
            return self.planes.rows
        return [] if self.result is None else self.result.rows

    def take(self, found: Found, is_last: bool = True) -> None:
        """Show the result of a view; unless it is the last for now, its labels only, as that is fast."""
        self._move(found.view)
        self.result = found.result
        layer = self._show(found.view, found.result.labels, position=found.view.position)
        if not is_last:
            return
        if self.planes is not None:
            self.planes.take(found.view, found.result)
        if self.planes is None:
            rows = found.result.rows
            layer.features = {
                "index": [row["label"] for row in rows],
                **{name: [row[name] for row in rows] for name in TOLD},
                "pieces": [len(pieces_of(found.result, row["label"])) for row in rows],
            }
        self._show_discarded()
        self.changed.emit()

    def take_all(self, found: AllFound) -> None:
        """Show the results of all planes."""
        self._move(found.view)
        self.result = None
        if self.planes is not None:
            self.planes.take_all(found.result)
        self._show(found.view, found.result.labels)
        self._show_discarded()
        self.changed.emit()

    def show_discarded(self, is_shown: bool) -> None:
        """Show what was discarded, or hide it."""
        self._shows_discarded = is_shown
        self._show_discarded()

    def place(self, world: Sequence[float]) -> Place | None:
        """Return the pixel at a point of the viewer; None outside the view."""
        layer = self.layer
        if layer is None or self.view is None:
            return None
        *outer, row, col = (int(each) for each in np.round(layer.world_to_data(world)))
        inside = all(
            0 <= each < size for each, size in zip((*outer, row, col), layer.data.shape, strict=True)
        )
        if not inside:
            return None
        return Place(tuple(outer), row, col, int(layer.data[(*outer, row, col)]))

    def explain(self, place: Place | None) -> str:
        """Say what is at a pixel; empty if there is nothing to say."""
        if place is None or self.view is None:
            return ""
        is_current = self.result is not None and place.position == self.view.position
        if place.label:
            row = row_of(self._rows_of(place.position), place.label)
            pieces = pieces_of(self.result, place.label) if self.result is not None and is_current else ()
            return "" if row is None else explained(row, pieces)
        event = self.discarded_at(place)
        return "" if event is None else explained_discarded(event)

    def discarded_at(self, place: Place) -> ObjectDiscarded | None:
        """Return what was discarded at a pixel, if that is shown."""
        if self.view is None or place.position != self.view.position or not self._shows_discarded:
            return None
        layer = find_layer(self.viewer, self.view.layer, DISCARDED)
        if layer is None:
            return None
        return self._reasons.get(int(layer.data[(*place.position, place.row, place.col)]))

    def centre(self, place: Place) -> NDArray[np.float64] | None:
        """Where the nucleus at a pixel is, as a point of the viewer; None if nothing is known of it."""
        row, layer = row_of(self._rows_of(place.position), place.label), self.layer
        if row is None or layer is None:
            return None
        return np.asarray(layer.data_to_world((*place.position, *centre_of(row))))

    def place_of(self, row: Mapping[str, Any]) -> Place:
        """Return a pixel of the nucleus that a row of the table is about."""
        assert self.view is not None, "a row is of a view"
        position = self.view.position if self.planes is None else self.planes.position(row)
        label, layer = int(row["label"]), self.layer
        own = (row["bbox-0"], row["bbox-2"]), (row["bbox-1"], row["bbox-3"])
        box = tuple(slice(*each) for each in own)
        inside = layer.data[position][box] == label if layer is not None else np.zeros((0, 0), bool)
        rows, cols = np.nonzero(inside)
        middle = len(rows) // 2
        at = (int(rows[middle]), int(cols[middle])) if len(rows) else (0, 0)
        return Place(position, own[0][0] + at[0], own[1][0] + at[1], label)

    def same(self, place: Place) -> Place | None:
        """Return what is at the same pixel now; None outside the layer."""
        layer = self.layer
        if layer is None:
            return None
        at = (*place.position, place.row, place.col)
        if len(at) != layer.data.ndim or any(n >= size for n, size in zip(at, layer.data.shape, strict=True)):
            return None
        return replace(place, label=int(layer.data[at]))

    def _rows_of(self, position: Position) -> Sequence[Mapping[str, Any]]:
        if self.planes is None:
            return self.rows
        place = self.planes.place(position)
        return [row for row in self.planes.rows if {axis: row[axis] for axis in place} == place]

    def _move(self, view: View) -> None:
        """Begin anew if another image, or another part of it, is in view."""
        is_same = self.view is not None and same_place(self.view, view)
        self.view = view
        if not is_same:
            self.planes = Planes(view) if any(size > 1 for size in view.outer) else None

    def _show(
        self, view: View, labels: NDArray[Any], role: str = NUCLEI, position: Position | None = None
    ) -> Labels:
        """Show labels, and leave the layer selected that was."""
        before = self.viewer.layers.selection.active
        layer = show_labels(self.viewer, view, labels, role, position)
        if before is not None and role != NUCLEI and before in self.viewer.layers:
            self.viewer.layers.selection.active = before
        return layer

    def _show_discarded(self) -> None:
        if self.view is None:
            return
        if self._shows_discarded and self.result is not None:
            labels, self._reasons = discarded_map(self.result)
            self._show(self.view, labels, DISCARDED, self.view.position)
            return
        layer = find_layer(self.viewer, self.view.layer, DISCARDED)
        if layer is not None:
            self.viewer.layers.remove(layer)


def same_place(view: View, other: View) -> bool:
    """Whether two views are planes of the same part of the same image."""
    names = ("rows", "cols", "level", "colour")
    is_same_layer = view.layer.unique_id == other.layer.unique_id
    return is_same_layer and all(getattr(view, name) == getattr(other, name) for name in names)
