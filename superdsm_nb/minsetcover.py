"""Min-weight set cover: the family of objects of least total energy that covers all atoms."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .atoms import AtomAdjacencyGraph
from .objects import Object


class MinSetCover:
    """The cheapest cover found so far, cluster by cluster (TPAMI 2023).

    The cost of a family of objects is the sum of energy + `beta` over its members. It is minimised by the
    published heuristic, a greedy choice followed by merging, repeated for smaller and smaller `beta`.

    Parameters
    ----------
    beta : float
        Sparsity: what every object costs besides its energy.
    adjacencies : AtomAdjacencyGraph
        Tells the cluster of each atom.
    max_iter : int
        Rounds of the heuristic.
    gamma : float
        Factor on `beta` from round to round, between 0 and 1.
    """

    def __init__(
        self, beta: float, adjacencies: AtomAdjacencyGraph, max_iter: int = 5, gamma: float = 0.8
    ) -> None:
        self.beta = beta
        self._adjacencies = adjacencies
        self._max_iter = max_iter
        self._gamma = gamma
        self._candidates: dict[int, list[Object]] = {}
        self._solutions: dict[int, list[Object]] = {}

    def update(self, candidates: Iterable[Object]) -> None:
        """Add candidates and solve anew the clusters they belong to."""
        touched = set()
        for candidate in candidates:
            label = self._adjacencies.get_cluster_label(min(candidate.footprint))
            self._candidates.setdefault(label, []).append(candidate)
            touched.add(label)
        for label in touched:
            self._solutions[label] = solve(
                self._adjacencies.get_atoms_in_cluster(label),
                self._candidates[label],
                self.beta,
                self._max_iter,
                self._gamma,
            )

    @property
    def cluster_labels(self) -> list[int]:
        """Labels of the clusters that are covered, ascending."""
        return sorted(self._solutions)

    @property
    def solution(self) -> list[Object]:
        """The objects of the cover."""
        return [item for label in self.cluster_labels for item in self._solutions[label]]

    @property
    def costs(self) -> float:
        """Cost of the cover."""
        return cost(self.solution, self.beta)

    def get_cluster_costs(self, label: int) -> float:
        """Cost of the cover of one cluster."""
        return cost(self._solutions[label], self.beta)


def cost(family: Iterable[Object], beta: float) -> float:
    """Sum of energy + `beta` over a family of objects."""
    return float(sum(item.energy + beta for item in family))


def solve(
    universe: set[int], candidates: Sequence[Object], beta: float, max_iter: int, gamma: float
) -> list[Object]:
    """Cover `universe` by the published heuristic.

    The solution for `beta` competes, at the cost that `beta` gives, with the one found for the smaller
    gamma * `beta`, which was itself decided in the same way.

    Parameters
    ----------
    universe : set of int
        Labels of the atoms to cover.
    candidates : sequence of Object
        Every atom must be in one of them.
    beta : float
        What every object costs besides its energy.
    max_iter : int
        Rounds left, this one included.
    gamma : float
        Factor on `beta` from round to round.

    Returns
    -------
    list of Object
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
    """Replace objects of a cover by one that holds them all wherever that is cheaper.

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
