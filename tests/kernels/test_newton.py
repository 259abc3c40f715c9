"""The kernels of Newton's method against LAPACK, SciPy and finite differences."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import minimize

from superdsm_nb.kernels import energy as kernels
from superdsm_nb.kernels import newton

from support import naive
from support.problems import alphas, epsilons, problems, seeds


@naive.settings_for(60)
@given(
    a=arrays(np.float64, 7, elements=st.floats(-10, 10)), b=arrays(np.float64, 7, elements=st.floats(-10, 10))
)
def test_the_inner_product_is_the_sum_of_products(a, b):
    np.testing.assert_allclose(newton.dot(a, b), np.sum(a * b), rtol=0, atol=1e-12)


@naive.settings_for(80)
@given(seed=seeds, size=st.integers(1, 12))
def test_a_definite_system_is_solved_as_by_lapack(seed, size):
    rng = np.random.default_rng(seed)
    half = rng.normal(size=(size, size))
    matrix, diagonal, rhs = half @ half.T, rng.random(size) + 0.1, rng.normal(size=size)
    x = newton.solve_positive(matrix, diagonal, rhs)
    np.testing.assert_allclose(x, np.linalg.solve(matrix + np.diag(diagonal), rhs), rtol=1e-8, atol=1e-10)


@naive.settings_for(80)
@given(seed=seeds, size=st.integers(1, 10), rank=st.integers(0, 9), scale=st.sampled_from([1e-8, 1.0, 1e8]))
def test_a_singular_system_has_a_finite_solution_that_descends(seed, size, rank, scale):
    rng = np.random.default_rng(seed)
    half = rng.normal(size=(size, min(rank, size - 1))) * scale
    matrix, rhs = half @ half.T, rng.normal(size=size)
    x = newton.solve_positive(matrix, np.zeros(size), rhs)
    assert np.isfinite(x).all()
    assert rhs @ x > 0


@naive.settings_for(80)
@given(seed=seeds, size=st.integers(2, 10))
def test_a_singular_system_that_has_a_solution_is_solved(seed, size):
    rng = np.random.default_rng(seed)
    half = rng.normal(size=(size, size - 1))
    matrix = half @ half.T
    rhs = matrix @ rng.normal(size=size)
    x = newton.solve_positive(matrix, np.zeros(size), rhs)
    np.testing.assert_allclose(matrix @ x, rhs, rtol=0, atol=1e-5 * np.abs(rhs).max())


def test_a_system_that_rounding_made_indefinite_has_a_finite_solution():
    matrix = np.array([[1, 1 + 1e-12], [1 + 1e-12, 1]])
    x = newton.solve_positive(matrix, np.zeros(2), np.array([1.0, 1.0]))
    np.testing.assert_allclose(matrix @ x, 1, rtol=1e-6)


def test_a_system_that_is_not_a_number_has_no_solution():
    x = newton.solve_positive(np.full((2, 2), np.nan), np.zeros(2), np.ones(2))
    assert np.isnan(x).all()


def line_of(problem):
    """Return what the line kernels want to know: the surface and the deformations, and their directions."""
    dp = problem.rng.normal(size=problem.p.size)
    s, ds = problem.A @ problem.p, problem.A @ dp
    return s, ds, problem.p[6:], dp[6:], dp


@naive.settings_for(60)
@given(problem=problems(), step=st.floats(-1, 2), alpha=alphas, epsilon=epsilons)
def test_the_value_on_a_line_is_the_energy_there(problem, step, alpha, epsilon):
    s, ds, xi, dxi, dp = line_of(problem)
    value, _, _ = newton.line_derivatives(problem.y, s, ds, xi, dxi, step, alpha, epsilon)
    expected = naive.energy(problem.A, problem.y, problem.p + step * dp, alpha, epsilon)
    np.testing.assert_allclose(value, expected, rtol=1e-11)


@naive.settings_for(60)
@given(problem=problems(), step=st.floats(-1, 2), alpha=alphas, epsilon=epsilons)
def test_the_derivatives_on_a_line_are_its_finite_differences(problem, step, alpha, epsilon):
    s, ds, xi, dxi, _ = line_of(problem)
    h = 1e-5
    before, here, after = (
        newton.line_derivatives(problem.y, s, ds, xi, dxi, step + k * h, alpha, epsilon) for k in (-1, 0, 1)
    )
    scale = 1 + abs(here[0]) + abs(here[1]) + abs(here[2])
    # The third and fourth derivatives are bounded by the cube and the fourth power of the speed.
    speed = 1 + np.abs(problem.y * ds).max() + np.abs(dxi).max(initial=0) / np.sqrt(epsilon)
    tolerance = 1e-8 * scale * speed**2
    np.testing.assert_allclose(here[1], (after[0] - before[0]) / (2 * h), rtol=0, atol=tolerance)
    np.testing.assert_allclose(here[2], (after[1] - before[1]) / (2 * h), rtol=0, atol=tolerance)


@naive.settings_for(60)
@given(problem=problems(), alpha=alphas, epsilon=epsilons)
def test_the_line_search_steps_to_a_lower_energy(problem, alpha, epsilon):
    blocks, A, y, p, _ = problem
    gradient = naive.energy_gradient(A, y, p, alpha, epsilon)
    energy, dp = naive.energy(A, y, p, alpha, epsilon), -gradient
    step, value = newton.line_search(
        *(y, A @ p, A @ dp, p[6:], dp[6:]), energy, float(gradient @ dp), alpha, epsilon
    )
    assert step > 0
    assert value < energy
    np.testing.assert_allclose(
        value, kernels.energy_value(blocks, y, p + step * dp, alpha, epsilon), rtol=1e-10
    )


def minimum(problem, alpha, epsilon):
    """Minimise with the compiled Newton method, from zero."""
    start = np.zeros(problem.blocks.size)
    return newton.newton(problem.blocks, problem.y, alpha, epsilon, start, start[6:].copy(), 200, 1e-10)


@naive.settings_for(40)
@given(problem=problems(), alpha=st.floats(0.05, 10), epsilon=epsilons)
def test_newton_reaches_the_minimum_of_the_dense_statement(problem, alpha, epsilon):
    _, A, y, p, _ = problem
    expected = minimize(
        lambda p: naive.energy(A, y, p, alpha, epsilon),
        np.zeros(p.size),
        method="BFGS",
        jac=lambda p: naive.energy_gradient(A, y, p, alpha, epsilon),
        options={"gtol": 1e-7, "maxiter": 2000},
    ).fun
    # Lower is right: that energy is attained (see below), and BFGS stops early on separable problems.
    assert minimum(problem, alpha, epsilon)[2] <= expected + 1e-6 * max(1, expected)


@naive.settings_for(40)
@given(problem=problems(), alpha=alphas, epsilon=epsilons)
def test_newton_reports_the_energy_of_the_parameters_it_returns(problem, alpha, epsilon):
    p, dual, energy, remaining, _, status = minimum(problem, alpha, epsilon)
    assert status == newton.CONVERGED
    assert remaining <= 1e-10 * max(1, energy)
    assert (np.abs(dual) <= 1).all()
    np.testing.assert_allclose(
        energy, naive.energy(problem.A, problem.y, p, alpha, epsilon), rtol=1e-9, atol=1e-9
    )


@naive.settings_for(20)
@given(problem=problems(), iterations=st.integers(1, 3))
def test_newton_takes_no_more_steps_than_it_may(problem, iterations):
    start = np.zeros(problem.blocks.size)
    *_, count, status = newton.newton(
        problem.blocks, problem.y, 0.5, 1.0, start, start[6:].copy(), iterations, 0.0
    )
    assert count <= iterations
    assert status in {newton.OUT_OF_ITERATIONS, newton.CONVERGED}


@naive.settings_for(10)
@given(problem=problems())
def test_newton_says_where_the_energy_is_not_a_number(problem):
    *_, status = minimum(problem._replace(y=np.full(problem.y.size, np.nan)), 0.5, 1.0)
    assert status == newton.NOT_FINITE


@naive.settings_for(20)
@given(problem=problems())
def test_newton_leaves_its_start_untouched(problem):
    start, dual = np.zeros(problem.blocks.size), np.zeros(problem.blocks.size - 6)
    newton.newton(problem.blocks, problem.y, 0.5, 1.0, start, dual, 5, 1e-9)
    assert not start.any()
    assert not dual.any()
