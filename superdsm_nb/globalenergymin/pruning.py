"""Rules for skipping unions of atoms in the search.

A rule is asked twice: before the fits, which unions are worth fitting, and after them, which unions are worth
extending.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from ..atoms import AtomAdjacencyGraph
from ..dsm.solvers import ENERGY_TOLERANCE
from ..minsetcover import MinSetCover
from ..minsetcover.packing import exact_packing, excess_packing, greedy_packing
from ..objects import Object, sum_of_energies

Packing = Callable[[Sequence[Object]], float]

EXPENSIVE_FIT = 20_000  # pixels; the fit of such a union takes ten times as long as an exact packing


class Computed:
    """The objects whose energy is known so far, by footprint and by cluster.

    Parameters
    ----------
    adjacencies : AtomAdjacencyGraph
        The atoms.
    """

    def __init__(self, adjacencies: AtomAdjacencyGraph) -> None:
        self._adjacencies = adjacencies
        self._by_footprint: dict[frozenset[int], Object] = {}
        self._optimal: dict[int, list[Object]] = {label: [] for label in adjacencies.cluster_labels}

    def add(self, items: Iterable[Object]) -> None:
        """Add objects."""
        for item in items:
            self._by_footprint[item.footprint] = item
            if item.is_optimal:
                self._optimal[self.label(item.footprint)].append(item)

    def __contains__(self, footprint: frozenset[int]) -> bool:
        return footprint in self._by_footprint

    def __getitem__(self, footprint: frozenset[int]) -> Object:
        return self._by_footprint[footprint]

    def label(self, footprint: Iterable[int]) -> int:
        """Cluster of a union of atoms."""
        return self._adjacencies.get_cluster_label(min(footprint))

    def universe(self, label: int) -> frozenset[int]:
        """All atoms of a cluster."""
        return frozenset(self._adjacencies.get_atoms_in_cluster(label))

    def atoms(self, footprint: Iterable[int]) -> list[Object]:
        """The atoms of a union, each an object of its own."""
        return [self[frozenset((atom,))] for atom in footprint]

    def optimal(self, label: int) -> list[Object]:
        """Objects of a cluster whose energy is the minimum."""
        return self._optimal[label]

    def parts(self, footprint: frozenset[int]) -> list[Object]:
        """Objects inside a union, itself included, whose energy is the minimum."""
        return [item for item in self._optimal[self.label(footprint)] if item.footprint <= footprint]


class Pruning(Protocol):
    """A rule that avoids fits."""

    def select(self, unions: Mapping[frozenset[int], Sequence[frozenset[int]]]) -> list[frozenset[int]]:
        """Return the unions that are worth fitting; each is given with the unions it extends."""
        ...

    def keep(self, unions: Iterable[frozenset[int]]) -> list[frozenset[int]]:
        """Return, after the fits, the unions whose extensions may be worth fitting."""
        ...

    def update_deviation(self, label: int) -> bool:
        """Update how far the energies of a cluster contradict the rule; return whether that has grown."""
        return False

    def deviation(self, label: int) -> float:
        """How far they do, relative to the energies; 0 if the rule does not check."""
        return 0.0


class ProvenPruning(Pruning):
    """Skip unions that provably belong to no optimal cover.

    Write nu(X) for the least energy of a union X of atoms, c for the cost of the best cover known of its
    cluster U, and E for computed energies. Two properties of nu are used:

    1. Superadditivity (TPAMI 2023): nu(Y) >= sum of nu(P) over disjoint parts P of Y. So the energy of a
       union is at least that of any packing of objects inside it; write L(X) for that of one we find, and
       A(X) for the sum over its atoms.
    2. E >= nu, because an energy is the value of psi at some parameters, and E <= nu + t * max(1, nu) where
       the fit converged, t being `ENERGY_TOLERANCE`. So k parts of total energy E guarantee
       E - t * (E + k) only, and an object that fell back to an ellipse guarantees nothing.

    A cover that has X as a member, X not being U, has other members for the rest R = U - X. If it is one, it
    holds all of R and has at least the energy L(R). If there are more, they divide the atoms of R
    among them and have at least the energy A(R). So X is not fitted if

        L(X) + beta + min(L(R) + beta, A(R) + 2 beta) > c,

    (one atom in R: the first of the two). A larger union Y that holds X has at least the energy
    L(X) + A(Y - X), and the other members of its cover at least A(U - Y) + beta. So no such Y is tried if

        L(X) + beta + A(R) + beta > c.

    Every connected union can be grown from one of its atoms through connected unions, fitted or not, and the
    second test stops at none of these if it is part of an optimal cover.

    The packing is greedy, which is nearly always optimal; the optimal one is computed only before an
    expensive fit.

    Property 1 holds for the model of the paper. However, the deformation basis is constructed separately for
    each region, and a small part may have none at all, so that occasionally a union is described better than
    its parts (on the test images in 53 of 8218 ways to divide one, by up to 24 %). Therefore every bound of a
    cluster is lowered by its `deviation`, the worst shortfall seen among its objects; the search repeats a
    cluster when that grows. A larger shortfall of unions that are never fitted goes unnoticed: the proof
    assumes that there is none. (On the test images all connected unions were fitted to check: none of them
    would have given a cheaper cover.)

    Parameters
    ----------
    computed : Computed
        Objects whose energy is known.
    cover : MinSetCover
        The best cover of them.
    """

    def __init__(self, computed: Computed, cover: MinSetCover) -> None:
        self._computed = computed
        self._cover = cover
        self._deviation: dict[int, float] = {}

    def deviation(self, label: int) -> float:
        """Largest shortfall of an object of a cluster from its parts' energies, relative to them."""
        return self._deviation.get(label, 0.0)

    def update_deviation(self, label: int) -> bool:
        """Update the deviation of a cluster; return whether it has grown."""
        worst = self.deviation(label)
        for item in self._computed.optimal(label):
            parts = [part for part in self._computed.parts(item.footprint) if part is not item]
            packing = excess_packing if self._pixels(item.footprint) < EXPENSIVE_FIT else exact_packing
            energy = _guaranteed(packing(parts), len(item.footprint))
            if item.energy < energy:
                worst = max(worst, 1 - item.energy / energy)
        grown = worst > self.deviation(label)
        self._deviation[label] = worst
        return grown

    def select(self, unions: Mapping[frozenset[int], Sequence[frozenset[int]]]) -> list[frozenset[int]]:
        """Return the unions that may be members of an optimal cover."""
        return [
            union
            for union in unions
            if self._may_be_member(union, excess_packing)
            and (self._pixels(union) < EXPENSIVE_FIT or self._may_be_member(union, exact_packing))
        ]

    def keep(self, unions: Iterable[frozenset[int]]) -> list[frozenset[int]]:
        """Return the unions that members of an optimal cover may contain."""
        return [union for union in unions if self._may_be_inside(union)]

    def _may_be_member(self, union: frozenset[int], packing: Packing) -> bool:
        rest = self._rest(union)
        inside = self._bound(packing(self._computed.parts(union)), union)
        alone = self._bound(packing(self._computed.parts(rest)), rest)
        among = self._bound(sum_of_energies(self._optimal_atoms(rest)), rest) + self._cover.beta
        return inside + (alone if len(rest) == 1 else min(alone, among)) <= self._energy_budget(union)

    def _may_be_inside(self, union: frozenset[int]) -> bool:
        rest = self._rest(union)
        inside = self._bound(excess_packing(self._computed.parts(union)), union)
        return inside + self._bound(sum_of_energies(self._optimal_atoms(rest)), rest) <= self._energy_budget(
            union
        )

    def _rest(self, union: frozenset[int]) -> frozenset[int]:
        return self._computed.universe(self._computed.label(union)) - union

    def _optimal_atoms(self, union: frozenset[int]) -> list[Object]:
        return [atom for atom in self._computed.atoms(union) if atom.is_optimal]

    def _pixels(self, union: frozenset[int]) -> int:
        return sum(atom.pixels for atom in self._computed.atoms(union))

    def _energy_budget(self, union: frozenset[int]) -> float:
        """Largest energy with which a cover of two objects is no worse than the best one known."""
        return self._cover.get_cluster_costs(self._computed.label(union)) - 2 * self._cover.beta

    def _bound(self, energy: float, union: frozenset[int]) -> float:
        """Energy guaranteed by disjoint parts of a union."""
        deviation = self.deviation(self._computed.label(union))
        return (1 - deviation) * _guaranteed(energy, len(union))


class PublishedPruning(Pruning):
    """The published rule, with the bounds and the packing of the publication (TPAMI 2023).

    Parameters
    ----------
    computed : Computed
        Objects whose energy is known.
    cover : MinSetCover
        The cover found so far.
    """

    def __init__(self, computed: Computed, cover: MinSetCover) -> None:
        self._computed = computed
        self._cover = cover
        self._limits: dict[frozenset[int], float] = {}

    def select(self, unions: Mapping[frozenset[int], Sequence[frozenset[int]]]) -> list[frozenset[int]]:
        """Return the unions whose parts leave room for them in a cheaper cover."""
        self._limits = {}
        for footprint, parents in unions.items():
            universe = self._computed.universe(self._computed.label(footprint))
            rest = self._computed.atoms(universe - footprint)
            costs = self._cover.get_cluster_costs(self._computed.label(footprint))
            limit = costs - sum_of_energies(rest) - self._cover.beta
            divisions = [
                [self._computed[parent], *self._computed.atoms(footprint - parent)] for parent in parents
            ]
            packing = greedy_packing(self._computed.parts(footprint))
            if limit >= max(packing, min(map(sum_of_energies, divisions))):
                self._limits[footprint] = limit
        return list(self._limits)

    def keep(self, unions: Iterable[frozenset[int]]) -> list[frozenset[int]]:
        """Return the unions whose energies leave room for them in a cover cheaper than before the fits."""
        return [
            footprint for footprint, limit in self._limits.items() if self._computed[footprint].energy < limit
        ]


class Isbi24Pruning(Pruning):
    """The faster rule of ISBI 2024: extend only unions that improve on the objects they join.

    Parameters
    ----------
    computed : Computed
        Objects whose energy is known.
    cover : MinSetCover
        The cover found so far.
    """

    def __init__(self, computed: Computed, cover: MinSetCover) -> None:
        self._computed = computed
        self._beta = cover.beta
        self._limits: dict[frozenset[int], float] = {}

    def select(self, unions: Mapping[frozenset[int], Sequence[frozenset[int]]]) -> list[frozenset[int]]:
        """Return all of them."""
        self._limits = {}
        for footprint, parents in unions.items():
            parts = [self._computed[parents[0]], *self._computed.atoms(footprint - parents[0])]
            self._limits[footprint] = sum_of_energies(parts) + self._beta
        return list(unions)

    def keep(self, unions: Iterable[frozenset[int]]) -> list[frozenset[int]]:
        """Return the unions that cost less than the two objects they join."""
        return [union for union in unions if self._computed[union].energy < self._limits[union]]


def _guaranteed(energy: float, parts: int) -> float:
    """Lower bound on the true total energy of at most `parts` parts, given the computed total."""
    return max(0.0, energy - ENERGY_TOLERANCE * (energy + parts))
