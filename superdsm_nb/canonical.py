"""From canonical pixels, in which the automatic method works, to those of the image.

A canonical image covers the same area as the content of an image, that is, all but a frame around it: its
pixel i is at (i + 1/2) H / h - 1/2 in a content of H pixels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .atoms import AtomAdjacencyGraph
from .objects import BaseObject

Shape = tuple[int, ...]
MAPS = ("y", "y_mask", "clusters", "atoms")


def at_image_size(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the pipeline data object with maps, seeds and graph in pixels of the image, for drawing.

    Parameters
    ----------
    data : mapping
        Pipeline data object of either method.

    Returns
    -------
    mapping
        A copy in which ``y``, ``y_mask``, ``clusters``, ``atoms``, ``seeds`` and ``adjacencies`` are enlarged
        (nearest neighbour), without ``canonical``; the same object if it holds no ``canonical`` image. In a
        frame of the image there are no atoms, and ``y`` has its lowest value.
    """
    if "canonical" not in data:
        return data
    place = Place.of(data)
    result = {name: value for name, value in data.items() if name != "canonical"}
    for name in MAPS:
        if name in data:
            frame = data[name].min() if name == "y" else name == "y_mask"
            whole = np.full(data["g_raw"].shape, frame, data[name].dtype)
            whole[data["content"]] = resized_map(data[name], place.shape)
            result[name] = whole
    if "seeds" in data:
        result["seeds"] = place.points(data["seeds"])
    if "adjacencies" in data:
        graph: AtomAdjacencyGraph = data["adjacencies"]
        result["adjacencies"] = graph.with_seeds(place.points(graph.seeds))
    return result


class Place(NamedTuple):
    """Where a canonical image lies in the image.

    Attributes
    ----------
    small : (int, int)
        Shape of the canonical image.
    shape : (int, int)
        Shape of the content of the image.
    offset : (int, int)
        First row and first column of the content.
    """

    small: Shape
    shape: Shape
    offset: Shape

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Place:
        """Return the place of the canonical image of a pipeline data object."""
        content: tuple[slice, slice] = data["content"]
        shape = tuple(part.stop - part.start for part in content)
        return cls(data["canonical"].shape, shape, tuple(part.start for part in content))

    def points(self, points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
        """Return positions (row, col) in the canonical image as positions in the image."""
        top, left = self.offset
        return [(row + top, col + left) for row, col in moved_points(points, self.small, self.shape)]

    def object(self, item: BaseObject) -> BaseObject:
        """Return the pixels of an object of the canonical image in the image (nearest neighbour)."""
        result = moved_object(item, self.small, self.shape)
        (row, col), (top, left) = result.fg_offset, self.offset
        result.fg_offset = (row + top, col + left)
        return result


def resized_map(values: NDArray[Any], shape: Shape) -> NDArray[Any]:
    """Resize a map to another shape by taking the nearest pixels."""
    rows, cols = (_sources(range(size), old, size) for old, size in zip(values.shape, shape, strict=True))
    result: NDArray[Any] = values[np.ix_(rows, cols)]
    return result


def moved_points(points: Sequence[tuple[float, float]], old: Shape, new: Shape) -> list[tuple[float, float]]:
    """Return the positions (row, col) in an image of shape `new` of points in one of shape `old`."""
    down, right = new[0] / old[0], new[1] / old[1]
    return [((row + 0.5) * down - 0.5, (col + 0.5) * right - 0.5) for row, col in points]


def moved_object(item: BaseObject, old: Shape, new: Shape) -> BaseObject:
    """Return the pixels of an object of an image of shape `old` in one of shape `new` (nearest neighbour)."""
    ranges = [
        range(
            max(0, math.floor(part.start * size / before) - 1),
            min(size, math.ceil(part.stop * size / before) + 1),
        )
        for part, before, size in zip(item.box, old, new, strict=True)
    ]
    places = [
        _sources(each, before, size) - part.start
        for each, part, before, size in zip(ranges, item.box, old, new, strict=True)
    ]
    inside = [
        (place >= 0) & (place < size) for place, size in zip(places, item.fg_fragment.shape, strict=True)
    ]
    kept = [place[part] for place, part in zip(places, inside, strict=True)]
    rows, cols = np.nonzero(item.fg_fragment[np.ix_(*kept)])
    result = BaseObject()
    result.set_pixels(np.asarray(ranges[0])[inside[0]][rows], np.asarray(ranges[1])[inside[1]][cols])
    return result


def _sources(pixels: range, old: int, new: int) -> NDArray[np.int64]:
    """Nearest pixels, along a side of `old` pixels, of some of the `new` pixels of the same side."""
    found: NDArray[np.int64] = ((2 * np.asarray(pixels, np.int64) + 1) * old) // (2 * new)
    return found
