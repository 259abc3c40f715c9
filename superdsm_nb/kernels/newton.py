"""A whole fit by Newton's method: factorisation, line search, iterations.

Letters are those of the energy.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._jit import jit
from .energy import (
    BATCH,
    design_gram,
    design_product,
    exp_of_negative,
    logistic_derivatives,
    logistic_loss,
    regularizer,
    scratch,
    sum_of_log1p,
)
from .gaussian import POLYNOMIAL

CONVERGED = 0
OUT_OF_ITERATIONS = 1
NOT_FINITE = 2

ARMIJO = 1e-4
SLOPE_REDUCTION = 0.25
MAX_LINE_EVALUATIONS = 60  # a step along a nearly singular direction can be 1e6 times too long
MAX_STEP = 64.0


class NewtonResult(NamedTuple):
    """The result of Newton's method.

    Attributes
    ----------
    p : (P,) float64
        Parameters.
    dual : (M,) float64
        w at these parameters.
    energy : float
        psi at these parameters.
    remaining : float
        Estimate of the remaining decrease of the energy (half the squared Newton decrement).
    steps : int
        Newton steps taken.
    status : int
        CONVERGED, OUT_OF_ITERATIONS or NOT_FINITE.
    """

    p: NDArray[np.float64]
    dual: NDArray[np.float64]
    energy: float
    remaining: float
    steps: int
    status: int


@jit
def dot(a, b):
    """Inner product, without BLAS: the same sum on every build."""
    total = 0.0
    for j in range(a.size):
        total += a[j] * b[j]
    return total


@jit
def solve_positive(matrix, diagonal, rhs):
    """Solve (matrix + diag(diagonal)) x = rhs by a Cholesky factorisation.

    If a pivot vanishes, the matrix is singular to working precision (the region is too small or too flat to
    determine all parameters): its diagonal is increased by a fraction of itself, and the factorisation
    repeated. The fraction is applied entry by entry: in separable problems the curvature of the polynomial
    vanishes while that of the regularisation does not, and a common shift would stop all progress.

    Parameters
    ----------
    matrix : (P, P) float64
        Symmetric positive semi-definite.
    diagonal, rhs : (P,) float64
        Addition to its diagonal; right-hand side.

    Returns
    -------
    (P,) float64
    """
    size = rhs.size
    shift = 1e-14
    factor = np.empty((size, size))
    x = np.empty(size)
    while True:
        definite = True
        for j in range(size):
            scale = max(matrix[j, j] + diagonal[j], 1e-280)
            for k in range(j + 1):
                total = matrix[j, k]
                if j == k:
                    total += diagonal[j] + shift * scale
                left, right = factor[j], factor[k]
                for m in range(k):
                    total -= left[m] * right[m]
                if j > k:
                    factor[j, k] = total / factor[k, k]
                elif total > 0.1 * shift * scale:
                    factor[j, j] = math.sqrt(total)
                else:
                    definite = False
            if not definite:
                break
        if definite:
            break
        shift *= 100.0
        if not shift < 1e12:
            x[:] = np.nan
            return x
    for j in range(size):
        total = rhs[j]
        for m in range(j):
            total -= factor[j, m] * x[m]
        x[j] = total / factor[j, j]
    for j in range(size - 1, -1, -1):
        total = x[j]
        for m in range(j + 1, size):
            total -= factor[m, j] * x[m]
        x[j] = total / factor[j, j]
    return x


@jit
def line_derivatives(y, s, ds, xi, dxi, step, alpha, epsilon):
    """Psi along p + step * dp, with its first and second derivative with respect to `step`."""
    value, slope, curvature = 0.0, 0.0, 0.0
    batch = scratch(BATCH)
    for begin in range(0, y.size, BATCH):
        y_part, s_part, ds_part = (
            y[begin : begin + BATCH],
            s[begin : begin + BATCH],
            ds[begin : begin + BATCH],
        )
        exponentials = batch[: y_part.size]
        linear = 0.0
        for i in range(y_part.size):
            z = y_part[i] * (s_part[i] + step * ds_part[i])
            dz = y_part[i] * ds_part[i]
            e = exp_of_negative(-abs(z))
            share = 1.0 / (1.0 + e)
            exponentials[i] = e
            linear += max(-z, 0.0)
            slope -= dz * (e * share if z > 0 else share)
            curvature += dz * dz * e * share * share
        value += sum_of_log1p(exponentials) + linear
    root = math.sqrt(epsilon)
    for j in range(xi.size):
        x = xi[j] + step * dxi[j]
        norm = math.sqrt(x * x + epsilon)
        value += alpha * x * x / (norm + root)
        slope += alpha * x / norm * dxi[j]
        curvature += alpha * epsilon / norm**3 * dxi[j] * dxi[j]
    return value, slope, curvature


@jit
def line_search(y, s, ds, xi, dxi, energy, slope0, alpha, epsilon):
    """Step length along a descent direction: Newton's method in one dimension, safeguarded by a bracket.

    Accepts the first step that lowers the energy enough and whose slope is a fraction of the first one.

    Returns
    -------
    step, energy : float
        0 and the old energy if no step lowers it beyond rounding errors.
    """
    low, high = 0.0, np.inf
    step = 1.0
    best_step, best = 0.0, energy
    for _ in range(MAX_LINE_EVALUATIONS):
        value, slope, curvature = line_derivatives(y, s, ds, xi, dxi, step, alpha, epsilon)
        if value < best:
            best_step, best = step, value
        if value <= energy + ARMIJO * step * slope0 and abs(slope) <= -SLOPE_REDUCTION * slope0:
            return step, value
        if slope > 0 or not math.isfinite(value):
            high = step
        else:
            low = step
        if low >= MAX_STEP or high - low < 1e-10:
            break
        trial = step - slope / curvature if curvature > 0 and math.isfinite(value) else np.inf
        if high == np.inf:
            step = min(max(trial, 1.5 * low), 4.0 * low, MAX_STEP)
        elif low + 0.05 * (high - low) < trial < high - 0.05 * (high - low):
            step = trial
        else:
            step = 0.5 * (low + high)
    return best_step, best


@jit
def newton(blocks, y, alpha, epsilon, p, dual, iterations, tolerance):
    """Minimise psi by Newton's method with a primal-dual treatment of the smoothed absolute norm.

    The curvature of sqrt(xi^2 + eps) falls off like xi^-3 and misleads plain Newton steps. As Chan, Golub
    and Mulet do for total variation (SIAM J. Sci. Comput. 20, 1999), the dual w = xi / sqrt(xi^2 + eps) is
    carried along, linearised on its own and kept in |w| <= 1, and the curvature is taken as
    alpha (1 - w xi / rho) / rho with rho = sqrt(xi^2 + eps): positive, and exact once w has converged.
    Convergence is judged by the decrement of the exact Hessian, that is, by the remaining decrease of the
    energy, not by the parameters, which grow without bound if the problem is separable.

    Parameters
    ----------
    blocks : Blocks
        Design matrix A = [F | G] of N pixels and P = 6 + M parameters.
    y : (N,) float64
        Offset intensities in the order of the blocks.
    alpha, epsilon : float
        Weight and smoothness of the regularisation.
    p : (P,) float64
        Start.
    dual : (M,) float64
        w at the start.
    iterations : int
        Maximum number of Newton steps.
    tolerance : float
        Stop when the remaining decrease is below tolerance * max(1, energy).

    Returns
    -------
    NewtonResult
    """
    p = p.copy()
    w = dual.copy()
    size = p.size
    diagonal = np.zeros(size)
    s = design_product(blocks, p)
    xi = p[POLYNOMIAL:]
    energy = logistic_loss(y, s) + regularizer(xi, alpha, epsilon)
    remaining = np.inf
    for count in range(iterations):
        first, second = logistic_derivatives(y, s)
        gradient, hessian = design_gram(blocks, first, second)
        rho = np.sqrt(xi * xi + epsilon)
        exact = True
        for j in range(xi.size):
            gradient[POLYNOMIAL + j] += alpha * xi[j] / rho[j]
            diagonal[POLYNOMIAL + j] = alpha * (1.0 - w[j] * xi[j] / rho[j]) / rho[j]
            exact = exact and w[j] == xi[j] / rho[j]
        dp = solve_positive(hessian, diagonal, -gradient)
        slope = dot(gradient, dp)
        remaining = -0.5 * slope
        if not math.isfinite(slope):
            return NewtonResult(p, w, energy, remaining, count, NOT_FINITE)
        if remaining <= tolerance * max(1.0, energy) and not exact:
            for j in range(xi.size):
                w[j] = xi[j] / rho[j]
                diagonal[POLYNOMIAL + j] = alpha * epsilon / rho[j] ** 3
            dp = solve_positive(hessian, diagonal, -gradient)
            slope = dot(gradient, dp)
            remaining = -0.5 * slope
        dxi = dp[POLYNOMIAL:]
        ds = design_product(blocks, dp)
        step, value = line_search(y, s, ds, xi, dxi, energy, slope, alpha, epsilon)
        longest = 1.0
        for j in range(xi.size):
            dw = -w[j] + xi[j] / rho[j] + (1.0 - w[j] * xi[j] / rho[j]) * dxi[j] / rho[j]
            if w[j] + longest * dw > 1.0:
                longest = 0.99 * (1.0 - w[j]) / dw
            elif w[j] + longest * dw < -1.0:
                longest = 0.99 * (-1.0 - w[j]) / dw
        for j in range(xi.size):
            dw = -w[j] + xi[j] / rho[j] + (1.0 - w[j] * xi[j] / rho[j]) * dxi[j] / rho[j]
            w[j] += longest * dw
        done = remaining <= tolerance * max(1.0, energy)
        p += step * dp
        s += step * ds
        energy = value
        if done or step == 0.0:
            status = CONVERGED if done else OUT_OF_ITERATIONS
            return NewtonResult(p, w, energy, remaining, count + 1, status)
    return NewtonResult(p, w, energy, remaining, iterations, OUT_OF_ITERATIONS)
