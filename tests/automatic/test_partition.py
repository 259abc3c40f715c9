"""The choice of unions that divides the atoms among them at the least cost, against all set partitions."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from superdsm_nb.automatic import partition as module
from superdsm_nb.automatic.partition import minimum_partition
from superdsm_nb.errors import SolverError

from support import naive

CASES = 2000


def set_partitions(atoms):
    """All ways to divide a list of atoms into sets."""
    if not atoms:
        yield []
        return
    first, rest = atoms[0], atoms[1:]
    for size in range(len(rest) + 1):
        for others in itertools.combinations(rest, size):
            remaining = [atom for atom in rest if atom not in others]
            for family in set_partitions(remaining):
                yield [frozenset((first, *others)), *family]


def least_cost(cost_of, atoms):
    """Least cost over all set partitions that consist of known unions."""
    families = (family for family in set_partitions(atoms) if all(union in cost_of for union in family))
    return min(sum(cost_of[union] for union in family) for family in families)


def random_group(rng, atoms):
    """Unions of some atoms, each atom also alone, with costs that tie, vanish, or lie close together."""
    unions = [frozenset((atom,)) for atom in atoms]
    share = rng.random()
    for size in range(2, len(atoms) + 1):
        unions += [frozenset(union) for union in itertools.combinations(atoms, size) if rng.random() < share]
    sizes = np.array([len(union) for union in unions])
    costs = [
        rng.uniform(0, 5, sizes.size),
        rng.integers(0, 6, sizes.size).astype(float),
        sizes * (1 + rng.choice([0, 1e-3, 1e-7], sizes.size) * rng.normal(size=sizes.size)),
        sizes**0.8 * rng.uniform(0.7, 1.3, sizes.size),
    ][rng.integers(4)]
    return unions, costs


def random_instance(rng, groups):
    """Several groups of atoms, their unions shuffled."""
    unions, costs, labels, first = [], [], [], 1
    for group in range(1, groups + 1):
        count = int(rng.integers(1, 7))
        members, values = random_group(rng, list(range(first, first + count)))
        unions += members
        costs += values.tolist()
        labels += [group] * len(members)
        first += count
    order = rng.permutation(len(unions))
    return [unions[index] for index in order], np.array(costs)[order], np.array(labels)[order]


def assert_optimal(unions, costs, groups):
    """Every atom exactly once, and in each group the least cost, which is also its bound."""
    chosen, bounds, _ = minimum_partition(unions, costs, groups)

    covered = sorted(atom for index in chosen for atom in unions[index])
    assert covered == sorted(set().union(*unions))
    assert (np.diff(chosen) > 0).all()
    assert set(bounds) == set(groups.tolist())
    for group in bounds:
        cost_of = {unions[index]: costs[index] for index in np.flatnonzero(groups == group)}
        best = least_cost(cost_of, sorted(set().union(*cost_of)))
        total = costs[chosen[groups[chosen] == group]].sum()
        assert total == pytest.approx(best, rel=1e-9, abs=1e-9)
        assert bounds[group] == pytest.approx(total, rel=1e-6, abs=1e-6)
        assert bounds[group] <= total + 1e-12 * (1 + total)


def test_the_cost_is_the_least_of_all_set_partitions_of_one_group():
    for seed in range(CASES):
        assert_optimal(*random_instance(np.random.default_rng(seed), 1))


@naive.settings_for(300, 300)
@given(seed=st.integers(0, 2**32 - 1), groups=st.integers(2, 5))
def test_each_group_has_the_least_cost_of_all_its_set_partitions(seed, groups):
    assert_optimal(*random_instance(np.random.default_rng(seed), groups))


@naive.settings_for(100, 100)
@given(seed=st.integers(0, 2**32 - 1))
def test_groups_are_chosen_as_they_are_alone(seed):
    unions, costs, groups = random_instance(np.random.default_rng(seed), 3)

    together = minimum_partition(unions, costs, groups)

    for group in np.unique(groups).tolist():
        index = np.flatnonzero(groups == group)
        alone = minimum_partition([unions[each] for each in index], costs[index], groups[index])
        total = costs[together.chosen[groups[together.chosen] == group]].sum()
        assert total == pytest.approx(costs[index][alone.chosen].sum(), abs=1e-9)
        assert together.bounds[group] == pytest.approx(alone.bounds[group], abs=1e-9)


def cycle(length, price):
    """Atoms on a cycle: each alone costs 1, each pair of neighbours `price`."""
    singles = [frozenset((atom,)) for atom in range(length)]
    pairs = [frozenset((atom, (atom + 1) % length)) for atom in range(length)]
    return singles + pairs, np.repeat([1.0, price], length)


@pytest.mark.parametrize("length", [3, 5, 7, 13, 15])
def test_an_odd_cycle_of_pairs_is_solved_although_half_of_each_pair_costs_less(length):
    unions, costs = cycle(length, 1.2)
    groups = np.ones(len(unions), np.int64)

    chosen, bounds, _ = minimum_partition(unions, costs, groups)

    integral = 1 + (length - 1) // 2 * 1.2
    fractional = length / 2 * 1.2
    assert costs[chosen].sum() == pytest.approx(integral)
    assert bounds == {1: pytest.approx(integral)}
    assert fractional < integral - 0.1
    if length <= 7:
        assert_optimal(unions, costs, groups)


def test_only_the_fractional_group_is_solved_as_an_integer_program(monkeypatch):
    solved = []

    def recorded(unions, costs, candidates, integrality, optimize=module._optimize):
        solved.append((integrality, len(candidates)))
        return optimize(unions, costs, candidates, integrality)

    monkeypatch.setattr(module, "_optimize", recorded)
    odd, odd_costs = cycle(13, 1.2)
    even = [frozenset({100 + each for each in union}) for union in cycle(14, 1.2)[0]]
    pair = [frozenset((8000,)), frozenset((9000,)), frozenset((8000, 9000))]
    costs = np.concatenate([odd_costs, cycle(14, 1.2)[1], [1, 1, 1.5]])

    chosen = minimum_partition(odd + even + pair, costs, np.repeat([1, 2, 3], [26, 28, 3])).chosen

    assert solved == [(0, 26), (1, 26), (0, 28)]
    assert costs[chosen].sum() == pytest.approx(1 + 6 * 1.2 + 7 * 1.2 + 1.5)


@naive.settings_for(60, 60)
@given(seed=st.integers(0, 2**32 - 1))
def test_few_and_many_atoms_are_divided_alike(seed):
    unions, costs, groups = random_instance(np.random.default_rng(seed), 4)
    alone = minimum_partition(unions, costs, groups)
    few = module.FEW_ATOMS
    try:
        module.FEW_ATOMS = 0
        solved = minimum_partition(unions, costs, groups)
    finally:
        module.FEW_ATOMS = few

    for group in alone.bounds:
        assert alone.bounds[group] == pytest.approx(solved.bounds[group], rel=1e-6, abs=1e-6)


@naive.settings_for(60, 60)
@given(seed=st.integers(0, 2**32 - 1), shift=st.integers(1, 10**6))
def test_a_choice_depends_on_nothing_else_in_the_image(seed, shift):
    rng = np.random.default_rng(seed)
    unions, costs, groups = random_instance(rng, 3)
    index = np.flatnonzero(groups == 2)
    moved = [frozenset(atom + shift for atom in unions[each]) for each in index]

    together = minimum_partition(unions, costs, groups).chosen
    alone = minimum_partition(moved, costs[index], groups[index]).chosen

    assert index[alone].tolist() == together[groups[together] == 2].tolist()


def test_unions_that_cost_as_much_as_their_atoms_are_not_chosen():
    unions = [frozenset((1,)), frozenset((2,)), frozenset((1, 2))]
    chosen, bounds, _ = minimum_partition(unions, np.array([1.0, 2.0, 3.0]), np.ones(3, np.int64))
    assert chosen.tolist() == [0, 1]
    assert bounds == {1: 3.0}


def test_what_costs_nothing_is_chosen_at_no_cost():
    unions = [frozenset((1,)), frozenset((2,)), frozenset((1, 2))]
    chosen, bounds, _ = minimum_partition(unions, np.array([1.0, 0.0, 0.0]), np.ones(3, np.int64))
    assert chosen.tolist() == [2]
    assert bounds == {1: 0.0}


TRIANGLE = [frozenset(union) for union in ((1, 2), (1,), (1, 3), (2, 3), (2,), (3,))]


def test_costs_that_differ_in_the_eighth_digit_are_told_apart():
    costs = np.array([2.0011784456, 1.0, 1.9999999477, 2.0, 1.0000000774, 1.0002031040])
    assert_optimal(TRIANGLE, costs, np.ones(6, np.int64))


@pytest.mark.parametrize("factor", [1e-8, 1e-12])
def test_the_unit_of_the_costs_does_not_matter(factor):
    costs = np.array([1.5, 1.0, 1.4, 1.9, 1.2, 1.15])

    small = minimum_partition(TRIANGLE, costs * factor, np.ones(6, np.int64))

    large = minimum_partition(TRIANGLE, costs, np.ones(6, np.int64))
    assert small.chosen.tolist() == large.chosen.tolist()


def test_a_program_that_is_not_solved_is_an_error(monkeypatch):
    monkeypatch.setattr(
        "scipy.optimize.milp", lambda *_, **__: type("Result", (), {"success": False, "message": "no"})()
    )
    unions, costs = cycle(14, 1.2)
    with pytest.raises(SolverError, match="no optimal choice among 28 unions: no"):
        minimum_partition(unions, costs, np.ones(28, np.int64))


def test_the_bound_of_a_proven_choice_is_its_cost_to_the_last_digit():
    rng = np.random.default_rng(0)
    sizes = rng.integers(1, 12, 60)
    unions, costs, groups = [], [], []
    first = 1
    for group, size in enumerate(sizes):
        atoms = range(first, first + size)
        for length in (1, 2, 3):
            unions += [
                frozenset(atoms[at : at + length])
                for at in range(size - length + 1)
                if length == 1 or rng.uniform() < 0.2  # so that some atoms are on their own
            ]
        groups += [group] * (len(unions) - len(groups))
        first += size
    order = rng.permutation(len(unions))
    unions, groups = [unions[index] for index in order], np.array(groups)[order]
    costs = rng.uniform(0.1, 1, len(unions))

    chosen, bounds, _ = minimum_partition(unions, costs, groups)

    totals = dict.fromkeys(bounds, 0.0)
    for index in chosen.tolist():
        totals[int(groups[index])] += float(costs[index])
    assert totals == bounds
