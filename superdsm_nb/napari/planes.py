"""Results of the planes of a stack, as they come in one by one or all at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..config import Config
from ..errors import ImageError
from ..results.outlines import outlines
from ..results.result import Segmentation
from ..results.stack import Packed, Plane, StackSegmentation
from .view import View

if TYPE_CHECKING:
    from napari.layers import Image

KINDS = ("seg", "csv")  # what is kept of each plane
LETTERS = {"T": "time", "Z": "plane", "C": "channel"}
NOT_SEGMENTED = "it was not segmented"

Position = tuple[int, ...]


def axes_of(layer: Image) -> list[tuple[str, str]]:
    """Return letter and name of each axis before the last two that has several places.

    Axes that are labelled t, z or c are those; of others, a length is z, and the first other one t.

    Raises
    ------
    ImageError
        If there are more than three.
    """
    shape = layer.data[0].shape if layer.multiscale else layer.data.shape
    several = [axis for axis in range(layer.ndim - 2) if shape[axis] > 1]
    if len(several) > len(LETTERS):
        raise ImageError(
            f"{layer.name} has {len(several)} axes of planes: at most {len(LETTERS)} can be run."
        )
    named = {axis: str(layer.axis_labels[axis])[:1].upper() for axis in several}
    taken: dict[int, str] = {}
    for axis, letter in named.items():
        if letter in LETTERS and letter not in taken.values():
            taken[axis] = letter
    for axis in several:
        if axis not in taken:
            is_length = layer.units[axis].is_compatible_with("micrometer")
            order = "ZTC" if is_length else "TZC"
            taken[axis] = next(letter for letter in order if letter not in taken.values())
    return [(taken[axis], LETTERS[taken[axis]]) for axis in several]


class Planes:
    """What was found in the planes of one view.

    Parameters
    ----------
    view : View
        Any of its planes.
    """

    def __init__(self, view: View) -> None:
        self.axes = tuple(name for _, name in axes_of(view.layer))
        self._several = [axis for axis, size in enumerate(view.outer) if size > 1]
        self._view = view
        self._found: dict[Position, Plane] = {}
        self._config = Config()

    def take(self, view: View, result: Segmentation) -> None:
        """Take the result of a plane."""
        place = self.place(view.position)
        self._found[tuple(place.values())] = Plane.of(place, result, KINDS)
        self._config = result.config

    def take_all(self, found: StackSegmentation) -> None:
        """Take the results of all planes."""
        self._found = {tuple(plane.position[axis] for axis in self.axes): plane for plane in found.planes}
        self._config = found.config

    def place(self, position: Position) -> dict[str, int]:
        """Where a plane is, by the names of the axes that have several places."""
        return {axis: position[at] for axis, at in zip(self.axes, self._several, strict=True)}

    def position(self, place: Mapping[str, Any]) -> Position:
        """Where a plane is, by all axes of the layer before the last two."""
        found = [0] * len(self._view.outer)
        for axis, at in zip(self.axes, self._several, strict=True):
            found[at] = int(place[axis])
        return tuple(found)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Measurements of all planes, with columns for the axes."""
        return [
            {**plane.position, **row}
            for _, plane in sorted(self._found.items())
            for row in plane.rows.get("csv", ())
        ]

    def labels(self, position: Position) -> NDArray[Any] | None:
        """Return the labels of a plane; None if it was not segmented."""
        plane = self._found.get(tuple(self.place(position).values()))
        return plane.pictures["seg"].pixels() if plane is not None and "seg" in plane.pictures else None

    def for_files(self, kinds: Iterable[str]) -> StackSegmentation:
        """Return what was found as a whole; planes that were not segmented are empty."""
        sizes = tuple(self._view.outer[at] for at in self._several)
        return StackSegmentation(
            self._view.image(np.empty((0, 0))),
            self.axes,
            sizes,
            (),
            [self._for_files(place, dict(zip(self.axes, place, strict=True))) for place in np.ndindex(sizes)],
            self._config,
            tuple(kinds),
        )

    def _for_files(self, place: Position, named: Mapping[str, int]) -> Plane:
        plane = self._found.get(place)
        if plane is None:
            return Plane(named, error=NOT_SEGMENTED)
        if "seg" not in plane.pictures:
            return plane
        labels: Packed = plane.pictures["seg"]
        rows = dict.fromkeys(("csv", "geojson"), plane.rows["csv"])
        return replace(plane, rows=rows, outlines=tuple(outlines(labels.pixels())))
