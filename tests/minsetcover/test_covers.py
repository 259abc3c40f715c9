"""Min-weight set covers and set packings of objects, against brute force on small random instances."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from superdsm_nb.atoms import AtomAdjacencyGraph
from superdsm_nb.minsetcover import MinSetCover
from superdsm_nb.minsetcover.greedy import cost, greedy_cover, merge, solve
from superdsm_nb.minsetcover.packing import exact_packing, excess_packing, greedy_packing
from superdsm_nb.objects import Object

ATOMS = 5


@st.composite
def instances(draw, atoms=ATOMS):
    """Candidates over a few atoms: all single ones, and some unions; and beta."""
    size = draw(st.integers(1, atoms))
    singles = [frozenset((atom,)) for atom in range(1, size + 1)]
    unions = [
        frozenset(union)
        for length in range(2, size + 1)
        for union in itertools.combinations(range(1, size + 1), length)
    ]
    chosen = singles + draw(st.lists(st.sampled_from(unions), unique=True, max_size=7)) if unions else singles
    energies = draw(st.lists(st.floats(0.01, 100), min_size=len(chosen), max_size=len(chosen)))
    candidates = [Object(footprint=f, energy=e) for f, e in zip(chosen, energies, strict=True)]
    return set(range(1, size + 1)), candidates, draw(st.floats(0, 50))


def cheapest_cover(universe, candidates, beta):
    """Least cost over all families of candidates that cover the universe."""
    families = itertools.chain.from_iterable(
        itertools.combinations(candidates, length) for length in range(1, len(candidates) + 1)
    )
    return min(
        cost(family, beta)
        for family in families
        if set().union(*(item.footprint for item in family)) >= universe
    )


@given(instances())
@settings(deadline=None, max_examples=200)
def test_every_atom_is_covered_and_no_cover_costs_less_than_the_best_of_all(instance):
    universe, candidates, beta = instance

    solution = solve(universe, candidates, beta, 5, 0.8)

    assert set().union(*(item.footprint for item in solution)) == universe
    assert cost(solution, beta) >= cheapest_cover(universe, candidates, beta) * (1 - 1e-12)


@given(instances())
@settings(deadline=None, max_examples=200)
def test_the_cost_is_within_the_guarantee_of_greedy_covers(instance):
    universe, candidates, beta = instance
    guarantee = sum(1 / k for k in range(1, len(universe) + 1))

    solution = solve(universe, candidates, beta, 5, 0.8)

    assert cost(solution, beta) <= guarantee * cheapest_cover(universe, candidates, beta) * (1 + 1e-12)


@given(instances())
@settings(deadline=None, max_examples=100)
def test_merging_and_further_rounds_never_cost_more(instance):
    universe, candidates, beta = instance
    greedy = greedy_cover(universe, candidates, beta)

    merged = merge(greedy, candidates, beta)
    costs = [cost(solve(universe, candidates, beta, rounds, 0.8), beta) for rounds in (1, 2, 5)]

    assert cost(merged, beta) <= cost(greedy, beta)
    assert costs[0] == pytest.approx(cost(merged, beta))
    assert costs[2] <= costs[0]
    assert costs[1] <= costs[0]


@given(instances())
@settings(deadline=None, max_examples=200)
def test_the_exact_cover_is_the_cheapest_and_bounds_the_greedy_one(instance):
    universe, candidates, beta = instance
    best = cheapest_cover(universe, candidates, beta)
    exact, greedy = (MinSetCover(beta, graph([1] * len(universe)), name) for name in ("exact", "greedy"))

    exact.update(candidates)
    greedy.update(candidates)

    assert exact.costs == exact.lower_bound == pytest.approx(best, rel=1e-9)
    assert exact.gap == exact.get_cluster_gap(1) == 0
    assert greedy.lower_bound == pytest.approx(best, rel=1e-9)
    assert greedy.gap == pytest.approx(1 - best / greedy.costs, abs=1e-9)
    if greedy.costs <= best * (1 + 1e-12):
        assert greedy.gap == 0


@given(st.lists(st.floats(0.01, 100), min_size=2, max_size=6), st.floats(0, 50), st.floats(0, 3))
@settings(deadline=None, max_examples=100)
def test_the_whole_cluster_is_taken_if_and_only_if_it_is_cheaper_than_its_atoms(energies, beta, factor):
    # One atom always costs more than its share of the whole, or all atoms cost less: greedy is exact here
    # once covers that mix both are set aside, which merging cannot mend.
    atoms = [Object(footprint=frozenset((i,)), energy=e) for i, e in enumerate(energies, 1)]
    whole = Object(footprint=frozenset(range(1, len(atoms) + 1)), energy=sum(energies) * factor)
    universe = set(whole.footprint)

    solution = solve(universe, [*atoms, whole], beta, 5, 0.8)

    if not any(item is whole for item in solution):
        assert cost(solution, beta) <= cost([whole], beta)
        assert len(solution) == len(atoms)
    if cost([whole], beta) / len(atoms) < min(cost([atom], beta) for atom in atoms):
        assert solution == [whole]


def graph(clusters):
    """Atoms in a row, one pixel each, in the given clusters."""
    atoms = np.arange(1, len(clusters) + 1)[np.newaxis]
    return AtomAdjacencyGraph(
        atoms, np.array(clusters)[np.newaxis], atoms > 0, [(0, c) for c in range(len(clusters))]
    )


@pytest.mark.parametrize("solver", ["exact", "greedy"])
def test_clusters_are_covered_one_by_one_and_costs_add_up(solver):
    cover = MinSetCover(1.0, graph([1, 1, 2]), solver)
    objects = [
        Object(footprint=frozenset(f), energy=e) for f, e in (({1}, 3), ({2}, 4), ({3}, 5), ({1, 2}, 7.5))
    ]

    cover.update(objects)

    assert cover.cluster_labels == [1, 2]
    assert [sorted(item.footprint) for item in cover.solution] == [[1, 2], [3]]
    assert cover.get_cluster_costs(1) == pytest.approx(8.5)
    assert cover.costs == pytest.approx(14.5)


@pytest.mark.parametrize("solver", ["exact", "greedy"])
def test_a_cheaper_candidate_that_arrives_later_replaces_what_was_taken(solver):
    cover = MinSetCover(1.0, graph([1, 1, 1]), solver)
    cover.update([Object(footprint=frozenset((i,)), energy=10.0) for i in (1, 2, 3)])

    cover.update([Object(footprint=frozenset((1, 2)), energy=12.0)])

    assert sorted(sorted(item.footprint) for item in cover.solution) == [[1, 2], [3]]
    assert cover.costs == pytest.approx(24.0)


@given(instances())
@settings(deadline=None, max_examples=100)
def test_packings_take_disjoint_objects_and_the_exact_one_is_the_best(instance):
    _, candidates, _ = instance
    packings = itertools.chain.from_iterable(
        itertools.combinations(candidates, length) for length in range(len(candidates) + 1)
    )
    best = max(
        sum(item.energy for item in packing)
        for packing in packings
        if sum(len(item.footprint) for item in packing) == len(set().union(*(i.footprint for i in packing)))
    )

    assert max(item.energy for item in candidates) - 1e-9 <= greedy_packing(candidates) <= best + 1e-9
    assert excess_packing(candidates) <= best + 1e-9
    assert exact_packing(candidates) == pytest.approx(best, rel=1e-9)
