"""The graph of adjacent atoms."""

from __future__ import annotations

import itertools
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from superdsm_nb.atoms import AtomAdjacencyGraph

from support.covers import Graph, random_graph


@pytest.fixture
def square():
    """Four atoms around a point, each adjacent to two others."""
    atoms = np.array([[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]])
    return AtomAdjacencyGraph(atoms, np.ones_like(atoms), atoms > 0, [(0, 0), (0, 3), (3, 0), (3, 3)])


def test_atoms_that_share_an_edge_are_adjacent_and_those_that_meet_in_a_corner_are_not(square):
    assert [square[atom] for atom in (1, 2, 3, 4)] == [{2, 3}, {1, 4}, {1, 4}, {2, 3}]
    assert square.max_degree == 2


def test_atoms_that_touch_in_the_background_only_are_not_adjacent():
    atoms = np.array([[1, 1, 2, 2]])

    graph = AtomAdjacencyGraph(
        atoms, np.ones_like(atoms), np.array([[True, False, False, True]]), [(0, 0), (0, 3)]
    )

    assert graph[1] == graph[2] == set()


def test_atoms_of_different_clusters_are_not_adjacent():
    atoms = np.array([[1, 1, 2, 2]])

    graph = AtomAdjacencyGraph(atoms, np.array([[1, 1, 2, 2]]), atoms > 0, [(0, 0), (0, 3)])

    assert graph[1] == graph[2] == set()
    assert graph.cluster_labels == [1, 2]


def test_each_edge_is_drawn_once_from_seed_to_seed(square):
    lines = list(square.get_edge_lines())

    assert len(lines) == 4
    assert ((0.0, 0.0), (0.0, 3.0)) in lines


def test_connected_sets_are_counted_without_single_atoms_and_the_whole(square):
    connected = [
        set(union)
        for size in (2, 3)
        for union in itertools.combinations((1, 2, 3, 4), size)
        if set(union) not in ({1, 4}, {2, 3})
    ]

    assert square.count_connected_sets(1, np.inf, 10**6) == len(connected)


def test_an_atom_joins_only_sets_within_the_largest_seed_distance(square):
    assert square.count_connected_sets(1, 3.0, 10**6) == 4
    assert square.count_connected_sets(1, 2.9, 10**6) == 0
    assert square.get_seed_distance(1, [2, 4]) == pytest.approx(np.hypot(3, 3))


def test_counting_stops_above_the_limit(square):
    assert square.count_connected_sets(1, np.inf, 3) == 4
    assert square.count_connected_sets(1, np.inf, 8) == 8


@given(seed=st.integers(0, 2**32 - 1), size=st.integers(1, 9), reach=st.sampled_from([0.5, 1, 3, 6, np.inf]))
@settings(deadline=None, max_examples=200)
def test_sets_are_counted_as_they_grow_atom_by_atom(seed, size, reach):
    graph = random_graph(np.random.default_rng(seed), size)
    found, generation = set(), {frozenset((atom,)) for atom in graph.atoms}
    while generation:
        generation = {grown for union in generation for grown in graph.extensions(union, reach)}
        found |= generation

    assert graph.count_connected_sets(1, reach, 10**6) == len(found - {frozenset(graph.atoms)})


def test_millions_of_sets_are_counted_without_holding_them():
    side = 8
    pairs = {(atom, atom + 1) for atom in range(1, side**2) if atom % side}
    pairs |= {(atom, atom + side) for atom in range(1, side**2 - side + 1)}

    tracemalloc.start()
    count = Graph(side**2, pairs).count_connected_sets(1, np.inf, 200_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert count == 200_001
    assert peak < 1e6
