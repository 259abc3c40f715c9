"""Fourth stage: the objects, and the best combination of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..config import AutomaticEnergySettings
from ..events import Emit, LogLine, Warned
from ..image import Image
from ..minsetcover import SolvedCover
from ..objects import Object
from ..performance import ClusterReport, PerformanceReport
from ..stage import PipelineData, Stage, are_same
from ..timelimit import undone
from .choice import MeasuredUnions, find_unions, measure_unions
from .partition import Partition
from .unions import Footprint, Shapes


@dataclass(frozen=True, eq=False)
class RememberedUnions:
    """Unions of atoms, and what they depend on.

    Attributes
    ----------
    unions : MeasuredUnions
        The unions.
    sources : tuple
        The entries of the pipeline data object that they were made of.
    settings : AutomaticEnergySettings
        Weights and limits; the cost of an object has no influence.
    """

    unions: MeasuredUnions
    sources: tuple[Any, ...]
    settings: AutomaticEnergySettings

    @classmethod
    def of(cls, inputs: PipelineData, settings: AutomaticEnergySettings) -> RememberedUnions:
        """Return those of a pipeline data object: those that it remembers, if nothing has changed."""
        y, atoms, clusters = inputs["y"], inputs["atoms"], inputs["clusters"]
        sources = (y, atoms, clusters, inputs["radius"], inputs["zoom"])
        settings, before = replace(settings, object_cost=0.0), inputs.get("unions")
        if before is not None and before.settings == settings and are_same(sources, before.sources):
            return before
        unions = find_unions(y, atoms, clusters, inputs["radius"] * inputs["zoom"], settings)
        return cls(unions, sources, settings)


class AutomaticEnergyMinimization(Stage[AutomaticEnergySettings]):
    """Find the family of unions of atoms of least total energy in which each atom is exactly once.

    The energy of a union measures, in areas of a typical nucleus, how far it is from the shape of a nucleus:
    the area that it lacks to an ellipse and to its convex hull, area beyond that of a nucleus, dark borders
    and steps of brightness inside and bright borders around it. A constant cost per object is added. The
    choice is exact within the unions of bounded size, and proven by a lower bound for each cluster.

    Reads ``y``, ``y_mask``, ``atoms``, ``clusters``, ``radius`` and ``zoom``; adds ``y_img``, the
    offset intensities with the pixels that may be used; ``cover``, a `SolvedCover`; ``objects``, every
    `Object` whose energy was computed; ``performance``, a `PerformanceReport`; and ``unions``, which a run
    with another cost of objects need not measure again.
    """

    name = AutomaticEnergySettings.section
    inputs = ("y", "y_mask", "atoms", "clusters", "radius", "zoom")
    optional_inputs = ("unions",)
    outputs = ("y_img", "cover", "objects", "performance", "unions")
    settings_type = AutomaticEnergySettings

    def process(self, inputs: PipelineData, settings: AutomaticEnergySettings, emit: Emit) -> PipelineData:
        """Compute the cover."""
        atoms = inputs["atoms"]
        objects: list[Object] = []
        chosen: list[Object] = []
        performance = PerformanceReport()
        known = None
        if atoms.any():
            known = RememberedUnions.of(inputs, settings)
            unions = known.unions
            partition = unions.least(settings.object_cost)
            objects = _objects(unions.unions, unions.energies, unions.shapes)
            chosen = [objects[index] for index in partition.chosen]
            _add_masks(chosen, atoms)
            performance = _report(unions, partition, settings.object_cost)
            late = performance.unfinished_cluster_count
            if late:
                emit(Warned(undone(len(performance.clusters), len(performance.clusters) + late, "clusters")))
            emit(LogLine(f"{len(objects)} unions of {atoms.max()} atoms, {len(chosen)} chosen"))
        return {
            "y_img": Image(inputs["y"], inputs["y_mask"]),
            "cover": SolvedCover(settings.object_cost, chosen, performance.cost, performance.lower_bound),
            "objects": objects,
            "performance": performance,
            "unions": known,
        }

    def objects_of(
        self, data: PipelineData, settings: AutomaticEnergySettings, footprints: Sequence[Footprint]
    ) -> list[Object]:
        """Measure unions of atoms, which are disjoint."""
        radius = data["radius"] * data["zoom"]
        shapes, energies = measure_unions(data["y"], data["atoms"], footprints, radius, settings)
        objects = _objects(footprints, energies, shapes)
        _add_masks(objects, data["atoms"])
        return objects


def with_masks(unions: MeasuredUnions, chosen: NDArray[np.int64], atoms: NDArray[np.int32]) -> list[Object]:
    """Return the objects of chosen unions, which are disjoint, with their pixels."""
    objects = _objects(
        [unions.unions[index] for index in chosen], unions.energies[chosen], unions.shapes.some(chosen)
    )
    _add_masks(objects, atoms)
    return objects


def _objects(unions: Sequence[Footprint], energies: NDArray[np.float64], shapes: Shapes) -> list[Object]:
    measured = zip(unions, energies.tolist(), shapes.areas, shapes.is_inside, strict=True)
    return [
        Object(footprint=union, energy=energy, pixels=int(area), is_optimal=True, on_boundary=not inside)
        for union, energy, area, inside in measured
    ]


def _add_masks(objects: Sequence[Object], atoms: NDArray[np.int32]) -> None:
    """Give each of these objects, which are disjoint, the pixels of its atoms."""
    owner = np.zeros(int(atoms.max(initial=0)) + 1, np.int32)
    for number, item in enumerate(objects, 1):
        owner[sorted(item.footprint)] = number
    labels = owner[atoms]
    for number, (item, box) in enumerate(zip(objects, ndimage.find_objects(labels), strict=True), 1):
        item.fg_offset = (box[0].start, box[1].start)
        item.fg_fragment = labels[box] == number


def _report(unions: MeasuredUnions, partition: Partition, object_cost: float) -> PerformanceReport:
    count = len(unions.unions)
    larger = count - sum(len(union) == 1 for union in unions.unions)
    bounds = partition.bounds
    cost = dict.fromkeys(bounds, 0.0)
    size = dict.fromkeys(bounds, 0)
    for index in partition.chosen.tolist():
        label = int(unions.groups[index])
        cost[label] += float(unions.energies[index]) + object_cost
        size[label] += len(unions.unions[index])
    return PerformanceReport(
        overall_object_count=count,
        overall_computed_object_count=count,
        iterative_object_count=larger,
        iterative_computed_object_count=larger,
        unfinished_cluster_count=len(partition.unfinished),
        clusters=[ClusterReport(size[label], cost[label], bounds[label]) for label in sorted(bounds)],
    )
