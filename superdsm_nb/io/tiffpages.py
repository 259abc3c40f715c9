"""Decoding one page of a TIFF file, or one sample of it, strip by strip and tile by tile."""

from __future__ import annotations

import math
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ImageError

if TYPE_CHECKING:
    from tifffile import TiffFrame, TiffPage

BLOCK = 2**22  # bytes that are read at a time from a page without compression
SEPARATE = 2  # planar configuration
FAX = {2, 3, 4}  # compressions whose decoder returns bytes for bits
MARKER, FRAMES = 0xFF, frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # of JPEG streams
PADDING = 2**16  # pixels
WITH_TABLES = {6, 7, 34892, 33007}  # JPEG compressions


def read_page(
    path: Path,
    page: TiffPage,
    sample: int | None,
    part: tuple[slice, slice],
    offset: int | None = None,
    stored: TiffPage | TiffFrame | None = None,
) -> NDArray[Any]:
    """Decode a part of a page.

    Parameters
    ----------
    path : Path
        The file, for messages.
    page : tifffile.TiffPage
        What it declares.
    sample : int or None
        The only sample to keep, and if possible to read; None for all.
    part : (slice, slice)
        The rows and columns to decode, each with a start and a stop; strips and tiles beyond are not read.
    offset : int, optional
        Where the values start, if they lie one after the other in another place than that of `page`.
    stored : tifffile.TiffPage or tifffile.TiffFrame, optional
        Where the strips or tiles are; by default as `page` says.

    Returns
    -------
    (H, W) or (H, W, S) array
        In the byte order of this computer.

    Raises
    ------
    ImageError
        If strips or tiles are missing, or are not what the page declares.
    """
    samples = page.samplesperpixel
    assert page.dtype is not None, "see declared_samples"
    rows, cols = part
    target = np.empty(
        (rows.stop - rows.start, cols.stop - cols.start, samples if sample is None else 1), page.dtype
    )
    stored = page if stored is None else stored
    if page.is_final:
        start = stored.dataoffsets[0] if offset is None else offset
        if start <= 0 or start + page.nbytes > page.parent.filehandle.size:
            raise ImageError(f"{path} cannot be read as an image: it is truncated.")
        _read_values(page, sample, part, start, target)
    else:
        _read_segments(path, page, sample, part, stored, target)
    return target[:, :, 0] if target.shape[2] == 1 else target


def _read_values(
    page: TiffPage, sample: int | None, part: tuple[slice, slice], start: int, target: NDArray[Any]
) -> None:
    """Copy values that lie one after the other, a block of rows at a time."""
    file, dtype = page.parent.filehandle, target.dtype.newbyteorder(page.parent.byteorder)
    height, width = page.imagelength, page.imagewidth
    first, cols = part[0].start, part[1]
    separate = page.planarconfig == SEPARATE
    together = 1 if separate else page.samplesperpixel
    row = width * together * dtype.itemsize
    rows = max(1, BLOCK // row)
    planes = range(page.samplesperpixel if separate else 1)
    for plane in planes if sample is None or not separate else (sample,):
        file.seek(start + (plane * height + first) * row)
        for top in range(0, len(target), rows):
            count = min(rows, len(target) - top)
            values = np.frombuffer(file.read(count * row), dtype).reshape(count, width, together)[:, cols]
            if separate:
                target[top : top + count, :, plane if sample is None else 0] = values[:, :, 0]
            else:
                target[top : top + count] = values if sample is None else values[:, :, sample, None]


def _read_segments(
    path: Path,
    page: TiffPage,
    sample: int | None,
    part: tuple[slice, slice],
    stored: TiffPage | TiffFrame,
    target: NDArray[Any],
) -> None:
    """Decode strips or tiles, one at a time; those of other samples are not read if they are apart."""
    file = page.parent.filehandle
    separate = page.planarconfig == SEPARATE
    per_plane = math.prod(page.chunked) // (page.samplesperpixel if separate else 1)
    first, last = 0, math.prod(page.chunked)
    if separate and sample is not None:
        first, last = sample * per_plane, (sample + 1) * per_plane
    if len(stored.dataoffsets) < last or len(stored.databytecounts) < last:
        raise ImageError(f"{path} cannot be read as an image: parts of it are missing.")
    tables = {"jpegtables": stored.jpegtables, "jpegheader": page.jpegheader}
    tables = tables if page.compression in WITH_TABLES else {}
    decode = page.decode  # reads from the file itself, so it must not stand between seek and read
    for index in range(first, last):
        if not _is_wanted(page, index - first if separate else index, per_plane, part):
            continue
        offset, length = stored.dataoffsets[index], stored.databytecounts[index]
        if offset <= 0 or length <= 0 or offset + length > file.size:
            raise ImageError(f"{path} cannot be read as an image: parts of it are missing or truncated.")
        file.seek(offset)
        content = file.read(length)
        if page.compression in WITH_TABLES:
            _check_stream(path, content, page)
        values, (plane, _, top, left, _), _ = decode(content, index, **tables)
        if values is not None and page.dtype == bool and page.compression in FAX:
            values = values > 0
        if values is None or values.dtype != page.dtype or values.shape[0] != 1:
            raise ImageError(
                f"{path} cannot be read as an image: its pixels are not what its header declares."
            )
        values, area = _common(values[0], (top, left), part, target)
        if separate:
            area[:, :, plane if sample is None else 0] = values[:, :, 0]
        else:
            area[...] = values if sample is None else values[:, :, sample, None]


def _is_wanted(page: TiffPage, index: int, per_plane: int, part: tuple[slice, slice]) -> bool:
    """Whether a strip or tile, by its number in a plane of samples, has pixels in a part of the page."""
    index %= per_plane
    height, width = (
        (page.tilelength, page.tilewidth) if page.is_tiled else (page.rowsperstrip, page.imagewidth)
    )
    across = -(-page.imagewidth // width)
    top, left = index // across * height, index % across * width
    rows, cols = part
    return top < rows.stop and left < cols.stop and top + height > rows.start and left + width > cols.start


def _common(
    values: NDArray[Any], corner: tuple[int, int], part: tuple[slice, slice], target: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return what a strip or tile and the wanted part have in common, of its values and of the target."""
    own, area = [], []
    for start, size, wanted in zip(corner, values.shape, part, strict=False):
        first, last = max(start, wanted.start), min(start + size, wanted.stop)
        own.append(slice(first - start, last - start))
        area.append(slice(first - wanted.start, last - wanted.start))
    return values[own[0], own[1]], target[area[0], area[1]]


def _check_stream(path: Path, content: bytes, page: TiffPage) -> None:
    """Refuse a JPEG stream that declares a picture much larger than the strip or tile that it is.

    Streams may be padded to whole blocks; lossless ones arrange their values in another way.
    """
    rows, cols = (page.tilelength, page.tilewidth) if page.is_tiled else (page.rowsperstrip, page.imagewidth)
    rows = min(rows, page.imagelength) if not page.is_tiled else rows
    place = 2
    while place + 9 <= len(content) and content[place] == MARKER:
        kind = content[place + 1]
        if kind in FRAMES:
            height, width = struct.unpack(">HH", content[place + 5 : place + 9])
            if height * width > 4 * rows * cols + PADDING:
                raise ImageError(
                    f"{path} cannot be read as an image: its pixels are not what its header declares."
                )
            return
        place += 2 + int.from_bytes(content[place + 2 : place + 4], "big")
