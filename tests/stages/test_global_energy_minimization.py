"""The search for the best cover, on random clusters, against all connected unions of atoms."""

from __future__ import annotations

from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superdsm_nb.config import EnergyMinimizationSettings
from superdsm_nb.dsm.solvers import ENERGY_TOLERANCE
from superdsm_nb.errors import WorkAmountError
from superdsm_nb.events import LogLine, Warned, ignore
from superdsm_nb.globalenergymin import Search
from superdsm_nb.globalenergymin.pruning import Computed, ProvenPruning
from superdsm_nb.minsetcover import MinSetCover
from superdsm_nb.minsetcover import cover as covers
from superdsm_nb.objects import Object

from support import naive
from support.covers import Graph, Instance, cheapest_cover, instances


class Listener:
    """Keeps what is logged and what is warned of."""

    def __init__(self):
        self.lines, self.warnings = [], []

    def __call__(self, event):
        match event:
            case LogLine(text):
                self.lines.append(text)
            case Warned(text):
                self.warnings.append(text)


def search(instance, emit=ignore, **values):
    """The search, with the energies of the instance instead of fits."""

    def compute(footprints, what):
        assert what
        return [instance.objects[footprint] for footprint in footprints]

    settings = EnergyMinimizationSettings(beta=instance.beta, **values)
    result = Search(instance.graph, compute, settings, emit)
    result.run()
    return result


@given(instances(faults=False))
@naive.settings_for(400)
def test_pruning_and_exact_cover_reach_the_optimum_over_all_connected_unions(instance):
    result = search(instance)

    assert result.cover.costs == pytest.approx(instance.least_cost, rel=1e-9, abs=1e-12)
    assert result.performance.gap == 0
    assert len({id(item) for item in result.objects}) == len(result.objects) <= len(instance.objects)


@given(instances(faults=True))
@naive.settings_for(400)
def test_inexact_energies_and_fits_that_fell_back_do_not_cost_the_optimum(instance):
    result = search(instance)

    # A cluster is solved in closed form by the energies of its atoms, as far as these are known.
    closed = result.performance.direct_solution_success_count
    unknown = ENERGY_TOLERANCE * (result.cover.costs + instance.size) if closed else 1e-12
    assert result.cover.costs == pytest.approx(instance.least_cost, rel=1e-9, abs=unknown)


@given(instances(faults=True, largest=8))
@naive.settings_for(200)
def test_a_cluster_of_very_many_candidates_is_solved_exactly_in_the_end(instance):
    small = search(instance).cover
    with mock.patch.object(covers, "MAX_EXACT_CANDIDATES", 3):
        large = search(instance).cover

    assert large.costs == pytest.approx(small.costs, rel=1e-9, abs=1e-12)
    assert large.gap == 0


@given(instances(faults=True, largest=8))
@naive.settings_for(300)
def test_no_family_of_the_objects_fitted_costs_less_than_the_lower_bound_of_the_published_way(instance):
    result = search(instance, solver="greedy")

    best = cheapest_cover(instance.size, result.objects, instance.beta)
    assert result.cover.lower_bound == pytest.approx(best, rel=1e-9, abs=1e-12)


@given(instances(faults=False, largest=8))
@naive.settings_for(300)
def test_the_published_way_costs_no_less_and_its_gap_is_true(instance):
    exact = search(instance)
    greedy = search(instance, solver="greedy")

    # What the published pruning leaves out is in no cheaper cover either.
    assert greedy.performance.lower_bound == pytest.approx(instance.least_cost, rel=1e-6, abs=1e-6)
    assert exact.cover.costs <= greedy.cover.costs * (1 + 1e-9)
    assert greedy.performance.cost == greedy.cover.costs
    assert greedy.performance.gap == pytest.approx(
        (greedy.cover.costs - greedy.performance.lower_bound) / max(greedy.cover.costs, 1e-300), abs=1e-9
    )


@given(instances(faults=True, largest=8), st.sampled_from(["exact", "isbi24"]))
@naive.settings_for(300)
def test_lower_bound_exact_and_greedy_cover_of_the_same_candidates_are_in_order(instance, pruning):
    candidates = search(instance, pruning=pruning).objects
    covers = {name: MinSetCover(instance.beta, instance.graph, name) for name in ("exact", "greedy")}
    for cover in covers.values():
        cover.update(candidates)

    rounding = 1e-9 * covers["exact"].costs + 1e-12
    assert covers["exact"].lower_bound == covers["exact"].costs
    assert covers["exact"].costs <= covers["greedy"].costs + rounding
    assert covers["greedy"].lower_bound == pytest.approx(covers["exact"].costs, rel=1e-9, abs=1e-12)
    assert 0 <= covers["greedy"].gap <= 1


@given(instances(faults=False))
@naive.settings_for(300)
def test_a_cluster_solved_in_closed_form_is_best_as_a_whole(instance):
    result = search(instance)

    whole = instance.objects[frozenset(instance.graph.atoms)]
    if result.performance.direct_solution_success_count:
        assert whole.energy + instance.beta == pytest.approx(instance.least_cost, rel=1e-9, abs=1e-12)
        assert len(result.objects) <= instance.size + 1


@given(instances(faults=False, largest=8))
@naive.settings_for(100)
def test_isbi24_pruning_never_beats_the_optimum_and_never_loses_to_its_own_greedy_cover(instance):
    exact = search(instance, pruning="isbi24")
    greedy = search(instance, pruning="isbi24", solver="greedy")

    assert exact.cover.costs >= instance.least_cost * (1 - 1e-9)
    assert exact.cover.costs <= greedy.cover.costs * (1 + 1e-9) + 1e-12
    assert exact.performance.gap == 0


def chain(energies, beta):
    """A chain of atoms with given energies of some unions; the others are never looked at."""
    size = max(max(union) for union in energies)
    instance = Instance(size, 0, False)
    instance.graph = Graph(size, {(atom, atom + 1) for atom in range(1, size)})
    instance.beta = beta
    instance.objects = {
        frozenset(union): Object(footprint=frozenset(union), energy=energy, is_optimal=True, pixels=9)
        for union, energy in energies.items()
    }
    return instance


def test_a_union_with_no_room_in_a_cheaper_cover_is_never_fitted():
    # The whole costs 20 + 5; {1, 2} in a cover means at least 12 + 1 + 2 * 5 of energy and beta: 23, fits.
    # {2, 3} means at least 16 + 1 + 2 * 5 = 27 once fitted, so that {1, 2, 3} is not tried in four atoms.
    energies = {(1,): 1, (2,): 1, (3,): 1, (1, 2): 12, (2, 3): 16, (1, 2, 3): 20}
    result = search(chain(energies, 5))

    assert [sorted(item.footprint) for item in result.cover.solution] == [[1], [2], [3]]
    assert result.cover.costs == 18

    # Three atoms cost 18 from the start: no pair has room for 2 * 5 beside a third atom and 8 of energy.
    assert {len(item.footprint) for item in result.objects} == {1, 2, 3}


def test_max_seed_distance_limits_what_is_tried():
    instance = Instance(6, 3, False)
    allowed = {len(item.footprint) for item in search(instance, max_seed_distance=1.5).objects}

    assert allowed <= {1, 2, 3, 6}


def test_energies_that_fall_short_of_their_parts_lower_the_bounds_of_their_cluster():
    computed = Computed(Graph(3, {(1, 2), (2, 3)}))
    cover = MinSetCover(1.0, Graph(3, {(1, 2), (2, 3)}))
    objects = [
        Object(footprint=frozenset(union), energy=energy, is_optimal=True)
        for union, energy in (((1,), 10.0), ((2,), 10.0), ((3,), 10.0), ((1, 2), 15.0))
    ]
    computed.add(objects)
    cover.update(objects)
    rule = ProvenPruning(computed, cover)

    assert rule.update_deviation(1)
    assert rule.deviation(1) == pytest.approx(0.25, rel=1e-6)
    assert not rule.update_deviation(1)


def test_a_union_with_less_energy_than_its_parts_is_logged_even_if_the_cluster_is_solved_in_closed_form():
    heard = Listener()

    result = search(chain({(1,): 10, (2,): 10, (1, 2): 5}, 1.0), heard)

    assert result.performance.direct_solution_success_count == 1
    assert result.performance.deviation == pytest.approx(0.75, rel=1e-6)
    assert "75 %" not in result.performance.statement("exact")
    assert sum("below that of their parts, by up to 75 %" in line for line in heard.lines) == 1


def test_nothing_is_logged_of_unions_that_have_the_energy_of_their_parts():
    heard = Listener()

    search(chain({(1,): 10, (2,): 10, (1, 2): 20}, 1.0), heard)

    assert not any("below that of their parts" in line for line in heard.lines)


def test_a_cluster_is_searched_again_with_lowered_bounds_where_energies_fell_short():
    # {1, 2} is described 40 % better than its parts. By the sums of its parts {3, 4} has no room in any
    # cover cheaper than the one with {1, 2}; it is better than its parts, too.
    energies = {(atom,): 10.0 for atom in (1, 2, 3, 4)}
    energies |= {(1, 2): 12.0, (2, 3): 60.0, (3, 4): 13.0, (1, 2, 3): 70.0, (2, 3, 4): 70.0}
    energies |= {(1, 2, 3, 4): 90.0}

    result = search(chain(energies, 0.0))

    assert result.cover.costs == pytest.approx(25)
    assert result.performance.deviation == pytest.approx(0.4, rel=1e-6)


@given(instances(faults=True), st.integers(1, 40))
@naive.settings_for(200)
def test_a_cluster_that_is_too_large_is_covered_by_what_may_be_tried(instance, most):
    result = search(instance, large_clusters="isbi24", max_cluster_work_amount=most, max_work_amount=0)
    possible = len(instance.objects) - instance.size - (instance.size > 1)
    report = result.performance

    covered = set().union(*(item.footprint for item in result.cover.solution))
    assert covered == set(range(1, instance.size + 1))
    assert result.cover.costs >= instance.least_cost * (1 - 1e-9)
    if possible <= most:
        assert report.large_cluster_count == 0
        assert result.cover.costs == search(instance).cover.costs
    else:
        assert report.large_cluster_count == 1
        assert report.proven_cluster_count == 0
        assert len(result.objects) - instance.size <= most
        assert "too large" in report.statement("exact")


def test_a_cluster_that_is_too_large_may_still_come_out_as_one():
    energies = {(atom,): 10.0 for atom in (1, 2, 3)}
    energies |= {(1, 2): 12.0, (2, 3): 12.0, (1, 2, 3): 13.0}

    result = search(chain(energies, 1.0), large_clusters="isbi24", max_cluster_work_amount=1)
    enough = search(chain(energies, 1.0), large_clusters="isbi24", max_cluster_work_amount=1.5)

    assert result.performance.large_cluster_count == enough.performance.large_cluster_count == 1
    assert len(result.cover.solution) == 2


def test_what_is_not_tried_is_told_and_other_clusters_are_searched_as_ever():
    energies = {(atom,): 10.0 for atom in (1, 2, 3)}
    energies |= {(1, 2): 12.0, (2, 3): 30.0, (1, 2, 3): 90.0}
    heard = Listener()

    result = search(chain(energies, 0.0), heard, large_clusters="isbi24", max_cluster_work_amount=1)

    assert result.performance.large_cluster_count == 1
    assert len(result.objects) == 4  # three atoms, and one union of two
    assert len(heard.warnings) == 1
    assert "1 of 1 clusters (the largest has 3 atoms) have too many possible objects" in heard.warnings[0]
    assert "in 1 of them not even all of these" in heard.warnings[0]


def test_too_many_possible_objects_are_refused_unless_large_clusters_are_let_through():
    energies = {(1,): 1.0, (2,): 1.0, (3,): 1.0, (1, 2): 1.0, (2, 3): 1.0, (1, 2, 3): 1.0}

    with pytest.raises(WorkAmountError, match=r'largest cluster has 3 atoms.*large_clusters to "isbi24"'):
        search(chain(energies, 0.0), max_work_amount=1)


def test_fits_that_fell_back_are_counted_and_told():
    instance = chain({(1,): 1.0, (2,): 1.0, (1, 2): 5.0}, 0.0)
    for item, reason in zip(instance.objects.values(), ("time", "iterations", ""), strict=True):
        item.fallback = reason
    heard = Listener()

    result = search(instance, heard)

    assert (result.performance.fallback_object_count, result.performance.timeout_object_count) == (2, 1)
    assert "2 of 3 fits fell back to the best ellipse, 1 of them" in heard.warnings[0]
    assert "2 of 3 fits fell back" in result.performance.statement("exact")
    assert sum("no minimum within dsm/cp_timeout" in line for line in heard.lines) == 1
