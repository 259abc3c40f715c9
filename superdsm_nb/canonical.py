"""From canonical pixels, in which the automatic method works, to those of the image.

A canonical image covers the same area as the image: its pixel i is at (i + 1/2) H / h - 1/2 in the image.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

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
        (nearest neighbour), without ``canonical``; the same object if it holds no ``canonical`` image.
    """
    if "canonical" not in data:
        return data
    small, shape = data["canonical"].shape, data["g_raw"].shape
    kept = {name: value for name, value in data.items() if name != "canonical"}
    result = {**kept, **{name: resized_map(data[name], shape) for name in MAPS if name in data}}
    if "seeds" in data:
        result["seeds"] = moved_points(data["seeds"], small, shape)
    if "adjacencies" in data:
        graph: AtomAdjacencyGraph = data["adjacencies"]
        result["adjacencies"] = graph.with_seeds(moved_points(graph.seeds, small, shape))
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
