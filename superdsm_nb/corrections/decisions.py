"""A cover, changed by hand."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy import ndimage

from ..errors import CorrectionError
from ..minsetcover import MinSetCover, SolvedCover
from ..objects import Object
from ..performance import ClusterReport, PerformanceReport
from ..stage import PipelineData
from .correction import Correction, Point
from .nextbest import partitions
from .positions import atom_at

Footprint = frozenset[int]
ObjectsOf = Callable[[Sequence[Footprint]], list[Object]]
MAX_GAP = 3.0  # pixels of the map of atoms; objects that are farther apart are not one nucleus


@dataclass(frozen=True)
class Corrections:
    """Corrections that are to be made.

    Attributes
    ----------
    items : tuple of Correction
        In the order in which they are made.
    is_last_strict : bool
        Whether it is an error if the last one cannot be made; others are left out.
    """

    items: tuple[Correction, ...]
    is_last_strict: bool = False


@dataclass(frozen=True)
class Decisions:
    """What corrections have led to.

    Attributes
    ----------
    optimum : MinSetCover or SolvedCover
        The cover before them.
    performance : PerformanceReport
        Likewise.
    kept, deleted : frozenset of frozenset of int
        Footprints of objects that are part of the result in any case, or are not.
    made : tuple of Correction
        Those that could be made.
    left_out : tuple of str
        Why each of the others could not.
    """

    optimum: MinSetCover | SolvedCover
    performance: PerformanceReport
    kept: frozenset[Footprint] = frozenset()
    deleted: frozenset[Footprint] = frozenset()
    made: tuple[Correction, ...] = ()
    left_out: tuple[str, ...] = ()


def decide(data: PipelineData, corrections: Corrections, objects_of: ObjectsOf) -> PipelineData:
    """Correct the cover of a pipeline data object.

    Parameters
    ----------
    data : PipelineData
        With ``cover``, ``objects``, ``atoms``, ``adjacencies`` and ``performance``; the ``decisions`` of
        earlier corrections are replaced.
    corrections : Corrections
        What is to be changed.
    objects_of : callable
        Returns objects, with energies and masks, for footprints.

    Returns
    -------
    PipelineData
        ``cover``, ``performance`` and ``decisions``. The lower bounds are those of the covers without
        corrections, so the gaps tell what the corrections cost.

    Raises
    ------
    CorrectionError
        If the last correction is strict and cannot be made.
    """
    before = data.get("decisions")
    optimum = data["cover"] if before is None else before.optimum
    performance = data["performance"] if before is None else before.performance
    work = _Work(data, optimum, objects_of)
    made, left_out = [], []
    for number, correction in enumerate(corrections.items, 1):
        try:
            work.make(correction)
        except CorrectionError as error:
            if corrections.is_last_strict and number == len(corrections.items):
                raise
            left_out.append(f"the correction {correction} is left out: {error}")
        else:
            made.append(correction)
    decisions = Decisions(
        optimum, performance, frozenset(work.kept), frozenset(work.deleted), tuple(made), tuple(left_out)
    )
    if not work.is_changed:
        return {"cover": optimum, "performance": performance, "decisions": decisions}
    clusters = work.reports(performance)
    cover = SolvedCover(
        optimum.beta,
        work.chosen,
        sum(each.cost for each in clusters),
        sum(each.lower_bound for each in clusters),
    )
    corrected = replace(performance, clusters=clusters)
    return {"cover": cover, "performance": corrected, "decisions": decisions}


@dataclass
class _Work:
    """A cover that is being changed."""

    data: PipelineData
    optimum: MinSetCover | SolvedCover
    objects_of: ObjectsOf
    kept: set[Footprint] = field(default_factory=set)
    deleted: set[Footprint] = field(default_factory=set)
    is_changed: bool = False

    def __post_init__(self) -> None:
        self.chosen = list(self.optimum.solution)
        self._known = {item.footprint: item for item in self.data["objects"]}

    def make(self, correction: Correction) -> None:
        """Make a correction, or raise `CorrectionError` and change nothing."""
        found = [self._object_at(point) for point in correction.points]
        if correction.kind == "merge":
            self._merge(found)
        elif correction.kind == "split":
            self._split(found[0], correction.rank)
        else:
            added, removed = (self.kept, self.deleted)[:: 1 if correction.kind == "keep" else -1]
            added.update(item.footprint for item in found)
            removed.difference_update(item.footprint for item in found)

    def _object_at(self, point: Point) -> Object:
        atom = atom_at(self.data, point)
        for item in self.chosen:
            if atom in item.footprint:
                return item
        raise CorrectionError(f"There is no object at row {point[0]:g}, column {point[1]:g}.")

    def _merge(self, found: Sequence[Object]) -> None:
        parts = list({item.footprint: item for item in found}.values())
        if len(parts) < 2:
            raise CorrectionError("The objects that are to be merged are one object already.")
        together = {parts[0].footprint}
        for _ in parts:
            together |= {
                item.footprint
                for item in parts
                if any(self._are_near(item.footprint, other) for other in together)
            }
        if len(together) < len(parts):
            raise CorrectionError("The objects that are to be merged do not touch.")
        self._replace(parts, [frozenset().union(*together)])

    def _are_near(self, first: Footprint, second: Footprint) -> bool:
        atoms = self.data["atoms"]
        boxes = ndimage.find_objects(atoms)
        parts = [boxes[atom - 1] for atom in first]
        margin = int(MAX_GAP) + 1
        box = tuple(
            slice(
                max(0, min(part[axis].start for part in parts) - margin),
                max(part[axis].stop for part in parts) + margin,
            )
            for axis in (0, 1)
        )
        distance = ndimage.distance_transform_edt(~np.isin(atoms[box], list(first)))
        other = np.isin(atoms[box], list(second))
        return bool(other.any() and distance[other].min() <= MAX_GAP)

    def _split(self, item: Object, rank: int) -> None:
        if len(item.footprint) == 1:
            raise CorrectionError("The object consists of a single part, which cannot be split.")
        beta = self.optimum.beta
        costs = {
            footprint: known.energy + beta
            for footprint, known in self._known.items()
            if footprint < item.footprint
        }
        found = next(itertools.islice(partitions(item.footprint, costs), rank, None), None)
        if found is None:
            raise CorrectionError("There is no further way to split the object.")
        self._replace([item], found)

    def _replace(self, old: Collection[Object], new: Sequence[Footprint]) -> None:
        fresh = self.objects_of(new)
        self._known |= {item.footprint: item for item in fresh}
        gone = {item.footprint for item in old}
        place = min(index for index, item in enumerate(self.chosen) if item.footprint in gone)
        left = [item for item in self.chosen if item.footprint not in gone]
        self.chosen = left[:place] + fresh + left[place:]
        self.is_changed = True

    def reports(self, before: PerformanceReport) -> list[ClusterReport]:
        """Reports of the clusters; those that an object joins are one."""
        cluster_of = self.data["adjacencies"].get_cluster_label
        labels = sorted({cluster_of(min(item.footprint)) for item in self.optimum.solution})
        known = dict(zip(labels, before.clusters, strict=True))
        group = {label: label for label in labels}
        for item in self.chosen:
            joined = {group[cluster_of(atom)] for atom in item.footprint}
            group = {label: min(joined) if each in joined else each for label, each in group.items()}
        members: dict[int, list[Object]] = {label: [] for label in sorted(set(group.values()))}
        for item in self.chosen:
            members[group[cluster_of(min(item.footprint))]].append(item)
        optimal = {id(item) for item in self.optimum.solution}
        reports = []
        for label, items in members.items():
            old = [known[each] for each in labels if group[each] == label]
            is_changed = len(old) > 1 or any(id(item) not in optimal for item in items)
            cost = sum(item.energy + self.optimum.beta for item in items)
            reports.append(_joined(old, cost) if is_changed else old[0])
        return reports


def _joined(before: Sequence[ClusterReport], cost: float) -> ClusterReport:
    """The report of clusters that are one now, or of one that has changed."""
    return ClusterReport(
        atoms=sum(each.atoms for each in before),
        cost=cost,
        lower_bound=min(cost, sum(each.lower_bound for each in before)),
        deviation=max(each.deviation for each in before),
        is_too_large=any(each.is_too_large for each in before),
    )
