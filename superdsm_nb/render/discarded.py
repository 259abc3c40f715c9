"""Pictures of what was found and discarded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..objects import BaseObject, Object
from .labelmap import contours, objects_of, rasterize_regions

DISCARDED_COLOR = (255, 160, 0)


def rasterize_discarded(data: Mapping[str, Any]) -> NDArray[Any]:
    """Draw the objects of the cover that post-processing has discarded, as a label map.

    Parameters
    ----------
    data : dict
        Pipeline data object; nothing is discarded before post-processing.

    Returns
    -------
    (H, W) uint16, or a wider type where labels need one
        Labels from 1 in the order of the cover, on the pixels that the models gave.
    """
    return rasterize_regions([moved for _, moved in discarded_objects(data)], data["g_raw"].shape)


def discarded_objects(data: Mapping[str, Any]) -> list[tuple[Object, BaseObject]]:
    """List the objects of the cover that post-processing has discarded.

    Parameters
    ----------
    data : dict
        Pipeline data object; nothing is discarded before post-processing.

    Returns
    -------
    list of (Object, BaseObject)
        Each as found, and in pixels of the image; in the order of the cover.
    """
    if "postprocessed_objects" not in data:
        return []
    kept = {item.original.footprint for item in data["postprocessed_objects"]}
    return [
        (item, moved)
        for item, moved in objects_of(data, "cover", 0)
        if isinstance(item, Object) and item.footprint not in kept
    ]


def render_discarded(
    picture: NDArray[np.uint8], data: Mapping[str, Any], border_width: int = 2
) -> NDArray[np.uint8]:
    """Draw the contours of the discarded objects over a picture.

    Parameters
    ----------
    picture : (H, W, 3) uint8
        What to draw over.
    data : dict
        Pipeline data object.
    border_width : int
        Width of the contours (pixels).

    Returns
    -------
    (H, W, 3) uint8
        The picture with contours in orange.
    """
    result = picture.copy()
    result[contours(rasterize_discarded(data), border_width)] = DISCARDED_COLOR
    return result
