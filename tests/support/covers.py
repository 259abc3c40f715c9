"""Random graphs of atoms with energies of all their connected unions, and the best cover by brute force."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence

import numpy as np
from hypothesis import strategies as st

from superdsm_nb.atoms import AtomAdjacencyGraph
from superdsm_nb.dsm.solvers import ENERGY_TOLERANCE
from superdsm_nb.objects import Object


class Graph(AtomAdjacencyGraph):
    """Atoms of one cluster and the pairs of them that are adjacent."""

    def __init__(self, size: int, pairs: set[tuple[int, int]]) -> None:
        self.seeds = [(0.0, float(atom)) for atom in range(size)]
        self._cluster = dict.fromkeys(range(1, size + 1), 1)
        self._atoms_in_cluster = {1: set(self._cluster)}
        self._neighbors = {atom: set() for atom in self._cluster}
        for a, b in pairs:
            self._neighbors[a].add(b)
            self._neighbors[b].add(a)


def random_graph(rng: np.random.Generator, size: int) -> Graph:
    """A random tree and some more pairs."""
    pairs = {(int(rng.integers(1, atom)), atom) for atom in range(2, size + 1)}
    more = rng.random() * 0.6
    pairs |= {(a, b) for b in range(2, size + 1) for a in range(1, b) if rng.random() < more}
    return Graph(size, pairs)


def connected_unions(graph: Graph) -> list[frozenset[int]]:
    """Every connected union of atoms, small ones first."""
    found: set[frozenset[int]] = set()
    generation = {frozenset((atom,)) for atom in graph.atoms}
    while generation:
        found |= generation
        generation = {
            union | {atom} for union in generation for member in union for atom in graph[member] - union
        }
    return sorted(found, key=lambda union: (len(union), sorted(union)))


def bits(union: frozenset[int]) -> int:
    return sum(1 << (atom - 1) for atom in union)


def superadditive_energies(
    rng: np.random.Generator, unions: Sequence[frozenset[int]]
) -> dict[frozenset[int], float]:
    """Energies that are at least those of the parts, however a union is divided into connected parts.

    Two parts suffice: a division into more has one that leaves the others connected.
    """
    by_bits: dict[int, float] = {}
    scale = 10.0 ** rng.integers(-2, 3)
    how_often = rng.random()
    for union in unions:
        whole = bits(union)
        least = 0.0
        for part in proper_parts(whole):
            if part in by_bits and whole ^ part in by_bits:
                least = max(least, by_bits[part] + by_bits[whole ^ part])
        excess = rng.exponential(scale) if rng.random() < how_often else 0.0
        by_bits[whole] = least + excess
    return {union: by_bits[bits(union)] for union in unions}


def proper_parts(whole: int) -> Iterator[int]:
    """Subsets that hold the lowest member."""
    lowest = whole & -whole
    part = (whole - 1) & whole
    while part:
        if part & lowest:
            yield part
        part = (part - 1) & whole


def cheapest_cover(size: int, objects: Sequence[Object], beta: float) -> float:
    """Least cost of any family of objects that covers all atoms: the best way to cover each set of atoms."""
    masks = np.array([bits(item.footprint) for item in objects])
    weights = np.array([item.energy + beta for item in objects])
    holding = [np.flatnonzero(masks >> atom & 1) for atom in range(size)]
    least = np.zeros(1 << size)
    for missing in range(1, 1 << size):
        which = holding[(missing & -missing).bit_length() - 1]
        least[missing] = (weights[which] + least[missing & ~masks[which]]).min()
    return float(least[-1])


class Instance:
    """A cluster, the objects of all its connected unions, and beta.

    Parameters
    ----------
    size : int
        Number of atoms.
    seed : int
        Of everything random.
    faults : bool
        Whether energies are as inexact as a fit may be, and some fits fall back to a higher energy.
    """

    def __init__(self, size: int, seed: int, faults: bool) -> None:
        rng = np.random.default_rng(seed)
        self.size = size
        self.graph = random_graph(rng, size)
        energies = superadditive_energies(rng, connected_unions(self.graph))
        self.beta = float(rng.choice([0.0, 1.0, rng.exponential(max(energies.values()) / 3)]))
        self.objects = {}
        pixels = int(rng.choice([10, 10_000]))
        for union, energy in energies.items():
            item = Object(footprint=union, energy=energy, is_optimal=True, pixels=pixels * len(union))
            if faults:
                item.energy += rng.random() * ENERGY_TOLERANCE * max(1.0, energy)
                if rng.random() < 0.1:
                    item.energy, item.is_optimal = item.energy * 1.2 + rng.random(), False
            self.objects[union] = item

    def __repr__(self) -> str:
        return f"{self.size} atoms, {len(self.objects)} unions, beta {self.beta:.4g}"

    @functools.cached_property
    def least_cost(self) -> float:
        return cheapest_cover(self.size, list(self.objects.values()), self.beta)


def instances(faults: bool, largest: int = 10) -> st.SearchStrategy[Instance]:
    """Clusters of up to ten atoms."""
    return st.builds(Instance, st.integers(1, largest), st.integers(0, 2**32 - 1), st.just(faults))
