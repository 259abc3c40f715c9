"""The energy of a region, which a fit of a deformable shape model minimises."""

from __future__ import annotations

import copy
import functools
import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from ..config import FitParameters
from ..errors import ImageError
from ..image import Region
from ..kernels import energy as kernels
from ..kernels import gaussian
from .model import Frame

TILE = 16  # side of a tile of pixels: its block of the design matrix stays in the second-level cache
NO_WINDOW = np.zeros((1, 1), np.float32)
NO_WINDOW.setflags(write=False)


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
    """Window of the deformation basis, with a frame of zeros of the given width."""
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
    blocks : Blocks
        Design matrix, (N, 6 + M).
    y : (N,) float64
        Offset intensities of the pixels, in the order of the blocks.
    alpha : float
        Weight of the regularisation: that of the parameters, reduced if pixels are left out.
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
        self.alpha = float(parameters.alpha)
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
        """Assemble the pixels of every `step`-th row and column."""
        kept = np.arange(grid.y.size) if step == 1 else gaussian.thin(grid.rows, grid.cols, step)
        tile = TILE * step
        if grid.points.size:
            shape = self.parameters.smooth_amount, self.parameters.gaussian_shape_multiplier
            side, window = window_side(*shape), gaussian_window(*shape, tile)
            order, start = gaussian.tile_order(grid.rows[kept], grid.cols[kept], tile)
            order = kept[order]
        else:
            # Without columns of G, any pixels can form a tile.
            side, window = 1, NO_WINDOW
            order, start = kept, np.append(np.arange(0, kept.size, TILE**2), kept.size)
        self.blocks = gaussian.build_blocks(
            *(grid.rows, grid.cols, order, start, grid.x1, grid.x2, grid.points, window, side, tile)
        )
        self._grid, self._order, self.y = grid, order, grid.y[order]

    def pixels_left(self, step: int) -> int:
        """Number of pixels in every `step`-th row and column."""
        return int(gaussian.thin(self._grid.rows, self._grid.cols, step).size)

    def reduced(self, step: int, deformable: bool = True) -> Energy:
        """The energy of every `step`-th row and column of the region, divided by `step` squared.

        Its minimum is close to that of the full energy and much cheaper to find: a good start for the full
        fit.

        Parameters
        ----------
        step : int
            Spacing of the rows and columns.
        deformable : bool
            Whether to keep the deformations; without them M = 0.

        Returns
        -------
        Energy
            Its parameters are the first parameters of this energy.
        """
        energy = copy.copy(self)
        energy.alpha = self.alpha / step**2
        points = self._grid.points if deformable else np.empty(0, np.int64)
        energy._assemble(self._grid._replace(points=points), step)
        return energy

    @property
    def size(self) -> int:
        """Number of parameters, 6 + M."""
        return int(self.blocks.size)

    @property
    def pixels(self) -> int:
        """Number of pixels."""
        return self.y.size

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
        surface = np.empty(self.y.size)
        surface[self._order] = kernels.design_product(self.blocks, np.asarray(p, np.float64))
        return surface

    def _arguments(self, p: ArrayLike) -> tuple[Any, ...]:
        return (
            *(self.blocks, self.y, np.asarray(p, np.float64)),
            *(self.alpha, float(self.parameters.epsilon)),
        )
