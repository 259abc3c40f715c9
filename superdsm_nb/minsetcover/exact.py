"""Exact set cover and set packing, with a bound that proves optimality.

Every problem is first reduced: sets that cannot be needed are dropped, sets that must be taken are taken, and
the rest is divided into components that share no atom. The components of all covers are solved together as
one sparse linear program. Components whose solution is not integral are solved as integer programs by branch
and bound (HiGHS, gap 0).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import scipy  # submodules are loaded on first use; easy images need no linear program
from numpy.typing import NDArray

from ..errors import SolverError
from ..timelimit import check, solver_seconds

INTEGRALITY_TOLERANCE = 1e-6  # HiGHS's own tolerance on integers
ROUNDING_TOLERANCE = 1e-9  # relative tolerance for sums of the solver's floating-point numbers
WEIGHT_MAGNITUDE = 1e4  # weights are scaled to this: HiGHS stops at an absolute gap of 1e-6


class Problem(NamedTuple):
    """Sets of atoms with weights.

    Attributes
    ----------
    members : (n, m) bool
        Which of n atoms are in which of m sets; no set is empty.
    weights : (m,) float64
        Finite and not negative.
    """

    members: NDArray[np.bool_]
    weights: NDArray[np.float64]


class Choice(NamedTuple):
    """Chosen sets of a problem, and the proven bound on their total weight.

    Attributes
    ----------
    sets : list of int
        Indices of the sets, ascending.
    bound : float
        No cover weighs less, or no packing more.
    """

    sets: list[int]
    bound: float


class _Reduced(NamedTuple):
    """A reduced problem: sets taken, their weight, and components of sets still to choose from."""

    taken: list[int]
    weight: float
    components: list[NDArray[np.intp]]
    problems: list[Problem]


def minimum_covers(problems: Sequence[Problem]) -> list[Choice]:
    """Choose sets of least total weight that cover all atoms.

    Parameters
    ----------
    problems : sequence of Problem
        Every atom must be in a set.

    Returns
    -------
    list of Choice
        With lower bounds.

    Raises
    ------
    SolverError
        If HiGHS fails.

    Examples
    --------
    >>> members = np.array([[1, 0, 1], [0, 1, 1]], bool)
    >>> minimum_covers([Problem(members, np.array([2.0, 2.0, 3.0]))])
    [Choice(sets=[2], bound=3.0)]
    """
    reduced = [_reduce_cover(problem) for problem in problems]
    choices = []
    for problem, part, solved in zip(problems, reduced, _solve(reduced, 1.0, np.inf), strict=True):
        sets = _irredundant(problem, [*part.taken, *solved.sets])
        choices.append(_close_rounding_gap(problem, sets, part.weight + solved.bound))
    return choices


def maximum_packing(problem: Problem) -> Choice:
    """Choose disjoint sets of greatest total weight.

    Parameters
    ----------
    problem : Problem
        The sets to choose from.

    Returns
    -------
    Choice
        With an upper bound.

    Raises
    ------
    SolverError
        If HiGHS fails.

    Examples
    --------
    >>> members = np.array([[1, 0, 1], [0, 1, 1]], bool)
    >>> maximum_packing(Problem(members, np.array([2.0, 2.0, 3.0])))
    Choice(sets=[0, 1], bound=4.0)
    """
    reduced = _reduce_packing(problem)
    (solved,) = _solve([reduced], -np.inf, 1.0)
    covered = problem.members[:, solved.sets].any(axis=1)
    singles = [index for index in reduced.taken if not (problem.members[:, index] & covered).any()]
    return _close_rounding_gap(problem, sorted(singles + solved.sets), reduced.weight - solved.bound)


def _reduce_cover(problem: Problem) -> _Reduced:
    members, weights = problem
    if weights.size == 1:
        return _Reduced([0], float(weights[0]), [], [])
    is_open, alive = np.ones(members.shape[0], bool), np.ones(members.shape[1], bool)
    taken: list[int] = []
    while is_open.any():
        dropped = alive & ~_irreplaceable(members[is_open] & alive, weights)
        alive &= ~dropped
        inside = members & is_open[:, np.newaxis] & alive
        forced = np.unique(inside[inside.sum(axis=1) == 1].argmax(axis=1))
        taken += forced.tolist()
        alive[forced] = False
        is_open &= ~members[:, forced].any(axis=1)
        if not forced.size and not dropped.any():
            break
    components = list(_components(members & is_open[:, np.newaxis] & alive))
    problems = [_part(members[is_open], component, weights) for component in components]
    return _Reduced(taken, float(weights[taken].sum()), components, problems)


def _irreplaceable(inside: NDArray[np.bool_], weights: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Sets that cannot be replaced by the cheapest sets of their atoms at the same or a lower weight.

    The cheapest set of any atom is kept, so the replacements always remain.
    """
    cheapest = np.where(inside, weights, np.inf).argmin(axis=1)
    kept, index = np.unique(cheapest, return_inverse=True)
    spans = np.zeros((kept.size, inside.shape[0]))
    spans[index, np.arange(inside.shape[0])] = 1
    replacement = weights[kept] @ (spans @ inside > 0)
    needed: NDArray[np.bool_] = weights < replacement
    needed[kept] = True
    return needed


def _reduce_packing(problem: Problem) -> _Reduced:
    """Take the heaviest set of each single atom; larger sets count by their excess over these."""
    members, weights = problem
    is_single = members.sum(axis=0) == 1
    best = np.where(members & is_single, weights, 0.0).max(axis=1, initial=0.0)
    heaviest = np.where(members & is_single, weights, -1.0).argmax(axis=1) if weights.size else []
    singles = [int(index) for atom, index in enumerate(heaviest) if is_single[index] and members[atom, index]]
    excess = np.where(is_single, 0.0, weights - best @ members)
    components = list(_components(members & (excess > 0)))
    problems = [_part(members, component, -excess) for component in components]
    return _Reduced(singles, float(best.sum()), components, problems)


def _components(inside: NDArray[np.bool_]) -> Iterator[NDArray[np.intp]]:
    """Indices of the sets of each connected component; sets without atoms are left out."""
    left = inside.any(axis=1)
    while left.any():
        atoms: NDArray[np.bool_] = np.zeros(left.size, bool)
        reached: NDArray[np.bool_] = np.zeros(left.size, bool)
        reached[left.argmax()] = True
        while (reached & ~atoms).any():
            atoms = reached
            sets = inside[atoms].any(axis=0)
            reached = np.any(inside[:, sets], axis=1)
        left &= ~atoms
        yield np.flatnonzero(sets)


def _part(members: NDArray[np.bool_], component: NDArray[np.intp], weights: NDArray[np.float64]) -> Problem:
    inside = members[:, component]
    return Problem(inside[inside.any(axis=1)], weights[component])


def _solve(reduced: Sequence[_Reduced], at_least: float, at_most: float) -> list[Choice]:
    """Choose sets of lowest total weight that contain every atom `at_least` to `at_most` times."""
    problems = [problem for part in reduced for problem in part.problems]
    chosen = iter(_solve_components(problems, at_least, at_most))
    choices = []
    for part in reduced:
        sets, bound = [], 0.0
        for component in part.components:
            choice = next(chosen)
            sets += component[choice.sets].tolist()
            bound += choice.bound
        choices.append(Choice(sets, bound))
    return choices


def _solve_components(problems: Sequence[Problem], at_least: float, at_most: float) -> list[Choice]:
    if not problems:
        return []
    ends = np.cumsum([problem.weights.size for problem in problems])
    together = _optimize(problems, at_least, at_most, 0)
    check()
    # If weights differ only in the eighth digit, the linear program may fail.
    values = np.split(together.x if together.success else np.full(ends[-1], 0.5), ends[:-1])
    choices = []
    for problem, x in zip(problems, values, strict=True):
        if np.abs(x - np.round(x)).max() <= INTEGRALITY_TOLERANCE:
            choices.append(Choice(np.flatnonzero(x > 0.5).tolist(), float(problem.weights @ x)))
            continue
        alone = _optimize([problem], at_least, at_most, 1)
        check()
        if not alone.success:
            raise SolverError(
                f"HiGHS found no optimal choice among {problem.weights.size} sets: {alone.message}"
            )
        bound = alone.mip_dual_bound / _scale(problem)
        choices.append(Choice(np.flatnonzero(alone.x > 0.5).tolist(), float(bound)))
    return choices


def _scaled(problem: Problem) -> NDArray[np.float64]:
    return problem.weights * _scale(problem)


def _scale(problem: Problem) -> float:
    return WEIGHT_MAGNITUDE / max(
        float(np.abs(problem.weights).max()), np.finfo(float).tiny * WEIGHT_MAGNITUDE
    )


def _optimize(
    problems: Sequence[Problem], at_least: float, at_most: float, integrality: int
) -> scipy.optimize.OptimizeResult:
    """Solve linear (integrality 0) or integer programs (1), each in weights scaled on its own."""
    weights = np.concatenate([_scaled(problem) for problem in problems])
    members = scipy.sparse.block_diag([problem.members.astype(float) for problem in problems], format="csc")
    return scipy.optimize.milp(
        weights,
        constraints=scipy.optimize.LinearConstraint(members, at_least, at_most),
        integrality=np.full(weights.size, integrality),
        bounds=scipy.optimize.Bounds(0, 1),
        options={"mip_rel_gap": 0.0, "time_limit": solver_seconds()},
    )


def _irredundant(problem: Problem, taken: Sequence[int]) -> list[int]:
    """Drop sets whose atoms are all in others: they weigh nothing, or were taken before the others."""
    kept = sorted(taken)
    for index in sorted(taken, key=lambda index: -problem.weights[index]):
        others = [other for other in kept if other != index]
        if not (problem.members[:, index] & ~problem.members[:, others].any(axis=1)).any():
            kept = others
    return kept


def _close_rounding_gap(problem: Problem, sets: list[int], bound: float) -> Choice:
    """Close a gap that is only due to rounding."""
    total = float(problem.weights[sets].sum())
    return Choice(
        sets, total if abs(total - bound) <= ROUNDING_TOLERANCE * max(abs(total), abs(bound)) else bound
    )
