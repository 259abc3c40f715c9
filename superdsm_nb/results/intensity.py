"""Intensities of other channels in the objects of a label map, and in rings around them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..errors import ConfigError, ImageError
from .ringwidth import ring_width
from .shape import Pixels

STATISTICS: Mapping[str, Callable[[NDArray[Any]], Any]] = {
    "mean": lambda values: values.mean(dtype=np.float64),
    "median": np.median,
    "sum": lambda values: values.sum(dtype=np.float64),
    "min": np.min,
    "max": np.max,
    "std": lambda values: values.std(dtype=np.float64),
}
BACKGROUND, CORRECTED = "background", "corrected_mean"
COLUMN = rf"(?:ring_)?(?:{'|'.join((*STATISTICS, BACKGROUND, CORRECTED))})_intensity_.*"


@dataclass(frozen=True)
class Measure:
    """What is measured besides the image that was segmented.

    Attributes
    ----------
    channels : mapping of str to (H, W) array
        Intensities by the name that the columns get.
    ring : str or None
        Width of a ring around each object in which they are measured as well: pixels ("4"), or a length
        ("2um").
    """

    channels: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    ring: str | None = None


def intensity_columns(
    labels: NDArray[Any], pixels: Pixels, measure: Measure, pixel_size: Sequence[float] | None = None
) -> dict[str, list[Any]]:
    """Measure intensities of other channels.

    Parameters
    ----------
    labels : (H, W) int array
        Label map.
    pixels : Pixels
        Its pixels.
    measure : Measure
        The channels, and the width of the rings.
    pixel_size : (float, float), optional
        Height and width of a pixel in micrometres; needed for a width that is a length.

    Returns
    -------
    dict of str to list of (n,) numbers
        For each channel, columns such as ``mean_intensity_NAME``, in the unit of the channel: the
        `STATISTICS`; ``background_intensity_NAME``, the median of the pixels without an object in the
        bounding box widened by the equivalent diameter of the object; and ``corrected_mean_intensity_NAME``,
        the mean minus that background. With a ring the same as ``ring_mean_intensity_NAME``, except for the
        background. What has no pixels is NaN.

    Raises
    ------
    SuperDSMError
        As for `check_measure`.
    """
    check_measure(measure, labels.shape, pixel_size)
    ring = None if measure.ring is None else Pixels.of(ring_labels(labels, measure.ring, pixel_size))
    columns: dict[str, list[Any]] = {}
    for name, image in measure.channels.items():
        inside = pixels.of_image(image)
        background = _backgrounds(labels, pixels, image)
        columns |= _statistics(inside, f"intensity_{name}", background)
        columns[f"{BACKGROUND}_intensity_{name}"] = background
        if ring is not None:
            around = dict(zip(ring.labels.tolist(), ring.of_image(image), strict=True))
            nothing = image[:0].ravel()
            values = [around.get(label, nothing) for label in pixels.labels.tolist()]
            found = _statistics(values, f"intensity_{name}", background)
            columns |= {f"ring_{column}": each for column, each in found.items()}
    return columns


def check_measure(
    measure: Measure, shape: tuple[int, ...], pixel_size: Sequence[float] | None = None
) -> None:
    """Check that everything can be measured in an image, before it is segmented.

    Parameters
    ----------
    measure : Measure
        The channels, and the width of the rings.
    shape : (int, int)
        Shape of the image.
    pixel_size : (float, float), optional
        Height and width of a pixel in micrometres.

    Raises
    ------
    ImageError
        If a channel has another shape, or does not hold numbers.
    ConfigError
        If the width of the rings is not valid, or a length without a pixel size.
    """
    for name, image in measure.channels.items():
        if image.dtype.kind not in "biuf":
            raise ImageError(f"The channel {name} to measure holds values of type {image.dtype}.")
        if image.shape != shape:
            own, other = (" x ".join(map(str, each)) for each in (image.shape, shape))
            raise ImageError(f"The channel {name} to measure is {own} pixels, but the image is {other}.")
    if measure.ring is not None and ring_width(measure.ring)[1] == "um" and pixel_size is None:
        raise ConfigError(
            f"The width of the ring is given as {measure.ring}, but the pixel size of the image is unknown: "
            "give it in pixels."
        )


def is_intensity_column(name: str) -> bool:
    """Whether a name is one of the columns of `intensity_columns`."""
    return re.fullmatch(COLUMN, name, re.DOTALL) is not None


def intensity_columns_of(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Names of the columns of `intensity_columns` that rows have, in their order."""
    return list(dict.fromkeys(name for row in rows for name in row if is_intensity_column(name)))


def ring_labels(labels: NDArray[Any], width: str, pixel_size: Sequence[float] | None = None) -> NDArray[Any]:
    """Find the ring around each object.

    Parameters
    ----------
    labels : (H, W) int array
        Label map; labels up to 0 are background.
    width : str
        Width of the rings: pixels, or a length.
    pixel_size : (float, float), optional
        Height and width of a pixel in micrometres; needed for a length.

    Returns
    -------
    (H, W) int array
        For each pixel of no object whose centre is at most that far from an object, the label of the nearest
        one; otherwise 0. So rings are never in an object, and each pixel is in one ring at most.

    Raises
    ------
    ConfigError
        If the width is not valid.
    """
    value, unit = ring_width(width)
    is_object = labels > 0
    if not is_object.any():
        return np.zeros_like(labels)
    distance, (rows, cols) = ndimage.distance_transform_edt(
        ~is_object, (1.0, 1.0) if unit == "px" else pixel_size, return_indices=True
    )
    return np.where(~is_object & (distance <= value), labels[rows, cols], 0)


def _statistics(
    regions: Sequence[NDArray[Any]], noun: str, background: Sequence[float]
) -> dict[str, list[Any]]:
    """Statistics of the values of each region."""
    columns: dict[str, list[Any]] = {
        f"{name}_{noun}": [statistic(values).item() if values.size else math.nan for values in regions]
        for name, statistic in STATISTICS.items()
    }
    means = columns[f"mean_{noun}"]
    columns[f"{CORRECTED}_{noun}"] = [mean - level for mean, level in zip(means, background, strict=True)]
    return columns


def _backgrounds(labels: NDArray[Any], pixels: Pixels, image: NDArray[Any]) -> list[float]:
    """Median of the pixels of no object near each object; NaN if there are none."""
    found = []
    for area, (top, left, bottom, right) in zip(pixels.area.tolist(), pixels.box.T.tolist(), strict=True):
        margin = math.ceil(math.sqrt(4 / math.pi * area))
        box = (
            slice(max(top - margin, 0), bottom + margin),
            slice(max(left - margin, 0), right + margin),
        )
        around = image[box][labels[box] <= 0]
        found.append(float(np.median(around)) if around.size else math.nan)
    return found
