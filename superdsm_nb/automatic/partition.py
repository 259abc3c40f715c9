"""Each atom in exactly one union, at the least total cost: an exact choice with a proof."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import scipy  # submodules are loaded on first use
from numpy.typing import NDArray

from ..errors import SolverError, TimeLimitError
from ..minsetcover.exact import INTEGRALITY_TOLERANCE, ROUNDING_TOLERANCE, WEIGHT_MAGNITUDE
from ..timelimit import check, leave_undone, solver_seconds


class Partition(NamedTuple):
    """Chosen unions, and the proof.

    Attributes
    ----------
    chosen : (K,) int64
        Indices of the unions, ascending.
    bounds : dict of int to float
        For each group of atoms, a sum that no choice can undercut.
    unfinished : set of int
        Groups that were left undone when the time was over; nothing of them is chosen, and they have no
        bound.
    """

    chosen: NDArray[np.int64]
    bounds: dict[int, float]
    unfinished: set[int]


def minimum_partition(
    unions: Sequence[frozenset[int]], costs: NDArray[np.float64], groups: NDArray[np.int64]
) -> Partition:
    """Choose unions of least total cost so that each atom is in exactly one of them.

    Unions that cost no less than their atoms one by one are left out first. The rest is a sparse linear
    program; where its solution is not integral, the group is solved as an integer program by branch and bound
    (HiGHS, gap 0).

    Parameters
    ----------
    unions : sequence of frozenset of int
        Labels of atoms; every atom is also there alone.
    costs : (U,) float64
        Cost of each union.
    groups : (U,) int64
        Group of atoms to which the union belongs: choices in different groups do not depend on each other.

    Returns
    -------
    Partition
        The choice, and a lower bound for each group.

    Raises
    ------
    SolverError
        If HiGHS fails.
    TimeLimitError
        If the time is over and what is finished is not kept.
    """
    alone = {next(iter(union)): costs[index] for index, union in enumerate(unions) if len(union) == 1}
    kept = np.array(
        [
            len(union) == 1 or costs[index] < sum(alone[atom] for atom in union)
            for index, union in enumerate(unions)
        ],
        bool,
    )
    contested = set().union(*(union for index, union in enumerate(unions) if kept[index] and len(union) > 1))
    is_open = np.array(
        [kept[index] and not contested.isdisjoint(union) for index, union in enumerate(unions)]
    )
    chosen = np.flatnonzero(kept & ~is_open).tolist()
    unfinished: set[int] = set()
    gaps: dict[int, float] = {}  # between the cost and the bound of groups whose choice is not proven
    candidates = np.flatnonzero(is_open)
    values = _optimize(unions, costs, candidates, 0).x if candidates.size else np.zeros(0)
    for group in np.unique(groups[candidates]).tolist():
        members = candidates[groups[candidates] == group]
        x = values[groups[candidates] == group]
        bound = float(costs[members] @ x)
        if np.abs(x - np.round(x)).max() > INTEGRALITY_TOLERANCE:
            try:
                result = None if unfinished else _optimize(unions, costs, members, 1)
            except TimeLimitError:
                if set(groups.tolist()) == {group} or not leave_undone():
                    raise
                result = None
            if result is None:
                unfinished.add(group)
                continue
            x, bound = result.x, float(result.mip_dual_bound) / _scale(costs[members])
        taken = members[x > 0.5]
        total = float(costs[taken].sum())
        if abs(total - bound) > ROUNDING_TOLERANCE * max(abs(total), abs(bound)):
            gaps[group] = total - bound
        chosen += taken.tolist()
    bounds = {int(group): 0.0 for group in np.unique(groups) if group not in unfinished}
    chosen = [index for index in sorted(chosen) if int(groups[index]) not in unfinished]
    for index in chosen:  # the order in which costs are summed elsewhere: the last digits agree
        bounds[int(groups[index])] += float(costs[index])
    bounds = {group: bound - gaps.get(group, 0.0) for group, bound in bounds.items()}
    return Partition(np.array(chosen, np.int64), bounds, unfinished)


def _optimize(
    unions: Sequence[frozenset[int]],
    costs: NDArray[np.float64],
    candidates: NDArray[np.int64],
    integrality: int,
) -> scipy.optimize.OptimizeResult:
    """Solve the linear (integrality 0) or the integer program (1) of some of the unions."""
    members = [sorted(unions[index]) for index in candidates]
    atoms, rows = np.unique(np.concatenate(members), return_inverse=True)
    columns = np.repeat(np.arange(len(members)), [len(each) for each in members])
    matrix = scipy.sparse.csc_array((np.ones(rows.size), (rows, columns)), shape=(atoms.size, len(members)))
    result = scipy.optimize.milp(
        costs[candidates] * _scale(costs[candidates]),
        constraints=scipy.optimize.LinearConstraint(matrix, 1, 1),
        integrality=np.full(len(members), integrality),
        bounds=scipy.optimize.Bounds(0, 1),
        options={"mip_rel_gap": 0.0, "time_limit": solver_seconds()},
    )
    check()
    if not result.success:
        raise SolverError(f"HiGHS found no optimal choice among {len(members)} unions: {result.message}")
    return result


def _scale(costs: NDArray[np.float64]) -> float:
    return WEIGHT_MAGNITUDE / max(float(np.abs(costs).max()), np.finfo(float).tiny * WEIGHT_MAGNITUDE)
