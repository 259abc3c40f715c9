"""Max-weight set packing: a lower bound on the energy of a union, from disjoint objects inside it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..objects import Object, sum_of_energies
from .exact import Problem, maximum_packing


def greedy_packing(objects: Sequence[Object]) -> float:
    """Total energy of disjoint objects, taken heaviest first as published.

    Parameters
    ----------
    objects : sequence of Object
        Candidates; overlapping ones exclude each other.

    Returns
    -------
    float
        A lower bound on the energy of their union.
    """
    return _take([(item.energy, item.footprint) for item in objects])


def excess_packing(objects: Sequence[Object]) -> float:
    """Total energy of disjoint objects, taken in the order of their excess over their atoms.

    Parameters
    ----------
    objects : sequence of Object
        Candidates; overlapping ones exclude each other.

    Returns
    -------
    float
        A lower bound on the energy of their union.
    """
    atoms: dict[int, float] = {}
    for item in objects:
        if len(item.footprint) == 1:
            (atom,) = item.footprint
            atoms[atom] = item.energy
    excesses = (
        (item.energy - sum(atoms.get(atom, 0.0) for atom in item.footprint), item.footprint)
        for item in objects
        if len(item.footprint) > 1
    )
    return sum(atoms.values()) + _take([pair for pair in excesses if pair[0] > 0])


def exact_packing(objects: Sequence[Object]) -> float:
    """Greatest total energy of disjoint objects.

    Parameters
    ----------
    objects : sequence of Object
        Candidates; overlapping ones exclude each other.

    Returns
    -------
    float
        The greatest such lower bound on the energy of their union.

    Raises
    ------
    SolverError
        If the integer program cannot be solved.
    """
    return sum_of_energies([objects[index] for index in maximum_packing(problem_of(objects, 0.0)).sets])


def problem_of(objects: Sequence[Object], beta: float) -> Problem:
    """Objects as sets of atoms, each of the weight energy + `beta`."""
    row = {atom: index for index, atom in enumerate(sorted(set().union(*(o.footprint for o in objects))))}
    members = np.zeros((len(row), len(objects)), bool)
    for column, item in enumerate(objects):
        members[[row[atom] for atom in item.footprint], column] = True
    return Problem(members, np.array([item.energy + beta for item in objects], np.float64))


def _take(weighted: Sequence[tuple[float, frozenset[int]]]) -> float:
    """Total weight of disjoint sets, taken heaviest first."""
    taken: set[int] = set()
    total = 0.0
    for weight, footprint in sorted(weighted, key=lambda pair: -pair[0]):
        if taken.isdisjoint(footprint):
            taken |= footprint
            total += weight
    return total
