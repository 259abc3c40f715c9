"""Properties of the minimum of the energy of a region.

The energy is convex, so its minimum nu does not depend on how it is searched. What is asked of nu here:

- It is invariant under a change of start and solver; `test_energy` adds translation and coordinates.
- More freedom never raises it: nu with deformations <= nu of the ellipse.
- Superadditivity, nu(A u B) >= nu(A) + nu(B) for disjoint A and B, holds exactly for ellipses: a polynomial
  on the union is one on each part, and the loss is a sum over pixels. With deformations it need not hold. The
  columns of G are placed by, and its rows normalised over, the region as a whole, so that what the union can
  do its parts cannot; a part too small for any column is an ellipse alone; and a column shared by both parts
  is paid for once in the union and twice apart. The last tests of superadditivity show both sides.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from superdsm_nb.config import Config
from superdsm_nb.dsm import Energy, FitParameters, fit, minimize
from superdsm_nb.image import Image, Region

from support import naive
from support.regions import (
    any_regions,
    fit_parameters,
    large_regions,
    offset_intensities,
    seeds,
    solved_by,
    solver_names,
    tolerance,
)

ELLIPSE = FitParameters(smooth_amount=math.inf)


@naive.settings_for(40)
@given(region=any_regions, parameters=fit_parameters(), seed=seeds)
def test_no_other_point_has_a_lower_energy(region, parameters, seed):
    energy = Energy(region, parameters)
    solution = minimize(energy, np.zeros(energy.size))
    rng = np.random.default_rng(seed)
    for size in (1e-3, 0.1, 10.0):
        near = solution.p + rng.normal(size=energy.size) * size
        assert solution.energy <= energy(near) + tolerance(solution.energy)


@naive.settings_for(40)
@given(region=any_regions, parameters=fit_parameters(), solver=solver_names)
def test_every_fit_is_optimal(region, parameters, solver):
    result = fit(region, solved_by(solver, parameters))
    assert result.is_optimal


@naive.settings_for(25)
@given(region=large_regions(), parameters=fit_parameters())
def test_both_solvers_reach_the_same_minimum(region, parameters):
    energies = [fit(region, solved_by(solver, parameters)).energy for solver in ("newton", "trust-exact")]
    assert energies[1] == pytest.approx(energies[0], abs=tolerance(energies[0]))


@pytest.mark.parametrize("seed", [4532, 18355])
def test_a_nearly_singular_hessian_does_not_end_a_fit(seed):
    # Found by search among 30,000 regions: the Newton step is 1e6 times as long as what lowers the energy.
    image = Image.create_from_array(offset_intensities(np.random.default_rng(seed), (20, 20)))
    parameters = FitParameters(alpha=1e-3, epsilon=0.02, smooth_amount=4, smooth_subsample=8)
    region = image.get_region(image.mask)
    from_ellipse, from_zeros = (
        fit(region, dataclasses.replace(parameters, init=init)) for init in ("elliptical", "zeros")
    )
    assert from_zeros.is_optimal
    assert from_zeros.energy == pytest.approx(from_ellipse.energy, abs=tolerance(from_ellipse.energy))


@naive.settings_for(25)
@given(region=large_regions(), parameters=fit_parameters(), seed=seeds)
def test_the_minimum_does_not_depend_on_the_start(region, parameters, seed):
    rng = np.random.default_rng(seed)
    started = dataclasses.replace(parameters, init=lambda count: rng.normal(size=6 + count))
    energy = fit(region, parameters).energy
    assert fit(region, started).energy == pytest.approx(energy, abs=tolerance(energy))


@naive.settings_for(40)
@given(region=any_regions, parameters=fit_parameters())
def test_deformations_never_raise_the_minimum(region, parameters):
    ellipse = fit(region, parameters.without_deformations()).energy
    assert fit(region, parameters).energy <= ellipse + tolerance(ellipse)


@naive.settings_for(40)
@given(region=any_regions, seed=seeds, share=st.floats(0.1, 0.9))
def test_ellipses_are_superadditive_over_disjoint_regions(region, seed, share):
    rng = np.random.default_rng(seed)
    direction = rng.normal(size=2)
    side = direction[0] * region.rows + direction[1] * region.cols
    in_a = side <= np.quantile(side, share)
    if rng.random() < 0.3:
        in_a = rng.random(side.size) < share
    parts = [
        fit(Region(region.rows[chosen], region.cols[chosen], region.y[chosen], region.shape), ELLIPSE).energy
        for chosen in (in_a, ~in_a)
        if chosen.any()
    ]
    union = fit(region, ELLIPSE).energy
    assert union >= sum(parts) - tolerance(union)


def test_deformations_are_not_superadditive_where_the_parts_are_too_small_for_them():
    image = Image.create_from_array(3 * np.cos(np.arange(32) * 0.7) * np.ones((32, 32)))
    upper = np.arange(32)[:, np.newaxis] < np.full(32, 16)
    deformable = FitParameters(alpha=1e-3, smooth_amount=4, smooth_subsample=8)
    union, *parts = (
        fit(image.get_region(mask), deformable).energy for mask in (upper | ~upper, upper, ~upper)
    )
    assert union < sum(parts) - 1


def test_the_parameters_of_a_fit_come_from_the_configuration():
    values = {"alpha": 0.1, "epsilon": 2, "smooth_amount": 5.0, "init": "zeros", "cp_timeout": 7}
    parameters = FitParameters.of(Config({"dsm": values}))
    assert parameters == FitParameters(alpha=0.1, epsilon=2.0, smooth_amount=5, init="zeros", cp_timeout=7.0)
    assert [type(value) for value in (parameters.epsilon, parameters.smooth_amount)] == [float, int]
