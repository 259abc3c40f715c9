"""Fourth stage: the globally best family of objects."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from .atoms import AtomAdjacencyGraph
from .dsm import FitParameters
from .errors import WorkAmountError
from .filters import is_near
from .hyperparameters import Hyperparameter, Scaling
from .image import AtomRegions, Image
from .minsetcover import MinSetCover
from .objects import Object, compute_objects, sum_of_energies
from .performance import ClusterReport, PerformanceReport
from .pruning import Computed, Isbi24Pruning, ProvenPruning, Pruning, PublishedPruning
from .stage import Output, Stage

FALLBACKS = {
    "time": "no minimum within dsm/cp_timeout",
    "iterations": "no minimum within the most iterations",
    "size": "more deformations than can be solved for; a larger dsm/smooth_subsample gives fewer",
}


class GlobalEnergyMinimization(Stage):
    """Find the family of objects of least total energy that covers all atoms (TPAMI 2023).

    Reads ``y``, ``y_mask``, ``atoms``, ``adjacencies`` and ``dsm_cfg``; adds ``y_img``, the offset
    intensities with the pixels that fits may use; ``cover``, a `MinSetCover`; ``objects``, every `Object`
    whose energy was computed; and ``performance``, a `PerformanceReport`.
    """

    name = "global-energy-minimization"
    inputs = ("y", "y_mask", "atoms", "adjacencies", "dsm_cfg")
    outputs = ("y_img", "cover", "objects", "performance")
    hyperparameters = (
        Hyperparameter(
            *("beta", 0.0, "float"),
            "what every object costs besides its energy: larger values give fewer, larger objects",
            minimum=0,
            maximum=1e15,
            scaling=Scaling("scale^2", 0.66),
        ),
        Hyperparameter(
            *("pruning", "exact", "str"),
            "which unions of atoms need not be tried: exact leaves out those that cannot help, since a union "
            "has at least the energy of its parts; "
            "isbi24 those that do not improve on their parts (faster)",
            choices=("exact", "isbi24"),
        ),
        Hyperparameter(
            *("solver", "exact", "str"),
            "how the cover is found: exact gives the one of least cost, with a proof; greedy is the "
            "published heuristic, with the published bounds for pruning",
            choices=("exact", "greedy"),
        ),
        Hyperparameter(
            *("max_seed_distance", math.inf, "float"),
            "atoms whose seeds are farther apart are never in one object (pixels)",
            minimum=0,
            scaling=Scaling("diameter", math.inf),
        ),
        Hyperparameter(*("max_iter", 5, "int"), "rounds of the greedy cover", minimum=1, maximum=100),
        Hyperparameter(
            *("gamma", 0.8, "float"), "factor on beta between rounds of the greedy cover", above=0, below=1
        ),
        Hyperparameter(
            *("max_work_amount", 10**6, "float"),
            "more possible objects than this are refused with an error, unless large_clusters says otherwise",
            minimum=0,
        ),
        Hyperparameter(
            *("large_clusters", "refuse", "str"),
            "what to do about very many possible objects: refuse an image with more than max_work_amount; or "
            "isbi24: in a cluster with more than max_cluster_work_amount, try those only that isbi24 pruning "
            "leaves, and at most so many, with a warning",
            choices=("refuse", "isbi24"),
        ),
        Hyperparameter(
            *("max_cluster_work_amount", 10**4, "float"),
            "clusters with more possible objects than this are large, if large_clusters is isbi24",
            minimum=1,
        ),
    )

    def process(self, inputs: Mapping[str, Any], values: dict[str, Any], out: Output) -> dict[str, Any]:
        """Compute the cover."""
        y, dsm_cfg = inputs["y"], inputs["dsm_cfg"]
        near = is_near(y > 0, dsm_cfg["background_margin"])
        y_img = Image(y, inputs["y_mask"] & near)
        regions, parameters = AtomRegions(y_img, inputs["atoms"]), FitParameters.from_config(dsm_cfg)

        def compute(footprints: Sequence[frozenset[int]], what: str) -> list[Object]:
            return compute_objects(
                footprints, regions, parameters, lambda done, total: out.progress(done, total, what)
            )

        search = Search(inputs["adjacencies"], compute, values, out)
        search.run()
        return {
            "y_img": y_img,
            "cover": search.cover,
            "objects": search.objects,
            "performance": search.performance,
        }


class Search:
    """The iterative search for the best family of objects.

    Parameters
    ----------
    adjacencies : AtomAdjacencyGraph
        The atoms.
    compute : callable
        Called as ``compute(footprints, what)``; returns the `Object` of each footprint. `what` tells the user
        which ones they are.
    values : dict
        Hyperparameters of the stage.
    out : Output
        Takes progress and log lines.
    """

    def __init__(
        self,
        adjacencies: AtomAdjacencyGraph,
        compute: Callable[[Sequence[frozenset[int]], str], list[Object]],
        values: Mapping[str, Any],
        out: Output,
    ) -> None:
        self._adjacencies = adjacencies
        self._compute_objects = compute
        self._out = out
        self._max_seed_distance: float = values["max_seed_distance"]
        self._max_work_amount: float = values["max_work_amount"]
        self._lets_large_through = values["large_clusters"] == "isbi24"
        self._max_cluster_work_amount: float = values["max_cluster_work_amount"]
        self._left: dict[int, int] = {}  # unions that may still be fitted in each cluster that is too large
        self._cut: set[int] = set()
        self._computed = Computed(adjacencies)
        self.objects: list[Object] = []
        self.performance = PerformanceReport()
        self.cover = MinSetCover(
            values["beta"], adjacencies, values["solver"], values["max_iter"], values["gamma"]
        )
        if values["pruning"] == "isbi24":
            self._rule: Pruning = Isbi24Pruning(self._computed, self.cover)
        elif values["solver"] == "greedy":
            self._rule = PublishedPruning(self._computed, self.cover)
        else:
            self._rule = ProvenPruning(self._computed, self.cover)
        self._rule_of_large = Isbi24Pruning(self._computed, self.cover)

    def run(self) -> None:
        """Fill `objects`, `cover` and `performance`."""
        possible = self._count_possible()
        labels = list(possible)
        atoms = [frozenset((atom,)) for atom in self._adjacencies.atoms]
        searched = [label for label in labels if label not in self._left]
        wholes = [whole for whole in map(self._computed.universe, searched) if len(whole) > 1]
        self.cover.update(self._compute(atoms + wholes, "atoms and clusters"))
        closed = {label for label in searched if self._is_closed(label)}
        self._count(possible, closed)
        self._search({label for label in labels if label not in closed and possible[label]})
        self.cover.conclude()
        if self.performance.fallback_object_count:
            self._out.warn(
                f"{self.performance.fallback_object_count} of {len(self.objects)} fits fell back to the best "
                f"ellipse, {self.performance.timeout_object_count} of them because dsm/cp_timeout was over; "
                "the log tells which, and why"
            )
        if self._left:
            self._out.warn(self._statement_of_large())
        if isinstance(self._rule, ProvenPruning):
            for label in searched:
                self._rule.observe(label)
        covered = {id(item) for item in self.cover.solution}
        for item in self.objects:
            if id(item) not in covered:
                item.drop_mask()
        self.performance.overall_computed_object_count = len(self.objects)
        self.performance.clusters = [self._report(label) for label in self.cover.cluster_labels]

    def _search(self, labels: set[int]) -> None:
        """Try unions of more and more atoms; repeat clusters where the energies prove less than assumed."""
        while labels:
            generation = [
                footprint
                for footprint in (frozenset((atom,)) for atom in self._adjacencies.atoms)
                if self._computed.label(footprint) in labels
            ]
            while generation:
                generation = self._next_generation(generation)
            if not isinstance(self._rule, ProvenPruning):
                return
            labels = {label for label in labels if label not in self._left and self._rule.observe(label)}

    def _statement_of_large(self) -> str:
        """Say what was not tried."""
        atoms = max(len(self._computed.universe(label)) for label in self._left)
        text = (
            f"{len(self._left)} of {len(self._adjacencies.cluster_labels)} clusters (the largest of {atoms} "
            f"atoms) have too many possible objects: only those were tried that isbi24 pruning leaves"
        )
        if self._cut:
            text += f", and in {len(self._cut)} of them not all of these"
        return text

    def _count_possible(self) -> dict[int, int]:
        """Possible objects by cluster, besides atoms and universes; in large ones, those that may be tried.

        Refuses more than `max_work_amount`, unless large clusters are let through.
        """
        counts: dict[int, int] = {}
        left = self._max_work_amount
        for label in self._adjacencies.cluster_labels:
            limit = self._max_cluster_work_amount if self._lets_large_through else left
            count = self._adjacencies.count_connected_sets(label, self._max_seed_distance, limit)
            if count > limit:
                if not self._lets_large_through:
                    raise WorkAmountError(self._refusal())
                count = self._left[label] = int(limit)
            counts[label] = count
            left -= count
        return counts

    def _refusal(self) -> str:
        atoms = max(len(self._computed.universe(label)) for label in self._adjacencies.cluster_labels)
        return (
            f"The image has more than {self._max_work_amount:g} possible objects (its largest cluster has "
            f"{atoms} atoms): check the scale, set global-energy-minimization/max_seed_distance, set "
            'global-energy-minimization/large_clusters to "isbi24", or raise '
            "global-energy-minimization/max_work_amount."
        )

    def _count(self, possible: Mapping[int, int], closed: set[int]) -> None:
        self.performance.direct_solution_trial_count = len(possible)
        self.performance.direct_solution_success_count = len(closed)
        self.performance.iterative_object_count = sum(
            count for label, count in possible.items() if label not in closed
        )
        self.performance.nontrivial_object_count = sum(possible.values())
        self.performance.overall_object_count = self.performance.nontrivial_object_count + len(self.objects)

    def _compute(self, footprints: Sequence[frozenset[int]], what: str) -> list[Object]:
        objects = self._compute_objects(footprints, what)
        for item in objects:
            if item.fallback:
                self.performance.fallback_object_count += 1
                self.performance.timeout_object_count += item.fallback == "time"
                self._out.log(
                    f"fit of atoms {sorted(item.footprint)} fell back to the best ellipse: "
                    f"{FALLBACKS[item.fallback]}"
                )
        self._computed.add(objects)
        self.objects += objects
        return objects

    def _is_closed(self, label: int) -> bool:
        """Whether the whole cluster is known to be the best object: every other cover has two or more.

        As in the publication, the computed energies decide; they are known to `solvers.ENERGY_TOLERANCE`.
        """
        universe = self._computed.universe(label)
        atoms = self._computed.atoms(universe)
        if not all(atom.is_optimal for atom in atoms):
            return False
        return self._computed[universe].energy <= self.cover.beta + sum_of_energies(atoms)

    def _next_generation(self, generation: list[frozenset[int]]) -> list[frozenset[int]]:
        """Unions of one atom more than those of `generation` that may still grow into something better."""
        unions: dict[frozenset[int], list[frozenset[int]]] = {}
        for parent in generation:
            universe = self._computed.universe(self._computed.label(parent))
            for footprint in self._adjacencies.extensions(parent, self._max_seed_distance):
                # A universe was fitted before, unless its cluster is too large.
                if footprint != universe or footprint not in self._computed:
                    unions.setdefault(footprint, []).append(parent)
        size = len(generation[0]) + 1
        large = {
            union: parents for union, parents in unions.items() if self._computed.label(union) in self._left
        }
        unions = {union: parents for union, parents in unions.items() if union not in large}
        selected = self._rule.select(unions) + self._within_limit(self._rule_of_large.select(large))
        fresh = [union for union in selected if union not in self._computed]
        computed = self._compute(fresh, f"unions of {size} atoms")
        self.performance.iterative_computed_object_count += len(computed)
        self.performance.nontrivial_computed_object_count += len(computed)
        if self.cover.solver == "exact":
            self.cover.update(computed)
        survivors = self._rule.keep(unions)
        survivors += self._rule_of_large.keep([union for union in large if union in self._computed])
        if self.cover.solver == "greedy":
            # As published: what does not survive is no candidate.
            kept = set(survivors)
            self.cover.update(
                [self._computed[union] for union in survivors],
                [item for item in computed if item.footprint not in kept],
            )
        self._out.log(
            f"unions of {size} atoms: {len(computed)} fitted, "
            f"{len(survivors)} of {len(unions) + len(large)} kept"
        )
        return survivors

    def _within_limit(self, unions: Iterable[frozenset[int]]) -> list[frozenset[int]]:
        """As many of some unions as may still be fitted in their clusters."""
        kept = []
        for union in unions:
            label = self._computed.label(union)
            if self._left[label] >= 1:
                self._left[label] -= 1
                kept.append(union)
            else:
                self._cut.add(label)
        return kept

    def _report(self, label: int) -> ClusterReport:
        return ClusterReport(
            len(self._computed.universe(label)),
            self.cover.get_cluster_costs(label),
            self.cover.get_cluster_lower_bound(label),
            self._rule.deviation(label) if isinstance(self._rule, ProvenPruning) else 0.0,
            label in self._left,
        )
