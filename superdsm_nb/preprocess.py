"""First stage: intensities g_raw become offset intensities y, positive where an object may be."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from .config import PreprocessSettings
from .events import Emit
from .filters import gaussian, measure, standard_deviation
from .parallel import ordered_map, strips
from .stage import PipelineData, Stage

ROUNDING_TOLERANCE = 1e-12  # of intensities in [0, 1]


class Preprocessing(Stage[PreprocessSettings]):
    """Subtract a local intensity offset (TPAMI 2023).

    y = G_sigma1 * g_raw - offset. The offset is G_sigma2 * g_raw, computed from intensities clipped at
    `offset_clip` standard deviations, except near pixels brighter than that: so very bright objects do
    not hide their faint neighbours.

    Reads ``g_raw`` (H, W) float64 in [0, 1]; adds ``y`` (H, W) float64.
    """

    name = PreprocessSettings.section
    inputs = ("g_raw",)
    outputs = ("y",)
    settings_type = PreprocessSettings

    def process(self, inputs: PipelineData, settings: PreprocessSettings, emit: Emit) -> PipelineData:
        """Compute y."""
        g_raw = inputs["g_raw"]
        offset = local_offset(g_raw, settings.sigma2, settings.offset_clip)
        if settings.lower_clip_mean:
            offset = np.maximum(offset, g_raw.mean())
        y = np.ascontiguousarray(gaussian(g_raw, settings.sigma1))  # kernels are compiled for this layout

        def subtract(part: slice) -> None:
            y[part] -= offset[part]
            # On a flat background y must be exactly 0, which is not foreground, in spite of rounding.
            y[part][np.abs(y[part]) < ROUNDING_TOLERANCE] = 0

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
        What is subtracted as background.
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
