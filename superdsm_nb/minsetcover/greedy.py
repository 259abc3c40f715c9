"""The published heuristic for the min-weight set cover: greedy choice, merging, several rounds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..objects import Object


def cost(family: Iterable[Object], beta: float) -> float:
    """Sum of energy + `beta` over a family of objects."""
    return float(sum(item.energy + beta for item in family))


def solve(
    universe: set[int], candidates: Sequence[Object], beta: float, max_iter: int, gamma: float
) -> list[Object]:
    """Cover `universe` by the published heuristic.

    The solution for `beta` is compared, at the cost with `beta`, with the one for the smaller gamma * `beta`,
    which is found recursively in the same way.

    Parameters
    ----------
    universe : set of int
        Labels of the atoms to cover.
    candidates : sequence of Object
        Every atom must be in one of them.
    beta : float
        Constant cost per object, added to its energy.
    max_iter : int
        Rounds left, this one included.
    gamma : float
        Factor on `beta` from round to round.

    Returns
    -------
    list of Object
        Objects that cover all atoms.
    """
    solution = merge(greedy_cover(universe, candidates, beta), candidates, beta)
    if max_iter > 1:
        denser = solve(universe, candidates, gamma * beta, max_iter - 1, gamma)
        if cost(denser, beta) < cost(solution, beta):
            return denser
    return solution


def greedy_cover(universe: set[int], candidates: Sequence[Object], beta: float) -> list[Object]:
    """Take the object with the least energy + `beta` per newly covered atom until all are covered."""
    open_atoms = set(universe)
    taken: list[Object] = []
    while open_atoms:
        useful = [item for item in candidates if not open_atoms.isdisjoint(item.footprint)]
        best = min(useful, key=lambda item: (item.energy + beta) / len(open_atoms & item.footprint))
        taken.append(best)
        open_atoms -= best.footprint
    return taken


def merge(taken: list[Object], candidates: Sequence[Object], beta: float) -> list[Object]:
    """Replace objects of a cover by one that contains them all, wherever that is cheaper.

    A candidate replaces the taken objects inside it if it overlaps no other taken object and costs less
    than their sum.
    """
    taken = list(taken)
    for candidate in sorted(candidates, key=lambda item: item.energy):
        if any(candidate is item for item in taken):
            continue
        inside = [item for item in taken if item.footprint <= candidate.footprint]
        overlapping = [item for item in taken if not item.footprint.isdisjoint(candidate.footprint)]
        if inside and len(inside) == len(overlapping) and cost([candidate], beta) < cost(inside, beta):
            taken = [item for item in taken if not item.footprint <= candidate.footprint]
            taken.append(candidate)
    return taken
