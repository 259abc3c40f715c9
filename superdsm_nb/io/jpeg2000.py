"""JPEG 2000 files: grey and colour at their full depth."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import ImageError
from .limits import check_compression, check_size
from .picture import GREY, RGB, Opacity, Picture, Samples, full_intensity

CODESTREAM = b"\xff\x4f\xff\x51"
ENUMERATED = 1  # method of a colour specification
SPACES = {16: RGB, 17: GREY}  # sRGB and grey; others, such as YCC and CMYK, are not converted here
OPACITIES = {1: Opacity.STRAIGHT, 2: Opacity.PREMULTIPLIED}
MAX_BITS = 16
MAX_HEADER = 2**20  # bytes
MAX_COMPONENTS = 256


class Header(NamedTuple):
    """What a codestream declares."""

    height: int
    width: int
    components: int
    bits: int
    is_signed: bool


@contextmanager
def open_file(path: Path, stored: int) -> Iterator[Picture]:
    """Open a JPEG 2000 file.

    Parameters
    ----------
    path : Path
        The file.
    stored : int
        Its size in bytes.

    Yields
    ------
    Picture
        Grey, RGB, or channels if it declares no colours.

    Raises
    ------
    ImageError
        If it is damaged, has a palette, or holds colours or components of other kinds.
    """
    boxes, codestream = _read_boxes(path, stored)
    header = _read_header(path, codestream)
    check_size(path, header.height, header.width, header.components)
    kind = "i" if header.is_signed else "u"
    dtype = np.dtype(f"{kind}{1 if header.bits <= 8 else 2}")
    declared = header.height * header.width * header.components * dtype.itemsize
    check_compression(path, declared, stored)
    samples = _declared_samples(path, boxes, header, dtype)

    def read(place: tuple[int, ...], sample: int | None) -> NDArray[Any]:
        from imagecodecs import jpeg2k_decode  # noqa: PLC0415 - other formats do without

        pixels = np.asarray(jpeg2k_decode(path.read_bytes()))
        if pixels.shape != (header.height, header.width, header.components)[: pixels.ndim] or (
            pixels.dtype != dtype
        ):
            raise ImageError(
                f"{path} cannot be read as an image: its pixels are not what its header declares."
            )
        return pixels if sample is None or pixels.ndim == 2 else pixels[:, :, sample]

    yield Picture("", (), header.height, header.width, samples, read)


def _declared_samples(path: Path, boxes: dict[bytes, bytes], header: Header, dtype: np.dtype[Any]) -> Samples:
    """Return the meaning of the components."""
    if b"pclr" in boxes:
        raise ImageError(f"{path} has a palette, which is not read in JPEG 2000 files: save it as PNG.")
    count, colors = header.components, GREY
    if count > 1:
        space = boxes.get(b"colr", b"")
        colors = 0
        if space[:1] == bytes([ENUMERATED]) and len(space) >= 7:
            number = int.from_bytes(space[3:7], "big")
            if number not in SPACES:
                raise ImageError(
                    f"{path} holds colours that are not RGB (space {number}): convert it to RGB."
                )
            colors = SPACES[number]
    opacity = Opacity.NONE
    if colors and count != colors:
        opacity = _opacity(boxes.get(b"cdef", b""), count) if count == colors + 1 else Opacity.NONE
        colors = colors if opacity is not Opacity.NONE else 0
    return Samples(count, colors, full_intensity(dtype, header.bits), opacity, bits=header.bits)


def _opacity(definitions: bytes, count: int) -> Opacity:
    """Return what the last component is, if the others are the colours in their order."""
    entries = [struct.unpack(">HHH", definitions[at : at + 6]) for at in range(2, len(definitions) - 5, 6)]
    if sorted(entries)[:-1] != [(at, 0, at + 1) for at in range(count - 1)]:
        return Opacity.NONE
    number, kind, _ = max(entries)
    return OPACITIES.get(kind, Opacity.NONE) if number == count - 1 else Opacity.NONE


def _read_boxes(path: Path, stored: int) -> tuple[dict[bytes, bytes], bytes]:
    """Return the boxes of the header, and the start of the codestream."""
    boxes: dict[bytes, bytes] = {}
    with path.open("rb") as file:
        start = file.read(4)
        if start == CODESTREAM:
            return boxes, start + file.read(MAX_HEADER)
        place = 0
        while place < stored:
            file.seek(place)
            length, name = _box(path, file.read(8))
            header = 8
            if length == 1:
                length, header = int.from_bytes(file.read(8), "big"), 16
            if name == b"jp2c":
                codestream = file.read(MAX_HEADER)
                if length >= header and _has_codestream(file, place + length, stored):
                    raise ImageError(
                        f"{path} holds several pictures, as ND2 files of before 2009 do, which is not read: "
                        "export it as OME-TIFF."
                    )
                return boxes, codestream
            if length < header:
                break
            if name == b"jp2h":
                boxes = _inner_boxes(path, file.read(min(length - header, MAX_HEADER)))
            place += length
    raise ImageError(f"{path} cannot be read as an image: it is damaged or truncated.")


def _has_codestream(file: BinaryIO, place: int, stored: int) -> bool:
    """Whether another codestream follows; what is no box is ignored."""
    while place + 8 <= stored:
        file.seek(place)
        length, name = struct.unpack(">I4s", file.read(8))
        if name == b"jp2c":
            return True
        if length == 1:
            length = int.from_bytes(file.read(8), "big")
        if length < 8:
            return False
        place += length
    return False


def _inner_boxes(path: Path, content: bytes) -> dict[bytes, bytes]:
    boxes: dict[bytes, bytes] = {}
    place = 0
    while place + 8 <= len(content):
        length, name = _box(path, content[place : place + 8])
        if length < 8:
            break
        boxes.setdefault(name, content[place + 8 : place + length])
        place += length
    return boxes


def _box(path: Path, start: bytes) -> tuple[int, bytes]:
    if len(start) < 8:
        raise ImageError(f"{path} cannot be read as an image: it is truncated.")
    return int.from_bytes(start[:4], "big"), start[4:8]


def _read_header(path: Path, codestream: bytes) -> Header:
    """Read the size and the components of a codestream."""
    if not codestream.startswith(CODESTREAM) or len(codestream) < 42:
        raise ImageError(f"{path} cannot be read as an image: it is damaged or truncated.")
    right, bottom, left, top = struct.unpack(">IIII", codestream[8:24])
    (count,) = struct.unpack(">H", codestream[40:42])
    if not 0 < count <= MAX_COMPONENTS or len(codestream) < 42 + 3 * count:
        raise ImageError(f"{path} has {count} components, which is not read in JPEG 2000 files.")
    components = {codestream[at : at + 3] for at in range(42, 42 + 3 * count, 3)}
    depth, across, down = min(components)
    if len(components) > 1 or (across, down) != (1, 1):
        raise ImageError(f"{path} has components of different size or depth: save it as TIFF or PNG.")
    bits = (depth & 0x7F) + 1
    if bits > MAX_BITS:
        raise ImageError(f"{path} holds {bits} bits per value, which is not read in JPEG 2000 files.")
    return Header(bottom - top, right - left, count, bits, bool(depth & 0x80))
