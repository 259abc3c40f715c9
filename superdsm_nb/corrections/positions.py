"""From positions in the image to atoms, and back."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from scipy import ndimage

from ..canonical import Place
from .correction import Point


def atom_at(data: Mapping[str, Any], point: Point) -> int:
    """Return the label of the atom at a position of the image; 0 if there is none.

    Parameters
    ----------
    data : mapping
        Pipeline data object with ``atoms``.
    point : (float, float)
        Row and column (pixels of the image).
    """
    atoms, position = data["atoms"], point
    if "canonical" in data:
        place = Place.of(data)
        position = (
            (point[0] - place.offset[0] + 0.5) * place.small[0] / place.shape[0] - 0.5,
            (point[1] - place.offset[1] + 0.5) * place.small[1] / place.shape[1] - 0.5,
        )
    row, col = (each + 0.5 for each in position)
    if not (0 <= row < atoms.shape[0] and 0 <= col < atoms.shape[1]):  # perhaps too far away for an integer
        return 0
    return int(atoms[math.floor(row), math.floor(col)])


def point_in(data: Mapping[str, Any], footprint: Collection[int]) -> Point:
    """Return the position of the image that lies deepest inside a union of atoms.

    Parameters
    ----------
    data : mapping
        Pipeline data object with ``atoms``.
    footprint : collection of int
        Labels of the atoms.

    Returns
    -------
    (float, float)
        Row and column, to a hundredth of a pixel; `atom_at` finds one of the atoms there.
    """
    boxes = ndimage.find_objects(data["atoms"])
    parts = [boxes[atom - 1] for atom in footprint]
    box = tuple(
        slice(min(part[axis].start for part in parts), max(part[axis].stop for part in parts))
        for axis in (0, 1)
    )
    mask = np.isin(data["atoms"][box], list(footprint))
    depth = ndimage.distance_transform_edt(np.pad(mask, 1))
    row, col = (
        int(each) - 1 + part.start
        for each, part in zip(np.unravel_index(depth.argmax(), depth.shape), box, strict=True)
    )
    point = (float(row), float(col))
    if "canonical" in data:
        (point,) = Place.of(data).points([point])
    return round(point[0], 2), round(point[1], 2)
