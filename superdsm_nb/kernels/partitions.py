"""The best division of a few atoms among unions of them, by trying every one."""

import numpy as np

from ._jit import jit


@jit
def least_partition(masks, costs, count):
    """Choose unions of least total cost that contain each atom exactly once.

    Dynamic programming over all sets of atoms: the one with the smallest number is in one of its unions, and
    the rest is divided as well as possible. Of choices at the same cost, that with the earlier union counts.

    Parameters
    ----------
    masks : (U,) int64
        Atoms of each union as bits; every atom is also there alone.
    costs : (U,) float64
        Cost of each union.
    count : int
        Number of atoms.

    Returns
    -------
    (K,) int64
        Indices of the unions.
    """
    start = np.zeros(count + 2, np.int64)  # unions by their first atom
    for mask in masks:
        start[_first(mask) + 2] += 1
    for atom in range(count):
        start[atom + 2] += start[atom + 1]
    order = np.empty(masks.size, np.int64)
    for union in range(masks.size):
        atom = _first(masks[union])
        order[start[atom + 1]] = union
        start[atom + 1] += 1
    size = 1 << count
    least = np.zeros(size)
    taken = np.zeros(size, np.int64)
    for left in range(1, size):
        atom = _first(left)
        least[left] = np.inf
        for index in range(start[atom], start[atom + 1]):
            union = order[index]
            if masks[union] & left == masks[union]:
                cost = costs[union] + least[left ^ masks[union]]
                if cost < least[left]:
                    least[left] = cost
                    taken[left] = union
    chosen = np.empty(count, np.int64)
    used = 0
    left = size - 1
    while left:
        chosen[used] = taken[left]
        left ^= masks[taken[left]]
        used += 1
    return chosen[:used]


@jit
def _first(mask):
    """Number of the lowest bit that is set."""
    atom = 0
    while not (mask >> atom) & 1:
        atom += 1
    return atom
