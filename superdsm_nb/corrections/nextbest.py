"""The combinations of the parts of an object, from the best to the worst."""

from __future__ import annotations

import functools
import heapq
import itertools
import math
from collections.abc import Iterator, Mapping

from ..timelimit import check

Footprint = frozenset[int]


def partitions(whole: Footprint, costs: Mapping[Footprint, float]) -> Iterator[list[Footprint]]:
    """Yield the partitions of a set of atoms by given unions, from the least total cost up.

    A best-first search that knows, from dynamic programming over the sets of atoms that can be left, what the
    best continuation of each costs: so it takes only steps that lead to the next partition.

    Parameters
    ----------
    whole : frozenset of int
        Labels of the atoms.
    costs : mapping of frozenset of int to float
        Cost of each union that may be used; those that are not part of `whole` are ignored.

    Yields
    ------
    list of frozenset of int
        Disjoint unions, which together are `whole`, in the order of their smallest atoms.
    """
    by_atom: dict[int, list[tuple[Footprint, float]]] = {atom: [] for atom in whole}
    for union, cost in costs.items():
        if union <= whole:
            by_atom[min(union)].append((union, cost))

    def steps(left: Footprint) -> Iterator[tuple[Footprint, float]]:
        """The unions that may be next, so that each partition comes in one order only."""
        return ((union, cost) for union, cost in by_atom[min(left)] if union <= left)

    @functools.cache
    def least(left: Footprint) -> float:
        """The cost of the best partition of what is left; infinity if there is none."""
        check()
        if not left:
            return 0.0
        return min((cost + least(left - union) for union, cost in steps(left)), default=math.inf)

    order = itertools.count()  # of equal costs, the one found first
    todo: list[tuple[float, int, float, Footprint, list[Footprint]]] = [
        (least(whole), next(order), 0.0, whole, [])
    ]
    while todo:
        total, _, spent, left, chosen = heapq.heappop(todo)
        if total == math.inf:
            return
        if not left:
            yield chosen
            continue
        for union, cost in steps(left):
            rest, paid = left - union, spent + cost
            heapq.heappush(todo, (paid + least(rest), next(order), paid, rest, [*chosen, union]))
