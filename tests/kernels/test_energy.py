"""The kernels of the energy against dense matrices, numerically exact formulae and finite differences."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from superdsm_nb.kernels import energy as kernels

from support import naive
from support.problems import alphas, assert_close, epsilons, problems


@naive.settings_for(80)
@given(problem=problems())
def test_the_surface_is_the_product_with_the_design_matrix(problem):
    assert_close(kernels.design_product(problem.blocks, problem.p), problem.A @ problem.p)


@naive.settings_for(80)
@given(problem=problems())
def test_the_adjoint_is_the_product_with_the_transposed_matrix(problem):
    r = problem.rng.normal(size=problem.y.size)
    assert_close(kernels.design_adjoint(problem.blocks, r), problem.A.T @ r)


@naive.settings_for(80)
@given(problem=problems())
def test_the_gram_matrix_is_the_weighted_product_of_all_columns(problem):
    r, d = problem.rng.normal(size=problem.y.size), problem.rng.random(problem.y.size)
    adjoint, gram = kernels.design_gram(problem.blocks, r, d)
    assert_close(adjoint, problem.A.T @ r)
    assert_close(gram, problem.A.T @ (d[:, np.newaxis] * problem.A))


@naive.settings_for(40)
@given(problem=problems(), share=st.floats(0, 1))
def test_pixels_without_weight_do_not_enter_the_gram_matrix(problem, share):
    r, d = problem.rng.normal(size=problem.y.size), problem.rng.random(problem.y.size)
    d[: round(share * d.size)] = 0
    adjoint, gram = kernels.design_gram(problem.blocks, r, d)
    assert_close(adjoint, problem.A.T @ r)
    assert_close(gram, problem.A.T @ (d[:, np.newaxis] * problem.A))


@naive.settings_for(80)
@given(
    pair=st.integers(1, 30).flatmap(
        lambda n: st.tuples(*(arrays(np.float64, n, elements=st.floats(-1e2, 1e2)) for _ in range(2)))
    )
)
def test_the_logistic_loss_is_that_of_logaddexp_without_overflow(pair):
    y, s = pair
    np.testing.assert_allclose(
        kernels.logistic_loss(y, s), naive.logistic_loss(y, s), rtol=1e-12, atol=1e-300
    )


@naive.settings_for(200)
@given(st.floats(-18, 2.849))
def test_the_exponential_without_a_call_is_accurate(exponent):
    x = -(10.0**exponent)

    assert kernels.exp_of_negative(x) == pytest.approx(math.exp(x), rel=1e-13, abs=0)


@naive.settings_for(200)
@given(st.lists(st.floats(-300, 0), min_size=1, max_size=kernels.BATCH), st.booleans())
def test_one_logarithm_stands_for_many(exponents, all_ones):
    e = np.ones(kernels.BATCH) if all_ones else 10.0 ** np.array(exponents)

    expected = math.fsum(math.log1p(value) for value in e)

    assert kernels.sum_of_log1p(e) == pytest.approx(expected, rel=1e-14, abs=0)


@pytest.mark.parametrize("x", [-708.1, -1e4, -math.inf])
def test_the_exponential_of_what_is_far_below_zero_is_zero(x):
    assert kernels.exp_of_negative(x) == 0


def test_the_exponential_keeps_what_is_not_a_number():
    assert math.isnan(kernels.exp_of_negative(math.nan))


def test_the_logistic_loss_of_a_saturated_pixel_is_its_margin():
    y, s = np.array([1.0, -1.0, 1.0, -1.0]), np.array([-1e4, 1e4, 1e4, -1e4])
    losses = [kernels.logistic_loss(y[i : i + 1], s[i : i + 1]) for i in range(4)]
    assert losses == [1e4, 1e4, 0.0, 0.0]


@naive.settings_for(80)
@given(
    pair=st.integers(1, 30).flatmap(
        lambda n: st.tuples(*(arrays(np.float64, n, elements=st.floats(-1e2, 1e2)) for _ in range(2)))
    )
)
def test_the_logistic_derivatives_are_those_of_expit_without_overflow(pair):
    y, s = pair
    expected_first, expected_second = naive.logistic_derivatives(y, s)
    first, second = kernels.logistic_derivatives(y, s)
    np.testing.assert_allclose(first, expected_first, rtol=1e-12, atol=1e-300)
    np.testing.assert_allclose(second, expected_second, rtol=1e-12, atol=1e-300)


@naive.settings_for(80)
@given(
    xi=arrays(np.float64, st.integers(0, 10), elements=st.floats(-1e3, 1e3)), alpha=alphas, epsilon=epsilons
)
def test_the_regularizer_is_the_smoothed_absolute_norm(xi, alpha, epsilon):
    expected = naive.regularizer(xi, alpha, epsilon)
    np.testing.assert_allclose(kernels.regularizer(xi, alpha, epsilon), expected, rtol=1e-9, atol=1e-12)


def test_the_regularizer_keeps_its_digits_near_zero():
    # sqrt(xi^2 + eps) - sqrt(eps) as it stands cancels to 0 here.
    actual = kernels.regularizer(np.array([1e-9]), 2.0, 1.0)
    np.testing.assert_allclose(actual, 1e-18, rtol=1e-12)


@naive.settings_for(60)
@given(problem=problems(), alpha=alphas, epsilon=epsilons)
def test_the_energy_and_its_derivatives_are_those_of_the_dense_statement(problem, alpha, epsilon):
    blocks, A, y, p, _ = problem
    assert_close(
        kernels.energy_value(blocks, y, p, alpha, epsilon), naive.energy(A, y, p, alpha, epsilon), 1e-11
    )
    assert_close(
        kernels.energy_gradient(blocks, y, p, alpha, epsilon), naive.energy_gradient(A, y, p, alpha, epsilon)
    )
    assert_close(
        kernels.energy_hessian(blocks, y, p, alpha, epsilon), naive.energy_hessian(A, y, p, alpha, epsilon)
    )
