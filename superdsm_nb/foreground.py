"""The foreground that a user gives instead of the one that the automatic method finds."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import ImageError

THRESHOLD = 0.5  # of probabilities
SCALED_ITEM_SIZES = (1, 2)  # bytes of the integers that stand for probabilities


def signed_foreground(foreground: ArrayLike, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return a foreground as a map that is positive exactly in the foreground.

    Parameters
    ----------
    foreground : (H, W) array
        A mask (of booleans, or of the integers 0 and 1), a map of probabilities from 0 to 1, an 8-bit or
        16-bit image, whose largest possible value stands for the probability 1, or a map with negative
        values, which is positive in the foreground.
    shape : (int, int)
        Height and width of the image that it belongs to.

    Returns
    -------
    (H, W) float64
        The map with negative values as it is, or else the probability minus 0.5.

    Raises
    ------
    ImageError
        If it has another size than the image, holds NaN or infinity, or is none of these maps.

    Examples
    --------
    >>> signed_foreground([[True, False]], (1, 2)), signed_foreground([[0.75, 0.25]], (1, 2))
    (array([[ 0.5, -0.5]]), array([[ 0.25, -0.25]]))
    """
    if np.ma.isMaskedArray(foreground) and np.ma.count_masked(foreground):
        raise ImageError("The foreground is a masked array with masked pixels: fill them first.")
    given = np.asarray(foreground)
    if given.dtype.kind not in "biuf":
        raise ImageError(f"The foreground holds values of type {given.dtype}, but must hold numbers.")
    if given.shape != tuple(shape[:2]):
        raise ImageError(
            f"The foreground is {_size(given.shape)}, but the image is {_size(shape[:2])}: they must have "
            "the same height and width."
        )
    values = given.astype(np.float64)
    if not np.isfinite(values).all():
        raise ImageError("The foreground holds NaN or infinite values: replace them before segmenting.")
    if values.size and values.min() < 0:
        return values
    if given.dtype.kind in "iu" and values.max(initial=0) > 1:
        if given.dtype.itemsize not in SCALED_ITEM_SIZES:
            raise ImageError(
                f"The foreground holds values of type {given.dtype} up to {values.max():g}: give a mask, "
                "probabilities from 0 to 1, or an image of 8 or 16 bits."
            )
        values /= np.iinfo(given.dtype).max
    if values.max(initial=0) > 1:
        raise ImageError(
            f"The foreground holds values up to {values.max():g} and none below 0, but must hold "
            "probabilities from 0 to 1, or negative values in the background."
        )
    return values - THRESHOLD


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "a single number"
