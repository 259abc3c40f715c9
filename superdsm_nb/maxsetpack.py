"""Maximum-weight set packing."""

from __future__ import annotations

from collections.abc import Iterable

from .objects import Object


def greedy_packing(objects: Iterable[Object]) -> float:
    """Lower bound on the energy of a union: the energies of disjoint parts, heaviest first.

    Parameters
    ----------
    objects : iterable of Object
        Candidates; overlapping ones exclude each other.

    Returns
    -------
    float
        Sum of the energies of the objects taken.
    """
    taken: set[int] = set()
    total = 0.0
    for candidate in sorted(objects, key=lambda item: -item.energy):
        if taken.isdisjoint(candidate.footprint):
            taken |= candidate.footprint
            total += candidate.energy
    return total
