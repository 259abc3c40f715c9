"""The orientation that a camera declares for a picture, and turning the picture upright."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

UPRIGHT = 1
TAG = 274
TRANSPOSED = (5, 6, 7, 8)
SHORT = 3  # type of the entry


def exif_orientation(exif: bytes) -> int:
    r"""Return the orientation in EXIF metadata, from 1 (upright) to 8; 1 if they do not declare any.

    Examples
    --------
    >>> exif_orientation(b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0")
    6
    """
    exif = exif.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if order is None or len(exif) < 8:
        return UPRIGHT
    (place,) = struct.unpack(f"{order}I", exif[4:8])
    (count,) = struct.unpack(f"{order}H", exif[place : place + 2].ljust(2, b"\0"))
    for at in range(place + 2, place + 2 + 12 * count, 12):
        entry = exif[at : at + 12]
        if len(entry) == 12 and struct.unpack(f"{order}HH", entry[:4]) == (TAG, SHORT):
            (value,) = struct.unpack(f"{order}H", entry[8:10])
            return value if UPRIGHT <= value <= 8 else UPRIGHT
    return UPRIGHT


def height_and_width(height: int, width: int, orientation: int) -> tuple[int, int]:
    """Return the size of a picture once it is upright."""
    return (width, height) if orientation in TRANSPOSED else (height, width)


def turned(image: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turn a picture upright.

    Parameters
    ----------
    image : (H, W) or (H, W, S) array
        As stored.
    orientation : int
        Where its first row and column belong, as EXIF numbers it.

    Returns
    -------
    (H, W) or (W, H) array, with S if given
        A view.
    """
    if orientation in TRANSPOSED:
        image = np.swapaxes(image, 0, 1)
    if orientation in {3, 4, 7, 8}:
        image = image[::-1]
    if orientation in {2, 3, 6, 7}:
        image = image[:, ::-1]
    return image
