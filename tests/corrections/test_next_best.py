"""The combinations of the parts of an object come in the order of their costs, and all of them come."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superdsm_nb.corrections.nextbest import partitions

from support import naive


def all_partitions(atoms, costs):
    """Every partition by the unions that have a cost, with its cost: by trying every family."""
    found = []
    for size in range(1, len(atoms) + 1):
        for family in itertools.combinations(costs, size):
            if sum(map(len, family)) == len(atoms) and frozenset().union(*family) == atoms:
                found.append((sum(costs[union] for union in family), frozenset(family)))
    return found


@st.composite
def problems(draw):
    count = draw(st.integers(1, 4))
    atoms = frozenset(range(3, 3 + count))
    unions = [frozenset(each) for n in range(1, count + 1) for each in itertools.combinations(atoms, n)]
    chosen = draw(st.sets(st.sampled_from(unions)))
    return atoms, {union: draw(st.integers(0, 20)) / 4 for union in sorted(chosen, key=sorted)}


@naive.settings_for(300)
@given(problems())
def test_partitions_are_those_of_trying_every_family(problem):
    atoms, costs = problem
    found = list(partitions(atoms, costs))
    expected = all_partitions(atoms, costs)
    assert len(found) == len(expected)
    assert {frozenset(each) for each in found} == {family for _, family in expected}
    order = [sum(costs[union] for union in each) for each in found]
    assert order == sorted(order)


def test_unions_of_other_atoms_are_ignored():
    costs = {frozenset({1}): 1.0, frozenset({2}): 1.0, frozenset({2, 3}): 0.0}
    assert list(partitions(frozenset({1, 2}), costs)) == [[frozenset({1}), frozenset({2})]]
    assert not list(partitions(frozenset({1, 4}), costs))


@pytest.mark.parametrize("count", [12, 14])
def test_the_first_of_very_many_comes_at_once(count):
    """Trying all of them would take forever: 14 atoms have 190 million partitions."""
    atoms = frozenset(range(count))
    costs = {
        frozenset(each): 1.0 + 0.01 * sum(each)
        for size in (1, 2, 3)
        for each in itertools.combinations(range(count), size)
    }
    best = next(partitions(atoms, costs))
    assert len(best) == -(-count // 3)
