"""First stage: intensities g_raw become offset intensities y, positive where an object may be."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .filters import gaussian, measure, standard_deviation
from .hyperparameters import Hyperparameter, Scaling
from .parallel import ordered_map, strips
from .stage import Output, Stage

ROUNDING = 1e-12  # of intensities in [0, 1]


class Preprocessing(Stage):
    """Subtract a local intensity offset (TPAMI 2023).

    y = G_sigma1 * g_raw - offset. The offset is G_sigma2 * g_raw, taken of intensities clipped at
    `offset_clip` standard deviations, except near pixels brighter than that: very bright objects then do
    not hide their faint neighbours.

    Reads ``g_raw`` (H, W) float64 in [0, 1]; adds ``y`` (H, W) float64.
    """

    name = "preprocess"
    inputs = ("g_raw",)
    outputs = ("y",)
    hyperparameters = (
        Hyperparameter(
            "sigma1",
            math.sqrt(2),
            "float",
            "smoothing of the image against noise (pixels)",
            minimum=0,
            maximum=1e5,
        ),
        Hyperparameter(
            *("sigma2", 40.0, "float"),
            "width of the local mean that is subtracted (pixels); about the scale of the objects",
            minimum=0,
            maximum=1e5,
            scaling=Scaling("scale", 1.0),
        ),
        Hyperparameter(
            *("offset_clip", 3.0, "float"),
            "intensities count in the offset up to this many standard deviations; infinite: all of them",
            above=0,
        ),
        Hyperparameter(
            *("lower_clip_mean", False, "bool"),
            "true: the offset is nowhere below the mean of the image",
        ),
    )

    def process(self, inputs: Mapping[str, Any], values: dict[str, Any], out: Output) -> dict[str, Any]:
        """Compute y."""
        g_raw = inputs["g_raw"]
        offset = local_offset(g_raw, values["sigma2"], values["offset_clip"])
        if values["lower_clip_mean"]:
            offset = np.maximum(offset, g_raw.mean())
        y = np.ascontiguousarray(gaussian(g_raw, values["sigma1"]))  # kernels are compiled for this layout

        def subtract(part: slice) -> None:
            y[part] -= offset[part]
            # On a flat background y is 0, which is not foreground, and not what rounding makes of it.
            y[part][np.abs(y[part]) < ROUNDING] = 0

        strips(subtract, *y.shape)
        return {"y": y}


def local_offset(g_raw: NDArray[np.float64], sigma2: float, offset_clip: float) -> NDArray[np.float64]:
    """Local intensity offset, lower near pixels brighter than `offset_clip` standard deviations.

    Parameters
    ----------
    g_raw : (H, W) float64
        Intensities.
    sigma2 : float
        Width of the local mean (pixels).
    offset_clip : float
        In standard deviations of `g_raw`; infinite for a plain local mean.

    Returns
    -------
    (H, W) float64
    """
    if sigma2 == 0:
        return g_raw
    clip = offset_clip * standard_deviation(g_raw)
    bright = g_raw > clip
    if not bright.any():
        return gaussian(g_raw, sigma2)
    original, clipped = ordered_map(lambda highest: gaussian(g_raw, sigma2, highest), [math.inf, clip])

    def blend(part: slice, squared: NDArray[np.int64]) -> None:
        w = (np.maximum(0, sigma2 - np.sqrt(squared)) / sigma2) ** 2
        clipped[part] = (1 - w) * clipped[part] + w * original[part]

    measure(bright, blend)
    return clipped
