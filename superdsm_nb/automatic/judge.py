"""Which objects are nuclei, relative to the other objects of the image and to its noise."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..config import AutomaticPostprocessSettings

BORDER_SHARE = 0.25  # of the smallest area, for objects that the image cuts off
SURE_CONTRAST = 0.4  # of that of a typical object; with more, only its bright neighbours make an object dim
SURE_SHARE = 0.6  # of the least brightness, for such objects


def typical(values: NDArray[np.float64], areas: NDArray[np.int64]) -> float:
    """Return a value of a typical object of an image: the median, weighted by areas.

    Parameters
    ----------
    values : (N,) float64
        Of the objects; at least one.
    areas : (N,) int64
        Their areas (pixels).

    Returns
    -------
    float
        One of the values.
    """
    order = np.argsort(values, kind="stable")
    total = np.cumsum(areas[order])
    return float(values[order][np.searchsorted(total, total[-1] / 2)])


class Judge:
    """Decides which objects are nuclei.

    Parameters
    ----------
    height : float
        How high the core of a typical object of the image is above the background around it, see `typical`.
    brightness : float
        Mean intensity of a typical object above the threshold, in units of the local contrast.
    radius : float
        Radius of the nuclei (pixels).
    noise : float
        Standard deviation of the noise.
    settings : AutomaticPostprocessSettings
        Limits.
    """

    def __init__(
        self,
        height: float,
        brightness: float,
        radius: float,
        noise: float,
        settings: AutomaticPostprocessSettings,
    ) -> None:
        self._typical_area = math.pi * radius**2
        self._typical_height = height
        self._has_bright = brightness >= settings.min_brightness
        self._noise = noise
        self._settings = settings

    def reason(
        self,
        area: float,
        low: float,
        high: float,
        mean: float,
        *,
        brightness: float,
        on_boundary: bool,
        is_given: bool = False,
    ) -> str | None:
        """Why an object is discarded, or None.

        Parameters
        ----------
        area : float
            Of the object (pixels).
        low, high, mean : float
            Intensity of the background around it, of its core, and its mean.
        brightness : float
            Its mean intensity above the threshold, in units of the local contrast.
        on_boundary : bool
            Whether the image cuts it off.
        is_given : bool
            Whether the foreground was given, which decides about brightness.

        Returns
        -------
        str or None
            A phrase for people.
        """
        settings = self._settings
        share = area / self._typical_area
        least = settings.min_area * (BORDER_SHARE if on_boundary else 1.0)
        if share < least:
            return f"its area is {share:.2g} of that of a typical nucleus, below {least:g}"
        if is_given:
            return None
        # faint rims of nuclei that the image cuts off, and out-of-focus debris, are both small and dim
        is_small = share < settings.small_area
        height = (high - low) / max(self._typical_height, 1e-12)
        least = settings.small_min_brightness if is_small else settings.min_brightness
        if not is_small and height > SURE_CONTRAST and self._has_bright:
            least *= SURE_SHARE
        if brightness < least:
            return (
                f"its brightness above the threshold is {brightness:.2g} of the local contrast, "
                f"below {least:g}{' for a small object' if is_small else ''}"
            )
        if height < settings.min_relative_contrast:
            return (
                f"its contrast is {height:.2g} of that of a typical object, "
                f"below {settings.min_relative_contrast:g}"
            )
        significance = (mean - low) * math.sqrt(area) / self._noise
        if significance < settings.min_significance:
            return f"it stands out from the noise by a factor of {significance:.2g} only"
        return None
