"""Which unions of atoms are nuclei: their energies, and the family of least total energy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..config import AutomaticEnergySettings
from ..kernels.regions import moments_by_label, percentiles_by_label
from .division import DARK, DIMMEST
from .partition import Partition, minimum_partition
from .smoothing import blurred
from .unions import PARTS, Borders, Footprint, Shapes, centers_of, find_borders, grow_unions, measure_shapes

CORE_PERCENTILE = 75  # of the intensities of an atom: its brightness without its rim


@dataclass(frozen=True, eq=False)
class MeasuredUnions:
    """All unions of atoms that may be nuclei.

    Attributes
    ----------
    unions : list of frozenset of int
        Labels of the atoms of each union.
    energies : (U,) float64
        In areas of a typical nucleus.
    shapes : Shapes
        Measurements of the unions.
    groups : (U,) int64
        Label of the cluster of each union.
    """

    unions: list[Footprint]
    energies: NDArray[np.float64]
    shapes: Shapes
    groups: NDArray[np.int64]

    def least(self, object_cost: float) -> Partition:
        """Find the family of least total energy and cost in which each atom is exactly once."""
        return minimum_partition(self.unions, self.energies + object_cost, self.groups)


def find_unions(
    y: NDArray[np.float64],
    atoms: NDArray[np.int32],
    clusters: NDArray[np.int32],
    radius: float,
    settings: AutomaticEnergySettings,
) -> MeasuredUnions:
    """Find all unions of atoms that may be nuclei, and their energies.

    Parameters
    ----------
    y : (h, w) float64
        Intensity above the local threshold, in units of the local contrast.
    atoms, clusters : (h, w) int32
        Labels from 1; at least one atom.
    radius : float
        Radius of the nuclei (pixels).
    settings : AutomaticEnergySettings
        Weights and limits; the cost of an object has no influence.

    Returns
    -------
    MeasuredUnions
        The unions.
    """
    surface = _Surface(y, atoms, radius, settings)
    labels = np.arange(1, int(atoms.max()) + 1)
    neighbors: dict[int, set[int]] = {label: set() for label in labels.tolist()}
    for a, b in surface.borders.pairs.tolist():
        neighbors[a].add(b)
        neighbors[b].add(a)
    sums = moments_by_label(atoms, labels.size)
    unions = grow_unions(
        sums[:, 0].astype(np.float64),
        centers_of(sums),
        neighbors,
        max_area=settings.max_area * math.pi * radius**2,
        max_distance=settings.max_reach * radius * PARTS,
        max_atoms=settings.max_atoms,
    )
    shapes, energies = surface.measured(unions)
    cluster_of_atom = np.zeros(labels.size + 1, np.int64)
    cluster_of_atom[atoms.ravel()] = clusters.ravel()
    groups = cluster_of_atom[[min(union) for union in unions]]
    return MeasuredUnions(unions, energies, shapes, groups)


def measure_unions(
    y: NDArray[np.float64],
    atoms: NDArray[np.int32],
    unions: Sequence[Footprint],
    radius: float,
    settings: AutomaticEnergySettings,
) -> tuple[Shapes, NDArray[np.float64]]:
    """Measure given unions of atoms as `find_unions` measures those that it finds.

    Parameters
    ----------
    y : (h, w) float64
        As for `find_unions`.
    atoms : (h, w) int32
        Likewise.
    unions : sequence of frozenset of int
        Labels of the atoms of each.
    radius : float
        Radius of the nuclei (pixels).
    settings : AutomaticEnergySettings
        Weights and limits.

    Returns
    -------
    shapes : Shapes
        Their measurements.
    energies : (U,) float64
        In areas of a typical nucleus.
    """
    return _Surface(y, atoms, radius, settings).measured(unions)


class _Surface:
    """What the energies depend on besides the unions; the parameters are those of `find_unions`."""

    def __init__(
        self,
        y: NDArray[np.float64],
        atoms: NDArray[np.int32],
        radius: float,
        settings: AutomaticEnergySettings,
    ) -> None:
        self._atoms, self._radius, self._settings = atoms, radius, settings
        self._smooth = blurred(y, settings.border_smoothing * radius)
        self.borders = find_borders(atoms, self._smooth)

    def measured(self, unions: Sequence[Footprint]) -> tuple[Shapes, NDArray[np.float64]]:
        """Shapes and energies of unions."""
        shapes = measure_shapes(self._atoms, unions, self.borders)
        contrast, steps = _compared(self.borders, self._smooth, self._atoms)
        return shapes, union_energies(shapes, self.borders, contrast, steps, self._radius, self._settings)


def union_energies(
    shapes: Shapes,
    found: Borders,
    contrast: NDArray[np.float64],
    steps: NDArray[np.float64],
    radius: float,
    settings: AutomaticEnergySettings,
) -> NDArray[np.float64]:
    """Energy of each union, in areas of a typical nucleus.

    Parameters
    ----------
    shapes : Shapes
        Measurements of the unions.
    found : Borders
        Borders between the atoms.
    contrast : (B,) float64
        Brightness of each border relative to the darker of its atoms.
    steps : (B,) float64
        Logarithm of the brightness of the brighter of its atoms relative to that of the darker.
    radius : float
        Radius of the nuclei (pixels).
    settings : AutomaticEnergySettings
        Weights.

    Returns
    -------
    (U,) float64
        Not negative.
    """
    typical = math.pi * radius**2
    area = shapes.areas / typical
    lengths = found.lengths / radius
    dark = lengths * np.maximum(0, settings.dark_below - contrast)
    bright = lengths * np.maximum(0, contrast - settings.bright_above)
    result: NDArray[np.float64] = (
        settings.ellipticity_weight * np.maximum(0, shapes.ellipses / typical - area)
        + settings.convexity_weight * (shapes.hulls / typical - area)
        + settings.large_weight * np.maximum(0, area - settings.large_above)
        + settings.small_weight * np.maximum(0, settings.small_below - area) * shapes.is_inside
        + settings.dark_border_weight * (shapes.inner @ dark)
        + settings.step_weight * (shapes.inner @ (lengths * steps))
        + 0.5 * settings.bright_border_weight * (shapes.outer @ bright)
    )
    return result


def _compared(
    found: Borders, smooth: NDArray[np.float64], atoms: NDArray[np.int32]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return contrast and step of each border (see `union_energies`).

    Brightness is that above the background, of an atom that of its core.
    """
    core = percentiles_by_label(smooth, atoms, int(atoms.max()), CORE_PERCENTILE)[found.pairs] + DARK
    contrast: NDArray[np.float64] = (found.values + DARK) / core.min(axis=1)
    visible = np.maximum(core, DIMMEST)
    return contrast, np.log(visible.max(axis=1) / visible.min(axis=1))
