"""Minimisation of the energy of a region."""

from __future__ import annotations

import functools
import math
import time
from typing import NamedTuple

import numpy as np
import scipy  # submodules are loaded on first use; most runs need no optimizer of SciPy
from numpy.typing import NDArray

from ..kernels import newton as kernels
from ..kernels.gaussian import POLYNOMIAL
from .energy import Energy

TOLERANCE = 1e-9  # of the energy; parity with published energies needs 1e-6
ENERGY_TOLERANCE = 1e-7  # of the energy (at least of 1); accepted if rounding prevents further progress
STEPS_PER_TIME_CHECK = 25  # Newton steps, up to REFERENCE_SIZE unknowns; fewer for more
REFERENCE_SIZE = 400
MAX_ITERATIONS = 500
SCIPY_ITERATIONS = 5000  # its steps are shorter, especially if the regularisation is weak


class Solution(NamedTuple):
    """What a solver found.

    Parameters (6 + M,), their energy, whether it converged, its iterations, and whether it ran out of time.
    """

    p: NDArray[np.float64]
    energy: float
    converged: bool
    iterations: int
    is_late: bool = False


def minimize(
    psi: Energy, start: NDArray[np.float64], deadline: float = math.inf, tolerance: float = TOLERANCE
) -> Solution:
    """Minimise an energy from `start` with the solver that its parameters name.

    Parameters
    ----------
    psi : Energy
        Energy of 6 + M parameters.
    start : (6 + M,) float64
        Start.
    deadline : float
        Value of `time.monotonic` at which to give up.
    tolerance : float
        Stop when the remaining decrease is a smaller fraction of the energy.

    Returns
    -------
    Solution
        Where the solver ended, and whether that is the minimum.
    """
    return _SOLVERS[psi.parameters.solver](psi, start, deadline, tolerance)


def _newton(psi: Energy, start: NDArray[np.float64], deadline: float, tolerance: float) -> Solution:
    p = start
    alpha, epsilon = psi.alpha, float(psi.parameters.epsilon)
    dual = p[POLYNOMIAL:] / np.sqrt(p[POLYNOMIAL:] ** 2 + epsilon)
    iterations = 0
    steps = max(1, min(STEPS_PER_TIME_CHECK, int(STEPS_PER_TIME_CHECK * (REFERENCE_SIZE / psi.size) ** 3)))
    while True:
        begin = time.monotonic()
        found: kernels.NewtonResult = kernels.newton(
            psi.blocks, psi.y, alpha, epsilon, p, dual, steps, tolerance
        )
        p, dual = found.p, found.dual
        iterations += found.steps
        stuck = found.status != kernels.OUT_OF_ITERATIONS or found.steps < steps
        is_over = stuck or iterations >= MAX_ITERATIONS
        now = time.monotonic()
        # Steps with thousands of unknowns are slow, so the time of the next one is predicted.
        is_late = not is_over and now + (now - begin) / found.steps > deadline
        if is_over or is_late:
            # If a line search finds nothing lower, it has reached rounding errors.
            converged = found.status == kernels.CONVERGED or is_negligible(found.remaining, found.energy)
            return Solution(p, found.energy, converged, iterations, is_late)


def is_negligible(remaining: float, energy: float) -> bool:
    """Whether the remaining decrease is within the rounding error of the energy."""
    return remaining <= ENERGY_TOLERANCE * max(1.0, energy)


def _trust_exact(psi: Energy, start: NDArray[np.float64], deadline: float, tolerance: float) -> Solution:
    iterations = 0
    p, energy = start, psi(start)
    # SciPy's solver does not accept a start that is already the minimum.
    if remaining_energy(psi.grad(p), psi.hessian(p)) <= tolerance * max(1.0, energy):
        return Solution(p, energy, True, iterations)
    while True:
        result = _trust_exact_run(psi, p, deadline, tolerance)
        iterations += int(result.nit)
        stuck = not result.fun < energy
        if result.fun <= energy:
            p, energy = result.x, float(result.fun)
        remaining = remaining_energy(psi.grad(p), psi.hessian(p))
        if remaining <= tolerance * max(1.0, energy):
            return Solution(p, energy, True, iterations)
        is_late = time.monotonic() > deadline
        if stuck or iterations >= SCIPY_ITERATIONS or is_late:
            converged = is_negligible(remaining, energy)
            return Solution(p, energy, converged, iterations, is_late)


def _trust_exact_run(
    psi: Energy, origin: NDArray[np.float64], deadline: float, tolerance: float
) -> scipy.optimize.OptimizeResult:
    """One run of SciPy's solver in variables scaled by the curvature at `origin`.

    Its own criterion, the norm of the gradient, says little about the remaining decrease, especially if the
    problem is separable; so the Newton decrement decides. The trust region is reset in each run.
    """
    curvature = np.diag(psi.hessian(origin))
    scale = 1 / np.sqrt(curvature + 1e-12 * curvature.max())

    @functools.lru_cache(maxsize=2)
    def evaluated(key: bytes) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
        p = unscaled(np.frombuffer(key))
        return psi(p), psi.grad(p), psi.hessian(p)

    def unscaled(q: NDArray[np.float64]) -> NDArray[np.float64]:
        return origin + scale * q

    def stop(q: NDArray[np.float64]) -> None:
        energy, gradient, hessian = evaluated(q.tobytes())
        done = remaining_energy(gradient, hessian) <= tolerance * max(1.0, energy)
        if done or time.monotonic() > deadline:
            raise StopIteration

    result = scipy.optimize.minimize(
        lambda q: psi(unscaled(q)),
        np.zeros(origin.size),
        method="trust-exact",
        jac=lambda q: scale * evaluated(q.tobytes())[1],
        hess=lambda q: scale[:, np.newaxis] * evaluated(q.tobytes())[2] * scale,
        callback=stop,
        options={"gtol": 0.0, "maxiter": SCIPY_ITERATIONS // 10, "max_trust_radius": 1e6},
    )
    result.x = unscaled(result.x)
    return result


_SOLVERS = {"newton": _newton, "trust-exact": _trust_exact}


def remaining_energy(gradient: NDArray[np.float64], hessian: NDArray[np.float64]) -> float:
    """Estimate the remaining decrease of the energy: half the squared Newton decrement.

    Parameters
    ----------
    gradient, hessian : (P,) and (P, P) float64
        Derivatives of the energy.

    Returns
    -------
    float
        At least 0, up to rounding.
    """
    step = kernels.solve_positive(hessian, np.zeros(gradient.size), -gradient)
    return -0.5 * float(gradient @ step)
