"""An image in a file that is read in parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..automatic.defects import Box
from ..errors import ImageError
from ..io import PixelSize, Source, open_planes, reading_in_parts
from .plan import Range


@dataclass(frozen=True)
class OpenSource:
    """An image that can be read in parts.

    Attributes
    ----------
    shape : (int, int)
        Its height and width.
    read : callable
        Returns some rows and columns, as stored.
    pixel_size : PixelSize or None
        Size of a pixel, if the file states it.
    """

    shape: tuple[int, int]
    read: Callable[[slice, slice], NDArray[np.generic]]
    pixel_size: PixelSize | None


@contextmanager
def open_source(source: Source) -> Iterator[OpenSource]:
    """Open an image to read parts of it.

    Parameters
    ----------
    source : Source
        The file, and what is used of it.

    Yields
    ------
    OpenSource
        It can be read until the context ends.

    Raises
    ------
    ImageError
        If it cannot be read, or only as a whole.
    """
    with ExitStack() as opened:
        opened.enter_context(reading_in_parts())
        planes = opened.enter_context(open_planes(source.path, **source.part))
        if planes.axes:
            raise ImageError(
                f'{source.path}: "all" stands for several images, but tiles are made of one: choose one, or '
                '"max" or "mean" of all.'
            )
        read_part = planes.read_part
        if read_part is None:
            raise ImageError(
                f"{source.path} can only be read as a whole: convert it to OME-Zarr or to a TIFF with tiles."
            )

        def read(rows: slice, cols: slice) -> NDArray[np.generic]:
            pixels = read_part({}, rows, cols)
            if pixels.dtype.kind not in "biuf":
                raise ImageError(f"The image holds values of type {pixels.dtype}, but must hold numbers.")
            return pixels

        yield OpenSource(planes.shape, read, planes.pixel_size)


def normalized_reader(
    source: OpenSource, values: Range, content: Box | None = None
) -> Callable[[slice, slice], NDArray[np.float64]]:
    """Return a function that reads rows and columns of the content, with intensities from 0 to 1.

    They are the same as those of `superdsm_nb.image.normalized`.

    Parameters
    ----------
    source : OpenSource
        The image.
    values : Range
        Of all its pixels.
    content : (slice, slice), optional
        The content of the image; all of it by default.
    """
    top, left = (0, 0) if content is None else (content[0].start, content[1].start)

    def read(rows: slice, cols: slice) -> NDArray[np.float64]:
        pixels = source.read(
            slice(rows.start + top, rows.stop + top), slice(cols.start + left, cols.stop + left)
        )
        return normalized_values(pixels, values)

    return read


def normalized_values(pixels: NDArray[Any], values: Range) -> NDArray[np.float64]:
    """Return pixels with intensities from 0 to 1, as `superdsm_nb.image.normalized` does."""
    half = pixels.astype(np.float64)
    half /= 2
    half -= values.low
    half /= values.spread if values.spread > 0 else 1.0
    return half
