"""Objects as label maps and masks, and the borders in label maps."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..canonical import Place
from ..errors import ConfigError, PipelineError
from ..filters import dense_rank, dilated, eroded, squared_distance, within_distance
from ..kernels.watershed import watershed
from ..objects import BaseObject, PostprocessedObject

BorderPosition = Literal["inner", "center", "outer"]


def rasterize_labels(
    data: Mapping[str, Any],
    objects: str = "postprocessed_objects",
    dilate: int = 0,
    merge_overlap_threshold: float = math.inf,
    background_label: int = 0,
) -> NDArray[Any]:
    """Draw objects as a label map.

    Pixels claimed by several objects go to the object whose uncontested pixels are nearest, determined by a
    watershed of that distance. An object without any uncontested pixel keeps its own label.

    Parameters
    ----------
    data : dict
        Pipeline data object.
    objects : str
        Entry of `data` with the objects to draw: "postprocessed_objects" (if that stage was disabled, the
        cover), or "cover" for those before post-processing.
    dilate : int
        Dilate (negative: erode) every object by a disk of this radius (pixels).
    merge_overlap_threshold : float
        Two objects become one if their intersection is a larger fraction of the smaller one.
    background_label : int
        Label of the background, 0 or negative.

    Returns
    -------
    (H, W) uint16, or a wider or signed type where labels need one
        Labels from 1 in the order of the objects.
    """
    return rasterize_with_sources(data, objects, dilate, merge_overlap_threshold, background_label)[0]


def rasterize_with_sources(
    data: Mapping[str, Any],
    objects: str = "postprocessed_objects",
    dilate: int = 0,
    merge_overlap_threshold: float = math.inf,
    background_label: int = 0,
) -> tuple[NDArray[Any], list[list[BaseObject]]]:
    """Draw objects as a label map, and return the objects behind each label.

    Parameters
    ----------
    data : dict
        Pipeline data object.
    objects : str
        Entry of `data` with the objects to draw, as in `rasterize_labels`.
    dilate : int
        Dilate (negative: erode) every object by a disk of this radius (pixels).
    merge_overlap_threshold : float
        Two objects become one if their intersection is a larger fraction of the smaller one.
    background_label : int
        Label of the background, 0 or negative.

    Returns
    -------
    labels : (H, W) int array
        Label map.
    sources : list of list of BaseObject
        The objects behind each label, from 1; several if they were merged.
    """
    _check_background(background_label)
    shape = data["g_raw"].shape
    if merge_overlap_threshold < 0:
        raise ConfigError(f"The overlap threshold is {merge_overlap_threshold:g}, but must be at least 0.")
    drawn = list(objects_of(data, objects, dilate))
    masks, sources = [moved for _, moved in drawn], [[item] for item, _ in drawn]
    if merge_overlap_threshold < math.inf:
        groups = _groups(masks, merge_overlap_threshold)
        masks = [_union([masks[index] for index in group]) for group in groups]
        sources = [[drawn[index][0] for index in group] for group in groups]
    claims = np.zeros(shape, np.uint16)
    labels = np.zeros(shape, np.int32)
    for label, item in enumerate(masks, 1):
        claims[item.box] += item.fg_fragment
        item.fill_foreground(labels, label)
    contested = claims > 1
    if contested.any():
        labels[contested] = 0
        labels = watershed(_relief(masks, contested, labels > 0), labels, claims > 0)
        present = np.bincount(labels.ravel(), minlength=len(masks) + 1) > 0
        # The smallest is drawn last, so that nested objects are not lost.
        swallowed = [(label, item) for label, item in enumerate(masks, 1) if not present[label]]
        for label, item in sorted(swallowed, key=lambda pair: -pair[1].area):
            item.fill_foreground(labels, label)
    labels[claims == 0] = background_label
    return _narrowed(labels, len(masks), background_label), sources


def rasterize_objects(
    data: Mapping[str, Any], objects: str = "postprocessed_objects", dilate: int = 0
) -> Iterator[NDArray[np.bool_]]:
    """Draw objects as one mask each, overlaps kept.

    Parameters
    ----------
    data : dict
        Pipeline data object.
    objects : str
        Entry of `data` with the objects to draw, as in `rasterize_labels`.
    dilate : int
        Dilate (negative: erode) every object by a disk of this radius (pixels).

    Yields
    ------
    (H, W) bool
        Mask of the next object that has pixels, one at a time: all of them might not fit in memory.
    """
    for _, item in objects_of(data, objects, dilate):
        yield item.get_mask(data["g_raw"].shape)


def rasterize_regions(
    regions: Iterable[BaseObject | NDArray[np.bool_]], shape: tuple[int, int], background_label: int = 0
) -> NDArray[Any]:
    """Draw regions as a label map, later ones over earlier ones.

    Parameters
    ----------
    regions : iterable of BaseObject or (H, W) bool
        Objects, or masks.
    shape : (int, int)
        H and W.
    background_label : int
        Label of the background, 0 or negative.

    Returns
    -------
    (H, W) uint16, or a wider or signed type where labels need one
        Labels from 1 in the order of the regions; a region that is empty or hidden keeps its number.

    Examples
    --------
    >>> rasterize_regions([np.array([[True, True, False]]), np.array([[False, True, False]])], (1, 3))
    array([[1, 2, 0]], dtype=uint16)
    """
    _check_background(background_label)
    labels = np.full(shape, background_label, np.int32)
    count = 0
    for count, region in enumerate(regions, 1):
        if isinstance(region, BaseObject):
            region.fill_foreground(labels, count)
        else:
            labels[region] = count
    return _narrowed(labels, count, background_label)


def shuffle_labels(labels: NDArray[Any], seed: int = 0) -> NDArray[Any]:
    """Permute the labels of objects at random, so that neighbours rarely have consecutive numbers.

    Parameters
    ----------
    labels : (H, W) int array
        Label map; labels up to 0 are background and unchanged.
    seed : int
        The same seed gives the same permutation.

    Returns
    -------
    (H, W) array of the type of `labels`
        The same objects with other numbers.
    """
    values, places = np.unique(labels, return_inverse=True)
    positive = values > 0
    values[positive] = np.random.default_rng(seed).permutation(values[positive])
    return values[places].reshape(labels.shape)


def contours(labels: NDArray[Any], width: int, position: BorderPosition = "inner") -> NDArray[np.bool_]:
    """Find the borders of the objects of a label map.

    Parameters
    ----------
    labels : (H, W) int array
        Label map; labels up to 0 are background.
    width : int
        Width of the borders (pixels).
    position : {"inner", "center", "outer"}
        Whether borders lie inside the objects, half inside and half outside, or outside. If two objects
        touch, "inner" draws a border in each; the others draw one shared border, half in each.

    Returns
    -------
    (H, W) bool
        True on the borders.
    """
    if width < 1:
        raise ConfigError(f"The width of borders is {width}, but must be at least 1 pixel.")
    labels = np.maximum(labels, 0)
    # A shared border spreads from both sides of the contact or, if its width is odd, from the larger label.
    reach = (width - 1) // 2
    differs = np.greater if width % 2 else np.not_equal
    if position == "inner":
        inside = labels > 0
        border = _adjacent_to(labels, lambda own, other: (own != other) & (own > 0))
        return within_distance(border, width - 1) & inside
    if position == "center":
        return within_distance(_adjacent_to(labels, differs), reach)
    if position == "outer":
        inside = labels > 0
        around = _adjacent_to(inside, lambda own, other: other & ~own)
        contact = _adjacent_to(labels, lambda own, other: differs(own, other) & (own > 0) & (other > 0))
        return np.where(inside, within_distance(contact, reach), within_distance(around, width - 1))
    raise ConfigError(f"The border position is {position!r}, but must be inner, center or outer.")


def _adjacent_to(
    labels: NDArray[Any], holds: Callable[[NDArray[Any], NDArray[Any]], NDArray[np.bool_]]
) -> NDArray[np.bool_]:
    """Pixels for which ``holds(own label, label of the neighbour)`` for any of the 4 neighbours; (H, W)."""
    found = np.zeros(labels.shape, bool)
    for own, adjacent in ((labels, found), (labels.T, found.T)):
        adjacent[1:] |= holds(own[1:], own[:-1])
        adjacent[:-1] |= holds(own[:-1], own[1:])
    return found


def objects_of(data: Mapping[str, Any], objects: str, dilate: int) -> Iterator[tuple[BaseObject, BaseObject]]:
    """Yield the objects of an entry of `data`, as found and dilated, without those that are then empty."""
    if "cover" not in data and objects not in data:
        raise PipelineError(
            "There are no objects to draw: global-energy-minimization, which finds them, has not run (it is "
            "disabled, or the pipeline ended before it)."
        )
    shape = data["g_raw"].shape
    place = Place.of(data) if "canonical" in data else None
    is_final = objects in data and objects != "cover"
    for item in data[objects] if is_final else data["cover"].solution:
        moved = item
        if place is not None and not isinstance(item, PostprocessedObject):
            moved = place.object(item)
        moved = _dilated(moved, dilate, shape)
        if moved.area > 0:
            yield item, moved


def _check_background(label: int) -> None:
    if label > 0:
        raise ConfigError(f"The background label is {label}, but must be 0 or negative.")


def _narrowed(labels: NDArray[np.int32], count: int, background_label: int) -> NDArray[Any]:
    """Store labels as uint16, unless the background is negative or there are too many."""
    if background_label == 0 and count <= np.iinfo(np.uint16).max:
        return labels.astype(np.uint16)
    return labels


def _relief(
    masks: Sequence[BaseObject], contested: NDArray[np.bool_], uncontested: NDArray[np.bool_]
) -> NDArray[np.int32]:
    """Rank of the distance of contested pixels to uncontested ones, from 1; 0 elsewhere.

    There are few contested pixels, so distances are measured in crops that contain the nearest pixels.
    """
    places, distances = [], []
    for item in masks:
        rows, cols = np.nonzero(contested[item.box])
        if not rows.size:
            continue
        margin = 4
        while True:
            box, _ = item.crop(contested.shape, margin)
            top, left = (part.start - wide.start for part, wide in zip(item.box, box, strict=True))
            found = squared_distance(uncontested[box])[rows + top, cols + left]
            if found.max() <= margin**2 or uncontested[box].size == uncontested.size:
                break
            margin *= 2
        places.append((rows + item.box[0].start) * contested.shape[1] + cols + item.box[1].start)
        distances.append(found)
    relief = np.zeros(contested.shape, np.int32)
    relief.ravel()[np.concatenate(places)] = dense_rank(np.concatenate(distances)) + 1
    return relief


def _dilated(item: BaseObject, radius: int, shape: tuple[int, int]) -> BaseObject:
    if radius == 0:
        return item
    box, mask = item.crop(shape, abs(radius) + 1)
    mask = dilated(mask, radius) if radius > 0 else eroded(mask, -radius)
    rows, cols = np.nonzero(mask)
    result = BaseObject()
    result.set_pixels(rows + box[0].start, cols + box[1].start)
    return result


def _groups(masks: list[BaseObject], threshold: float) -> list[list[int]]:
    """Objects that overlap by more than `threshold` of the smaller one, transitively, by their positions."""
    group = list(range(len(masks)))
    for a, first in enumerate(masks):
        for b in range(a + 1, len(masks)):
            smaller = min(first.area, masks[b].area)
            if group[a] != group[b] and _overlap(first, masks[b]) > threshold * smaller:
                old, new = sorted((group[a], group[b]), reverse=True)
                group = [new if member == old else member for member in group]
    return [[index for index, own in enumerate(group) if own == member] for member in sorted(set(group))]


def _overlap(first: BaseObject, second: BaseObject) -> int:
    """Number of pixels that two objects share."""
    box = [(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(first.box, second.box, strict=True)]
    if any(start >= stop for start, stop in box):
        return 0
    parts = [
        item.fg_fragment[tuple(slice(a - o, b - o) for (a, b), o in zip(box, item.fg_offset, strict=True))]
        for item in (first, second)
    ]
    return int(np.count_nonzero(parts[0] & parts[1]))


def _union(items: list[BaseObject]) -> BaseObject:
    """One object with the pixels of all."""
    if len(items) == 1:
        return items[0]
    pixels = [np.argwhere(item.fg_fragment) + item.fg_offset for item in items]
    result = BaseObject()
    result.set_pixels(*np.concatenate(pixels).T)
    return result
