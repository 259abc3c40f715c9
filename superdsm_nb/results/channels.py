"""The channels that are measured besides the image that was segmented, and where they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ConfigError
from ..io import Source, imread, read_companion

Place = (
    int | str | Path | NDArray[Any]
)  # number or name of a channel of the same file, another file, or pixels


def channel_name(place: int | str | Path) -> str:
    """Return the name by which the columns of a channel are called.

    Examples
    --------
    >>> channel_name(2), channel_name("GFP"), channel_name(Path("images/p53.tif"))
    ('channel2', 'GFP', 'p53')
    """
    if isinstance(place, Path):
        return place.stem
    return f"channel{place}" if isinstance(place, int) else place


def named_channels(places: Iterable[int | str | Path]) -> dict[str, int | str | Path]:
    """Name the channels to measure.

    Raises
    ------
    ConfigError
        If two have the same name, which two columns would then have.
    """
    named: dict[str, int | str | Path] = {}
    for place in places:
        name = channel_name(place)
        if name in named:
            raise ConfigError(f"Two channels to measure are called {name}: give each another name.")
        named[name] = place
    return named


def load_channels(source: Source, places: Mapping[str, Place]) -> dict[str, NDArray[Any]]:
    """Read the channels to measure.

    Parameters
    ----------
    source : Source
        The image that is segmented; its plane and time point are those of its other channels.
    places : mapping of str to int, str, Path or (H, W) array
        By the name that the columns get: the number (zero-based) or the name of a channel of the same file,
        the path of another file, of which the same plane and time point are used if it has several, or
        pixels.

    Returns
    -------
    dict of str to (H, W) array
        Intensities as stored.

    Raises
    ------
    ImageError
        If a file cannot be read, or has no such channel.
    """
    channels: dict[str, NDArray[Any]] = {}
    for name, place in places.items():
        if isinstance(place, Path):
            channels[name] = read_companion(place, source.part)
        elif isinstance(place, int | str):
            channels[name] = imread(source.path, **{**source.part, "channel": place})
        else:
            channels[name] = np.asarray(place)
    return channels
