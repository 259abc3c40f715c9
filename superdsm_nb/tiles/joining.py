"""Clusters that lie in several tiles."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..automatic.defects import Box
from .foreground import fits
from .plan import Plan
from .records import Parts

Tile = tuple[int, int]


class Whole(NamedTuple):
    """A cluster that lies in several tiles.

    Attributes
    ----------
    first : (int, int)
        Its first pixel in the canonical image.
    box : (slice, slice)
        Its rows and columns there.
    tiles : int
        In how many tiles it has parts; a tile may hold several.
    """

    first: tuple[int, int]
    box: Box
    tiles: int


def clusters_across(plan: Plan, parts_of: Callable[[Tile], Parts]) -> list[Whole]:
    """Return the clusters that lie in several tiles.

    Parameters
    ----------
    plan : Plan
        The tiles.
    parts_of : callable
        Returns the parts of clusters that reach the sides of a tile.

    Returns
    -------
    list of Whole
        In the order of their first pixels.
    """
    rows, cols = plan.grid
    firsts, boxes, tiles, pairs = [], [], [], []
    start = 0
    above: list[
        NDArray[np.int64]
    ] = []  # numbers of the parts along the lower sides of the row of tiles above
    for row in range(rows):
        below: list[NDArray[np.int64]] = []
        beside: NDArray[np.int64] | None = None
        for col in range(cols):
            parts = parts_of((row, col))
            firsts.append(parts.firsts)
            boxes.append(parts.boxes)
            tiles.append(np.full(len(parts.firsts), row * cols + col))
            if above:
                pairs.append(_touching(above[col], _numbered(parts.top, start)))
            if beside is not None:
                pairs.append(_touching(beside, _numbered(parts.left, start)))
            below.append(_numbered(parts.bottom, start))
            beside = _numbered(parts.right, start)
            start += len(parts.firsts)
        above = below
    if not start:
        return []
    all_pairs = np.concatenate([np.zeros((0, 2), np.int64), *pairs])
    graph = sparse.coo_array(
        (np.ones(len(all_pairs), bool), (all_pairs[:, 0], all_pairs[:, 1])), shape=(start, start)
    )
    count, label = sparse.csgraph.connected_components(graph, directed=False)
    return _joined(np.concatenate(firsts), np.concatenate(boxes), np.concatenate(tiles), label, count)


def left_over(plan: Plan, wholes: list[Whole]) -> list[Whole]:
    """Return the clusters across tiles that their own tile could not segment, in its window."""
    shape, reach = plan.canonical_shape, plan.reach
    return [each for each in wholes if not fits(each.box, reach, plan.window(plan.owner(each.first)), shape)]


def _numbered(side: NDArray[np.int32], start: int) -> NDArray[np.int64]:
    """Numbers of parts among all; -1 where there is none."""
    numbers = side.astype(np.int64)
    return np.where(numbers > 0, numbers + start - 1, -1)


def _touching(one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.int64]:
    """Pairs of parts that meet between two tiles."""
    both = (one >= 0) & (other >= 0)
    return np.unique(np.stack([one[both], other[both]], axis=1), axis=0)


def _joined(
    firsts: NDArray[np.int64],
    boxes: NDArray[np.int64],
    tiles: NDArray[np.int64],
    label: NDArray[np.int32],
    count: int,
) -> list[Whole]:
    order = np.lexsort((firsts[:, 1], firsts[:, 0]))
    first = np.full(count, -1, np.int64)
    first[label[order[::-1]]] = order[::-1]  # the last one that is written is the first pixel
    low = np.full((count, 2), np.iinfo(np.int64).max)
    high = np.zeros((count, 2), np.int64)
    np.minimum.at(low, label, boxes[:, [0, 2]])
    np.maximum.at(high, label, boxes[:, [1, 3]])
    where = np.unique(np.stack([label, tiles], axis=1), axis=0)
    spread = np.bincount(where[:, 0], minlength=count)
    wholes = [
        Whole(
            (int(firsts[first[each], 0]), int(firsts[first[each], 1])),
            (slice(*_ints(low[each, 0], high[each, 0])), slice(*_ints(low[each, 1], high[each, 1]))),
            int(spread[each]),
        )
        for each in range(count)
    ]
    return sorted(wholes, key=lambda whole: whole.first)


def _ints(*values: np.int64) -> tuple[int, ...]:
    return tuple(int(value) for value in values)
