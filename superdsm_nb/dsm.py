"""Deformable shape models: the energy of a region and its minimisation."""

from __future__ import annotations

import copy
import functools
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage
from scipy.optimize import OptimizeResult, minimize

from .errors import ConfigError, ImageError
from .image import Region
from .kernels import energy as kernels
from .kernels import gaussian
from .model import DeformableShapeModel, Frame, change_frame

__all__ = [
    "DeformableShapeModel",
    "Energy",
    "FitParameters",
    "FitResult",
    "Frame",
    "Solution",
    "change_frame",
    "fit",
]

TILE = 16  # side of a tile of pixels: its block of the design matrix stays in the second-level cache
TOLERANCE = 1e-9  # of the energy; parity with published energies needs 1e-6
START_TOLERANCE = 1e-2  # of the energy of the best ellipse where it is only the start of a fit
COARSE_TOLERANCE = 1e-3  # of the energy of a fraction of the pixels where its minimum is only a start
COARSE_PIXELS = 1500  # about so many pixels are that fraction
LARGEST_STEP = 8  # between their rows and columns
SEPARABLE = 5e-3  # of the energy of no model at all; a start below it is saturated
ENERGY_TOLERANCE = 1e-7  # of the energy (at least of 1); accepted where rounding stops all further progress
NO_WINDOW = np.zeros((1, 1), np.float32)
NO_WINDOW.setflags(write=False)
SLICE = 25  # Newton steps between two looks at the clock, fewer for more than SLICED_SIZE unknowns
SLICED_SIZE = 400
LARGEST_SIZE = 4000  # unknowns; their Hessian and its factor take 256 MB, and a step half a minute
MAX_ITERATIONS = 500
SCIPY_ITERATIONS = 5000  # its steps are shorter, above all where the regularisation is weak


@dataclass(frozen=True)
class FitParameters:
    """What a fit depends on besides the region.

    Attributes
    ----------
    alpha, epsilon : float
        Weight of the regularisation of the deformations, and the smoothness of its absolute norm.
    smooth_amount, smooth_subsample : float
        Standard deviation of the Gaussian deformation basis and the spacing of its centres (pixels);
        an infinite `smooth_amount` means no deformations.
    gaussian_shape_multiplier : float
        Side of the Gaussian window: 1 + 4 * smooth_amount * gaussian_shape_multiplier pixels.
    init : str or callable
        Start of the full problem: "elliptical" from the best ellipse, refined on some of the pixels where
        there are many; a callable from what it returns for M (the start (theta, xi) of 6 + M values);
        anything else from zeros. Does not change the minimum.
    timeout : float or None
        Seconds after which a fit falls back to the best ellipse.
    solver : {"newton", "trust-exact"}
        Compiled Newton method, or SciPy's trust-region method.
    """

    alpha: float = 0.5
    epsilon: float = 1.0
    smooth_amount: float = 10
    smooth_subsample: int = 20
    gaussian_shape_multiplier: float = 2
    init: str | Callable[[int], ArrayLike] | None = "elliptical"
    timeout: float | None = 300
    solver: str = "newton"

    @classmethod
    def from_config(cls, dsm_cfg: Mapping[str, Any]) -> FitParameters:
        """Take them from the entry `dsm_cfg` of the pipeline data object."""
        names = [name for name in cls.__dataclass_fields__ if name != "timeout"]
        return cls(**{name: dsm_cfg[name] for name in names}, timeout=dsm_cfg["cp_timeout"])

    def without_deformations(self) -> FitParameters:
        """The same for an ellipse-only model (M = 0)."""
        return FitParameters(
            alpha=self.alpha,
            epsilon=self.epsilon,
            smooth_amount=math.inf,
            init="elliptical",
            timeout=self.timeout,
            solver=self.solver,
        )


class _Grid(NamedTuple):
    """The pixels of a region in the compacted grid, and the column points among them."""

    rows: NDArray[np.int64]
    cols: NDArray[np.int64]
    x1: NDArray[np.floating[Any]]
    x2: NDArray[np.floating[Any]]
    y: NDArray[np.float64]
    points: NDArray[np.int64]


@functools.lru_cache(maxsize=32)
def gaussian_window(smooth_amount: float, shape_multiplier: float, frame: int = TILE) -> NDArray[np.float32]:
    """Window of the deformation basis, framed by so many zeros on every side."""
    side = window_side(smooth_amount, shape_multiplier)
    impulse = np.zeros(side)
    impulse[side // 2] = 1
    profile = ndimage.gaussian_filter1d(impulse, smooth_amount)
    window = np.pad(np.outer(profile, profile).astype(np.float32), frame)
    window.setflags(write=False)
    return window


def window_side(smooth_amount: float, shape_multiplier: float) -> int:
    """Side of the window of the deformation basis (pixels)."""
    return max(1, round(1 + 4 * smooth_amount * shape_multiplier))


class Energy:
    """The convex energy psi of a region (TPAMI 2023), with gradient and Hessian.

    psi(theta, xi) = sum_i ln(1 + exp(-y_i s_i)) + alpha * sum_j (sqrt(xi_j^2 + epsilon) - sqrt(epsilon))

    Parameters
    ----------
    region : Region
        N pixels.
    parameters : FitParameters
        Regularisation and deformation basis.
    frame : Frame, optional
        Coordinates of the polynomial; by default one in which the problem is well conditioned.

    Attributes
    ----------
    size : int
        6 + M, the number of parameters p = (theta, xi).

    Raises
    ------
    ImageError
        If the region holds no pixel.

    Examples
    --------
    >>> import numpy as np
    >>> from superdsm_nb.image import Image
    >>> image = Image.create_from_array([[1.0, 1.0], [-1.0, 1.0]])
    >>> energy = Energy(image.get_region(image.mask), FitParameters())
    >>> energy.size, round(energy(np.zeros(6)), 4)
    (6, 2.7726)
    """

    def __init__(self, region: Region, parameters: FitParameters, frame: Frame | None = None) -> None:
        if region.y.size == 0:
            raise ImageError("The region holds no pixel: there is nothing to fit a model to.")
        self.parameters = parameters
        self.frame = Frame.of_region(region) if frame is None else frame
        rows, cols, points = region.rows, region.cols, np.empty(0, np.int64)
        if math.isfinite(parameters.smooth_amount):
            rows, cols, height, width = gaussian.compact_grid(rows, cols)
            side = window_side(parameters.smooth_amount, parameters.gaussian_shape_multiplier)
            if min(height, width) > side // 2:
                points = gaussian.column_points(rows, cols, int(parameters.smooth_subsample))
        x1 = (region.rows - self.frame.row0) / self.frame.row_scale
        x2 = (region.cols - self.frame.col0) / self.frame.col_scale
        self._assemble(_Grid(rows, cols, x1, x2, region.y, points), 1)

    def _assemble(self, grid: _Grid, step: int) -> None:
        """Lay out the pixels of every `step`-th row and column."""
        kept = np.arange(grid.y.size) if step == 1 else gaussian.thin(grid.rows, grid.cols, step)
        tile = TILE * step
        if grid.points.size:
            shape = self.parameters.smooth_amount, self.parameters.gaussian_shape_multiplier
            side, window = window_side(*shape), gaussian_window(*shape, tile)
            order, start = gaussian.tile_order(grid.rows[kept], grid.cols[kept], tile)
            order = kept[order]
        else:
            # Without columns of G any pixels make a tile.
            side, window = 1, NO_WINDOW
            order, start = kept, np.append(np.arange(0, kept.size, TILE**2), kept.size)
        self._blocks = gaussian.build_blocks(
            *(grid.rows, grid.cols, order, start, grid.x1, grid.x2, grid.points, window, side, tile)
        )
        self._grid, self._order, self._y = grid, order, grid.y[order]

    def pixels_left(self, step: int) -> int:
        """How many pixels are in every `step`-th row and column."""
        return int(gaussian.thin(self._grid.rows, self._grid.cols, step).size)

    def reduced(self, step: int, deformable: bool = True) -> Energy:
        """The energy of every `step`-th row and column of the region, divided by `step` squared.

        Its minimum is near that of the whole and costs a fraction: a start from which few steps are left.

        Parameters
        ----------
        step : int
            Spacing of the rows and columns.
        deformable : bool
            Whether to keep the deformations; without them M = 0.

        Returns
        -------
        Energy
            Its parameters are the first of those of this energy.
        """
        energy = copy.copy(self)
        energy.parameters = replace(self.parameters, alpha=self.parameters.alpha / step**2)
        points = self._grid.points if deformable else np.empty(0, np.int64)
        energy._assemble(self._grid._replace(points=points), step)
        return energy

    @property
    def size(self) -> int:
        """Number of parameters, 6 + M."""
        return int(self._blocks.size)

    @property
    def pixels(self) -> int:
        """Number of pixels."""
        return self._y.size

    def __call__(self, p: ArrayLike) -> float:
        """Psi at p, shape (6 + M,)."""
        return float(kernels.energy_value(*self._arguments(p)))

    def grad(self, p: ArrayLike) -> NDArray[np.float64]:
        """Gradient of psi at p; shape (6 + M,)."""
        gradient: NDArray[np.float64] = kernels.energy_gradient(*self._arguments(p))
        return gradient

    def hessian(self, p: ArrayLike) -> NDArray[np.float64]:
        """Hessian of psi at p; shape (6 + M, 6 + M)."""
        hessian: NDArray[np.float64] = kernels.energy_hessian(*self._arguments(p))
        return hessian

    def surface(self, p: ArrayLike) -> NDArray[np.float64]:
        """Surface s at the pixels of the region, in their order; shape (N,)."""
        surface = np.empty(self._y.size)
        surface[self._order] = kernels.design_product(self._blocks, np.asarray(p, np.float64))
        return surface

    def minimize(
        self, start: NDArray[np.float64], deadline: float = math.inf, tolerance: float = TOLERANCE
    ) -> Solution:
        """Minimise psi from `start` with the solver the parameters name.

        Parameters
        ----------
        start : (6 + M,) float64
            Start.
        deadline : float
            Value of `time.monotonic` at which to give up.
        tolerance : float
            Stop where the energy still to be gained is a smaller fraction of the energy.

        Returns
        -------
        Solution
        """
        return _SOLVERS[self.parameters.solver](self, start, deadline, tolerance)

    def _arguments(self, p: ArrayLike) -> tuple[Any, ...]:
        return (
            *(self._blocks, self._y, np.asarray(p, np.float64)),
            *(float(self.parameters.alpha), float(self.parameters.epsilon)),
        )

    def _newton(self, start: NDArray[np.float64], deadline: float, tolerance: float) -> Solution:
        _, _, p, alpha, epsilon = self._arguments(start)
        dual = p[gaussian.POLYNOMIAL :] / np.sqrt(p[gaussian.POLYNOMIAL :] ** 2 + epsilon)
        iterations = 0
        steps = max(1, min(SLICE, int(SLICE * (SLICED_SIZE / self.size) ** 3)))
        while True:
            begin = time.monotonic()
            p, dual, energy, remaining, count, status = kernels.newton(
                self._blocks, self._y, alpha, epsilon, p, dual, steps, tolerance
            )
            iterations += count
            stuck = status != kernels.OUT_OF_ITERATIONS or count < steps
            is_over = stuck or iterations >= MAX_ITERATIONS
            now = time.monotonic()
            # What a step of thousands of unknowns takes is known after the first.
            is_late = not is_over and now + (now - begin) / count > deadline
            if is_over or is_late:
                # A line search that finds nothing lower has reached the rounding of the sum.
                converged = status == kernels.CONVERGED or remaining <= ENERGY_TOLERANCE * max(1.0, energy)
                return Solution(p, energy, converged, iterations, is_late)

    def _trust_exact(self, start: NDArray[np.float64], deadline: float, tolerance: float) -> Solution:
        iterations = 0
        p, energy = start, self(start)
        # SciPy's solver does not take a start that is the minimum already.
        if remaining_energy(self.grad(p), self.hessian(p)) <= tolerance * max(1.0, energy):
            return Solution(p, energy, True, iterations)
        while True:
            result = self._trust_exact_run(p, deadline, tolerance)
            iterations += int(result.nit)
            stuck = not result.fun < energy
            if result.fun <= energy:
                p, energy = result.x, float(result.fun)
            remaining = remaining_energy(self.grad(p), self.hessian(p))
            if remaining <= tolerance * max(1.0, energy):
                return Solution(p, energy, True, iterations)
            is_late = time.monotonic() > deadline
            if stuck or iterations >= SCIPY_ITERATIONS or is_late:
                converged = remaining <= ENERGY_TOLERANCE * max(1.0, energy)
                return Solution(p, energy, converged, iterations, is_late)

    def _trust_exact_run(
        self, origin: NDArray[np.float64], deadline: float, tolerance: float
    ) -> OptimizeResult:
        """One run of SciPy's solver in variables scaled by the curvature at `origin`.

        Its own test, the norm of the gradient, says little about the energy still to be gained, above all
        where the problem is separable; so the decrement decides. The trust region starts anew in each run.
        """
        curvature = np.diag(self.hessian(origin))
        scale = 1 / np.sqrt(curvature + 1e-12 * curvature.max())

        @functools.lru_cache(maxsize=2)
        def evaluated(key: bytes) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
            p = unscaled(np.frombuffer(key))
            return self(p), self.grad(p), self.hessian(p)

        def unscaled(q: NDArray[np.float64]) -> NDArray[np.float64]:
            return origin + scale * q

        def stop(q: NDArray[np.float64]) -> None:
            energy, gradient, hessian = evaluated(q.tobytes())
            done = remaining_energy(gradient, hessian) <= tolerance * max(1.0, energy)
            if done or time.monotonic() > deadline:
                raise StopIteration

        result = minimize(
            lambda q: self(unscaled(q)),
            np.zeros(origin.size),
            method="trust-exact",
            jac=lambda q: scale * evaluated(q.tobytes())[1],
            hess=lambda q: scale[:, np.newaxis] * evaluated(q.tobytes())[2] * scale,
            callback=stop,
            options={"gtol": 0.0, "maxiter": SCIPY_ITERATIONS // 10, "max_trust_radius": 1e6},
        )
        result.x = unscaled(result.x)
        return result


def remaining_energy(gradient: NDArray[np.float64], hessian: NDArray[np.float64]) -> float:
    """Estimate the energy still to be gained: half the squared Newton decrement.

    Parameters
    ----------
    gradient, hessian : (P,) and (P, P) float64
        Derivatives of the energy.

    Returns
    -------
    float
    """
    step = kernels.solve_positive(hessian, np.zeros(gradient.size), -gradient)
    return -0.5 * float(gradient @ step)


class Solution(NamedTuple):
    """What a solver found.

    Parameters (6 + M,), their energy, whether it converged, its iterations, and whether it was stopped since
    there was no time left.
    """

    p: NDArray[np.float64]
    energy: float
    converged: bool
    iterations: int
    is_late: bool = False


_SOLVERS = {"newton": Energy._newton, "trust-exact": Energy._trust_exact}


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
        Why it fell back: out of time, no minimum after the most iterations (or none finite), or more
        unknowns than can be solved for.
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
    """
    deadline = math.inf if parameters.timeout is None else time.monotonic() + parameters.timeout
    energy = Energy(region, parameters)
    if energy.size > LARGEST_SIZE:
        return _fallback(region, parameters, "size")
    zeros = np.zeros(energy.size)
    start = _start(energy, region, deadline)
    solution = energy.minimize(start, deadline)
    if not solution.converged and not solution.is_late:
        # The minimum does not depend on the start, only the way to it.
        other = _elliptical_start(energy, deadline) if np.array_equal(start, zeros) else zeros
        if not np.array_equal(start, other):
            solution = energy.minimize(other, deadline)
    if solution.converged:
        return _result(energy, solution, region, "optimal")
    return _fallback(region, parameters, "time" if solution.is_late else "iterations")


def _fallback(region: Region, parameters: FitParameters, reason: str) -> FitResult:
    ellipse = Energy(region, parameters.without_deformations())
    solution = ellipse.minimize(np.zeros(ellipse.size))
    return replace(_result(ellipse, solution, region, "fallback"), reason=reason)


def _start(energy: Energy, region: Region, deadline: float) -> NDArray[np.float64]:
    init = energy.parameters.init
    if init == "elliptical":
        return _elliptical_start(energy, deadline)
    start = np.zeros(energy.size)
    if callable(init):
        given = np.asarray(init(energy.size - gaussian.POLYNOMIAL), np.float64)
        if given.shape != start.shape or not np.isfinite(given).all():
            raise ConfigError(f"dsm/init must return {start.size} finite values, theta and then xi.")
        start[:] = given
        start[: gaussian.POLYNOMIAL] = change_frame(
            given[: gaussian.POLYNOMIAL], Frame.of_image(region.shape), energy.frame
        )
    return start


def _elliptical_start(energy: Energy, deadline: float) -> NDArray[np.float64]:
    """Minimise over some of the pixels first, if they are many, or else over the ellipses only."""
    step = min(math.isqrt(energy.pixels // COARSE_PIXELS), LARGEST_STEP)
    if step > 1 and energy.pixels_left(step) >= COARSE_PIXELS // 2:
        start = _minimized_in_turn(energy, [(step, False), (step, True)], deadline, COARSE_TOLERANCE)
        # Some pixels may be separable where all are not, or all of them may be: the way from there is longer.
        if SEPARABLE < energy(start) / energy(np.zeros(energy.size)) < 1:
            return start
    return _minimized_in_turn(energy, [(1, False)], deadline, START_TOLERANCE)


def _minimized_in_turn(
    energy: Energy, reductions: Sequence[tuple[int, bool]], deadline: float, tolerance: float
) -> NDArray[np.float64]:
    """Minimise reduced problems, each from the last one's minimum; what does not converge is left out."""
    start = np.zeros(energy.size)
    for step, deformable in reductions:
        if not deformable and step == 1 and energy.size == gaussian.POLYNOMIAL:
            break  # this is the problem itself
        problem = energy.reduced(step, deformable)
        found = problem.minimize(start[: problem.size], deadline, tolerance)
        if not found.converged:
            break
        start[: problem.size] = found.p
        if problem.size == energy.size:
            break
    return start


def _result(energy: Energy, solution: Solution, region: Region, status: str) -> FitResult:
    theta = change_frame(solution.p[: gaussian.POLYNOMIAL], energy.frame, Frame.of_image(region.shape))
    model = DeformableShapeModel(theta, solution.p[gaussian.POLYNOMIAL :].copy(), region.shape)
    return FitResult(solution.energy, model, energy.surface(solution.p), status, solution.iterations)
