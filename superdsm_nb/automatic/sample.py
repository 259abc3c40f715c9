"""The part of a large image on which what concerns the whole image is measured."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .distribution import otsu, percentile
from .threshold import highest_of_nuclei

LARGE = 2**23  # pixels; of larger images a sample is measured
SIDE = 512  # pixels of a square of the sample
TOGETHER = 8  # squares that are read together
SQUARES = 4  # along each side of the sample
THIN = 8  # pixels; one of as many along each side is looked at to choose the squares
ENOUGH = 0.5  # of the share of bright pixels in squares that hold many

Read = Callable[[slice, slice], NDArray[np.float64]]


class Thinned(NamedTuple):
    """Pixels of an image on a regular grid, square by square.

    Attributes
    ----------
    values : (m, n, k, k) float64
        The pixels of each whole square of the content, from its first row and column on.
    side : int
        Height and width of a square (pixels).
    """

    values: NDArray[np.float64]
    side: int

    @classmethod
    def of(cls, read: Read, shape: tuple[int, ...]) -> Thinned:
        """Read them from an image, some squares at a time."""
        side = side_of_squares(shape)
        rows, cols = shape[0] // side, shape[1] // side
        values = [
            thinned(
                read(
                    slice(row * side, (row + 1) * side), slice(col * side, min(col + TOGETHER, cols) * side)
                ),
                side,
            )
            for row in range(rows)
            for col in range(0, cols, TOGETHER)
        ]
        return cls(np.concatenate(values, axis=1).reshape(rows, cols, *values[0].shape[2:]), side)


def thinned(squares: NDArray[Any], side: int) -> NDArray[Any]:
    """Return the pixels of whole squares on the grid, (m, n, k, k); a copy."""
    step = THIN if side % THIN == 0 else 1
    few = squares[step // 2 :: step, step // 2 :: step]
    count = side // step
    few = few.reshape(few.shape[0] // count, count, few.shape[1] // count, count).transpose(0, 2, 1, 3)
    return np.ascontiguousarray(few)


def side_of_squares(shape: tuple[int, ...]) -> int:
    """Return the side of a square in an image of this shape (pixels)."""
    side = min(SIDE, *shape)
    return side // THIN * THIN if side >= THIN else side


def chosen_squares(few: Thinned) -> list[tuple[int, int]]:
    """Choose the squares of the sample: of those with many bright pixels, some from everywhere in the image.

    Parameters
    ----------
    few : Thinned
        Pixels of the image.

    Returns
    -------
    list of (int, int)
        Rows and columns of the squares, `SQUARES` squared of them, or all if there are fewer.
    """
    values = np.sort(few.values, axis=None)
    clipped = np.minimum(values, highest_of_nuclei(values))
    threshold = 0.5 * (otsu(clipped) + percentile(clipped, 50))
    shares = (few.values > threshold).mean(axis=(2, 3)).ravel()
    count = min(SQUARES**2, shares.size)
    order = np.argsort(-shares, kind="stable")
    many = shares[order[min(count, order.size) // 2]]
    good = np.flatnonzero(shares >= ENOUGH * many)
    places = (
        good[np.linspace(0, good.size - 1, count).round().astype(int)] if good.size > count else order[:count]
    )
    return [divmod(int(place), few.values.shape[1]) for place in np.sort(places)]


def sample_of_image(read: Read, side: int, squares: list[tuple[int, int]]) -> NDArray[np.float64]:
    """Return the chosen squares side by side.

    Parameters
    ----------
    read : callable
        Returns rows and columns of the content of the image.
    side : int
        Of a square.
    squares : list of (int, int)
        As chosen by `chosen_squares`.

    Returns
    -------
    (H, W) float64
        The sample.
    """
    across = min(SQUARES, len(squares))
    used = squares[: len(squares) // across * across]
    parts = [
        read(slice(row * side, (row + 1) * side), slice(col * side, (col + 1) * side)) for row, col in used
    ]
    rows = [np.hstack(parts[start : start + across]) for start in range(0, len(parts), across)]
    return np.ascontiguousarray(np.vstack(rows))


def is_large(shape: tuple[int, ...]) -> bool:
    """Whether a sample of an image of this shape is measured."""
    return shape[0] * shape[1] > LARGE
