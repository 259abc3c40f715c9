"""Min-weight set cover: the family of objects with the lowest total cost that covers all atoms."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..atoms import AtomAdjacencyGraph
from ..objects import Object
from ..performance import relative_gap
from .exact import ROUNDING_TOLERANCE, minimum_covers
from .greedy import cost, solve
from .packing import problem_of

MAX_EXACT_CANDIDATES = 500  # in a cluster; the exact cover of this many takes most of a second


class MinSetCover:
    """The cheapest cover of the candidates so far, cluster by cluster (TPAMI 2023).

    The cost of a family of objects is the sum of energy + `beta` over its members. With the exact solver, a
    cluster with very many candidates is covered greedily until `finalize` is called.

    Parameters
    ----------
    beta : float
        Constant cost per object, added to its energy.
    adjacencies : AtomAdjacencyGraph
        The atoms and their clusters.
    solver : {"exact", "greedy"}
        Integer programming, whose cover is optimal, or the published heuristic: a greedy choice followed by
        merging, repeated for smaller and smaller `beta`.
    max_iter : int
        Rounds of the heuristic.
    gamma : float
        Factor on `beta` from round to round of the heuristic, between 0 and 1.
    """

    def __init__(
        self,
        beta: float,
        adjacencies: AtomAdjacencyGraph,
        solver: str = "exact",
        max_iter: int = 5,
        gamma: float = 0.8,
    ) -> None:
        self.beta = beta
        self.solver = solver
        self._adjacencies = adjacencies
        self._max_iter = max_iter
        self._gamma = gamma
        self._candidates: dict[int, list[Object]] = {}
        self._others: dict[int, list[Object]] = {}
        self._solutions: dict[int, list[Object]] = {}
        self._lower_bounds: dict[int, float] = {}

    def update(self, candidates: Iterable[Object], others: Iterable[Object] = ()) -> None:
        """Add candidates and improve the covers of the clusters they belong to.

        Parameters
        ----------
        candidates : iterable of Object
            Every atom must be in at least one of all candidates.
        others : iterable of Object
            Objects that are not candidates, but are included in the lower bound.
        """
        touched = set()
        for known, items in ((self._candidates, candidates), (self._others, others)):
            for item in items:
                label = self._adjacencies.get_cluster_label(min(item.footprint))
                known.setdefault(label, []).append(item)
                self._lower_bounds.pop(label, None)
                if known is self._candidates:
                    touched.add(label)
        large = {label for label in touched if len(self._candidates[label]) > MAX_EXACT_CANDIDATES}
        if self.solver == "exact":
            self._solve(sorted(touched - large))
        for label in touched if self.solver == "greedy" else large:
            self._solve_greedily(label)

    def finalize(self) -> None:
        """With the exact solver: solve the clusters that were postponed because they have many candidates."""
        if self.solver == "exact":
            self._solve([label for label in self.cluster_labels if label not in self._lower_bounds])

    def drop(self, labels: Iterable[int]) -> None:
        """Leave clusters out of the cover."""
        for label in labels:
            self._solutions.pop(label, None)

    def _solve_greedily(self, label: int) -> None:
        universe = self._adjacencies.get_atoms_in_cluster(label)
        solution = solve(universe, self._candidates[label], self.beta, self._max_iter, self._gamma)
        known = self._solutions.get(label)
        is_worse = known is not None and cost(known, self.beta) <= cost(solution, self.beta)
        if self.solver == "greedy" or not is_worse:
            self._solutions[label] = solution

    def _solve(self, labels: Sequence[int]) -> None:
        """Find the cheapest covers of clusters; with the greedy solver, only for the lower bounds."""
        known = [self._candidates[label] + self._others.get(label, []) for label in labels]
        choices = minimum_covers([problem_of(objects, self.beta) for objects in known])
        for label, objects, choice in zip(labels, known, choices, strict=True):
            solution = [objects[index] for index in choice.sets]
            # The energies are summed in a different order than in the bound.
            optimum = cost(solution, self.beta)
            is_proven = abs(optimum - choice.bound) <= ROUNDING_TOLERANCE * optimum
            self._lower_bounds[label] = optimum if is_proven else choice.bound
            if self.solver == "exact":
                self._solutions[label] = solution

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
        return sum(self.get_cluster_costs(label) for label in self.cluster_labels)

    @property
    def lower_bound(self) -> float:
        """No cover by the known objects costs less."""
        return sum(self.get_cluster_lower_bound(label) for label in self.cluster_labels)

    @property
    def gap(self) -> float:
        """Largest possible excess of the cost over the optimum, relative to the cost."""
        return relative_gap(self.costs, self.lower_bound)

    def get_cluster_costs(self, label: int) -> float:
        """Cost of the cover of one cluster."""
        return cost(self._solutions[label], self.beta)

    def get_cluster_lower_bound(self, label: int) -> float:
        """No cover of one cluster by the known objects costs less."""
        if label not in self._lower_bounds:
            self._solve([label])
        bound, costs = self._lower_bounds[label], self.get_cluster_costs(label)
        # The greedy cover may be the same, with energies summed in a different order.
        return costs if costs - bound <= ROUNDING_TOLERANCE * costs else bound

    def get_cluster_gap(self, label: int) -> float:
        """Largest possible excess of the cost of one cluster over the optimum, relative to its cost."""
        return relative_gap(self.get_cluster_costs(label), self.get_cluster_lower_bound(label))


@dataclass(frozen=True)
class SolvedCover:
    """A cover found earlier, without the candidates it was chosen from.

    Attributes
    ----------
    beta : float
        Constant cost per object, added to its energy.
    solution : list of Object
        The objects of the cover.
    costs, lower_bound : float
        Its cost, and the lower bound on any cover by the objects known at that time.
    """

    beta: float
    solution: list[Object]
    costs: float
    lower_bound: float

    @property
    def gap(self) -> float:
        """Largest possible excess of the cost over the optimum, relative to the cost."""
        return relative_gap(self.costs, self.lower_bound)
