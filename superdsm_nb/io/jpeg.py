"""JPEG files: grey and colour, with 8 or 12 bits."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL.JpegImagePlugin import JpegImageFile

from ..errors import ImageError
from .limits import check_size
from .orientation import exif_orientation, height_and_width, turned
from .picture import GREY, RGB, Picture, Samples

FRAMES = {0xC0, 0xC1, 0xC2}  # baseline, extended, progressive
OTHER_FRAMES = {
    0xC3,
    *range(0xC5, 0xC8),
    *range(0xC9, 0xCC),
    *range(0xCD, 0xD0),
    0xF7,
}  # lossless and rare kinds
WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD8)}
EXIF, SCAN, END = 0xE1, 0xDA, 0xD9


class Header(NamedTuple):
    """What a file declares before its pixels."""

    bits: int
    height: int
    width: int
    components: int
    orientation: int


@contextmanager
def open_file(path: Path, stored: int) -> Iterator[Picture]:
    """Open a JPEG file.

    Parameters
    ----------
    path : Path
        The file.
    stored : int
        Its size in bytes.

    Yields
    ------
    Picture
        Grey or RGB, upright.

    Raises
    ------
    ImageError
        If it holds CMYK colours, or is of a kind for raw data.
    """
    header = _read_header(path)
    check_size(path, header.height, header.width, header.components)
    if header.components not in (GREY, RGB):
        raise ImageError(
            f"{path} holds {header.components} colours (such as CMYK), not grey or RGB: convert it to RGB."
        )
    count = header.components
    samples = Samples(count, count, float(2**header.bits - 1), bits=header.bits)

    def read(place: tuple[int, ...], sample: int | None) -> NDArray[Any]:
        pixels = _decode(path) if header.bits == 8 else _decode_deep(path)
        expected = (header.height, header.width, count)[: 2 if count == GREY else 3]
        if pixels.shape != expected:
            raise ImageError(
                f"{path} cannot be read as an image: its pixels are not what its header declares."
            )
        return turned(pixels if sample is None else pixels[:, :, sample], header.orientation)

    size = height_and_width(header.height, header.width, header.orientation)
    yield Picture("", (), *size, samples, read)


def _read_header(path: Path) -> Header:
    """Read the segments of a file up to its pixels."""
    orientation = 1
    with path.open("rb") as file:
        file.seek(2)
        while True:
            start = file.read(2)
            if len(start) < 2 or start[0] != 0xFF:
                raise ImageError(f"{path} cannot be read as an image: it is damaged or truncated.")
            marker = start[1]
            if marker == 0xFF:  # fill bytes may stand before a marker
                file.seek(-1, 1)
                continue
            if marker in WITHOUT_LENGTH:
                continue
            if marker in OTHER_FRAMES:
                raise ImageError(
                    f"{path} is a JPEG file of a rare kind (lossless, hierarchical or arithmetic), which is "
                    "not read: save it as a TIFF or PNG file."
                )
            length = int.from_bytes(file.read(2), "big") - 2
            if marker in (SCAN, END) or length < 0:
                raise ImageError(f"{path} cannot be read as an image: it is damaged or truncated.")
            content = file.read(length)
            if marker in FRAMES and len(content) >= 6:
                bits, height, width, components = struct.unpack(">BHHB", content[:6])
                if bits not in (8, 12):
                    raise ImageError(f"{path} holds {bits} bits per value, which is not read in JPEG files.")
                return Header(bits, height, width, components, orientation)
            if marker == EXIF and content.startswith(b"Exif"):
                orientation = exif_orientation(content)


def _decode(path: Path) -> NDArray[Any]:
    with JpegImageFile(path) as file:
        return np.asarray(file)


def _decode_deep(path: Path) -> NDArray[Any]:
    from imagecodecs import jpeg_decode  # noqa: PLC0415 - other formats do without

    return np.asarray(jpeg_decode(path.read_bytes(), bitspersample=12))
