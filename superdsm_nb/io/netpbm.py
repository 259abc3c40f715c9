"""Netpbm files (PBM, PGM, PPM): few bytes of header, then plain values."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ImageError
from .limits import check_size
from .picture import GREY, RGB, Picture, Samples

BITMAPS, TEXTS, PIXMAPS = (1, 4), (1, 2, 3), (3, 6)
MAX_HEADER = 2**16  # bytes, with comments
MAX_VALUE = 2**16 - 1


@contextmanager
def open_file(path: Path, stored: int) -> Iterator[Picture]:
    """Open a Netpbm file.

    Parameters
    ----------
    path : Path
        The file.
    stored : int
        Its size in bytes.

    Yields
    ------
    Picture
        Grey or RGB, as stored; a bitmap is True where it is white.

    Raises
    ------
    ImageError
        If its header is damaged, or it holds several images.
    """
    with path.open("rb") as file:
        start = file.read(MAX_HEADER)
        kind = int(start[1:2])
        numbers, offset = _numbers_of_header(path, start, 2 if kind in BITMAPS else 3)
        width, height, top = (*numbers, 1)[:3]
        if not 0 < top <= MAX_VALUE:
            raise ImageError(f"{path} is damaged: its largest value is {top}.")
        count = RGB if kind in PIXMAPS else GREY
        check_size(path, height, width, count)
        dtype = np.dtype(np.uint8 if top < 256 else ">u2")
        row = -(-width // 8) if kind == 4 else width * count * dtype.itemsize
        needed = height * (width * count if kind in TEXTS else row)
        if stored - offset < needed:
            raise ImageError(f"{path} cannot be read as an image: it is truncated.")
        file.seek(offset + needed)
        if kind not in TEXTS and file.read(1) == b"P":
            raise ImageError(f"{path} holds more than one image: save the one to be segmented alone.")

        def read(place: tuple[int, ...], sample: int | None) -> NDArray[Any]:
            file.seek(offset)
            if kind == 1:
                values = _digits(path, file.read(), height * width) == 0
            elif kind in TEXTS:
                values = _decimals(path, file.read(), height * width * count, top)
            elif kind == 4:
                bits = np.unpackbits(np.frombuffer(file.read(needed), np.uint8).reshape(height, row), axis=1)
                values = bits[:, :width] == 0
            else:
                values = np.frombuffer(file.read(needed), dtype).astype(dtype.newbyteorder("="))
            if values.max() > top:
                raise ImageError(f"{path} is damaged: it holds values above {top}.")
            values = values.reshape((height, width, count) if count > 1 else (height, width))
            return values if sample is None else values[:, :, sample]

        yield Picture("", (), height, width, Samples(count, count, float(top), bits=8 * dtype.itemsize), read)


def _numbers_of_header(path: Path, start: bytes, count: int) -> tuple[list[int], int]:
    """Return the numbers after the first two bytes, and where the pixels start."""
    numbers: list[int] = []
    place = 2
    while len(numbers) < count:
        while start[place : place + 1].isspace() or start[place : place + 1] == b"#":
            is_comment = start[place : place + 1] == b"#"
            place = start.find(b"\n", place) + 1 if is_comment else place + 1
            if place == 0:
                break
        end = place
        while start[end : end + 1].isdigit() and end - place < 10:
            end += 1
        if end == place or not start[end : end + 1].isspace():
            raise ImageError(f"{path} cannot be read as an image: its header is damaged.")
        numbers.append(int(start[place:end]))
        place = end
    return numbers, place + 1


def _without_comments(text: bytes) -> bytes:
    """Return text without what follows a # in its line."""
    return b"\n".join(line.partition(b"#")[0] for line in text.splitlines()) if b"#" in text else text


def _digits(path: Path, text: bytes, count: int) -> NDArray[np.uint8]:
    """Return the digits of a bitmap, which need no space between them."""
    characters = np.frombuffer(b"".join(_without_comments(text).split()), np.uint8) - ord("0")
    if len(characters) != count or characters.max() > 1:
        raise ImageError(f"{path} cannot be read as an image: its pixels are damaged.")
    return characters


def _decimals(path: Path, text: bytes, count: int, top: int) -> NDArray[Any]:
    """Return values that are written as decimal numbers."""
    words = _without_comments(text).split()
    if len(words) != count or not all(word.isdigit() and len(word) <= 5 for word in words):
        raise ImageError(f"{path} cannot be read as an image: its pixels are damaged.")
    values = np.array(words, dtype=np.int64)
    return values if values.max() > top else values.astype(np.uint8 if top < 256 else np.uint16)
