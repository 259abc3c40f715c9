"""The deformable surface that describes an object, and the coordinates of its polynomial."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..image import Region
from ..kernels.gaussian import enclosing_frame


class Frame(NamedTuple):
    """Coordinates of the polynomial: x1 = (row - row0) / row_scale, x2 = (col - col0) / col_scale."""

    row0: float
    col0: float
    row_scale: float
    col_scale: float

    @classmethod
    def of_image(cls, shape: tuple[int, int]) -> Frame:
        """The frame in which models are reported: the image spans [0, 1] x [0, 1]."""
        return cls(0.0, 0.0, max(shape[0] - 1, 1), max(shape[1] - 1, 1))

    @classmethod
    def of_region(cls, region: Region) -> Frame:
        """A frame in which the region spans about [-1, 1]: the polynomial terms have similar magnitudes."""
        row0, col0, extent = enclosing_frame(region.rows, region.cols)
        return cls(row0, col0, extent, extent)


def change_frame(theta: NDArray[np.float64], old: Frame, new: Frame) -> NDArray[np.float64]:
    """Return the parameters, in `new` coordinates, of the polynomial with `theta` in `old` coordinates.

    Parameters
    ----------
    theta : (6,) float64
        (a1, a2, a3, b1, b2, c) of x'Ax + 2b'x + c with A = [[a1, a3], [a3, a2]].
    old, new : Frame
        Coordinates.

    Returns
    -------
    (6,) float64
        The same polynomial in the new coordinates.
    """
    a1, a2, a3, b1, b2, c = theta
    scale = np.array([new.row_scale / old.row_scale, new.col_scale / old.col_scale])
    shift = np.array([(new.row0 - old.row0) / old.row_scale, (new.col0 - old.col0) / old.col_scale])
    A = np.array([[a1, a3], [a3, a2]])
    b = np.array([b1, b2])
    constant = shift @ A @ shift + 2 * b @ shift + c
    b = scale * (A @ shift + b)
    A = A * np.outer(scale, scale)
    return np.array([A[0, 0], A[1, 1], A[0, 1], b[0], b[1], constant])


@dataclass(frozen=True)
class DeformableShapeModel:
    """A deformable surface s(x) = f(x)' theta + (G xi)(x); the object is where it is positive.

    Attributes
    ----------
    theta : (6,) float64
        Polynomial (a1, a2, a3, b1, b2, c): s = x'Ax + 2b'x + c, A = [[a1, a3], [a3, a2]], in the
        coordinates row / (H - 1), col / (W - 1) of an image of shape (H, W).
    xi : (M,) float64
        Deformation parameters (none: an ellipse).
    shape : (int, int)
        Shape of the image.
    """

    theta: NDArray[np.float64]
    xi: NDArray[np.float64]
    shape: tuple[int, int]

    def polynomial(self, rows: ArrayLike, cols: ArrayLike) -> NDArray[np.float64]:
        """Polynomial part of the surface at pixels of the whole image."""
        frame = Frame.of_image(self.shape)
        u = np.asarray(rows) / frame.row_scale
        v = np.asarray(cols) / frame.col_scale
        a1, a2, a3, b1, b2, c = self.theta
        result: NDArray[np.float64] = a1 * u * u + a2 * v * v + 2 * (a3 * u * v + b1 * u + b2 * v) + c
        return result
