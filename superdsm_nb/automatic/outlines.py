"""Outlines on the pixels of the image: each nucleus anew, between its own background and its own core."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..canonical import resized_map
from ..filters import distance
from ..objects import Object
from .threshold import blurred

CORE_DEPTH = 0.5  # of the largest distance to the outline; what is deeper belongs to the nucleus in any case
MIN_RING = 10  # pixels that are needed to know the background around an object
RING_REACH = 3.0  # zones; the background is measured up to this distance
SMOOTHING = (0.1, 0.04)  # radii; against noise: the first up to one pixel, the second beyond
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Outline:
    """An object on the pixels of the image.

    Attributes
    ----------
    offset : (int, int)
        Row and column of the crop in the image.
    mask : (H, W) bool
        Its pixels within the crop.
    low, high : float
        Intensity of the background around it, and of its core.
    mean : float
        Mean intensity inside.
    """

    offset: tuple[int, int]
    mask: NDArray[np.bool_]
    low: float
    high: float
    mean: float

    @property
    def area(self) -> int:
        """Number of pixels."""
        return int(np.count_nonzero(self.mask))


class _Axis(NamedTuple):
    """Linear interpolation along one side: pixels of the image that a crop covers, and their weights."""

    pixels: slice
    weights: NDArray[np.float64]


def find_outlines(
    objects: Sequence[Object],
    shape: Shape,
    image: NDArray[np.float64],
    radius: float,
    zoom: float,
    *,
    height: float,
    reach: float,
    level: float | None = None,
) -> list[Outline]:
    """Find the outline of each object where the image falls to part of its height above the background.

    The outline moves within a zone around the object that ends halfway to its neighbours. Zones are
    interpolated between canonical pixels, and the intensities are those of the image.

    Parameters
    ----------
    objects : sequence of Object
        Disjoint objects in canonical pixels.
    shape : (int, int)
        Shape of the canonical image.
    image : (H, W) float64
        Intensities.
    radius : float
        Radius of the nuclei (pixels of the image).
    zoom : float
        Canonical pixels per pixel of the image.
    height : float
        Where the outline lies between background (0) and core (1).
    reach : float
        Width of the zone (radii).
    level : float, optional
        Intensity at which all outlines lie, instead of a height; the image is not smoothed then.

    Returns
    -------
    list of Outline
        In the order of the objects.
    """
    from skimage.segmentation import expand_labels  # noqa: PLC0415 - takes 0.1 s to load

    labels = np.zeros(shape, np.int32)
    for number, item in enumerate(objects, 1):
        labels[item.box][item.fg_fragment] = number
    width = max(reach * radius * zoom, 1.0)
    zones, wide = expand_labels(labels, width), expand_labels(labels, RING_REACH * width)
    sigma = 0.0 if level is not None else max(min(1.0, SMOOTHING[0] * radius), SMOOTHING[1] * radius)
    smooth = blurred(image, sigma)
    free = image[resized_map(zones, image.shape) == 0]
    general = float(np.median(free)) if free.size else float(image.min())
    return [
        _outline(number, _enlarged(box, shape), (labels, zones, wide), smooth, general, height, level)
        for number, box in enumerate(ndimage.find_objects(wide, len(objects)), 1)
    ]


def _enlarged(box: tuple[slice, slice], shape: Shape) -> tuple[slice, slice]:
    """Add a pixel on each side, so that zones are interpolated with what is beside them."""
    rows, cols = (
        slice(max(0, part.start - 1), min(size, part.stop + 1)) for part, size in zip(box, shape, strict=True)
    )
    return rows, cols


def _outline(
    number: int,
    box: tuple[slice, slice],
    maps: tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]],
    smooth: NDArray[np.float64],
    general: float,
    height: float,
    level: float | None,
) -> Outline:
    own, zone, wide = (each[box] == number for each in maps)
    rows, cols = (
        _axis(part, old, new) for part, old, new in zip(box, maps[0].shape, smooth.shape, strict=True)
    )

    def enlarged(values: NDArray[np.float64]) -> NDArray[np.float64]:
        result: NDArray[np.float64] = rows.weights @ values @ cols.weights.T
        return result

    g = smooth[rows.pixels, cols.pixels]
    in_zone = enlarged(zone.astype(np.float64)) > 0.5
    ring = (
        (enlarged(wide.astype(np.float64)) > 0.5)
        & ~in_zone
        & (enlarged((maps[1][box] > 0).astype(np.float64)) < 0.5)
    )
    low = float(np.median(g[ring])) if np.count_nonzero(ring) >= MIN_RING else general
    depth: NDArray[np.float64] = np.ones(own.shape)
    if not own.all():
        depth = distance(~np.pad(own, 1, mode="edge"))[1:-1, 1:-1]
    deep = enlarged(np.asarray(depth * own, np.float64))
    core = (deep > CORE_DEPTH * deep.max()) & in_zone
    if level is not None:
        core &= g > level
    if not core.any():
        return Outline((rows.pixels.start, cols.pixels.start), core, low, low, low)
    high = float(np.median(g[core]))
    threshold = low + height * (high - low) if level is None else level
    mask = (in_zone & (g > threshold)) | core
    parts, _ = ndimage.label(mask)
    kept = np.unique(parts[core])
    mask = np.isin(parts, kept)
    if level is None:
        mask = ndimage.binary_fill_holes(mask) & in_zone
    return Outline((rows.pixels.start, cols.pixels.start), mask, low, high, float(g[mask].mean()))


def _axis(part: slice, old: int, new: int) -> _Axis:
    """Pixels of a side of `new` pixels that a part of one of `old` pixels covers, and how to interpolate."""
    start = max(0, math.floor(part.start * new / old))
    stop = min(new, math.ceil(part.stop * new / old))
    pixels = np.arange(start, stop)
    position = np.clip((pixels + 0.5) * old / new - 0.5 - part.start, 0, part.stop - part.start - 1)
    below = np.minimum(position.astype(np.int64), max(part.stop - part.start - 2, 0))
    weights = np.zeros((pixels.size, part.stop - part.start))
    weights[np.arange(pixels.size), below] = 1 - (position - below)
    if weights.shape[1] > 1:
        weights[np.arange(pixels.size), below + 1] = position - below
    return _Axis(slice(start, stop), weights)
