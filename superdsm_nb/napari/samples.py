"""Sample data: generated nuclei, so that anybody can try without a download."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..synthetic import generate

LayerData = tuple[Any, dict[str, Any], str]

PIXEL = 0.32  # micrometres
SHAPE = (512, 512)
COUNT, RADIUS, CLUSTERING = 60, 16.0, 0.7
STEPS = 5


def nuclei() -> list[LayerData]:
    """Return an image of clustered nuclei."""
    image = generate(seed=1, shape=SHAPE, nuclei=COUNT, radius=RADIUS, clustering=CLUSTERING).image
    return [(image, _described("sample", image, ("um", "um"), (PIXEL, PIXEL)), "image")]


def series() -> list[LayerData]:
    """Return a series of images of nuclei, for trying planes."""
    frames = [
        generate(seed=seed, shape=(256, 256), nuclei=16, radius=RADIUS, clustering=CLUSTERING).image
        for seed in range(1, STEPS + 1)
    ]
    image = np.stack(frames)
    options = _described("sample series", image, ("s", "um", "um"), (60.0, PIXEL, PIXEL))
    return [(image, options | {"axis_labels": ("t", "y", "x")}, "image")]


def _described(
    name: str, image: np.ndarray[Any, Any], units: tuple[str, ...], scale: tuple[float, ...]
) -> dict[str, Any]:
    low, high = np.percentile(image, (1, 99.8))
    return {"name": name, "scale": scale, "units": units, "contrast_limits": (float(low), float(high))}
