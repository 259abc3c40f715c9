"""The exact set cover and set packing, against all families of sets."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy
from hypothesis import given, settings
from hypothesis import strategies as st

from superdsm_nb.errors import SolverError
from superdsm_nb.minsetcover.exact import Problem, maximum_packing, minimum_covers


@st.composite
def problems(draw):
    """Up to six atoms, each also as a set of its own; weights that tie, vanish or differ by far."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    atoms, more = draw(st.integers(1, 6)), draw(st.integers(0, 8))
    members = np.concatenate([np.eye(atoms, dtype=bool), rng.random((atoms, more)) < rng.random()], axis=1)
    members = members[:, rng.permutation(members.any(axis=0).nonzero()[0])]
    weights = rng.uniform(0, 10, members.shape[1])
    close = members.sum(axis=0) * (
        1 + rng.choice([0, 1e-6, 1e-7, 1e-8], weights.size) * rng.random(weights.size)
    )
    kinds = [weights, np.round(weights), np.round(weights / 5), weights**9, close]
    weights = draw(st.sampled_from(kinds))
    return Problem(members, weights)


def families(problem, allowed):
    """Total weights of all families of sets whose number of sets at each atom is allowed."""
    count = problem.weights.size
    for length in range(count + 1):
        for family in itertools.combinations(range(count), length):
            if allowed(problem.members[:, family].sum(axis=1)).all():
                yield problem.weights[list(family)].sum()


@given(problems())
@settings(deadline=None, max_examples=600)
def test_a_cover_is_a_cover_and_no_other_weighs_less(problem):
    (choice,) = minimum_covers([problem])

    weight = problem.weights[choice.sets].sum()

    assert problem.members[:, choice.sets].any(axis=1).all()
    assert weight == pytest.approx(min(families(problem, lambda times: times >= 1)), rel=1e-9)
    assert choice.bound == pytest.approx(weight, rel=1e-9)


@given(problems())
@settings(deadline=None, max_examples=600)
def test_a_packing_is_a_packing_and_no_other_weighs_more(problem):
    choice = maximum_packing(problem)

    weight = problem.weights[choice.sets].sum()

    assert (problem.members[:, choice.sets].sum(axis=1) <= 1).all()
    assert weight == pytest.approx(max(families(problem, lambda times: times <= 1)), rel=1e-9)
    assert choice.bound == pytest.approx(weight, rel=1e-9)


@given(st.lists(problems(), max_size=5))
@settings(deadline=None, max_examples=100)
def test_covers_found_together_weigh_what_they_do_one_by_one(problems):
    together = minimum_covers(problems)

    for problem, choice in zip(problems, together, strict=True):
        (alone,) = minimum_covers([problem])
        assert choice.bound == pytest.approx(alone.bound, rel=1e-9)
        assert problem.weights[choice.sets].sum() == pytest.approx(
            problem.weights[alone.sets].sum(), rel=1e-9
        )


def odd_cycle(length):
    """Pairs of neighbours on a cycle: half of each pair is the best fractional choice."""
    members = np.eye(length, dtype=bool) | np.roll(np.eye(length, dtype=bool), 1, axis=0)
    return Problem(members, np.full(length, 2.0))


def test_a_fractional_optimum_is_refused_and_the_integral_one_proven():
    cycle = odd_cycle(7)

    (cover,) = minimum_covers([cycle])
    packing = maximum_packing(cycle)

    assert len(cover.sets) == 4
    assert cover.bound == pytest.approx(8, rel=1e-9)
    assert len(packing.sets) == 3
    assert packing.bound == pytest.approx(6, rel=1e-9)


@pytest.mark.parametrize("factor", [1e-12, 1e-3, 1e12])
def test_the_unit_of_the_weights_does_not_matter(factor):
    members = odd_cycle(9).members
    weights = np.array([2.0, 2.1, 1.9, 2.05, 2.0, 1.95, 2.2, 2.0, 1.99])

    (choice,) = minimum_covers([Problem(members, weights)])
    (scaled,) = minimum_covers([Problem(members, weights * factor)])

    assert scaled.sets == choice.sets
    assert scaled.bound == pytest.approx(choice.bound * factor, rel=1e-9)


def test_problems_of_very_different_weights_do_not_disturb_each_other():
    members = odd_cycle(9).members
    weights = np.array([2.0, 2.1, 1.9, 2.05, 2.0, 1.95, 2.2, 2.0, 1.99])
    factors = [1e-9, 1.0, 1e9]

    choices = minimum_covers([Problem(members, weights * factor) for factor in factors])

    assert choices[0].sets == choices[1].sets == choices[2].sets
    assert [choice.bound / factor for choice, factor in zip(choices, factors, strict=True)] == pytest.approx(
        [choices[1].bound] * 3, rel=1e-9
    )


def test_covers_that_differ_in_the_ninth_digit_are_told_apart():
    members = np.array([[1, 0, 1], [0, 1, 1]], bool)

    (joint,) = minimum_covers([Problem(members, np.array([1.0, 1.0, 2.0 - 1e-9]))])
    (split,) = minimum_covers([Problem(members, np.array([1.0, 1.0, 2.0 + 1e-9]))])

    assert joint.sets == [2]
    assert split.sets == [0, 1]


def test_sets_without_weight_are_not_taken_in_vain():
    members = np.array([[1, 0, 1], [0, 1, 1]], bool)

    (choice,) = minimum_covers([Problem(members, np.zeros(3))])

    assert len(choice.sets) in {1, 2}
    assert members[:, choice.sets].sum(axis=1).tolist() == [1, 1]


def test_a_failure_of_the_solver_is_told_in_one_sentence(monkeypatch):
    class Failed:
        success = False
        message = "time limit reached"

    monkeypatch.setattr(scipy.optimize, "milp", lambda *_, **__: Failed())

    with pytest.raises(
        SolverError, match=r"^HiGHS found no optimal choice among 7 sets: time limit reached$"
    ):
        minimum_covers([odd_cycle(7)])
