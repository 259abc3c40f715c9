"""Unions of atoms that may be nuclei, and their shapes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..kernels.hulls import border_count, borders, hull_areas, hull_points, run_corners
from ..kernels.regions import moments_by_label
from ..timelimit import check

Footprint = frozenset[int]
PARTS = 1024  # of a pixel, along each side
PIXEL_VARIANCE = 1 / 12  # of the position inside a pixel, in each direction


class Borders(NamedTuple):
    """Borders between neighbouring atoms.

    Attributes
    ----------
    pairs : (B, 2) int64
        Labels of the atoms.
    lengths : (B,) float64
        In pixels.
    values : (B,) float64
        Mean intensity along each border.
    """

    pairs: NDArray[np.int64]
    lengths: NDArray[np.float64]
    values: NDArray[np.float64]


NO_BORDERS = Borders(np.zeros((0, 2), np.int64), np.zeros(0), np.zeros(0))


class Shapes(NamedTuple):
    """Measurements of unions, an entry each.

    Attributes
    ----------
    areas : (U,) float64
        In pixels.
    ellipses : (U,) float64
        Area of the ellipse with the second moments of the union: that of the union if it is an ellipse, or
        else more.
    hulls : (U,) float64
        Area of the convex hull.
    inner, outer : (U, B) sparse arrays
        Which borders lie inside each union, and which on its outline.
    is_inside : (U,) bool
        Whether the union does not touch the border of the image.
    """

    areas: NDArray[np.float64]
    ellipses: NDArray[np.float64]
    hulls: NDArray[np.float64]
    inner: sparse.csr_array
    outer: sparse.csr_array
    is_inside: NDArray[np.bool_]

    def some(self, chosen: NDArray[np.int64]) -> Shapes:
        """Return the measurements of some of the unions."""
        areas, ellipses, hulls, inner, outer, is_inside = self
        return Shapes(
            areas[chosen], ellipses[chosen], hulls[chosen], inner[chosen], outer[chosen], is_inside[chosen]
        )


def find_borders(atoms: NDArray[np.int32], values: NDArray[np.float64]) -> Borders:
    """Return the borders between the atoms of a label map, with the mean of `values` along each."""
    pairs, between = borders(atoms, values, border_count(atoms))
    if not len(pairs):
        return NO_BORDERS
    unique, index = np.unique(pairs.astype(np.int64), axis=0, return_inverse=True)
    lengths = np.bincount(index.ravel()).astype(np.float64)
    return Borders(unique, lengths, np.bincount(index.ravel(), between) / lengths)


def grow_unions(
    areas: NDArray[np.float64],
    centers: NDArray[np.int64],
    neighbors: Mapping[int, set[int]],
    *,
    max_area: float,
    max_distance: float,
    max_atoms: int,
) -> list[Footprint]:
    """Return all connected unions of atoms of bounded size, single atoms first.

    Parameters
    ----------
    areas : (n + 1,) float64
        Areas of the atoms by label.
    centers : (n + 1, 2) array
        Their centres (row, col), see `centers_of`.
    neighbors : mapping of int to set of int
        Neighbours of each atom.
    max_area : float
        Largest area of a union (pixels).
    max_distance : float
        Largest distance between the centres of its atoms, in the unit of these.
    max_atoms : int
        Largest number of atoms in a union.

    Returns
    -------
    list of frozenset of int
        In a definite order; larger ones come later.
    """
    generation = [(frozenset((atom,)), float(areas[atom])) for atom in sorted(neighbors)]
    unions = [footprint for footprint, _ in generation]
    points = centers.tolist()
    for _ in range(max_atoms - 1):
        check()
        grown: dict[Footprint, float] = {}
        for footprint, area in generation:
            around = set().union(*(neighbors[atom] for atom in footprint)) - footprint
            for atom in sorted(around):
                union = footprint | {atom}
                if area + areas[atom] > max_area or union in grown:
                    continue
                if all(math.dist(points[atom], points[other]) <= max_distance for other in footprint):
                    grown[union] = area + float(areas[atom])
        if not grown:
            break
        generation = list(grown.items())
        unions += grown
    return unions


def centers_of(moments: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the centres (row, col) of atoms in parts of a pixel, of which it has `PARTS` along a side.

    As integers, so that distances are the same wherever the atoms are in the image.
    """
    return moments[:, 1:3] * PARTS // np.maximum(moments[:, :1], 1)


def measure_shapes(atoms: NDArray[np.int32], unions: Sequence[Footprint], found: Borders) -> Shapes:
    """Measure the shape of each union from sums over its atoms.

    Parameters
    ----------
    atoms : (h, w) int32
        Labels of the atoms, from 1.
    unions : sequence of frozenset of int
        Labels of the atoms of each union.
    found : Borders
        Borders between the atoms.

    Returns
    -------
    Shapes
        Areas, ellipses, hulls and borders.
    """
    count = int(atoms.max(initial=0))
    members = np.array([atom for union in unions for atom in sorted(union)], np.int64)
    first = np.concatenate([[0], np.cumsum([len(union) for union in unions])]).astype(np.int64)
    shape = (len(unions), count + 1)
    incidence = sparse.csr_array((np.ones(members.size, np.int64), members, first), shape=shape)
    n, row, col, rows, cols, mixed = (incidence @ moments_by_label(atoms, count)).T
    # In integers, so that the result is the same wherever the atoms are in the image.
    across, along = (n * rows - row**2) / n**2 + PIXEL_VARIANCE, (n * cols - col**2) / n**2 + PIXEL_VARIANCE
    determinant = np.maximum(across * along - ((n * mixed - row * col) / n**2) ** 2, 0)
    incidence = incidence.astype(np.float64)
    hulls = hull_areas(*hull_points(*run_corners(atoms, count)), members, first)
    touching = _incident(found, count)
    shared = sparse.csr_array(incidence @ touching)
    inner, outer = shared.copy(), shared.copy()
    inner.data, outer.data = (shared.data == 2).astype(np.float64), (shared.data == 1).astype(np.float64)
    cut = np.zeros(count + 1)
    cut[np.concatenate([atoms[0], atoms[-1], atoms[:, 0], atoms[:, -1]])] = 1
    cut[0] = 0
    return Shapes(
        n.astype(np.float64), 4 * math.pi * np.sqrt(determinant), hulls, inner, outer, incidence @ cut == 0
    )


def _incident(found: Borders, count: int) -> sparse.csr_array:
    """Which borders each atom has, (count + 1, B)."""
    size = len(found.pairs)
    index = np.repeat(np.arange(size), 2)
    return sparse.csr_array((np.ones(2 * size), (found.pairs.ravel(), index)), shape=(count + 1, size))
