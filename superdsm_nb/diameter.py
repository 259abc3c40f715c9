"""The diameter of nuclei, in pixels or as a length."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from .config import Config, resolve_preset
from .errors import ConfigError

MAX_DIAMETER = 282_842  # pixels; of the largest AF_scale
LENGTH_PATTERN = r"(?i)\s*([0-9.]+(?:e[+-]?[0-9]+)?)\s*(px|nm|um|µm|μm|mm)?\s*"
MICROMETERS = {"nm": 1e-3, "um": 1.0, "µm": 1.0, "μm": 1.0, "mm": 1e3}


def pixels_of_diameter(diameter: float | str, pixel_size: Sequence[float] | None = None) -> float:
    """Return a diameter in pixels.

    Parameters
    ----------
    diameter : float or str
        Diameter of a typical nucleus: pixels, as a number or string ("31"), or a length ("12um", "0.012 mm").
    pixel_size : (float, float), optional
        Height and width of a pixel in micrometres; needed for lengths.

    Returns
    -------
    float
        Pixels.

    Raises
    ------
    ConfigError
        If it is not a positive number or too large, its unit is unknown, or it is a length and the pixel size
        is not known.

    Examples
    --------
    >>> pixels_of_diameter(31), pixels_of_diameter("12um", (0.5, 0.5))
    (31.0, 24.0)
    """
    text = str(diameter)
    match = re.fullmatch(LENGTH_PATTERN, text)
    value = _number(match[1]) if match else math.nan
    if match is None or not 0 < value < math.inf:
        raise ConfigError(
            f"The diameter is {text!r}, but must be a positive number of pixels, such as 31, or a length, "
            "such as 12um."
        )
    unit = (match[2] or "px").lower()
    if unit != "px":
        if pixel_size is None:
            raise ConfigError(
                f"The diameter is given as {text}, but the pixel size of the image is unknown: give "
                "the diameter in pixels."
            )
        value *= MICROMETERS[unit] / math.sqrt(pixel_size[0] * pixel_size[1])
    if value > MAX_DIAMETER:
        raise ConfigError(f"The diameter is {text!r}, but must be at most {MAX_DIAMETER} pixels.")
    return value


def scale_of_diameter(diameter: float | str, pixel_size: Sequence[float] | None = None) -> float:
    """Return the scale of objects of a given diameter.

    Parameters
    ----------
    diameter : float or str
        As for `pixels_of_diameter`.
    pixel_size : (float, float), optional
        Height and width of a pixel in micrometres; needed for lengths.

    Returns
    -------
    float
        Scale in pixels, the hyperparameter ``AF_scale``: radius / sqrt 2.

    Raises
    ------
    ConfigError
        As for `pixels_of_diameter`.

    Examples
    --------
    >>> round(scale_of_diameter(31), 2), round(scale_of_diameter("12um", (0.5, 0.5)), 2)
    (10.96, 8.49)
    """
    return pixels_of_diameter(diameter, pixel_size) / 2 / math.sqrt(2)


def with_diameter(
    config: Config, diameter: float | str | None, pixel_size: Sequence[float] | None = None
) -> Config:
    """Return a configuration for nuclei of a given diameter, as the method of the configuration expects it.

    Parameters
    ----------
    config : Config
        Not changed. Its own ``diameter`` counts if none is given.
    diameter : float, str or None
        As for `pixels_of_diameter`.
    pixel_size : (float, float), optional
        Height and width of a pixel in micrometres.

    Returns
    -------
    Config
        A configuration in which ``AF_scale`` (published method) or ``diameter`` (automatic method) is set, or
        the one that was given.

    Raises
    ------
    ConfigError
        If the size is given twice, or the diameter is invalid.
    """
    known = config.get("diameter")
    if diameter is not None and known is not None:
        raise ConfigError("Two diameters are given, one of them in the configuration: give only one of them.")
    diameter = known if diameter is None else diameter
    if diameter is None:
        return config
    if resolve_preset(config) == "automatic":
        return config.derive({"diameter": pixels_of_diameter(diameter, pixel_size)})
    if config.get("AF_scale") is not None:
        raise ConfigError(
            "Both a diameter and AF_scale are given, which set the same value: give only one of them."
        )
    result = config.derive({"AF_scale": scale_of_diameter(diameter, pixel_size)})
    result.pop("diameter")
    return result


def is_size_given(config: Config) -> bool:
    """Whether a configuration states the size of the nuclei, which is estimated otherwise."""
    return config.get("AF_scale") is not None or config.get("diameter") is not None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
