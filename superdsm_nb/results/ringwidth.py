"""The width of the rings around objects, in pixels or as a length; this module must not import NumPy."""

from __future__ import annotations

import math
import re

from ..diameter import LENGTH_PATTERN, MICROMETERS
from ..errors import ConfigError

# The same as a regular expression of JSON Schema.
WIDTH_PATTERN = r"^\s*[0-9.]+([eE][+-]?[0-9]+)?\s*([pP][xX]|[nN][mM]|[uUµμ][mM]|[mM][mM])?\s*$"


def ring_width(text: str) -> tuple[float, str]:
    """Return the width of a ring and its unit, "px" or "um".

    Raises
    ------
    ConfigError
        If it is neither a positive number of pixels nor a positive length.

    Examples
    --------
    >>> ring_width("4"), ring_width("2000 nm")
    ((4.0, 'px'), (2.0, 'um'))
    """
    match = re.fullmatch(LENGTH_PATTERN, text)
    try:
        value = float(match[1]) if match else math.nan
    except ValueError:  # such as 1.2.3
        value = math.nan
    if match is None or not 0 < value < math.inf:
        raise ConfigError(
            f"The width of the ring is {text!r}, but must be a positive number of pixels, such as 4, or a "
            "length, such as 2um."
        )
    unit = (match[2] or "px").lower()
    return (value, "px") if unit == "px" else (value * MICROMETERS[unit], "um")


def is_ring_width(text: str) -> bool:
    """Whether `ring_width` accepts a text."""
    try:
        ring_width(text)
    except ConfigError:
        return False
    return True
