"""An image in a file that is read in parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..automatic.defects import Box
from ..automatic.sample import Thinned, side_of_squares, thinned
from ..errors import ImageError
from ..events import Emit, Progress
from ..io import PixelSize, Source, open_planes, reading_in_parts
from ..timelimit import check
from .plan import Range

BLOCK = 2048  # pixels along each side of what is read together


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


def survey(source: OpenSource, emit: Emit) -> tuple[Range, Thinned]:
    """Look at every pixel once.

    Parameters
    ----------
    source : OpenSource
        The image.
    emit : callable
        Receives the progress.

    Returns
    -------
    values : Range
        Of the intensities.
    few : Thinned
        Some of the pixels, as `Thinned.of` would return them of the whole image.

    Raises
    ------
    ImageError
        If the image is constant, or holds NaN or infinity.
    """
    lows, highs, few = [], [], []
    side = side_of_squares(source.shape)
    rows, cols = (size // side for size in source.shape)
    blocks = list(blocks_of(source.shape, side * max(1, BLOCK // side)))
    for done, block in enumerate(blocks, 1):
        check()
        pixels = source.read(*block)
        if pixels.dtype.kind == "f" and not np.isfinite(pixels).all():
            raise ImageError("The image holds NaN or infinite values: replace them before segmenting.")
        lows.append(float(np.float64(pixels.min()) / 2))
        highs.append(float(np.float64(pixels.max()) / 2))
        few.append(thinned(pixels[: len(pixels) // side * side, : pixels.shape[1] // side * side], side))
        emit(Progress(done, len(blocks), "blocks"))
    low, high = min(lows), max(highs)
    if low == high:
        raise ImageError(f"The image is constant (every pixel is {2 * low:g}): there is nothing to segment.")
    values = Range(low, high - low)
    return values, Thinned(normalized_values(_in_place(few, blocks, rows, cols, side), values), side)


def normalized_values(pixels: NDArray[Any], values: Range) -> NDArray[np.float64]:
    """Return pixels with intensities from 0 to 1, as `superdsm_nb.image.normalized` does."""
    half = pixels.astype(np.float64)
    half /= 2
    half -= values.low
    half /= values.spread if values.spread > 0 else 1.0
    return half


def _in_place(
    few: Sequence[NDArray[Any]], blocks: Sequence[Box], rows: int, cols: int, side: int
) -> NDArray[Any]:
    """Put the squares of all blocks where they belong."""
    whole = np.empty((rows, cols, *few[0].shape[2:]), few[0].dtype)
    for part, (row_part, col_part) in zip(few, blocks, strict=True):
        row, col = row_part.start // side, col_part.start // side
        whole[row : row + part.shape[0], col : col + part.shape[1]] = part
    return whole


def blocks_of(shape: tuple[int, int], side: int) -> Iterator[Box]:
    """Divide an image into blocks, row by row."""
    for row in range(0, shape[0], side):
        for col in range(0, shape[1], side):
            yield slice(row, min(row + side, shape[0])), slice(col, min(col + side, shape[1]))
