"""Nuclei that the user picks in the viewer, and what is told of the one under the mouse."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, Signal

from .resultlayers import PICKED, find_layer, show_labels
from .results import Place, Results

if TYPE_CHECKING:
    import napari.viewer

STILL = 4  # pixels of the screen; a longer way of the mouse is no click
LOOKING = "pan_zoom"  # mode of layers in which a click does nothing else


class Picking(QObject):
    """Follows the mouse: a click picks a nucleus, a click with shift picks one more.

    Emits `changed` when others are picked, `clicked` with the `Place` of each click, and `told` with what is
    known of what is under the mouse.

    Parameters
    ----------
    viewer : Viewer
        Where the mouse is.
    results : Results
        What is there.
    """

    changed = Signal()
    clicked = Signal(object)
    told = Signal(str)

    def __init__(self, viewer: napari.viewer.Viewer, results: Results) -> None:
        super().__init__()
        self._viewer, self._results = viewer, results
        self._places: list[Place] = []
        self.last: Place | None = None
        viewer.mouse_move_callbacks.append(self._hover)
        viewer.mouse_drag_callbacks.append(self._press)
        results.changed.connect(self._follow)

    @property
    def labels(self) -> list[int]:
        """Labels of the nuclei that are picked, all in one plane, in the order in which they were."""
        return [place.label for place in self._places]

    def pick(self, place: Place | None, is_added: bool = False) -> None:
        """Pick what is at a place, besides what is picked already or instead of it."""
        self.last = place
        others = self._places if is_added and place is not None else []
        others = [each for each in others if place is not None and each.position == place.position]
        if place is None or not place.label:
            self._places = others
        elif place.label in [each.label for each in others]:
            self._places = [each for each in others if each.label != place.label]
        else:
            self._places = [*others, place]
        self._show()
        self.changed.emit()

    def look_at(self, place: Place) -> None:
        """Pick a nucleus and bring it into view."""
        self.pick(place)
        point = self._results.centre(place)
        if point is None:
            return
        outer = len(point) - 2
        for axis, value in enumerate(point[:outer]):
            self._viewer.dims.set_point(self._viewer.dims.ndim - len(point) + axis, float(value))
        self._viewer.camera.center = (0.0, *(float(each) for each in point[-2:]))

    def close(self) -> None:
        """Follow the mouse no more."""
        for callbacks, own in (
            (self._viewer.mouse_move_callbacks, self._hover),
            (self._viewer.mouse_drag_callbacks, self._press),
        ):
            if own in callbacks:
                callbacks.remove(own)

    def _follow(self) -> None:
        """What is picked stays picked where it is, whatever its label is now."""
        places = [self._results.same(place) for place in self._places]
        found = {place.label: place for place in places if place is not None and place.label}
        self._places = list(found.values())
        self._show()
        self.changed.emit()

    def _show(self) -> None:
        """Show what is picked; one layer is enough for that, and there is none before the first."""
        view, layer = self._results.view, self._results.layer
        if view is None or layer is None:
            return
        if not self._places and find_layer(self._viewer, view.layer, PICKED) is None:
            return
        before = self._viewer.layers.selection.active
        position = self._places[0].position if self._places else view.position
        mask = np.isin(layer.data[position], self.labels).astype(np.uint8)
        show_labels(self._viewer, view, mask, PICKED, position)
        if before is not None and before in self._viewer.layers:
            self._viewer.layers.selection.active = before

    def _hover(self, viewer: Any, event: Any) -> None:  # noqa: ANN401 - of napari
        self.told.emit(self._results.explain(self._results.place(event.position)))

    def _press(self, viewer: Any, event: Any) -> Iterator[None]:  # noqa: ANN401
        start = np.array(event.pos)
        yield
        while event.type == "mouse_move":
            yield
        active = viewer.layers.selection.active
        is_looking = active is None or str(active.mode) == LOOKING
        if is_looking and np.abs(np.array(event.pos) - start).max() < STILL:
            place = self._results.place(event.position)
            self.pick(place, is_added="Shift" in event.modifiers)
            if place is not None:
                self.clicked.emit(place)
