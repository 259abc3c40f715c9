"""Windows of the canonical image, each the same as if the whole image were there."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..config import AutomaticPreprocessSettings
from ..errors import ConfigError
from ..parallel import thread_count
from .defects import Box, without_outliers
from .smoothing import WIDE, Grid, convolved, reach_of
from .threshold import ROUNDS, Levels, known_foreground

SAME_SIZE = 0.1  # relative; an image whose nuclei have almost the canonical radius is not resized
STRIP = 2**21  # pixels of the image for each thread that are made canonical and smoothed together
Shape = tuple[int, ...]
Read = Callable[[slice, slice], NDArray[np.float64]]


class Measures(NamedTuple):
    """What is measured once for a whole image, so that each part of it can be segmented on its own.

    Attributes
    ----------
    radius : float
        Radius of a typical nucleus (pixels of the image).
    tolerance : float or None
        By how much defects differ from their neighbours; None if there are none to replace.
    noise : float
        Standard deviation of the noise.
    levels : Levels
        Of the foreground.
    background : float
        Intensity of the background, where there is none around an object.
    """

    radius: float
    tolerance: float | None
    noise: float
    levels: Levels
    background: float


def zoom_of(radius: float, settings: AutomaticPreprocessSettings) -> float:
    """Return the canonical pixels per pixel of the image."""
    zoom = min(settings.canonical_radius / radius, settings.max_zoom)
    return 1.0 if abs(zoom - 1) < SAME_SIZE else zoom


def canonical_shape(shape: Shape, zoom: float) -> tuple[int, int]:
    """Return the shape of the canonical image of a content of this shape; at least a pixel is left."""
    if zoom == 1:
        return shape[0], shape[1]
    rows, cols = (max(1, round(size * zoom)) for size in shape)
    return rows, cols


def averages(old: int, new: int) -> sparse.csr_array:
    """Weights that make `new` pixels along a side of `old` ones: triangles at least a pixel wide."""
    width = math.sqrt(1 + 1.5 * max(0.0, old / new - 1) ** 2)
    center = (np.arange(new) + 0.5) * old / new - 0.5
    first = np.floor(center - width).astype(np.int64) + 1
    source = first[:, None] + np.arange(math.ceil(2 * width))
    weights = np.maximum(0.0, 1 - np.abs(source - center[:, None]) / width)
    weights /= weights.sum(axis=1, keepdims=True)
    places = np.repeat(np.arange(new), source.shape[1]), np.clip(source, 0, old - 1).ravel()
    return sparse.csr_array((weights.ravel(), places), shape=(new, old))


def resized(image: NDArray[np.float64], zoom: float) -> NDArray[np.float64]:
    """Resize an image by a factor; at least one pixel is left."""
    if zoom == 1:
        return image
    rows, cols = (
        averages(*sides) for sides in zip(image.shape, canonical_shape(image.shape, zoom), strict=True)
    )
    result: NDArray[np.float64] = np.ascontiguousarray((cols @ (rows @ image).T).T)
    return result


def padded(window: Box, margin: int, shape: Shape) -> Box:
    """Return a window with a margin on each side, as far as the image reaches."""
    rows, cols = (
        slice(max(0, part.start - margin), min(size, part.stop + margin))
        for part, size in zip(window, shape, strict=True)
    )
    return rows, cols


def inner(window: Box, outer: Box) -> Box:
    """Return where a window lies inside a larger one."""
    rows, cols = (
        slice(part.start - whole.start, part.stop - whole.start)
        for part, whole in zip(window, outer, strict=True)
    )
    return rows, cols


class Canvas:
    """The content of an image, and its canonical image, of which any window can be computed.

    Parameters
    ----------
    read : callable
        Returns some rows and columns of the content, as float64 in [0, 1].
    shape : (int, int)
        Shape of the content.
    measures : Measures
        What is known of the image.
    settings : AutomaticPreprocessSettings
        How the image is resized, and how its foreground is found.

    Attributes
    ----------
    shape, canonical_shape : (int, int)
        Of the content, and of its canonical image.
    zoom : float
        Canonical pixels per pixel of the image.

    Raises
    ------
    ConfigError
        If a window would depend on the whole image, with these settings.
    """

    def __init__(
        self, read: Read, shape: Shape, measures: Measures, settings: AutomaticPreprocessSettings
    ) -> None:
        self._read, self.shape, self._measures, self._settings = read, shape, measures, settings
        self.zoom = zoom_of(measures.radius, settings)
        self.canonical_shape = canonical_shape(shape, self.zoom)
        self._smoothing = settings.noise_smoothing * measures.radius * self.zoom
        self._reach = settings.reach * measures.radius * self.zoom
        if self._smoothing > WIDE:
            raise ConfigError(
                f"noise_smoothing is {settings.noise_smoothing:g}, but must be at most "
                f"{WIDE / settings.canonical_radius:g} for an image of this size."
            )
        self._sides: tuple[sparse.csr_array, sparse.csr_array] | None = None
        if self.zoom != 1:
            rows, cols = (averages(*sides) for sides in zip(shape, self.canonical_shape, strict=True))
            self._sides = rows, cols

    def pixels(self, window: Box) -> NDArray[np.float64]:
        """Return a window of the content without defects."""
        outer = padded(window, 1, self.shape)
        image = np.ascontiguousarray(self._read(*outer))
        if self._measures.tolerance is not None:
            image = without_outliers(image, self._measures.tolerance)
        return np.ascontiguousarray(image[inner(window, outer)])

    def source(self, window: Box) -> Box:
        """Return the window of the content that a window of the canonical image is made of."""
        if self._sides is None:
            return window
        rows, cols = (
            slice(int(part.indices.min()), int(part.indices.max()) + 1)
            for part in (side[each] for side, each in zip(self._sides, window, strict=True))
        )
        return rows, cols

    def canonical(self, window: Box) -> NDArray[np.float64]:
        """Return a window of the canonical image."""
        box = self.source(window)
        image = self.pixels(box)
        if self._sides is None:
            return image
        rows, cols = (
            side[part][:, place] for side, part, place in zip(self._sides, window, box, strict=True)
        )
        return np.ascontiguousarray((cols @ (rows @ image).T).T)

    def foreground(self, window: Box) -> NDArray[np.float64]:
        """Return y in a window of the canonical image: intensities relative to the local threshold."""
        reach = Grid.reach(self.canonical_shape, self._reach, ROUNDS)
        near = padded(window, reach, self.canonical_shape)
        found = known_foreground(
            self.smooth(near),
            Grid(self.canonical_shape, self._reach, near),
            self._measures.levels,
            height=self._settings.threshold_height,
            min_contrast=self._settings.min_local_contrast,
        )
        return found.y(inner(window, near))

    def smooth(self, window: Box) -> NDArray[np.float64]:
        """Return a window of the canonical image without noise.

        It is made strip by strip: besides the result, memory is needed for some strips only.
        """
        rows, cols = window
        height, width = rows.stop - rows.start, cols.stop - cols.start
        result = np.empty((height, width))
        pixels = math.prod(part.stop - part.start for part in self.source(window))
        count = min(height, math.ceil(pixels / (STRIP * thread_count())))
        for first, stop in itertools.pairwise(height * k // count for k in range(count + 1)):
            strip = slice(rows.start + first, rows.start + stop), cols
            outer = padded(strip, reach_of(self._smoothing), self.canonical_shape)
            result[first:stop] = convolved(self.canonical(outer), self._smoothing)[inner(strip, outer)]
        return result
