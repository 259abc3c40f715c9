"""The iterative search for the best family of objects."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from ..atoms import AtomAdjacencyGraph
from ..config import EnergyMinimizationSettings
from ..errors import TimeLimitError
from ..events import Emit, LogLine, Warned
from ..minsetcover import MinSetCover
from ..objects import Object, sum_of_energies
from ..performance import ClusterReport, PerformanceReport
from ..timelimit import leave_undone, undone
from .budget import WorkBudget
from .pruning import Computed, Isbi24Pruning, ProvenPruning, Pruning, PublishedPruning

FALLBACK_REASONS = {
    "time": "no minimum within dsm/cp_timeout",
    "iterations": "no minimum within the maximum number of iterations",
    "size": "too many deformations; a larger dsm/smooth_subsample gives fewer",
}


class Search:
    """The iterative search for the best family of objects.

    Parameters
    ----------
    adjacencies : AtomAdjacencyGraph
        The atoms.
    compute : callable
        Called as ``compute(footprints, what)``; returns the `Object` of each footprint. `what` names
        them for the user.
    settings : EnergyMinimizationSettings
        Hyperparameters of the stage.
    emit : callable
        Receives log lines and warnings.

    Attributes
    ----------
    cover : MinSetCover
        The best family.
    objects : list of Object
        Every object whose energy was computed.
    performance : PerformanceReport
        What the search cost, and how good the cover is.

    Raises
    ------
    WorkAmountError
        If there are too many possible objects.
    """

    def __init__(
        self,
        adjacencies: AtomAdjacencyGraph,
        compute: Callable[[Sequence[frozenset[int]], str], list[Object]],
        settings: EnergyMinimizationSettings,
        emit: Emit,
    ) -> None:
        self._adjacencies = adjacencies
        self._compute_objects = compute
        self._emit = emit
        self._max_seed_distance = settings.max_seed_distance
        self._budget = WorkBudget(adjacencies, settings)
        self._computed = Computed(adjacencies)
        self.objects: list[Object] = []
        self.performance = PerformanceReport()
        self.cover = MinSetCover(
            settings.beta, adjacencies, settings.solver, settings.max_iter, settings.gamma
        )
        if settings.pruning == "isbi24":
            self._rule: Pruning = Isbi24Pruning(self._computed, self.cover)
        elif settings.solver == "greedy":
            self._rule = PublishedPruning(self._computed, self.cover)
        else:
            self._rule = ProvenPruning(self._computed, self.cover)
        self._large_rule = Isbi24Pruning(self._computed, self.cover)
        self._unfinished: set[int] = set()  # labels of clusters

    def run(self) -> None:
        """Fill `objects`, `cover` and `performance`."""
        possible = self._budget.possible
        atoms = [frozenset((atom,)) for atom in self._adjacencies.atoms]
        searched = [label for label in possible if not self._budget.is_large(label)]
        wholes = [whole for whole in map(self._computed.universe, searched) if len(whole) > 1]
        self.cover.update(self._compute(atoms + wholes, "atoms and clusters"))
        given = len(self.objects)
        closed = {label for label in searched if self._is_closed(label)}
        self._search({label for label in possible if label not in closed and possible[label]})
        self.cover.drop(self._unfinished)
        self.cover.finalize()
        for label in searched:
            if label not in self._unfinished:
                self._rule.update_deviation(label)
        self.performance = self._report(given, closed)
        self._report_limits()
        covered = {id(item) for item in self.cover.solution}
        for item in self.objects:
            if id(item) not in covered:
                item.drop_mask()

    def _search(self, labels: set[int]) -> None:
        """Try unions of more and more atoms; repeat clusters whose deviation has grown."""
        try:
            self._try_unions(labels)
        except TimeLimitError:
            if self._unfinished == set(self.cover.cluster_labels) or not leave_undone():
                raise
        else:
            self._unfinished = set()

    def _try_unions(self, labels: set[int]) -> None:
        while labels:
            self._unfinished = labels
            generation = [
                footprint
                for footprint in (frozenset((atom,)) for atom in self._adjacencies.atoms)
                if self._computed.label(footprint) in labels
            ]
            while generation:
                generation = self._next_generation(generation)
            labels = {
                label
                for label in labels
                if not self._budget.is_large(label) and self._rule.update_deviation(label)
            }

    def _compute(self, footprints: Sequence[frozenset[int]], what: str) -> list[Object]:
        objects = self._compute_objects(footprints, what)
        for item in objects:
            if item.fallback:
                self._emit(
                    LogLine(
                        f"fit of atoms {sorted(item.footprint)} fell back to the best ellipse: "
                        f"{FALLBACK_REASONS[item.fallback]}"
                    )
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
        """Unions with one atom more than those of `generation` that are worth extending."""
        unions = self._extensions(generation)
        size = len(generation[0]) + 1
        large = {
            union: parents
            for union, parents in unions.items()
            if self._budget.is_large(self._computed.label(union))
        }
        unions = {union: parents for union, parents in unions.items() if union not in large}
        selected = self._rule.select(unions) + self._within_budget(self._large_rule.select(large))
        fresh = [union for union in selected if union not in self._computed]
        computed = self._compute(fresh, f"unions of {size} atoms")
        if self.cover.solver == "exact":
            self.cover.update(computed)
        survivors = self._rule.keep(unions)
        survivors += self._large_rule.keep([union for union in large if union in self._computed])
        if self.cover.solver == "greedy":
            # As published: unions that do not survive are not candidates.
            kept = set(survivors)
            self.cover.update(
                [self._computed[union] for union in survivors],
                [item for item in computed if item.footprint not in kept],
            )
        self._emit(
            LogLine(
                f"unions of {size} atoms: {len(computed)} fitted, "
                f"{len(survivors)} of {len(unions) + len(large)} kept"
            )
        )
        return survivors

    def _extensions(self, generation: Iterable[frozenset[int]]) -> dict[frozenset[int], list[frozenset[int]]]:
        """Unions with one atom more, each with the unions it extends."""
        unions: dict[frozenset[int], list[frozenset[int]]] = {}
        for parent in generation:
            universe = self._computed.universe(self._computed.label(parent))
            for footprint in self._adjacencies.extensions(parent, self._max_seed_distance):
                # A universe was fitted before, unless its cluster is too large.
                if footprint != universe or footprint not in self._computed:
                    unions.setdefault(footprint, []).append(parent)
        return unions

    def _within_budget(self, unions: Iterable[frozenset[int]]) -> list[frozenset[int]]:
        """Unions of large clusters, as many as may still be fitted."""
        return [union for union in unions if self._budget.take(self._computed.label(union))]

    def _report(self, given: int, closed: set[int]) -> PerformanceReport:
        """The work of the search, without the fits that are always needed, and how good the cover is."""
        possible = self._budget.possible
        tried = len(self.objects) - given
        return PerformanceReport(
            direct_solution_trial_count=len(possible),
            direct_solution_success_count=len(closed),
            iterative_object_count=sum(n for label, n in possible.items() if label not in closed),
            iterative_computed_object_count=tried,
            overall_object_count=sum(possible.values()) + given,
            overall_computed_object_count=len(self.objects),
            nontrivial_object_count=sum(possible.values()),
            nontrivial_computed_object_count=tried,
            fallback_object_count=sum(item.fallback != "" for item in self.objects),
            timeout_object_count=sum(item.fallback == "time" for item in self.objects),
            unfinished_cluster_count=len(self._unfinished),
            clusters=[self._report_of_cluster(label) for label in self.cover.cluster_labels],
        )

    def _report_of_cluster(self, label: int) -> ClusterReport:
        return ClusterReport(
            atoms=len(self._computed.universe(label)),
            cost=self.cover.get_cluster_costs(label),
            lower_bound=self.cover.get_cluster_lower_bound(label),
            deviation=self._rule.deviation(label),
            is_too_large=self._budget.is_large(label),
        )

    def _report_limits(self) -> None:
        """Log and warn about what limits the proof."""
        finished, late = len(self.performance.clusters), len(self._unfinished)
        if late:
            self._emit(Warned(undone(finished, finished + late, "clusters")))
        deviation = self.performance.deviation
        if deviation > 0:
            self._emit(
                LogLine(
                    f"some unions of atoms have an energy below that of their parts, by up to "
                    f"{100 * deviation:.2g} %; the lower bounds allow for this"
                )
            )
        fallbacks, late = self.performance.fallback_object_count, self.performance.timeout_object_count
        if fallbacks:
            self._emit(
                Warned(
                    f"{fallbacks} of {len(self.objects)} fits fell back to the best ellipse, {late} of them "
                    "because dsm/cp_timeout had passed; the log lists them with the reason"
                )
            )
        if self._budget.statement():
            self._emit(Warned(self._budget.statement()))
