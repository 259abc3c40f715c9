"""From the values in a file to what they show: palettes, opacity, and grey by luminance."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .picture import GREY, Opacity, Samples

LUMINANCE = (0.2125, 0.7154, 0.0721)
BLOCK = 2**20  # pixels that are converted at a time: the colours of a large image need much memory


def shown(values: NDArray[Any], samples: Samples, histological: bool) -> NDArray[Any]:
    """Return what a picture shows.

    Parameters
    ----------
    values : (H, W) or (H, W, S) array
        As stored.
    samples : Samples
        Their meaning; not channels.
    histological : bool
        Keep colours; transparent pixels show a white background instead of a black one.

    Returns
    -------
    (H, W) array, or (H, W, 3) of a histological colour image
        Grey values keep their type unless they are partly transparent (float64 then, on the same scale); the
        grey of colours is float64 in [0, 1].
    """
    if values.ndim == 2:
        values = values[:, :, None]
    if samples.palette is not None:
        palette = samples.palette if histological else grey(samples.palette[None], samples.top)[0]
        return palette[_entries(values[:, :, 0])]
    if samples.colors == GREY or histological:
        blended = blend(values, samples, white=histological)
        return blended[:, :, 0] if samples.colors == GREY else blended
    result = np.empty(values.shape[:2])
    rows = max(1, BLOCK // values.shape[1])
    for start in range(0, len(values), rows):
        colors = blend(values[start : start + rows], samples, white=False)
        result[start : start + rows] = grey(colors, samples.top)
    return result


def component(values: NDArray[Any], samples: Samples, index: int) -> NDArray[Any]:
    """Return one channel of a picture: one of its colours without what is transparent, or its opacity.

    Parameters
    ----------
    values : (H, W) or (H, W, S) array
        As stored: all samples if a colour depends on the opacity or a palette, else the channel alone.
    samples : Samples
        Their meaning.
    index : int
        Number of the channel.
    """
    if samples.palette is not None:
        return samples.palette[:, index][_entries(values)]
    is_opacity = samples.opacity is not Opacity.NONE and index == samples.count - 1
    if values.ndim == 2:
        return values if is_opacity else upright(values, samples)
    if is_opacity:
        return values[:, :, index]
    return blend(values, samples, white=False)[:, :, index]


def needs_all(samples: Samples, index: int) -> bool:
    """Whether one channel can only be shown with the help of the others."""
    return samples.opacity is Opacity.STRAIGHT and index < samples.count - 1


def upright(values: NDArray[Any], samples: Samples) -> NDArray[Any]:
    """Return values of which large ones are bright."""
    if not samples.inverted:
        return values
    if values.dtype.kind == "u":
        return values.dtype.type(2**samples.bits - 1) - values
    return ~values


def blend(values: NDArray[Any], samples: Samples, white: bool) -> NDArray[Any]:
    """Blend colours with the background where they are transparent.

    Parameters
    ----------
    values : (H, W, S) array
        Colours, and perhaps their opacity.
    samples : Samples
        Their meaning.
    white : bool
        Whether the background is white, not black.

    Returns
    -------
    (H, W, C) array
        Of the same type if every pixel is either opaque or transparent, else float64 on the same scale.
    """
    if samples.opacity is Opacity.NONE:
        return upright(values, samples)
    colors, opacity = upright(values[:, :, :-1], samples), values[:, :, -1:]
    is_opaque = opacity == samples.top
    if is_opaque.all():
        return colors
    background = samples.top if white else 0.0
    if (is_opaque | (opacity == 0)).all():
        return np.where(is_opaque, colors, np.asarray(background).astype(colors.dtype))
    part = np.clip(opacity / samples.top, 0, 1)
    straight = samples.opacity is Opacity.STRAIGHT
    blended: NDArray[np.float64] = (colors * part if straight else colors) + background * (1 - part)
    return blended


def grey(colors: NDArray[Any], top: float) -> NDArray[np.float64]:
    """Luminance in [0, 1] of (H, W, 3) colours whose full intensity is `top`."""
    # Term by term, so that parts are as the whole: products of matrices are rounded according to their size.
    red, green, blue = (
        colors[:, :, at].astype(np.float64) / top * weight for at, weight in enumerate(LUMINANCE)
    )
    result: NDArray[np.float64] = red + green + blue
    return result


def _entries(values: NDArray[Any]) -> NDArray[Any]:
    """Return values as places in a palette; of one bit they would choose pixels."""
    return values.astype(np.uint8) if values.dtype == bool else values
