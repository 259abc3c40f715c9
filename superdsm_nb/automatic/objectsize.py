"""The radius of a typical nucleus, from objects found with a first estimate of it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..config import AutomaticEnergySettings, AutomaticRegionSettings
from .choice import find_unions
from .regions import atoms_of
from .size import MIN_RADIUS

MIN_AREA, MIN_BRIGHTNESS = 0.1, 0.1  # of a typical nucleus, and of the local contrast; less is debris
MAX_CHANGE = 2.5  # factor between the estimates


def radius_of_objects(y: NDArray[np.float64], radius: float, zoom: float) -> float:
    """Return the radius of the median area of the objects that a first radius leads to.

    Parameters
    ----------
    y : (h, w) float64
        Intensity above the local threshold, in units of the local contrast.
    radius : float
        The first estimate (pixels of the image).
    zoom : float
        Pixels of `y` per pixel of the image.

    Returns
    -------
    float
        In pixels of the image; the first estimate if there is no whole object.
    """
    atoms, _ = atoms_of(y, radius * zoom, AutomaticRegionSettings())
    if not atoms.any():
        return radius
    clusters, _ = ndimage.label(atoms > 0, output=np.int32)
    settings = AutomaticEnergySettings()
    choice = find_unions(y, atoms, clusters, radius * zoom, settings)
    chosen = choice.least(settings.object_cost).chosen
    areas = choice.shapes.areas[chosen]
    brightness = np.bincount(atoms.ravel(), y.ravel())
    means = np.array([sum(brightness[atom] for atom in choice.unions[index]) for index in chosen]) / areas
    typical = math.pi * (radius * zoom) ** 2
    counted = (areas > MIN_AREA * typical) & (means > MIN_BRIGHTNESS) & choice.shapes.is_inside[chosen]
    if not counted.any():
        return radius
    found = math.sqrt(float(np.median(areas[counted])) / math.pi) / zoom
    return max(MIN_RADIUS, min(max(found, radius / MAX_CHANGE), radius * MAX_CHANGE))
