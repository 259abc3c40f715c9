"""Each atom in exactly one union, at the least total cost: an exact choice with a proof."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import scipy  # submodules are loaded on first use
from numpy.typing import NDArray

from ..errors import SolverError, TimeLimitError
from ..kernels.partitions import least_partition
from ..minsetcover.exact import INTEGRALITY_TOLERANCE, ROUNDING_TOLERANCE, WEIGHT_MAGNITUDE
from ..timelimit import check, leave_undone, solver_seconds

FEW_ATOMS = 12  # of which every choice is tried: in a fraction of the time that a solver takes to start


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

    Unions that cost no less than their atoms one by one are left out first. The rest falls into parts that
    share no atom. Each is solved on its own, so that it depends on nothing else in the image: those of few
    atoms by trying every choice, others as sparse linear programs, and where the solution is not integral, as
    integer programs by branch and bound (HiGHS, gap 0).

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
            len(union) == 1 or costs[index] < sum(alone[atom] for atom in sorted(union))
            for index, union in enumerate(unions)
        ],
        bool,
    )
    parts = _parts(unions, np.flatnonzero(kept))
    open_unions = set().union(*parts)
    chosen = [index for index in np.flatnonzero(kept).tolist() if index not in open_unions]
    unfinished: set[int] = set()
    gaps: dict[int, float] = {}  # between the cost and the bound of groups whose choice is not proven
    for number, members in enumerate(parts):
        group = int(groups[members[0]])
        try:
            taken, gap = _least(unions, costs, np.array(members))
        except TimeLimitError:
            if set(groups.tolist()) == {group} or not leave_undone():
                raise
            unfinished.update(int(groups[each[0]]) for each in parts[number:])
            break
        chosen += taken
        gaps[group] = gaps.get(group, 0.0) + gap
    bounds = {int(group): 0.0 for group in np.unique(groups) if group not in unfinished}
    chosen = [index for index in sorted(chosen) if int(groups[index]) not in unfinished]
    for index in chosen:  # the order in which costs are summed elsewhere: the last digits agree
        bounds[int(groups[index])] += float(costs[index])
    bounds = {group: bound - gaps.get(group, 0.0) for group, bound in bounds.items()}
    return Partition(np.array(chosen, np.int64), bounds, unfinished)


def _parts(unions: Sequence[frozenset[int]], kept: NDArray[np.int64]) -> list[list[int]]:
    """Divide unions of several atoms, and these atoms alone, into disjoint parts, small ones first."""
    parent: dict[int, int] = {}

    def root(atom: int) -> int:
        while parent.setdefault(atom, atom) != atom:
            parent[atom] = parent[parent[atom]]
            atom = parent[atom]
        return atom

    for index in kept.tolist():
        if len(unions[index]) > 1:
            first, *others = unions[index]
            for other in others:
                parent[root(other)] = root(first)
    parts: dict[int, list[int]] = {}
    for index in kept.tolist():
        atom = next(iter(unions[index]))
        if atom in parent:
            parts.setdefault(root(atom), []).append(index)
    return sorted(parts.values(), key=lambda part: (len(part), part))


def _least(
    unions: Sequence[frozenset[int]], costs: NDArray[np.float64], members: NDArray[np.int64]
) -> tuple[list[int], float]:
    """Choose among the unions of one part; the gap to the bound is 0 if the choice is proven."""
    check()
    atoms = sorted(set().union(*(unions[index] for index in members)))
    if len(atoms) <= FEW_ATOMS:
        bit = {atom: 1 << number for number, atom in enumerate(atoms)}
        masks = np.array([sum(bit[atom] for atom in unions[index]) for index in members], np.int64)
        return members[least_partition(masks, costs[members], len(atoms))].tolist(), 0.0
    x = _optimize(unions, costs, members, 0).x
    bound = float(costs[members] @ x)
    if np.abs(x - np.round(x)).max() > INTEGRALITY_TOLERANCE:
        result = _optimize(unions, costs, members, 1)
        x, bound = result.x, float(result.mip_dual_bound) / _scale(costs[members])
    taken = members[x > 0.5]
    total = float(costs[taken].sum())
    is_proven = abs(total - bound) <= ROUNDING_TOLERANCE * max(abs(total), abs(bound))
    return taken.tolist(), 0.0 if is_proven else total - bound


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
