"""Fits of deformable shape models to regions."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..config import FitParameters
from ..errors import ConfigError
from ..image import Region
from ..kernels.gaussian import POLYNOMIAL
from .energy import Energy
from .model import DeformableShapeModel, Frame, change_frame
from .solvers import Solution, minimize

START_TOLERANCE = 1e-2  # of the energy of the best ellipse, if it is only the start of a fit
COARSE_TOLERANCE = 1e-3  # of the energy of a subset of the pixels, if it is only the start of a fit
COARSE_PIXELS = 1500  # approximate size of that subset
MAX_THINNING = 8  # largest spacing of its rows and columns
MIN_START_FRACTION = 5e-3  # of the energy without a model; a start below it is saturated
MAX_UNKNOWNS = 4000  # Hessian and factor take 256 MB, and a step half a minute


@dataclass(frozen=True)
class FitResult:
    """The outcome of one fit.

    Attributes
    ----------
    energy : float
        Minimum of psi over the region (that of the best ellipse if the status is "fallback").
    model : DeformableShapeModel
        The minimiser.
    surface : (N,) float64
        s at the pixels of the region.
    status : {"optimal", "fallback"}
        "fallback" if the full problem was not solved in time.
    iterations : int
        Iterations of the solver.
    reason : {"", "time", "iterations", "size"}
        Why it fell back: out of time, no (finite) minimum within the maximum number of iterations, or too
        many unknowns.
    """

    energy: float
    model: DeformableShapeModel
    surface: NDArray[np.float64]
    status: str
    iterations: int
    reason: str = ""

    @property
    def is_optimal(self) -> bool:
        """Whether the energy is the minimum."""
        return self.status == "optimal"


Fit = Callable[[Region, FitParameters], FitResult]


def fit(region: Region, parameters: FitParameters) -> FitResult:
    """Fit a deformable shape model to a region: every energy of the package comes from here.

    Parameters
    ----------
    region : Region
        N >= 1 pixels.
    parameters : FitParameters
        Regularisation, deformation basis, solver.

    Returns
    -------
    FitResult
        The model and its energy, and whether that is the minimum.
    """
    deadline = math.inf if parameters.cp_timeout is None else time.monotonic() + parameters.cp_timeout
    energy = Energy(region, parameters)
    if energy.size > MAX_UNKNOWNS:
        return _fallback(region, parameters, "size")
    zeros = np.zeros(energy.size)
    start = _start(energy, region, deadline)
    solution = minimize(energy, start, deadline)
    if not solution.converged and not solution.is_late:
        # The minimum does not depend on the start; only the path to it does.
        other = _elliptical_start(energy, deadline) if np.array_equal(start, zeros) else zeros
        if not np.array_equal(start, other):
            solution = minimize(energy, other, deadline)
    if solution.converged:
        return _result(energy, solution, region, "optimal")
    return _fallback(region, parameters, "time" if solution.is_late else "iterations")


def _fallback(region: Region, parameters: FitParameters, reason: str) -> FitResult:
    ellipse = Energy(region, parameters.without_deformations())
    solution = minimize(ellipse, np.zeros(ellipse.size))
    return replace(_result(ellipse, solution, region, "fallback"), reason=reason)


def _start(energy: Energy, region: Region, deadline: float) -> NDArray[np.float64]:
    init = energy.parameters.init
    if init == "elliptical":
        return _elliptical_start(energy, deadline)
    start = np.zeros(energy.size)
    if callable(init):
        given = np.asarray(init(energy.size - POLYNOMIAL), np.float64)
        if given.shape != start.shape or not np.isfinite(given).all():
            raise ConfigError(f"dsm/init must return {start.size} finite values, theta and then xi.")
        start[:] = given
        start[:POLYNOMIAL] = change_frame(given[:POLYNOMIAL], Frame.of_image(region.shape), energy.frame)
    return start


def _elliptical_start(energy: Energy, deadline: float) -> NDArray[np.float64]:
    """Minimise over a subset of the pixels first, if there are many, or else over ellipses only."""
    step = min(math.isqrt(energy.pixels // COARSE_PIXELS), MAX_THINNING)
    if step > 1 and energy.pixels_left(step) >= COARSE_PIXELS // 2:
        start = _minimized_in_turn(energy, [(step, False), (step, True)], deadline, COARSE_TOLERANCE)
        # If the subset or all pixels are separable, this start is saturated, and the path from there is
        # longer.
        if MIN_START_FRACTION < energy(start) / energy(np.zeros(energy.size)) < 1:
            return start
    return _minimized_in_turn(energy, [(1, False)], deadline, START_TOLERANCE)


def _minimized_in_turn(
    energy: Energy, reductions: Sequence[tuple[int, bool]], deadline: float, tolerance: float
) -> NDArray[np.float64]:
    """Minimise reduced problems, each from the minimum of the last one; stop if one does not converge."""
    start = np.zeros(energy.size)
    for step, deformable in reductions:
        if not deformable and step == 1 and energy.size == POLYNOMIAL:
            break  # this is the full problem
        problem = energy.reduced(step, deformable)
        found = minimize(problem, start[: problem.size], deadline, tolerance)
        if not found.converged:
            break
        start[: problem.size] = found.p
        if problem.size == energy.size:
            break
    return start


def _result(energy: Energy, solution: Solution, region: Region, status: str) -> FitResult:
    theta = change_frame(solution.p[:POLYNOMIAL], energy.frame, Frame.of_image(region.shape))
    model = DeformableShapeModel(theta, solution.p[POLYNOMIAL:].copy(), region.shape)
    return FitResult(solution.energy, model, energy.surface(solution.p), status, solution.iterations)
