"""What the page shows before there is a result: the image, and all that can be changed."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..config import DECLARATIONS, PRESETS, Config, Preset, preset_of
from ..errors import ConfigError
from ..io import LoadedImage
from ..strictjson import strict_values
from ..tuning import Control, advanced_controls, main_controls

MAX_SIDE, MAX_PIXELS = 16384, 2**26  # of a canvas in all browsers
DARK, BRIGHT = 0.5, 99.8  # percentiles: what is black and white at first
GRAY = 65535
FILES: Mapping[str, tuple[str, str]] = {
    "labels.tif": ("seg", "Label map, TIFF"),
    "labels.png": ("seg", "Label map, PNG"),
    "regions.zip": ("rois", "Regions, ImageJ"),
    "outlines.geojson": ("geojson", "Outlines, QuPath"),
    "nuclei.csv": ("csv", "Table, CSV"),
    "contours.png": ("overlay", "Picture, PNG"),
}


def start(image: LoadedImage) -> dict[str, Any]:
    """Describe the image and all that can be changed.

    Parameters
    ----------
    image : LoadedImage
        The image.
    """
    low, high = value_range(image)
    gray = image.pixels[np.isfinite(image.pixels)].astype(np.float64) if image.pixels.ndim == 2 else []
    window = np.percentile(gray, (DARK, BRIGHT)) if len(gray) else (low, high)
    return {
        "name": image.name,
        "shape": image.pixels.shape,
        "range": (low, high),
        "files": [(name, title) for name, (_, title) in FILES.items()],
        "window": [_share(value, low, high) for value in window],
        "controls": {
            preset: {
                "main": [_control(each) for each in main_controls(preset)],
                "advanced": [_control(each) for each in advanced_controls(preset)],
            }
            for preset in PRESETS
        },
    }


def check_size(image: LoadedImage) -> None:
    """Raise `ConfigError` for an image that no browser can show."""
    height, width = image.pixels.shape[:2]
    if max(height, width) > MAX_SIDE or height * width > MAX_PIXELS:
        raise ConfigError(
            f"{image.name} has {width} x {height} pixels, but browsers show at most {MAX_SIDE} in a row and "
            f"{MAX_PIXELS} in all: find the settings on a piece of it."
        )


def pixels(image: LoadedImage) -> bytes:
    """Return what is drawn below the contours.

    Parameters
    ----------
    image : LoadedImage
        The image.

    Returns
    -------
    bytes
        Little-endian uint16 from the least (0) to the greatest intensity (65535), or, for a colour image,
        three bytes for each pixel.
    """
    if image.pixels.ndim == 3:
        return np.ascontiguousarray(image.pixels[..., :3], np.uint8).tobytes()
    low, high = value_range(image)
    shares = (np.nan_to_num(image.pixels.astype(np.float64), nan=low) - low) / (high - low or 1.0)
    return np.clip(GRAY * shares + 0.5, 0, GRAY).astype("<u2").tobytes()


def value_range(image: LoadedImage) -> tuple[float, float]:
    """Return the least and the greatest intensity; those that are not finite do not count."""
    finite = image.pixels[np.isfinite(image.pixels)]
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)


def changes_of(given: Mapping[str, Any], config: Config, preset: Preset) -> dict[str, Any]:
    """Return what a request of the page changes, as `Session.update` takes it.

    Parameters
    ----------
    given : mapping of str to Any
        Values by the keys of controls, or ``preset`` for another method: then the settings of the method
        before are forgotten.
    config : Config
        Hyperparameters that are set now.
    preset : {"automatic", "published"}
        The method to whose controls the keys belong.

    Raises
    ------
    ConfigError
        If there is no such control or method, or a value is no number where others are multiples of it.
    """
    if "preset" in given:
        if given["preset"] not in PRESETS:
            raise ConfigError(f"There is no method {given['preset']}.")
        # Those that are set, or about to be; a size that nothing has set must not replace the one that is.
        own = {
            key: None
            for key in DECLARATIONS
            if preset_of(key) is not None and (key != "AF_scale" or key in config)
        }
        return {**own, "preset": given["preset"]}
    controls = {each.key: each for each in controls_of(preset)}
    changes: dict[str, Any] = {}
    for key, value in given.items():
        if key not in controls:
            raise ConfigError(f"There is no setting {key} of the {preset} method.")
        if controls[key].linked and not (value is None or isinstance(value, int | float)):
            raise ConfigError(f"{controls[key].label} must be a number.")
        changes |= controls[key].changes(value)
    return changes


def controls_of(preset: Preset) -> Sequence[Control]:
    """Return all controls of a method."""
    return (*main_controls(preset), *advanced_controls(preset))


def _control(control: Control) -> dict[str, Any]:
    return dict(strict_values(dataclasses.asdict(control) | {"section": control.section}))


def _share(value: float, low: float, high: float) -> float:
    return float((value - low) / (high - low)) if high > low else 0.0
