"""The foreground of one window of the canonical image, and which of its clusters can be segmented in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..automatic.defects import Box
from ..automatic.window import Canvas, inner, padded

Pixel = tuple[int, int]


class Foreground(NamedTuple):
    """The foreground of a window.

    Attributes
    ----------
    window : (slice, slice)
        Of the canonical image.
    y : (h, w) float64
        Intensities relative to the local threshold.
    clusters : (h, w) int32
        Connected components of what is positive.
    firsts : list of (int, int)
        The first pixel of each, in the canonical image; exact unless the window cuts it off.
    boxes : list of (slice, slice)
        The rows and columns of each, in the canonical image; likewise.
    """

    window: Box
    y: NDArray[np.float64]
    clusters: NDArray[np.int32]
    firsts: list[Pixel]
    boxes: list[Box]


def find_foreground(canvas: Canvas, window: Box) -> Foreground:
    """Find the foreground of a window of the canonical image, and its connected components."""
    y = canvas.foreground(window)
    clusters, _ = ndimage.label(y > 0, output=np.int32)
    top, left = (part.start for part in window)
    firsts, boxes = [], []
    for number, (rows, cols) in enumerate(ndimage.find_objects(clusters), 1):
        col = cols.start + int((clusters[rows.start, cols] == number).argmax())
        firsts.append((top + rows.start, left + col))
        boxes.append((slice(top + rows.start, top + rows.stop), slice(left + cols.start, left + cols.stop)))
    return Foreground(window, y, clusters, firsts, boxes)


def fits(box: Box, reach: int, window: Box, shape: tuple[int, ...]) -> bool:
    """Whether a cluster in a box can be segmented in a window of an image of this shape."""
    return all(
        whole.start <= part.start and part.stop <= whole.stop
        for part, whole in zip(padded(box, reach, shape), window, strict=True)
    )


def around(found: Foreground, is_wanted: Sequence[bool], reach: int, canvas: Canvas) -> Foreground:
    """Return the part of a window that has an influence on the clusters that are wanted.

    Parameters
    ----------
    found : Foreground
        Of the window.
    is_wanted : sequence of bool
        Which of its clusters; at least one.
    reach : int
        How far around a cluster the image has an influence on it (canonical pixels).
    canvas : Canvas
        The image.

    Returns
    -------
    Foreground
        With the numbers of all clusters as before.
    """
    boxes = [box for box, each in zip(found.boxes, is_wanted, strict=True) if each]
    rows, cols = (
        slice(min(box[axis].start for box in boxes), max(box[axis].stop for box in boxes)) for axis in (0, 1)
    )
    window = padded((rows, cols), reach, canvas.canonical_shape)
    part = inner(window, found.window)
    return found._replace(
        window=window,
        y=np.ascontiguousarray(found.y[part]),
        clusters=np.ascontiguousarray(found.clusters[part]),
    )
