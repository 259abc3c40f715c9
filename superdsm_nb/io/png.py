"""PNG and APNG files: every kind of pixel at its full depth, and single frames of an animation."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import ImageError
from .animation import KEPT, Frame, compose
from .limits import check_compression, check_size
from .orientation import exif_orientation, height_and_width, turned
from .picture import GREY, RGB, Opacity, Picture, Samples, full_intensity

SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLORS = {0: GREY, 2: RGB, 3: RGB, 4: GREY, 6: RGB}  # by colour type; palettes are looked up by the decoder
WITH_OPACITY = (4, 6)
MAX_METADATA = 2**24  # bytes of the chunks that are kept beside the pixels
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # values per pixel as they are stored
ADAM7 = 1  # interlacing: the picture is stored in seven passes (first row, first column, steps)
PASSES = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
NUMBER = 4  # bytes before the pixels of later frames
NEEDED = (b"PLTE", b"tRNS", b"eXIf")
OVER = 1  # frames that are drawn over what is there, not in its place
Chunk = tuple[bytes, int, int]  # name, offset and length of its content


class Contents(NamedTuple):
    """The chunks of a file."""

    header: bytes
    kept: dict[bytes, bytes]
    frames: list[Frame]
    data: list[list[Chunk]]  # the compressed pixels of each frame


@contextmanager
def open_file(path: Path, stored: int) -> Iterator[Picture]:
    """Open a PNG or APNG file.

    Parameters
    ----------
    path : Path
        The file.
    stored : int
        Its size in bytes.

    Yields
    ------
    Picture
        Grey, or red, green and blue, perhaps with opacity; frames are planes.

    Raises
    ------
    ImageError
        If its chunks are damaged, or its kind of pixels is unknown.
    """
    with path.open("rb") as file:
        contents = _read_chunks(path, file, stored)
        width, height, depth, color_type = struct.unpack(">IIBB", contents.header[:10])
        if color_type not in COLORS:
            raise ImageError(f"{path} is damaged: there are no PNG files of colour type {color_type}.")
        is_transparent = color_type in WITH_OPACITY or b"tRNS" in contents.kept
        colors = COLORS[color_type]
        dtype = np.dtype(np.uint16 if depth == 16 else np.uint8)
        samples = Samples(
            count=colors + is_transparent,
            colors=colors,
            top=full_intensity(dtype),
            opacity=Opacity.STRAIGHT if is_transparent else Opacity.NONE,
            bits=8 * dtype.itemsize,
        )
        check_size(path, height, width, samples.count)
        check_compression(path, height * -(-width * depth * CHANNELS[color_type] // 8), stored)
        is_bilevel = depth == 1 and samples.count == GREY
        orientation = exif_orientation(contents.kept.get(b"eXIf", b""))

        def read(place: tuple[int, ...], sample: int | None) -> NDArray[Any]:
            pixels = compose(
                *(path, contents.frames, place[0] if place else 0, (height, width, samples.count)),
                lambda index: _decode(path, file, contents, index, samples.count, dtype),
            )
            if is_bilevel:
                return turned(pixels[:, :, 0] > 0, orientation)
            pixels = pixels[:, :, 0] if samples.count == 1 else pixels
            return turned(pixels if sample is None else pixels[:, :, sample], orientation)

        count = len(contents.frames)
        size = height_and_width(height, width, orientation)
        yield Picture("Q" if count > 1 else "", (count,) if count > 1 else (), *size, samples, read)


def _read_chunks(path: Path, file: BinaryIO, stored: int) -> Contents:
    """List the chunks of a file without decoding any; the frames are found by their places."""
    kept: dict[bytes, bytes] = {}
    header, size = b"", 0
    frames: list[tuple[Frame, list[Chunk]]] = []
    still: list[Chunk] = []
    is_animated, is_first_hidden = False, True
    place = len(SIGNATURE)
    while True:
        file.seek(place)
        start = file.read(8)
        if len(start) < 8:
            raise ImageError(f"{path} cannot be read as an image: it is truncated.")
        length, name = struct.unpack(">I4s", start)
        offset, place = place + 8, place + 12 + length
        if place > stored:
            raise ImageError(f"{path} cannot be read as an image: it is truncated.")
        if name == b"IHDR" or name in NEEDED:
            size += length
            if size > MAX_METADATA:
                raise ImageError(f"{path} is damaged: its metadata take more than {MAX_METADATA} bytes.")
            content = _content(path, file, name, offset, length)
            header, kept = (content, kept) if name == b"IHDR" else (header, {name: content, **kept})
        elif name == b"acTL":
            is_animated = True
        elif name == b"fcTL" and is_animated:
            is_first_hidden = is_first_hidden and bool(still)
            fields = struct.unpack(">4xIIII4xBB", _content(path, file, name, offset, length))
            frames.append((Frame._make((*fields[:5], fields[5] == OVER)), []))
        elif name == b"IDAT":
            still.append((name, offset, length))
        elif name == b"fdAT" and frames:
            frames[-1][1].append((name, offset, length))
        elif name == b"IEND":
            break
    if len(header) != 13 or not still:
        raise ImageError(f"{path} is damaged: it has no {'header' if still else 'pixels'}.")
    width, height = struct.unpack(">II", header[:8])
    if not frames or is_first_hidden:
        frames.insert(0, (Frame(width, height, 0, 0, KEPT, is_over=False), still))
    else:
        frames[0][1].extend(still)
    frames = [each for each in frames if each[1]]
    return Contents(header, kept, [frame for frame, _ in frames], [data for _, data in frames])


def _decode(
    path: Path, file: BinaryIO, contents: Contents, index: int, samples: int, dtype: np.dtype[Any]
) -> NDArray[Any]:
    """Decode one frame: (h, w, samples)."""
    frame = contents.frames[index]
    shape = (frame.height, frame.width, samples)
    check_size(path, *shape)
    data = []
    for name, offset, length in contents.data[index]:
        content = _content(path, file, name, offset, length)
        data.append(content if name == b"IDAT" else content[NUMBER:])
    if contents.header[-1] != ADAM7:
        return _decode_rows(path, contents, shape, dtype, data)
    pixels = np.zeros(shape, dtype)
    depth, color_type = contents.header[8:10]
    rows = zlib.decompressobj()
    rest = b"".join(data)
    for top, left, down, right in PASSES:
        part = pixels[top::down, left::right]
        if part.size:
            row = 1 + -(-part.shape[1] * depth * CHANNELS[color_type] // 8)
            content = rows.decompress(rest, part.shape[0] * row)
            rest = rows.unconsumed_tail
            part[...] = _decode_rows(path, contents, part.shape, dtype, [zlib.compress(content, 0)])
    return pixels


def _decode_rows(
    path: Path, contents: Contents, shape: tuple[int, ...], dtype: np.dtype[Any], data: list[bytes]
) -> NDArray[Any]:
    """Decode compressed rows as if they were a file of their own, without what other chunks add to it."""
    from imagecodecs import png_decode  # noqa: PLC0415 - other formats do without

    header = struct.pack(">II", shape[1], shape[0]) + contents.header[8:-1] + b"\0"
    chunks = [
        (b"IHDR", header),
        *((name, contents.kept[name]) for name in NEEDED[:2] if name in contents.kept),
    ]
    chunks += [(b"IDAT", part) for part in data]
    chunks.append((b"IEND", b""))
    pixels = np.asarray(png_decode(SIGNATURE + b"".join(_chunk(*chunk) for chunk in chunks)))
    pixels = pixels.reshape(*pixels.shape[:2], -1)
    if pixels.shape != shape or pixels.dtype != dtype:
        raise ImageError(f"{path} cannot be read as an image: its pixels are not what its header declares.")
    return pixels


def _content(path: Path, file: BinaryIO, name: bytes, offset: int, length: int) -> bytes:
    """Read the content of a chunk and compare it with its checksum."""
    file.seek(offset)
    content = file.read(length)
    if struct.pack(">I", zlib.crc32(content, zlib.crc32(name))) != file.read(4):
        raise ImageError(f"{path} cannot be read as an image: it is damaged (wrong checksum).")
    return content


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(name)))
