"""CZI files of ZEISS as they are stored: a directory of blocks of pixels, with their dimensions."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from ..errors import ImageError
from .limits import check_compression, check_size
from .picture import RGB

HEADER = struct.Struct("<16sqq")  # of a segment: its name, its size, and how much of it is used
ENTRY = struct.Struct("<2siqiiB5xi")  # what the directory says of a block
DIMENSION = struct.Struct("<4siifi")  # start, size, start in units, stored size
MAX_ENTRIES = 10_000_000
MAX_DIMENSIONS = 40
MAX_METADATA = 2**28  # bytes

PIXEL_TYPES = {  # by their number: type, and values per pixel (blue, green, red)
    0: ("u1", 1),
    1: ("<u2", 1),
    2: ("<f4", 1),
    3: ("u1", 3),
    4: ("<u2", 3),
    8: ("<f4", 3),
    9: ("u1", 4),  # the fourth is an opacity that no program uses
    12: ("<i4", 1),
    13: ("<f8", 1),
}
UNCOMPRESSED, JPEG, LZW, JPEG_XR, ZSTD, ZSTD_WITH_HEADER = 0, 1, 2, 4, 5, 6


class Block(NamedTuple):
    """A block of pixels.

    Attributes
    ----------
    pixel_type, compression : int
        As numbered by the format.
    position : int
        Where its segment is in the file.
    starts, sizes, stored : dict of str to int
        Where it begins along each dimension, how much of it it covers, and how much of that is stored.
    """

    pixel_type: int
    compression: int
    position: int
    starts: dict[str, int]
    sizes: dict[str, int]
    stored: dict[str, int]

    @property
    def is_reduced(self) -> bool:
        """Whether it is part of a pyramid: it covers more pixels than it has."""
        return any(self.sizes[axis] != self.stored[axis] for axis in "XY")


def read_blocks(path: Path, file: BinaryIO, length: int) -> tuple[list[Block], bytes]:
    """Read the directory and the metadata of a file.

    Parameters
    ----------
    path : Path
        The file, for messages.
    file : binary file
        It is open.
    length : int
        Its size in bytes.

    Returns
    -------
    blocks : list of Block
        All blocks of pixels in this file.
    metadata : bytes
        XML; empty if there is none.

    Raises
    ------
    ImageError
        If it is damaged or part of a set of files.
    """
    directory, metadata = struct.unpack("<qq", _segment(path, file, 0, b"ZISRAWFILE", 68)[52:68])
    start = _segment(path, file, directory, b"ZISRAWDIRECTORY", 128)
    (count,) = struct.unpack_from("<i", start)
    if not 0 <= count <= min(MAX_ENTRIES, length // ENTRY.size):
        raise ImageError(f"{path} is damaged: its directory declares {count} blocks.")
    blocks = [_read_block(path, file) for _ in range(count)]
    if not metadata:
        return blocks, b""
    (size,) = struct.unpack_from("<i", _segment(path, file, metadata, b"ZISRAWMETADATA", 256))
    return blocks, _read(path, file, size) if 0 <= size <= MAX_METADATA else b""


def decode(path: Path, file: BinaryIO, block: Block) -> NDArray[Any]:
    """Decode a block.

    Parameters
    ----------
    path : Path
        The file, for messages.
    file : binary file
        It is open.
    block : Block
        As listed in the directory.

    Returns
    -------
    (h, w) or (h, w, 3) array
        Colours have red first.

    Raises
    ------
    ImageError
        If it is too large or damaged, or its compression is not known here.
    """
    number_type, samples = PIXEL_TYPES[block.pixel_type]
    height, width = block.stored["Y"], block.stored["X"]
    check_size(path, height, width, samples)
    shape = (height, width, samples) if samples > 1 else (height, width)
    dtype = np.dtype(number_type)
    declared = height * width * samples * dtype.itemsize
    start = _segment(path, file, block.position, b"ZISRAWSUBBLOCK", 16 + ENTRY.size)
    metadata, _, size = struct.unpack_from("<iiq", start)
    (dimensions,) = struct.unpack_from("<i", start, 16 + ENTRY.size - 4)
    entry = max(240, ENTRY.size + DIMENSION.size * dimensions)
    file.seek(block.position + HEADER.size + 16 + entry + metadata)
    check_compression(path, declared, size)
    data = _read(path, file, size)
    # Some writers declare a compression that they have not used.
    compression = UNCOMPRESSED if size == declared else block.compression
    if compression in (JPEG, JPEG_XR):
        # Their colours have red first. An array of another shape is refused before anything is decoded.
        decoder = imagecodecs.jpeg8_decode if compression == JPEG else imagecodecs.jpegxr_decode
        pixels = np.asarray(decoder(data, out=np.empty(shape, dtype.newbyteorder("="))))
        return pixels[:, :, :RGB] if samples > 1 else pixels
    raw = _decompress(path, compression, data, declared, dtype.itemsize)
    if len(raw) < declared:
        raise ImageError(f"{path} is damaged: a block has {len(raw)} bytes instead of {declared}.")
    pixels = np.frombuffer(raw, dtype, height * width * samples).reshape(shape)
    return pixels[:, :, RGB - 1 :: -1] if samples > 1 else pixels


def _decompress(path: Path, compression: int, data: bytes, declared: int, itemsize: int) -> bytes:
    """Return the bytes of the pixels of a block."""
    if compression == UNCOMPRESSED:
        return data
    if compression == LZW:
        return bytes(imagecodecs.lzw_decode(data, out=declared))
    if compression == ZSTD:
        return bytes(imagecodecs.zstd_decode(data, out=declared))
    if compression != ZSTD_WITH_HEADER:
        raise ImageError(
            f"{path} is compressed in a way that is not read ({compression}): save it uncompressed."
        )
    header = data[0]
    raw = bytes(imagecodecs.zstd_decode(data[header:], out=declared))
    if header == 1:
        return raw
    if header != 3 or data[1] != 1:
        raise ImageError(f"{path} is compressed in a way that is not read: save it uncompressed.")
    if not data[2] & 1 or itemsize != 2:
        return raw
    # All low bytes come first, then all high bytes.
    halves = np.frombuffer(raw, np.uint8).reshape(2, -1)
    return np.ascontiguousarray(halves.T).tobytes()


def _read_block(path: Path, file: BinaryIO) -> Block:
    """Read an entry of the directory."""
    schema, pixel_type, position, part, compression, _, dimensions = ENTRY.unpack(
        _read(path, file, ENTRY.size)
    )
    if schema != b"DV" or not 0 <= dimensions <= MAX_DIMENSIONS:
        raise ImageError(f"{path} is damaged: its directory cannot be read.")
    if part != 0:
        raise ImageError(
            f"{path} is one of several files of a CZI image, which is not read: save it as one file."
        )
    starts, sizes, stored = {}, {}, {}
    for _ in range(dimensions):
        name, start, size, _, kept = DIMENSION.unpack(_read(path, file, DIMENSION.size))
        axis = name.rstrip(b"\0").decode("ascii", "replace")
        starts[axis], sizes[axis], stored[axis] = start, size, kept or size
    if not {"X", "Y"} <= set(sizes) or any(size < 1 for size in (*sizes.values(), *stored.values())):
        raise ImageError(f"{path} is damaged: a block has no size.")
    return Block(pixel_type, compression, position, starts, sizes, stored)


def _segment(path: Path, file: BinaryIO, position: int, name: bytes, size: int) -> bytes:
    """Read the start of a segment, which must have the name."""
    if position < 0:
        raise ImageError(f"{path} is damaged: a part of it lies outside of the file.")
    file.seek(position)
    found, _, _ = HEADER.unpack(_read(path, file, HEADER.size))
    if found.rstrip(b"\0") != name:
        raise ImageError(f"{path} is damaged or was not closed: its {name.decode()[6:].lower()} is missing.")
    return _read(path, file, size)


def _read(path: Path, file: BinaryIO, size: int) -> bytes:
    content = file.read(size) if size >= 0 else b""
    if len(content) != size:
        raise ImageError(f"{path} is damaged: it ends too early.")
    return content
