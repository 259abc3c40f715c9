"""Label maps and pictures of results."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.morphology import disk
from skimage.segmentation import find_boundaries

from .errors import ConfigError
from .filters import levels, squared_distance
from .kernels.watershed import flood
from .objects import BaseObject

CONTOUR = (1.0, 0.1, 0.1)


def rasterize_labels(
    data: Mapping[str, Any],
    objects: str = "postprocessed_objects",
    dilate: int = 0,
    merge_overlap_threshold: float = math.inf,
    background_label: int = 0,
) -> NDArray[Any]:
    """Draw objects as a label map.

    Pixels claimed by several objects go to the object whose uncontested pixels are nearest, as a watershed
    of that distance tells. An object without any uncontested pixel keeps its own label.

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
    if background_label > 0:
        raise ConfigError(f"The background label is {background_label}, but must be 0 or negative.")
    shape = data["g_raw"].shape
    if merge_overlap_threshold < 0:
        raise ConfigError(f"The overlap threshold is {merge_overlap_threshold:g}, but must be at least 0.")
    drawn = data[objects] if objects in data and objects != "cover" else data["cover"].solution
    masks = [moved for item in drawn if (moved := _dilated(item, dilate, shape)).area > 0]
    if merge_overlap_threshold < math.inf:
        masks = _merge(masks, merge_overlap_threshold, shape)
    claims = np.zeros(shape, np.uint16)
    labels = np.zeros(shape, np.int32)
    for label, item in enumerate(masks, 1):
        claims[item.box] += item.fg_fragment
        item.fill_foreground(labels, label)
    contested = claims > 1
    if contested.any():
        labels[contested] = 0
        labels = flood(_relief(masks, contested, labels > 0), labels, claims > 0)
        present = np.bincount(labels.ravel(), minlength=len(masks) + 1) > 0
        # The smallest is drawn last, so that none of several inside each other is lost.
        swallowed = [(label, item) for label, item in enumerate(masks, 1) if not present[label]]
        for label, item in sorted(swallowed, key=lambda pair: -pair[1].area):
            item.fill_foreground(labels, label)
    labels[claims == 0] = background_label
    if background_label == 0 and len(masks) <= np.iinfo(np.uint16).max:
        return labels.astype(np.uint16)
    return labels


def _relief(
    masks: Sequence[BaseObject], contested: NDArray[np.bool_], uncontested: NDArray[np.bool_]
) -> NDArray[np.int32]:
    """Rank of the distance of contested pixels to uncontested ones, from 1 on; 0 elsewhere.

    Contested pixels are few, so their distances are measured in crops, wide enough to hold what is nearest.
    """
    squared = np.zeros(contested.shape, np.int64)
    for item in masks:
        inside = contested[item.box]
        if not inside.any():
            continue
        margin = 4
        while True:
            box, _ = item.crop(contested.shape, margin)
            own = tuple(
                slice(part.start - wide.start, part.stop - wide.start)
                for part, wide in zip(item.box, box, strict=True)
            )
            found = squared_distance(uncontested[box])[own][inside]
            if found.max() <= margin**2 or uncontested[box].size == uncontested.size:
                break
            margin *= 2
        squared[item.box][inside] = found
    relief = np.zeros(contested.shape, np.int32)
    relief[contested] = levels(squared[contested]) + 1
    return relief


def _dilated(item: BaseObject, radius: int, shape: tuple[int, int]) -> BaseObject:
    if radius == 0:
        return item
    box, mask = item.crop(shape, abs(radius) + 1)
    footprint = disk(abs(radius))
    if radius > 0:
        mask = ndimage.binary_dilation(mask, footprint)
    else:  # the border of the image does not erode what touches it
        mask = ndimage.binary_erosion(mask, footprint, border_value=1)
    rows, cols = np.nonzero(mask)
    result = BaseObject()
    result.set_pixels(rows + box[0].start, cols + box[1].start)
    return result


def _merge(masks: list[BaseObject], threshold: float, shape: tuple[int, int]) -> list[BaseObject]:
    """Join objects that overlap by more than `threshold` of the smaller one, transitively."""
    group = list(range(len(masks)))
    for a, first in enumerate(masks):
        full = first.get_mask(shape)
        for b in range(a + 1, len(masks)):
            second = masks[b]
            common = np.count_nonzero(full[second.box] & second.fg_fragment)
            if common / min(first.area, second.area) > threshold and group[a] != group[b]:
                old, new = sorted((group[a], group[b]), reverse=True)
                group = [new if member == old else member for member in group]
    merged = []
    for member in sorted(set(group)):
        union = np.zeros(shape, bool)
        for index, item in enumerate(masks):
            if group[index] == member:
                item.fill_foreground(union)
        result = BaseObject()
        result.set_pixels(*np.nonzero(union))
        merged.append(result)
    return merged


def normalize_image(g: NDArray[Any], saturated: float = 0.2) -> NDArray[np.float64]:
    """Enhance the contrast: scale to [0, 1], `saturated` percent of the pixels cut off at either end."""
    g = g.astype(np.float64)
    low, high = np.percentile(g, (saturated, 100 - saturated))
    return (np.clip(g, low, high) - low) / (high - low if high > low else 1.0)


def render_result_over_image(
    image: NDArray[Any],
    labels: NDArray[Any],
    border_width: int = 2,
    color: Sequence[float] = CONTOUR,
) -> NDArray[np.uint8]:
    """Draw the contours of a label map over the contrast-enhanced image.

    Parameters
    ----------
    image : (H, W) or (H, W, 3) array
        Intensities, or a colour image.
    labels : (H, W) int array
        Label map.
    border_width : int
        Width of the contours (pixels), drawn inside the objects.
    color : sequence of 3 floats
        Red, green, blue in [0, 1].

    Returns
    -------
    (H, W, 3) uint8
    """
    enhanced = normalize_image(image)
    canvas = np.repeat(enhanced[..., np.newaxis], 3, axis=2) if enhanced.ndim == 2 else enhanced.copy()
    border = find_boundaries(labels, mode="inner")
    if border_width > 1:
        border = ndimage.binary_dilation(border, disk(border_width - 1)) & (labels > 0)
    canvas[border] = color
    return np.round(canvas * 255).astype(np.uint8)
