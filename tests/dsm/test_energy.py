"""Properties of the energy of a region."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from superdsm_nb.dsm import Energy, FitParameters, Frame, change_frame, fit, minimize
from superdsm_nb.dsm.energy import TILE, gaussian_window, window_side
from superdsm_nb.image import Image, Region

from support import naive
from support.regions import any_regions, fit_parameters, regions, seeds, tolerance


@st.composite
def points(draw, count=1):
    """Draw an energy and points of its parameter space, of moderate size."""
    energy = Energy(draw(any_regions), draw(fit_parameters()))
    rng = np.random.default_rng(draw(seeds))
    scale = draw(st.sampled_from([0.1, 1.0, 10.0]))
    return energy, *(rng.normal(size=(count, energy.size)) * scale)


def dense_matrix(region, parameters, frame):
    """Return A = [F | G] of a region by the word of the specification."""
    mask = np.zeros(region.shape, bool)
    mask[region.rows, region.cols] = True
    x1 = (region.rows - frame.row0) / frame.row_scale
    x2 = (region.cols - frame.col0) / frame.col_scale
    G = naive.deformation_matrix(mask, parameters.smooth_amount, parameters.smooth_subsample)
    return np.hstack([naive.polynomial_matrix(x1, x2), G])


# --- the function and its derivatives -------------------------------------------------------------------


@naive.settings_for(30)
@given(region=any_regions, parameters=fit_parameters(), seed=seeds)
def test_the_energy_is_that_of_the_specification(region, parameters, seed):
    energy = Energy(region, parameters)
    A = dense_matrix(region, parameters, energy.frame)
    p = np.random.default_rng(seed).normal(size=A.shape[1])
    arguments = A, region.y, p, parameters.alpha, parameters.epsilon
    assert energy.size == A.shape[1]
    np.testing.assert_allclose(energy(p), naive.energy(*arguments), rtol=1e-6)
    np.testing.assert_allclose(energy.grad(p), naive.energy_gradient(*arguments), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(energy.hessian(p), naive.energy_hessian(*arguments), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(energy.surface(p), A @ p, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("smooth_amount", [1, 4, 7])
def test_the_window_of_the_deformations_is_the_filtered_impulse(smooth_amount):
    side, window = window_side(smooth_amount, 2), gaussian_window(smooth_amount, 2)
    kernel = naive.gaussian_kernel(smooth_amount)
    assert side == len(kernel)
    np.testing.assert_allclose(window, np.pad(kernel, TILE), rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize(("side", "columns"), [(16, 0), (17, 9)])
def test_a_region_gets_deformations_once_it_is_larger_than_half_the_window(side, columns):
    image = Image.create_from_array(np.ones((side, 40)))
    mask = np.zeros(image.shape, bool)
    mask[:, :40:2][:, :17] = True
    energy = Energy(image.get_region(mask), FitParameters(smooth_amount=4, smooth_subsample=8))
    assert energy.size - 6 == columns


@naive.settings_for(60)
@given(case=points(2))
def test_the_energy_is_convex_at_midpoints(case):
    energy, p, q = case
    chord = (energy(p) + energy(q)) / 2
    assert energy((p + q) / 2) <= chord + 1e-12 * max(1, chord)


@naive.settings_for(50)
@given(case=points(2))
def test_the_gradient_is_the_finite_difference_of_the_energy(case):
    energy, p, direction = case
    direction /= np.linalg.norm(direction)
    h = 1e-5
    difference = (energy(p + h * direction) - energy(p - h * direction)) / (2 * h)
    np.testing.assert_allclose(energy.grad(p) @ direction, difference, rtol=1e-5, atol=1e-8 * (1 + energy(p)))


@naive.settings_for(50)
@given(case=points(2))
def test_the_hessian_is_the_finite_difference_of_the_gradient(case):
    energy, p, direction = case
    direction /= np.linalg.norm(direction)
    h = 1e-5
    difference = (energy.grad(p + h * direction) - energy.grad(p - h * direction)) / (2 * h)
    scale = 1 + np.abs(energy.grad(p)).max() + np.abs(difference).max()
    np.testing.assert_allclose(energy.hessian(p) @ direction, difference, rtol=0, atol=1e-6 * scale)


@naive.settings_for(50)
@given(case=points())
def test_the_hessian_is_symmetric_and_positive_semidefinite(case):
    energy, p = case
    hessian = energy.hessian(p)
    np.testing.assert_array_equal(hessian, hessian.T)
    eigenvalues = np.linalg.eigvalsh(hessian)
    assert eigenvalues.min() >= -1e-9 * eigenvalues.max()


@naive.settings_for(30)
@given(region=regions(), parameters=fit_parameters(), sign=st.sampled_from([-1, 1]))
def test_saturated_pixels_do_not_overflow(region, parameters, sign):
    region = region._replace(y=np.sign(region.y))
    energy = Energy(region, parameters)
    p = np.zeros(energy.size)
    p[5] = sign * 1e4
    assert energy(p) == pytest.approx(1e4 * np.sum(region.y == -sign) + math.log(2) * np.sum(region.y == 0))
    assert np.isfinite(energy.grad(p)).all()
    assert np.isfinite(energy.hessian(p)).all()


frames = st.builds(Frame, st.floats(-50, 50), st.floats(-50, 50), st.floats(0.5, 100), st.floats(0.5, 100))


# --- coordinates ----------------------------------------------------------------------------------------


@naive.settings_for(80)
@given(old=frames, new=frames, seed=seeds)
def test_a_change_of_frame_preserves_the_polynomial(old, new, seed):
    rng = np.random.default_rng(seed)
    theta, rows, cols = rng.normal(size=6), rng.uniform(-60, 60, 20), rng.uniform(-60, 60, 20)

    def terms(theta, frame):
        x1, x2 = (rows - frame.row0) / frame.row_scale, (cols - frame.col0) / frame.col_scale
        return naive.polynomial_matrix(x1, x2) * theta

    before, after = terms(theta, old), terms(change_frame(theta, old, new), new)
    rounding = 1e-12 * (np.abs(before).sum(axis=1) + np.abs(after).sum(axis=1)).max()
    np.testing.assert_allclose(after.sum(axis=1), before.sum(axis=1), rtol=0, atol=rounding)


@naive.settings_for(30)
@given(region=any_regions, parameters=fit_parameters(), down=st.integers(0, 500), right=st.integers(0, 500))
def test_the_minimum_is_invariant_under_translation(region, parameters, down, right):
    height, width = region.shape
    moved = Region(region.rows + down, region.cols + right, region.y, (height + down + 7, width + right))
    energy = fit(region, parameters).energy
    assert fit(moved, parameters).energy == pytest.approx(energy, abs=tolerance(energy))


@naive.settings_for(30)
@given(region=any_regions, parameters=fit_parameters(), frame=frames)
def test_the_minimum_is_invariant_under_a_change_of_frame(region, parameters, frame):
    elsewhere = Energy(region, parameters, frame)
    energy = fit(region, parameters).energy
    found = minimize(elsewhere, np.zeros(elsewhere.size)).energy
    assert found == pytest.approx(energy, abs=tolerance(energy))


@naive.settings_for(30)
@given(region=any_regions, parameters=fit_parameters())
def test_the_reported_model_has_the_reported_surface(region, parameters):
    result = fit(region, parameters)
    G = dense_matrix(region, parameters, Frame.of_image(region.shape))[:, 6:]
    surface = result.model.polynomial(region.rows, region.cols) + G @ result.model.xi
    scale = 1 + np.abs(surface).max() + np.abs(result.model.theta).max()
    np.testing.assert_allclose(result.surface, surface, rtol=0, atol=1e-6 * scale)


@naive.settings_for(30)
@given(region=any_regions, parameters=fit_parameters())
def test_the_reported_energy_is_that_of_the_reported_surface(region, parameters):
    result = fit(region, parameters)
    loss = naive.logistic_loss(region.y, result.surface)
    cost = naive.regularizer(result.model.xi, parameters.alpha, parameters.epsilon)
    assert result.energy == pytest.approx(loss + cost, abs=tolerance(loss + cost))
