"""How many possible objects a search may try."""

from __future__ import annotations

from ..atoms import AtomAdjacencyGraph
from ..config import EnergyMinimizationSettings
from ..errors import WorkAmountError


class WorkBudget:
    """Counts the possible objects of an image, refuses too many, and limits them in large clusters.

    Parameters
    ----------
    adjacencies : AtomAdjacencyGraph
        The atoms.
    settings : EnergyMinimizationSettings
        What is too many, and what to do about it.

    Attributes
    ----------
    possible : dict of int to int
        Possible objects by cluster, without atoms and whole clusters; in large ones, those that may be tried.

    Raises
    ------
    WorkAmountError
        If there are more than `max_work_amount`, unless large clusters are accepted.
    """

    def __init__(self, adjacencies: AtomAdjacencyGraph, settings: EnergyMinimizationSettings) -> None:
        self._adjacencies = adjacencies
        self._left: dict[int, int] = {}  # unions that may still be fitted in each large cluster
        self._exhausted: set[int] = set()
        self.possible: dict[int, int] = {}
        accepts_large = settings.large_clusters == "isbi24"
        left = settings.max_work_amount
        for label in adjacencies.cluster_labels:
            limit = settings.max_cluster_work_amount if accepts_large else left
            count = adjacencies.count_connected_sets(label, settings.max_seed_distance, limit)
            if count > limit:
                if not accepts_large:
                    raise WorkAmountError(self._refusal(settings.max_work_amount))
                count = self._left[label] = int(limit)
            self.possible[label] = count
            left -= count

    def is_large(self, label: int) -> bool:
        """Whether a cluster has too many possible objects to search them all."""
        return label in self._left

    def take(self, label: int) -> bool:
        """Whether one more union of a large cluster may be fitted; if so, it is counted."""
        if self._left[label] < 1:
            self._exhausted.add(label)
            return False
        self._left[label] -= 1
        return True

    def statement(self) -> str:
        """Say what was not tried; empty if everything was."""
        if not self._left:
            return ""
        text = (
            f"{len(self._left)} of {len(self.possible)} clusters (the largest has "
            f"{max(map(self._size, self._left))} atoms) have too many possible objects: only those that "
            "isbi24 pruning keeps were tried"
        )
        if self._exhausted:
            text += f", and in {len(self._exhausted)} of them not even all of these"
        return text

    def _refusal(self, max_work_amount: float) -> str:
        largest = max(map(self._size, self._adjacencies.cluster_labels))
        return (
            f"The image has more than {max_work_amount:g} possible objects (its largest cluster has "
            f"{largest} atoms): check the scale, set global-energy-minimization/max_seed_distance, set "
            'global-energy-minimization/large_clusters to "isbi24", or raise '
            "global-energy-minimization/max_work_amount."
        )

    def _size(self, label: int) -> int:
        return len(self._adjacencies.get_atoms_in_cluster(label))
