"""Outlines on the pixels of the image: each nucleus anew, between its own background and its own core."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..canonical import resized_map
from ..kernels.distance import nearest_labels
from ..kernels.outlines import outline
from ..objects import Object
from ..parallel import finished_map
from ..postprocess import eccentricity
from .distribution import sample
from .smoothing import convolved

CORE_DEPTH = 0.5  # of the largest distance to the outline; what is deeper belongs to the nucleus in any case
MIN_RING = 10  # pixels that are needed to know the background around an object
RING_REACH = 3.0  # zones; the background is measured up to this distance
SMOOTHING = (0.1, 0.04)  # radii; against noise: the first up to one pixel, the second beyond
Shape = tuple[int, ...]
SidePlaces = tuple[NDArray[np.int64], NDArray[np.float64]]


@dataclass(frozen=True)
class Outline:
    """An object on the pixels of the image.

    Attributes
    ----------
    offset : (int, int)
        Row and column of the crop in the image.
    mask : (H, W) bool
        Its pixels within the crop, which has no empty rows and columns on its sides.
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

    @cached_property
    def area(self) -> int:
        """Number of pixels."""
        return int(np.count_nonzero(self.mask))

    @cached_property
    def eccentricity(self) -> float:
        """Of its mask."""
        return eccentricity(self.mask)


@dataclass(frozen=True)
class FoundOutlines:
    """The outlines of the objects of a cover.

    Attributes
    ----------
    objects : sequence of Object
        The objects.
    outlines : sequence of Outline
        In their order; fewer if the time was over.
    near : (h, w) int32
        Number, from 1, of the object that is nearest to each canonical pixel.
    squared : (h, w) int64
        Squared distance to it (canonical pixels).
    """

    objects: Sequence[Object]
    outlines: Sequence[Outline]
    near: NDArray[np.int32]
    squared: NDArray[np.int64]

    def unchanged(
        self, objects: Sequence[Object], near: NDArray[np.int32], squared: NDArray[np.int64]
    ) -> dict[int, Outline]:
        """Return the outlines that are the same for other objects, by the numbers of these.

        An outline depends on the pixels of its object, on those that are nearest to it, and on how far pixels
        are from all objects.
        """
        if not np.array_equal(squared, self.squared):
            return {}
        old = {item.footprint: number for number, item in enumerate(self.objects, 1)}
        new_number = np.full(len(self.objects) + 1, -1, np.int32)
        for number, item in enumerate(objects, 1):
            before = old.get(item.footprint, 0)
            if 0 < before <= len(self.outlines) and _are_equal(item, self.objects[before - 1]):
                new_number[before] = number
        renumbered = new_number[self.near]
        different = renumbered != near
        changed = set(near[different].tolist()) | set(renumbered[different].tolist())
        return {
            number: self.outlines[before - 1]
            for before, number in enumerate(new_number.tolist())
            if number > 0 and number not in changed
        }


def _are_equal(first: Object, second: Object) -> bool:
    return first.fg_offset == second.fg_offset and np.array_equal(first.fg_fragment, second.fg_fragment)


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
    background: float | None = None,
    others: NDArray[np.bool_] | None = None,
    places: tuple[SidePlaces, SidePlaces] | None = None,
    before: FoundOutlines | None = None,
    report: Callable[[int, int], None] | None = None,
) -> FoundOutlines:
    """Find the outline of each object where the image falls to part of its height above the background.

    The outline moves within a zone around the object that ends halfway to its neighbours. Zones are
    interpolated between canonical pixels, and the intensities are those of the image.

    Parameters
    ----------
    objects : sequence of Object
        Disjoint objects in canonical pixels, at least one.
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
    background : float, optional
        Intensity of the background for objects without one around them; by default that of the image where
        no object is near.
    others : (h, w) bool, optional
        Further objects that limit the zones, and whose outlines are not wanted.
    places : pair of (array, array), optional
        For a window: where the rows and columns of `image` lie among those of the canonical image, see
        `side_places`. By default both are whole.
    before : FoundOutlines, optional
        Found for other objects, all else being equal; what is the same is not found again.
    report : callable, optional
        Called as ``report(done, total)`` on the way.

    Returns
    -------
    FoundOutlines
        Fewer than objects if the time is over (see `superdsm_nb.timelimit.leave_undone`).
    """
    if before is not None and before.objects is objects and len(before.outlines) == len(objects):
        return before
    labels = np.zeros(shape, np.int32)
    for number, item in enumerate(objects, 1):
        labels[item.box][item.fg_fragment] = number
    if others is not None:
        labels[others & (labels == 0)] = len(objects) + 1
    near, squared = nearest_labels(labels)
    known = {} if before is None else before.unchanged(objects, near, squared)
    width = zone_width(radius, zoom, reach)
    sigma = 0.0 if level is not None else outline_smoothing(radius)
    smooth = np.ascontiguousarray(convolved(image, sigma))
    if background is None:
        free = sample(image)[sample(resized_map(squared > width**2, image.shape))]
        background = float(np.median(free)) if free.size else float(image.min())
    fixed = math.nan if level is None else level
    values = (width, RING_REACH * width, background, MIN_RING, height, CORE_DEPTH, fixed)
    rows, cols = places or tuple(side_places(*sides) for sides in zip(shape, smooth.shape, strict=True))

    def found(numbered: tuple[int, Object]) -> Outline:
        number, item = numbered
        if number in known:
            return known[number]
        box = _surroundings(item.box, shape, math.ceil(RING_REACH * width) + 1)
        pixels = [
            bound
            for axis, part, size in zip((rows, cols), box, shape, strict=True)
            for bound in _pixels(axis[0], part, size)
        ]
        around = np.array([side for part in box for side in (part.start, part.stop)])
        row, col, mask, low, high, mean = outline(
            labels, near, squared, number, around, np.array(pixels), *rows, *cols, smooth, values
        )
        return Outline((int(row), int(col)), mask, low, high, mean)

    return FoundOutlines(objects, finished_map(found, enumerate(objects, 1), report), near, squared)


def zone_width(radius: float, zoom: float, reach: float) -> float:
    """Return the width of the zone in which an outline moves (canonical pixels)."""
    return max(reach * radius * zoom, 1.0)


def outline_smoothing(radius: float) -> float:
    """Return the standard deviation of the Gaussian against noise (pixels of the image)."""
    return max(min(1.0, SMOOTHING[0] * radius), SMOOTHING[1] * radius)


def _surroundings(box: tuple[slice, slice], shape: Shape, margin: int) -> tuple[slice, slice]:
    """Add pixels on each side of a box, as far as the image reaches."""
    rows, cols = (
        slice(max(0, part.start - margin), min(size, part.stop + margin))
        for part, size in zip(box, shape, strict=True)
    )
    return rows, cols


def side_places(old: int, new: int) -> SidePlaces:
    """For each of `new` pixels along a side: the canonical pixel before it, and the weight of the next."""
    position = np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, old - 1)
    below = np.minimum(position.astype(np.int64), max(old - 2, 0))
    return below, position - below


def _pixels(below: NDArray[np.int64], part: slice, size: int) -> tuple[int, int]:
    """First and last of the pixels that lie between canonical pixels of a part of a side."""
    start = 0 if part.start == 0 else int(np.searchsorted(below, part.start))
    stop = below.size if part.stop == size else int(np.searchsorted(below, part.stop - 1))
    return start, stop
