"""The pixels of an image layer that are segmented: a plane of it, or the part of the plane in view."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ImageError
from ..io import LoadedImage, PixelSize, Source

if TYPE_CHECKING:
    from napari.layers import Image

COLOURS = ("Grey", "Red", "Green", "Blue")
LUMINANCE = (0.299, 0.587, 0.114)
MICROMETRE = "micrometer"

Span = tuple[int, int]


@dataclass(frozen=True)
class View:
    """A plane of an image layer, or a part of it.

    Attributes
    ----------
    layer : Image
        The layer; its last two axes are rows and columns.
    position : tuple of int
        Where the plane is, by the axes before the last two.
    rows, cols : (int, int)
        First row and column, and those after the last, at the level.
    level : int
        Level of a layer that has several resolutions; 0 is the full resolution.
    colour : str
        For a layer of colours, what is segmented: one of `COLOURS`.
    """

    layer: Image
    position: tuple[int, ...]
    rows: Span
    cols: Span
    level: int = 0
    colour: str = COLOURS[0]

    @property
    def key(self) -> Hashable:
        """What tells the view from others, apart from the pixels."""
        return (self.layer.unique_id, self.position, self.rows, self.cols, self.level, self.colour)

    @property
    def outer(self) -> tuple[int, ...]:
        """Numbers of planes, by the axes before the last two."""
        return tuple(int(size) for size in shape_of(self.layer, self.level)[:-2])

    @property
    def shape(self) -> Span:
        """Numbers of rows and columns."""
        return self.rows[1] - self.rows[0], self.cols[1] - self.cols[0]

    @property
    def factors(self) -> tuple[float, float]:
        """Height and width of a pixel of the level, in pixels of the layer."""
        full, own = shape_of(self.layer, 0)[-2:], shape_of(self.layer, self.level)[-2:]
        return full[0] / own[0], full[1] / own[1]

    @property
    def origin(self) -> tuple[float, float]:
        """Row and column of the centre of the first pixel, in pixels of the layer."""
        tall, wide = self.factors
        return self.rows[0] * tall + (tall - 1) / 2, self.cols[0] * wide + (wide - 1) / 2

    def pixels(self) -> NDArray[Any]:
        """Return a copy of the pixels; (H, W)."""
        return self._read(self.position)

    def planes(self) -> NDArray[Any]:
        """Return a copy of the same part of all planes, without axes of one place; (..., H, W)."""
        return self._read(tuple(slice(None) if size > 1 else 0 for size in self.outer))

    def image(self, pixels: NDArray[Any]) -> LoadedImage:
        """Return pixels with the name of the layer, and the size that it gives them."""
        return LoadedImage(pixels, Source(Path(self.layer.name)), pixel_size=self.pixel_size)

    @property
    def pixel_size(self) -> PixelSize | None:
        """Size of a pixel of the level; None if the unit of the layer is not a length."""
        lengths = [(abs(size) * unit) for size, unit in zip(self.layer.scale, self.layer.units, strict=True)]
        if not all(each.is_compatible_with(MICROMETRE) for each in lengths[-2:]):
            return None
        tall, wide = (each.to(MICROMETRE).magnitude for each in lengths[-2:])
        return PixelSize(float(tall) * self.factors[0], float(wide) * self.factors[1])

    def _read(self, place: tuple[int | slice, ...]) -> NDArray[Any]:
        data = self.layer.data[self.level] if self.layer.multiscale else self.layer.data
        found = np.array(data[(*place, slice(*self.rows), slice(*self.cols))])
        if not self.layer.rgb:
            return found
        if self.colour == COLOURS[0]:
            return np.asarray(found[..., :3] @ np.array(LUMINANCE), np.float64)
        return found[..., COLOURS.index(self.colour) - 1].copy()


def shape_of(layer: Image, level: int) -> tuple[int, ...]:
    """Return the shape of a layer at a level, without colours."""
    shape: tuple[int, ...] = tuple(layer.data[level].shape if layer.multiscale else layer.data.shape)
    return shape[:-1] if layer.rgb else shape


def view_of(
    layer: Image, world: tuple[float, ...], visible_only: bool = False, colour: str = COLOURS[0]
) -> View:
    """Return what of a layer is in view.

    Parameters
    ----------
    layer : Image
        The layer.
    world : tuple of float
        Where the viewer is, by its axes (``viewer.dims.point``).
    visible_only : bool
        Leave out what the canvas does not show; so does every layer of several resolutions, which is taken at
        the level that is shown.
    colour : str
        For a layer of colours, what is segmented.

    Raises
    ------
    ImageError
        If nothing of the layer is visible, or it has a single axis.
    """
    if layer.ndim < 2:
        raise ImageError(f"{layer.name} has one axis: an image has rows and columns.")
    level = int(layer.data_level) if layer.multiscale else 0
    shape = shape_of(layer, level)
    place = np.round(layer.world_to_data(world)).astype(np.int64)[:-2]
    position = tuple(int(each) for each in np.clip(place, 0, np.array(shape[:-2], np.int64) - 1))
    rows, cols = (0, shape[-2]), (0, shape[-1])
    if visible_only or layer.multiscale:
        first, last = np.asarray(layer.corner_pixels, np.int64)[:, -2:]
        rows, cols = (
            (int(max(start, 0)), int(min(end + 1, size)))
            for start, end, size in zip(first, last, shape[-2:], strict=True)
        )
    if rows[1] - rows[0] < 2 or cols[1] - cols[0] < 2:
        raise ImageError(f"Nothing of {layer.name} is visible: move it into view.")
    return View(layer, position, rows, cols, level, colour)
