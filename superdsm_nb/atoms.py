"""The graph of adjacent atoms."""

from __future__ import annotations

import copy
import functools
import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .kernels.regions import clusters_of_atoms, touching_pairs


class AtomAdjacencyGraph:
    """Which atoms touch, and which cluster each belongs to (TPAMI 2023).

    Atoms a and b of one cluster are adjacent if a pixel of one that has a positive offset intensity is a
    4-neighbour of a pixel of the other.

    Parameters
    ----------
    atoms : (H, W) int array
        Labels of the atoms, 1 to n.
    clusters : (H, W) int array
        Labels of the clusters.
    foreground : (H, W) bool array
        Pixels with a positive offset intensity.
    seeds : sequence of (row, col)
        Seed of each atom, in the order of the labels (pixels).

    Examples
    --------
    >>> import numpy as np
    >>> atoms = np.array([[1, 1, 2, 3]])
    >>> graph = AtomAdjacencyGraph(atoms, np.ones_like(atoms), atoms > 0, [(0, 0), (0, 2), (0, 3)])
    >>> sorted(graph[2]), graph.get_cluster_label(3), sorted(graph.get_atoms_in_cluster(1))
    ([1, 3], 1, [1, 2, 3])
    """

    def __init__(
        self,
        atoms: NDArray[Any],
        clusters: NDArray[Any],
        foreground: NDArray[np.bool_],
        seeds: Sequence[tuple[float, float]],
    ) -> None:
        atoms, clusters = (np.ascontiguousarray(image, np.int32) for image in (atoms, clusters))
        self.seeds = [(float(row), float(col)) for row, col in seeds]
        cluster = clusters_of_atoms(atoms, clusters, int(atoms.max(initial=0)))
        self._cluster = {label: found for label, found in enumerate(cluster.tolist(), 1) if found >= 0}
        self._neighbors: dict[int, set[int]] = {label: set() for label in self._cluster}
        for a, b in np.unique(touching_pairs(atoms, clusters, foreground), axis=0).tolist():
            self._neighbors[a].add(b)
            self._neighbors[b].add(a)
        self._atoms_in_cluster: dict[int, set[int]] = {}
        for label, cluster in self._cluster.items():
            self._atoms_in_cluster.setdefault(cluster, set()).add(label)

    def with_seeds(self, seeds: Sequence[tuple[float, float]]) -> AtomAdjacencyGraph:
        """Return the same graph with other positions of the seeds, as in an enlarged image."""
        result = copy.copy(self)
        result.seeds = [(float(row), float(col)) for row, col in seeds]
        return result

    def __getitem__(self, atom: int) -> set[int]:
        """Labels of the atoms adjacent to `atom`."""
        return self._neighbors[atom]

    @property
    def atoms(self) -> list[int]:
        """Labels of all atoms, ascending."""
        return sorted(self._cluster)

    @property
    def cluster_labels(self) -> list[int]:
        """Labels of all clusters that hold atoms, ascending."""
        return sorted(self._atoms_in_cluster)

    def get_cluster_label(self, atom: int) -> int:
        """Label of the cluster an atom belongs to."""
        return self._cluster[atom]

    def get_atoms_in_cluster(self, cluster: int) -> set[int]:
        """Labels of the atoms in a cluster."""
        return self._atoms_in_cluster[cluster]

    def get_seed(self, atom: int) -> tuple[float, float]:
        """Row and column of the seed of an atom (pixels)."""
        return self.seeds[atom - 1]

    def get_seed_distance(self, atom: int, others: Iterable[int]) -> float:
        """Largest distance between the seed of `atom` and those of `others` (pixels); 0 if there are none."""
        return max((math.dist(self.get_seed(atom), self.get_seed(other)) for other in others), default=0.0)

    @property
    def max_degree(self) -> int:
        """Largest number of neighbours of an atom."""
        return max((len(neighbors) for neighbors in self._neighbors.values()), default=0)

    def get_edge_lines(self) -> Iterator[tuple[tuple[float, float], tuple[float, float]]]:
        """Seeds of every adjacent pair of atoms, each pair once."""
        for a, b in itertools.chain.from_iterable(
            ((a, b) for b in sorted(self[a]) if a < b) for a in self.atoms
        ):
            yield self.get_seed(a), self.get_seed(b)

    def count_connected_sets(self, cluster: int, max_seed_distance: float, limit: float) -> int:
        """Count the sets of atoms that grow from single atoms by adding adjacent ones.

        Parameters
        ----------
        cluster : int
            Label of the cluster.
        max_seed_distance : float
            An atom is added only if all seeds of the set are within this distance (pixels).
        limit : float
            Counting stops above this number.

        Returns
        -------
        int
            Number of sets of two or more atoms, without the whole cluster; ``limit + 1`` if there are
            more than `limit`.
        """
        atoms = sorted(self.get_atoms_in_cluster(cluster))
        position = {atom: number for number, atom in enumerate(atoms)}
        # Sets are integers whose bits are their members.
        around = [sum(1 << position[other] for other in self[atom]) for atom in atoms]
        whole = (1 << len(atoms)) - 1

        @functools.cache
        def near(number: int) -> int:
            if max_seed_distance == math.inf:
                return whole
            close = (
                other
                for other in atoms
                if self.get_seed_distance(atoms[number], (other,)) <= max_seed_distance
            )
            return sum(1 << position[other] for other in close)

        count = 0
        for first in range(len(atoms)):
            later = whole >> (first + 1) << (first + 1)
            # A set, the atoms it may still be extended by, and all atoms that were candidates for it or an
            # earlier set: so every set with this first atom is visited once, and none has to be stored.
            todo = [(1 << first, around[first] & later, 1 << first | around[first])]
            while todo:
                members, choices, known = todo.pop()
                while choices:
                    atom = (choices & -choices).bit_length() - 1
                    choices &= choices - 1
                    if members & ~near(atom):
                        continue
                    grown = members | 1 << atom
                    count += grown != whole
                    if count > limit:
                        return count
                    fresh = around[atom] & later & ~known
                    if choices | fresh:
                        todo.append((grown, choices | fresh, known | around[atom]))
        return count

    def extensions(self, footprint: frozenset[int], max_seed_distance: float) -> Iterator[frozenset[int]]:
        """Footprints that extend `footprint` by one adjacent atom, in the order of that atom's label."""
        around = set().union(*(self[atom] for atom in footprint)) - footprint
        for atom in sorted(around):
            if self.get_seed_distance(atom, footprint) <= max_seed_distance:
                yield footprint | {atom}
