"""The part of a large image on which what concerns the whole image is measured."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .defects import Box
from .distribution import otsu, percentile
from .threshold import highest_of_nuclei

LARGE = 2**23  # pixels; of larger images a sample is measured
SIDE = 512  # pixels of a square of the sample
SQUARES = 4  # along each side of the sample
THIN = 8  # pixels; one of as many along each side is looked at to choose the squares
ENOUGH = 0.5  # of the share of bright pixels in squares that hold many

Read = Callable[[slice, slice], NDArray[np.float64]]


class Thinned(NamedTuple):
    """Pixels of an image on a regular grid, square by square.

    Attributes
    ----------
    values : (m, n, k, k) float64
        The pixels of each square of `SIDE` pixels, from the first row and column of the content on.
    """

    values: NDArray[np.float64]

    @classmethod
    def of(cls, read: Read, shape: tuple[int, ...]) -> Thinned:
        """Read them from an image; whole squares only."""
        rows, cols = (max(1, size // SIDE) for size in shape)
        lines = [
            thinned(read(slice(row * SIDE, (row + 1) * SIDE), slice(0, cols * SIDE))) for row in range(rows)
        ]
        return cls(np.concatenate(lines))


def thinned(squares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return one of `THIN` pixels along each side of a row of squares, (1, n, k, k); a copy."""
    few = squares[THIN // 2 :: THIN, THIN // 2 :: THIN]
    side = SIDE // THIN
    return few.reshape(side, -1, side).transpose(1, 0, 2)[np.newaxis].copy()


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


def sample_of_image(read: Read, squares: list[tuple[int, int]]) -> NDArray[np.float64]:
    """Return the chosen squares side by side.

    Parameters
    ----------
    read : callable
        Returns rows and columns of the content of the image.
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
        read(slice(row * SIDE, (row + 1) * SIDE), slice(col * SIDE, (col + 1) * SIDE)) for row, col in used
    ]
    rows = [np.hstack(parts[start : start + across]) for start in range(0, len(parts), across)]
    return np.ascontiguousarray(np.vstack(rows))


def is_large(box: Box) -> bool:
    """Whether a sample of the content of an image is measured."""
    return (box[0].stop - box[0].start) * (box[1].stop - box[1].start) > LARGE
