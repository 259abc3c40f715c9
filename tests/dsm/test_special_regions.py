"""Fits of regions that are special, and fits that run out of time, steps or memory."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from superdsm_nb.dsm import Energy, FitParameters, fit, fitting, minimize, solvers
from superdsm_nb.errors import ImageError
from superdsm_nb.image import Image, Region

from support import naive
from support.regions import any_regions, fit_parameters, large_regions, seeds, solved_by, solver_names


@naive.settings_for(30)
@given(region=any_regions, parameters=fit_parameters(), solver=solver_names, sign=st.sampled_from([-1, 1]))
def test_a_region_of_one_sign_has_no_energy_and_finite_parameters(region, parameters, solver, sign):
    region = region._replace(y=sign * (np.abs(region.y) + 0.05))
    result = fit(region, solved_by(solver, parameters))
    assert 0 <= result.energy < 1e-6
    assert result.is_optimal
    assert np.isfinite([*result.model.theta, *result.model.xi, *result.surface]).all()


@naive.settings_for(30)
@given(seed=seeds, parameters=fit_parameters(), solver=solver_names)
def test_a_region_that_an_ellipse_separates_has_no_energy_and_finite_parameters(seed, parameters, solver):
    rng = np.random.default_rng(seed)
    rows, cols = np.mgrid[:20, :20]
    radii = rng.uniform(4, 12, 2)
    squared = ((rows - rng.uniform(5, 15)) / radii[0]) ** 2 + ((cols - rng.uniform(5, 15)) / radii[1]) ** 2
    image = Image.create_from_array(np.where(squared < 1, 1.0, -0.5))
    result = fit(image.get_region(image.mask), solved_by(solver, parameters))
    assert 0 <= result.energy < 1e-6
    assert np.isfinite([*result.model.theta, *result.model.xi]).all()


def wavy_region():
    """Return a region whose deformable fit takes some steps and gains much over the ellipse."""
    rng = np.random.default_rng(3)
    y = ndimage.gaussian_filter(rng.normal(size=(20, 20)), 2) * 10
    image = Image.create_from_array(y)
    return image.get_region(image.mask)


def hurried(monkeypatch, solver, timeout):
    """Fit the wavy region with a look at the clock after every Newton step; return the result and ellipse."""
    monkeypatch.setattr(solvers, "STEPS_PER_TIME_CHECK", 1)
    parameters = FitParameters(
        smooth_amount=4, smooth_subsample=8, alpha=0.01, solver=solver, cp_timeout=timeout
    )
    ellipse = fit(wavy_region(), dataclasses.replace(parameters, smooth_amount=math.inf, cp_timeout=None))
    return fit(wavy_region(), parameters), ellipse


@pytest.mark.parametrize("solver", ["newton", "trust-exact"])
@pytest.mark.parametrize("timeout", [1e-300, 1e-9])
def test_a_fit_out_of_time_falls_back_to_the_best_ellipse(monkeypatch, solver, timeout):
    result, ellipse = hurried(monkeypatch, solver, timeout)
    assert (result.status, result.reason) == ("fallback", "time")
    assert not result.is_optimal
    assert result.energy == pytest.approx(ellipse.energy, rel=1e-6)
    assert result.model.xi.size == 0
    np.testing.assert_allclose(result.model.theta, ellipse.model.theta, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("solver", ["newton", "trust-exact"])
@pytest.mark.parametrize("timeout", [None, 300])
def test_a_fit_in_time_is_optimal_and_below_the_ellipse(monkeypatch, solver, timeout):
    result, ellipse = hurried(monkeypatch, solver, timeout)
    assert result.status == "optimal"
    assert result.energy < ellipse.energy - 1
    assert result.model.xi.size > 0


@naive.settings_for(40)
@given(
    height=st.integers(1, 12),
    width=st.integers(1, 12),
    lengthwise=st.booleans(),
    seed=seeds,
    parameters=fit_parameters(),
    solver=solver_names,
)
def test_a_region_of_one_row_or_column_has_a_fit(height, width, lengthwise, seed, parameters, solver):
    image = Image.create_from_array(np.random.default_rng(seed).normal(size=(height, width)))
    mask = np.zeros(image.shape, bool)
    mask[(height // 2, slice(None)) if lengthwise else (slice(None), width // 2)] = True
    region = image.get_region(mask)
    result = fit(region, solved_by(solver, parameters))
    assert result.is_optimal
    assert 0 <= result.energy <= region.y.size * math.log(2) + 1e-9
    assert np.isfinite([*result.model.theta, *result.surface]).all()


@naive.settings_for(30)
@given(
    y=st.floats(1e-3, 1e3),
    sign=st.sampled_from([-1, 1]),
    row=st.integers(0, 5),
    col=st.integers(0, 5),
    solver=solver_names,
)
def test_a_region_of_one_pixel_has_no_energy(y, sign, row, col, solver):
    region = Region(np.array([row]), np.array([col]), np.array([sign * y]), (6, 6))
    result = fit(region, FitParameters(solver=solver))
    assert result.is_optimal
    assert 0 <= result.energy < 1e-6
    assert np.isfinite(result.model.theta).all()


@naive.settings_for(20)
@given(region=any_regions, parameters=fit_parameters(), solver=solver_names)
def test_a_flat_region_costs_ln_2_per_pixel(region, parameters, solver):
    flat = region._replace(y=np.zeros(region.y.size))
    result = fit(flat, solved_by(solver, parameters))
    assert result.is_optimal
    assert result.energy == pytest.approx(region.y.size * math.log(2))


def test_a_region_with_more_deformations_than_memory_allows_falls_back_to_the_ellipse(monkeypatch):
    y = np.random.default_rng(0).normal(size=(48, 48))
    region = Image.create_from_array(y).get_region(np.ones(y.shape, bool))
    parameters = FitParameters(smooth_amount=2, smooth_subsample=4)
    monkeypatch.setattr(fitting, "MAX_UNKNOWNS", 20)

    result = fit(region, parameters)

    assert (result.status, result.reason) == ("fallback", "size")
    assert result.energy == pytest.approx(fit(region, parameters.without_deformations()).energy)


@pytest.mark.parametrize("init", ["elliptical", None])
def test_a_fit_that_takes_too_many_steps_falls_back_and_is_tried_from_two_starts(monkeypatch, init):
    starts = []
    monkeypatch.setattr(solvers, "MAX_ITERATIONS", 1)
    monkeypatch.setattr(solvers, "STEPS_PER_TIME_CHECK", 1)
    monkeypatch.setattr(solvers, "ENERGY_TOLERANCE", 0.0)
    monkeypatch.setattr(
        fitting, "minimize", lambda psi, start, *rest: starts.append(start) or minimize(psi, start, *rest)
    )
    parameters = FitParameters(smooth_amount=4, smooth_subsample=8, alpha=0.01, init=init)

    result = fit(wavy_region(), parameters)

    assert (result.status, result.reason) == ("fallback", "iterations")
    full = [start for start in starts if start.size > 6]
    assert len({start.tobytes() for start in full}) == len(full)  # never the same way twice


def test_a_fit_whose_next_step_would_be_too_late_is_not_continued(monkeypatch):
    clock = iter(range(0, 10**6, 10))
    monkeypatch.setattr(solvers.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(solvers, "STEPS_PER_TIME_CHECK", 1)
    energy = Energy(wavy_region(), FitParameters(smooth_amount=4, smooth_subsample=8, alpha=0.01))

    # A step takes 10 s by this clock; after the first 10 are over, and the next would end at 20.
    solution = minimize(energy, np.zeros(energy.size), 15.0)
    assert (solution.iterations, solution.is_late, solution.converged) == (1, True, False)


def test_a_fit_that_is_late_is_not_tried_from_another_start(monkeypatch):
    starts = []

    def late(psi, start, *rest):
        starts.append(start.size)
        solution = minimize(psi, start, *rest)
        return solution._replace(converged=False, is_late=True) if start.size > 6 else solution

    monkeypatch.setattr(fitting, "minimize", late)
    result = fit(wavy_region(), FitParameters(smooth_amount=4, smooth_subsample=8, alpha=0.01))

    assert (result.status, result.reason) == ("fallback", "time")
    assert len([size for size in starts if size > 6]) == 1


@naive.settings_for(40)
@given(region=large_regions(), step=st.integers(1, 4), deformable=st.booleans(), seed=seeds)
def test_a_reduced_energy_is_that_of_some_pixels_and_fewer_parameters(region, step, deformable, seed):
    energy = Energy(region, FitParameters(alpha=0.7, smooth_amount=4, smooth_subsample=8))
    reduced = energy.reduced(step, deformable)
    p = np.random.default_rng(seed).normal(size=energy.size)
    if not deformable:
        p[6:] = 0
    rows, cols, _, _ = naive.compact_grid(region.rows, region.cols)
    kept = (rows % step == 0) & (cols % step == 0)
    loss = naive.logistic_loss(region.y[kept], energy.surface(p)[kept])
    expected = loss + naive.regularizer(p[6:], 0.7, 1.0) / step**2

    assert reduced.size == (energy.size if deformable else 6)
    assert reduced(p[: reduced.size]) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("smooth_amount", [8.0, math.inf])
@pytest.mark.parametrize("seed", range(3))
def test_the_minimum_of_a_large_region_does_not_depend_on_the_coarse_start(smooth_amount, seed, monkeypatch):
    rng = np.random.default_rng(seed)
    if naive.COMPILED:
        rows, cols = np.ogrid[:130, :150]
    else:  # the same in a third of the resolution
        rows, cols = np.ogrid[:130:3, :150:3]
        monkeypatch.setattr(fitting, "COARSE_PIXELS", fitting.COARSE_PIXELS // 9)
    inside = ((rows - 60) / 35) ** 2 + ((cols - 70) / (45 + 8 * np.sin(rows / 9))) ** 2 < 1
    image = Image.create_from_array(np.where(inside, 0.3, -0.2) + rng.normal(0, 0.15, inside.shape))
    region = image.get_region(image.mask)
    assert region.y.size > 4 * fitting.COARSE_PIXELS
    parameters = FitParameters(smooth_amount=smooth_amount, smooth_subsample=16 if naive.COMPILED else 8)

    coarse, zeros = (
        fit(region, dataclasses.replace(parameters, init=init)) for init in ("elliptical", "zeros")
    )

    assert coarse.is_optimal
    assert zeros.is_optimal
    assert coarse.energy == pytest.approx(zeros.energy, rel=1e-8)


@pytest.mark.parametrize("solver", ["newton", "trust-exact"])
@pytest.mark.parametrize("kept", [0, 1, 3])
def test_a_region_of_which_thinning_leaves_next_to_nothing_is_fitted_all_the_same(kept, solver, monkeypatch):
    side = 90
    if not naive.COMPILED:
        side = 46
        monkeypatch.setattr(fitting, "COARSE_PIXELS", fitting.COARSE_PIXELS // 4)
    rows, cols = np.mgrid[:side, :side]
    mask = (rows % 2 == 1) | (cols % 2 == 1)
    mask.ravel()[:: 2 * side * 2 + 4][:kept] = True
    rng = np.random.default_rng(0)
    y = (
        1
        - ((rows - side / 2) ** 2 + (cols - side / 2) ** 2) / (side / 3) ** 2
        + rng.normal(0, 0.3, rows.shape)
    )
    region = Image.create_from_array(y).get_region(mask)
    assert region.y.size >= 4 * fitting.COARSE_PIXELS
    parameters = FitParameters(smooth_subsample=24, solver=solver)

    results = [fit(region, dataclasses.replace(parameters, init=init)) for init in ("elliptical", "zeros")]

    assert [result.status for result in results] == ["optimal", "optimal"]
    assert results[0].energy == pytest.approx(results[1].energy, rel=1e-7)


@pytest.mark.parametrize("odd", [0, 1])
@pytest.mark.parametrize("contrast", [0.3, 1e4])
def test_a_start_that_only_some_pixels_suggest_costs_nothing(odd, contrast, monkeypatch):
    height, width = (120, 140) if naive.COMPILED else (40, 48)
    if not naive.COMPILED:
        monkeypatch.setattr(fitting, "COARSE_PIXELS", fitting.COARSE_PIXELS // 9)
    y = np.full((height, width), -contrast)
    y[height // 2 + odd, width // 2 + odd] = contrast
    image = Image.create_from_array(y)
    region = image.get_region(image.mask)
    parameters = FitParameters(alpha=1e-6)

    coarse = fit(region, dataclasses.replace(parameters, init="elliptical"))
    zeros = fit(region, dataclasses.replace(parameters, init="zeros"))

    assert coarse.is_optimal
    assert coarse.energy <= zeros.energy + 1e-7
    assert coarse.iterations <= zeros.iterations


def test_an_empty_region_is_refused():
    image = Image.create_from_array(np.eye(3))
    with pytest.raises(ImageError, match="holds no pixel"):
        fit(image.get_region(np.zeros((3, 3), bool)), FitParameters())


@pytest.mark.parametrize("size", [775, 1029])  # the last few pixels make a batch of their own
def test_a_fit_does_not_depend_on_where_its_arrays_lie_in_memory(size):
    rng = np.random.default_rng(0)
    side = math.isqrt(size) + 3
    rows, cols = np.divmod(np.arange(size), side)
    hill = np.exp(-((rows - side / 2) ** 2 + (cols - side / 2) ** 2) / (side**2 / 12))
    y = hill - 0.4 + 0.05 * rng.normal(size=size)
    parameters = FitParameters(alpha=0.05, smooth_amount=4, smooth_subsample=8)
    elsewhere, energies = [], set()
    for _ in range(100):
        elsewhere.append(np.empty(rng.integers(1, 30000), np.uint8))
        if len(elsewhere) > 60:
            elsewhere.pop(rng.integers(60))
        region = Region(rows.copy(), cols.copy(), y.copy(), (side + 5, side + 5))
        energies.add(fit(region, parameters).energy)

    assert len(energies) == 1
