"""Fourth stage: the globally best family of objects."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from scipy import ndimage

from .atoms import AtomAdjacencyGraph
from .dsm import FitParameters
from .errors import WorkAmountError
from .hyperparameters import Hyperparameter, Scaling
from .image import AtomRegions, Image
from .maxsetpack import greedy_packing
from .minsetcover import MinSetCover
from .objects import Object, compute_objects, sum_of_energies
from .stage import Output, Stage


@dataclass
class PerformanceReport:
    """How much of the search was spared.

    Objects are counted once: the universe of a cluster of one atom is that atom.

    Attributes
    ----------
    direct_solution_trial_count, direct_solution_success_count : int
        Clusters, and those solved in closed form.
    iterative_object_count, iterative_computed_object_count : int
        Possible and computed objects, besides atoms and universes, in clusters not solved in closed form.
    overall_object_count, overall_computed_object_count : int
        Possible and computed objects in all clusters, atoms and universes included.
    nontrivial_object_count, nontrivial_computed_object_count : int
        Possible and computed objects, besides atoms and universes, in clusters of more than two atoms.
    """

    direct_solution_trial_count: int = 0
    direct_solution_success_count: int = 0
    iterative_object_count: int = 0
    iterative_computed_object_count: int = 0
    overall_object_count: int = 0
    overall_computed_object_count: int = 0
    nontrivial_object_count: int = 0
    nontrivial_computed_object_count: int = 0

    @property
    def direct_solution_success(self) -> float:
        """Share of clusters solved in closed form; NaN without clusters."""
        if self.direct_solution_trial_count == 0:
            return math.nan
        return self.direct_solution_success_count / self.direct_solution_trial_count

    @property
    def iterative_pruning_success(self) -> float:
        """Share of the possible objects that need not be computed; NaN if there are none."""
        return _spared(self.iterative_computed_object_count, self.iterative_object_count)

    @property
    def overall_pruning_success(self) -> float:
        """Share of the possible objects of all clusters that need not be computed."""
        return _spared(self.overall_computed_object_count, self.overall_object_count)

    @property
    def nontrivial_pruning_success(self) -> float:
        """Share of the possible objects of clusters of more than two atoms that need not be computed."""
        return _spared(self.nontrivial_computed_object_count, self.nontrivial_object_count)

    def __add__(self, other: PerformanceReport) -> PerformanceReport:
        mine, theirs = asdict(self), asdict(other)
        return PerformanceReport(**{name: mine[name] + theirs[name] for name in mine})


def _spared(computed: int, possible: int) -> float:
    return 1 - computed / possible if possible else math.nan


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
            "which unions of atoms need not be tried: exact leaves out those that provably cannot help, "
            "isbi24 those that do not improve on their parts (faster)",
            choices=("exact", "isbi24"),
        ),
        Hyperparameter(
            *("solver", "greedy", "str"),
            "how the cover is found: greedy is the published heuristic",
            choices=("greedy",),
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
            "more possible objects than this are refused with an error",
            minimum=0,
        ),
    )

    def process(self, inputs: Mapping[str, Any], values: dict[str, Any], out: Output) -> dict[str, Any]:
        """Compute the cover."""
        y, dsm_cfg = inputs["y"], inputs["dsm_cfg"]
        near = ndimage.distance_transform_edt(y <= 0) <= dsm_cfg["background_margin"]
        y_img = Image(y, inputs["y_mask"] & near)
        search = Search(
            inputs["adjacencies"],
            AtomRegions(y_img, inputs["atoms"]),
            FitParameters.from_config(dsm_cfg),
            values,
            out,
        )
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
    regions : AtomRegions
        Their pixels.
    parameters : FitParameters
        Of the fits.
    values : dict
        Hyperparameters of the stage.
    out : Output
        Takes progress and log lines.
    """

    def __init__(
        self,
        adjacencies: AtomAdjacencyGraph,
        regions: AtomRegions,
        parameters: FitParameters,
        values: Mapping[str, Any],
        out: Output,
    ) -> None:
        self._adjacencies = adjacencies
        self._regions = regions
        self._parameters = parameters
        self._values = values
        self._out = out
        self._beta: float = values["beta"]
        self._max_seed_distance: float = values["max_seed_distance"]
        self._universes = {
            label: frozenset(adjacencies.get_atoms_in_cluster(label)) for label in adjacencies.cluster_labels
        }
        self._by_footprint: dict[frozenset[int], Object] = {}
        self._optimal: dict[int, list[Object]] = {label: [] for label in self._universes}
        self._seen: set[frozenset[int]] = set()
        self.objects: list[Object] = []
        self.performance = PerformanceReport()
        self.cover = MinSetCover(self._beta, adjacencies, values["max_iter"], values["gamma"])

    def run(self) -> None:
        """Fill `objects`, `cover` and `performance`."""
        possible = self._count_possible()
        atoms = [frozenset((atom,)) for atom in self._adjacencies.atoms]
        generation = self._compute(atoms, "atoms")
        wholes = [whole for whole in self._universes.values() if len(whole) > 1]
        generation_and_wholes = generation + self._compute(wholes, "clusters")
        self.cover.update(generation_and_wholes)
        closed = {label for label in self._universes if self._is_closed(label)}
        self._count(possible, closed)
        while generation := [
            item
            for item in generation
            if self._adjacencies.get_cluster_label(min(item.footprint)) not in closed
        ]:
            generation = self._next_generation(generation)
            self.cover.update(generation)
        covered = {id(item) for item in self.cover.solution}
        for item in self.objects:
            if id(item) not in covered:
                item.drop_mask()
        self.performance.overall_computed_object_count = len(self.objects)

    def _count_possible(self) -> dict[int, int]:
        """Possible objects by cluster, besides atoms and universes; refuses more than `max_work_amount`."""
        limit = self._values["max_work_amount"]
        counts = {}
        total = 0
        for label in self._universes:
            counts[label] = self._adjacencies.count_connected_sets(
                label, self._max_seed_distance, limit - total
            )
            total += counts[label]
            if total > limit:
                atoms = max(len(universe) for universe in self._universes.values())
                raise WorkAmountError(
                    f"The image has more than {limit:g} possible objects (its largest cluster has {atoms} "
                    "atoms): check the scale, set global-energy-minimization/max_seed_distance, or raise "
                    "global-energy-minimization/max_work_amount."
                )
        return counts

    def _count(self, possible: Mapping[int, int], closed: set[int]) -> None:
        sizes = {label: len(universe) for label, universe in self._universes.items()}
        self.performance.direct_solution_trial_count = len(sizes)
        self.performance.direct_solution_success_count = len(closed)
        self.performance.iterative_object_count = sum(
            possible[label] for label in sizes if label not in closed
        )
        self.performance.nontrivial_object_count = sum(possible[label] for label in sizes if sizes[label] > 2)
        self.performance.overall_object_count = self.performance.nontrivial_object_count + len(self.objects)

    def _compute(self, footprints: Iterable[frozenset[int]], what: str) -> list[Object]:
        objects = compute_objects(
            footprints,
            self._regions,
            self._parameters,
            lambda done, total: self._out.progress(done, total, what),
        )
        for item in objects:
            self._by_footprint[item.footprint] = item
            if item.is_optimal:
                self._optimal[self._adjacencies.get_cluster_label(min(item.footprint))].append(item)
            if not item.is_optimal and item.pixels and item.energy > 0:
                self._out.log(f"fit of atoms {sorted(item.footprint)} fell back to the best ellipse")
        self.objects += objects
        return objects

    def _is_closed(self, label: int) -> bool:
        """Whether the whole cluster is known to be the best object: no family of parts costs less."""
        universe = self._universes[label]
        atoms = [self._by_footprint[frozenset((atom,))] for atom in universe]
        if not all(atom.is_optimal for atom in atoms):
            return False
        return self._by_footprint[universe].energy <= self._beta + sum_of_energies(atoms)

    def _next_generation(self, generation: list[Object]) -> list[Object]:
        """Objects of one atom more than those of `generation` that may still be part of a better cover."""
        bounds = self._extensions(generation)
        computed = self._compute(bounds, f"unions of {len(generation[0].footprint) + 1} atoms")
        tried = len(computed)
        self.performance.iterative_computed_object_count += tried
        self.performance.nontrivial_computed_object_count += tried
        survivors = [item for item in computed if item.energy < bounds[item.footprint]]
        self._out.log(f"{tried} unions of {len(generation[0].footprint) + 1} atoms, {len(survivors)} kept")
        return survivors

    def _extensions(self, generation: list[Object]) -> dict[frozenset[int], float]:
        """Unions worth a fit, each with the energy below which it survives."""
        bounds: dict[frozenset[int], float] = {}
        for parent in generation:
            universe = self._universes[self._adjacencies.get_cluster_label(min(parent.footprint))]
            for footprint in self._adjacencies.extensions(parent.footprint, self._max_seed_distance):
                if footprint == universe or footprint in self._seen:
                    continue
                (atom,) = footprint - parent.footprint
                parts = parent.energy + self._by_footprint[frozenset((atom,))].energy
                if self._values["pruning"] == "isbi24":
                    bounds[footprint] = parts + self._beta
                else:
                    upper = self._upper_bound(footprint, universe)
                    lower = self._beta + max(parts, self._packing(footprint))
                    if upper < lower:
                        continue
                    bounds[footprint] = upper - self._beta
                self._seen.add(footprint)
        return bounds

    def _upper_bound(self, footprint: frozenset[int], universe: frozenset[int]) -> float:
        """Most that an object may cost (energy + beta) in a cover cheaper than the current one."""
        label = self._adjacencies.get_cluster_label(min(footprint))
        rest = [self._by_footprint[frozenset((atom,))] for atom in universe - footprint]
        return self.cover.get_cluster_costs(label) - sum_of_energies(rest)

    def _packing(self, footprint: frozenset[int]) -> float:
        """Lower bound on the energy of a union by disjoint objects inside it."""
        label = self._adjacencies.get_cluster_label(min(footprint))
        return greedy_packing(item for item in self._optimal[label] if item.footprint <= footprint)
