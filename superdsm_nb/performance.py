"""What the search for the best cover cost and achieved."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, fields


@dataclass(frozen=True)
class ClusterReport:
    """The cover of one cluster.

    Attributes
    ----------
    atoms : int
        Number of atoms.
    cost : float
        Sum of energy + beta over the objects of its cover.
    lower_bound : float
        No cover by the unions considered costs less.
    deviation : float
        Largest shortfall of an energy from those of its parts, relative to them (see `ProvenPruning`).
    is_too_large : bool
        Whether it has too many unions to search them all, so that only those that isbi24 pruning keeps were
        tried (see ``global-energy-minimization/large_clusters``).
    """

    atoms: int
    cost: float
    lower_bound: float
    deviation: float = 0.0
    is_too_large: bool = False

    @property
    def gap(self) -> float:
        """Largest possible excess of the cost over the optimum, relative to the cost."""
        return relative_gap(self.cost, self.lower_bound)


@dataclass
class PerformanceReport:
    """How much work the search saved, and how good the cover is.

    Objects are counted once: the universe of a cluster of one atom is that atom.

    Attributes
    ----------
    direct_solution_trial_count, direct_solution_success_count : int
        Clusters, and those solved in closed form.
    iterative_object_count, iterative_computed_object_count : int
        Possible and computed objects, without atoms and universes, in clusters not solved in closed form.
    overall_object_count, overall_computed_object_count : int
        Possible and computed objects in all clusters, atoms and universes included.
    nontrivial_object_count, nontrivial_computed_object_count : int
        Possible and computed objects, without atoms and universes, in clusters of more than two atoms.
    fallback_object_count, timeout_object_count : int
        Computed objects whose fit fell back to the best ellipse, and those that ran out of time.
    unfinished_cluster_count : int
        Clusters that were left out because the time was over.
    clusters : list of ClusterReport
        The cover of each cluster, in the order of their labels.
    """

    direct_solution_trial_count: int = 0
    direct_solution_success_count: int = 0
    iterative_object_count: int = 0
    iterative_computed_object_count: int = 0
    overall_object_count: int = 0
    overall_computed_object_count: int = 0
    nontrivial_object_count: int = 0
    nontrivial_computed_object_count: int = 0
    fallback_object_count: int = 0
    timeout_object_count: int = 0
    unfinished_cluster_count: int = 0
    clusters: list[ClusterReport] = field(default_factory=list)

    @property
    def direct_solution_success(self) -> float:
        """Share of clusters solved in closed form; NaN without clusters."""
        if self.direct_solution_trial_count == 0:
            return math.nan
        return self.direct_solution_success_count / self.direct_solution_trial_count

    @property
    def iterative_pruning_success(self) -> float:
        """Share of the possible objects that need not be computed; NaN if there are none."""
        return _saved(self.iterative_computed_object_count, self.iterative_object_count)

    @property
    def overall_pruning_success(self) -> float:
        """Share of the possible objects of all clusters that need not be computed."""
        return _saved(self.overall_computed_object_count, self.overall_object_count)

    @property
    def nontrivial_pruning_success(self) -> float:
        """Share of the possible objects of clusters of more than two atoms that need not be computed."""
        return _saved(self.nontrivial_computed_object_count, self.nontrivial_object_count)

    @property
    def cost(self) -> float:
        """Cost of the cover of all clusters."""
        return sum(cluster.cost for cluster in self.clusters)

    @property
    def lower_bound(self) -> float:
        """No cover by the unions considered costs less."""
        return sum(cluster.lower_bound for cluster in self.clusters)

    @property
    def gap(self) -> float:
        """Largest possible excess of the cost over the optimum, relative to the cost."""
        return relative_gap(self.cost, self.lower_bound)

    @property
    def largest_cluster_gap(self) -> float:
        """Largest gap of a cluster; 0 without clusters."""
        return max((cluster.gap for cluster in self.clusters), default=0.0)

    @property
    def proven_cluster_count(self) -> int:
        """Clusters whose cover is proven optimal: their gap is 0, and they were not too large to search."""
        return sum(cluster.gap == 0 and not cluster.is_too_large for cluster in self.clusters)

    @property
    def large_cluster_count(self) -> int:
        """Clusters that are too large to search all their unions."""
        return sum(cluster.is_too_large for cluster in self.clusters)

    @property
    def deviation(self) -> float:
        """Largest shortfall of an energy from those of its parts, relative to them; 0 without clusters."""
        return max((cluster.deviation for cluster in self.clusters), default=0.0)

    def __add__(self, other: PerformanceReport) -> PerformanceReport:
        return PerformanceReport(
            *(getattr(self, item.name) + getattr(other, item.name) for item in fields(self))
        )

    def statement(self, pruning: str) -> str:
        """Say in plain words what is proven of the cover.

        Parameters
        ----------
        pruning : {"exact", "isbi24"}
            The hyperparameter of that name.
        """
        return "; ".join([self._proof(pruning), *self._restrictions()])

    def _proof(self, pruning: str) -> str:
        """The proof, and how much less a better combination could cost."""
        noun = "cluster" if len(self.clusters) == 1 else "clusters"
        text = (
            "the chosen shapes are proven to be the best combination in "
            f"{self.proven_cluster_count} of {len(self.clusters)} {noun} of nuclei"
        )
        if pruning == "isbi24":
            text += ", among the shapes that isbi24 pruning tries"
        if self.gap > 0:
            text += f"; a better combination could cost at most {100 * self.gap:.2g} % less"
        return text

    def _restrictions(self) -> Iterator[str]:
        """What the proof does not include."""
        if self.large_cluster_count:
            noun = "cluster was" if self.large_cluster_count == 1 else "clusters were"
            yield f"{self.large_cluster_count} {noun} too large to try every shape"
        if self.unfinished_cluster_count:
            noun = "cluster was" if self.unfinished_cluster_count == 1 else "clusters were"
            yield f"{self.unfinished_cluster_count} {noun} left out because the time was over"
        if self.fallback_object_count:
            yield (
                f"{self.fallback_object_count} of {self.overall_computed_object_count} fits fell back to "
                f"the best ellipse ({self.timeout_object_count} ran out of time)"
            )

    def row(self) -> dict[str, float]:
        """Values by name, as the columns of ``performance.csv``."""
        counts = {item.name: getattr(self, item.name) for item in fields(self) if item.name != "clusters"}
        return {**counts, **{name: getattr(self, name) for name in DERIVED}}


DERIVED = (
    "direct_solution_success",
    "iterative_pruning_success",
    "overall_pruning_success",
    "nontrivial_pruning_success",
    "cost",
    "lower_bound",
    "gap",
    "largest_cluster_gap",
    "proven_cluster_count",
    "large_cluster_count",
    "deviation",
)


def relative_gap(costs: float, lower_bound: float) -> float:
    """Difference between costs and a lower bound on them, relative to the costs; 0 if they are equal."""
    return (costs - lower_bound) / costs if costs > lower_bound else 0.0


def _saved(computed: int, possible: int) -> float:
    return 1 - computed / possible if possible else math.nan
