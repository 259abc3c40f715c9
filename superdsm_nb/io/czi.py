"""CZI files of ZEISS: scenes, channels, planes and time points, assembled from tiles if need be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from ..errors import ImageError
from .czisegments import PIXEL_TYPES, Block, decode, read_blocks
from .limits import check_size
from .picture import GREY, RGB, Picture, PixelSize, Samples, Scenes, full_intensity

# Rotations, illuminations, phases and views are planes; tiles (M) and blocks (B) are parts of them.
AXES = {"T": "T", "Z": "Z", "C": "C", "R": "R", "I": "I", "H": "Q", "V": "Q"}
PARTS = ("X", "Y", "M", "B", "S")


@contextmanager
def open_file(path: Path, stored: int) -> Iterator[Scenes]:
    """Open a CZI file.

    Parameters
    ----------
    path : Path
        The file.
    stored : int
        Its size in bytes.

    Yields
    ------
    Scenes
        Each at its full resolution; tiles are put together.

    Raises
    ------
    ImageError
        If it is damaged or holds no picture at full resolution.
    """
    with path.open("rb") as file:
        blocks, text = read_blocks(path, file, stored)
        full = [block for block in blocks if not block.is_reduced]
        if not full:
            raise ImageError(f"{path} holds no picture at full resolution.")
        metadata = _parse(text)
        numbers = sorted({block.starts.get("S", 0) for block in full})

        def open_scene(number: int) -> Picture:
            scene = [block for block in full if block.starts.get("S", 0) == numbers[number]]
            return _picture(path, file, scene, metadata)

        names = {
            int(scene.get("Index", "-1")): scene.get("Name", "")
            for scene in metadata.findall("Metadata/Information/Image/Dimensions/S/Scenes/Scene")
        }
        yield Scenes(
            tuple(names.get(number, "") for number in numbers), open_scene, 0 if len(numbers) == 1 else None
        )


def _picture(path: Path, file: BinaryIO, blocks: Sequence[Block], metadata: ElementTree.Element) -> Picture:
    """Describe a scene."""
    top, bottom = _extent(blocks, "Y")
    left, right = _extent(blocks, "X")
    kinds = {block.pixel_type for block in blocks}
    if not kinds <= set(PIXEL_TYPES):
        raise ImageError(
            f"{path} holds values of a kind that is not read (pixel type {max(kinds - set(PIXEL_TYPES))}): "
            "save it as grey or RGB."
        )
    counts = {min(PIXEL_TYPES[kind][1], RGB) for kind in kinds}
    if len(counts) > 1:
        raise ImageError(f"{path} has grey and coloured channels: save the one to be segmented alone.")
    check_size(path, bottom - top, right - left, max(counts))
    for block in blocks:
        if any(size > 1 for axis, size in block.sizes.items() if axis not in ("X", "Y")):
            raise ImageError(f"{path} holds several planes in one block, which is not read.")
    values = {
        axis: sorted({block.starts.get(axis, 0) for block in blocks})
        for axis in dict.fromkeys(axis for block in blocks for axis in block.starts)
        if axis not in PARTS
    }
    varying = [axis for axis, found in values.items() if len(found) > 1]
    dtype = np.dtype(PIXEL_TYPES[max(kinds)][0])

    def read(place: tuple[int, ...], sample: int | None) -> NDArray[Any]:
        wanted = {axis: values[axis][at] for axis, at in zip(varying, place, strict=True)}
        tiles = [
            block for block in blocks if all(block.starts.get(axis, 0) == at for axis, at in wanted.items())
        ]
        pixels = _assemble(path, file, tiles, (top, bottom, left, right))
        return pixels if sample is None else pixels[:, :, sample]

    samples = Samples(
        max(counts), RGB if max(counts) > 1 else GREY, full_intensity(dtype), bits=dtype.itemsize * 8
    )
    return Picture(
        "".join(AXES.get(axis, "Q") for axis in varying),
        tuple(len(values[axis]) for axis in varying),
        bottom - top,
        right - left,
        samples,
        read,
        _channel_names(metadata, values.get("C", [0])),
        pixel_size=_pixel_size(metadata),
    )


def _assemble(
    path: Path, file: BinaryIO, tiles: Sequence[Block], extent: tuple[int, int, int, int]
) -> NDArray[Any]:
    """Put the tiles of a plane together; where they overlap, those of larger number are on top."""
    if not tiles:
        raise ImageError(f"{path} declares this plane but does not contain it.")
    top, bottom, left, right = extent
    canvas: NDArray[Any] | None = None
    for tile in sorted(tiles, key=lambda each: each.starts.get("M", 0)):
        pixels = decode(path, file, tile)
        row, col = tile.starts["Y"] - top, tile.starts["X"] - left
        if pixels.shape[:2] == (bottom - top, right - left) and len(tiles) == 1:
            return pixels if pixels.flags.writeable else pixels.copy()
        if canvas is None:
            canvas = np.zeros((bottom - top, right - left, *pixels.shape[2:]), pixels.dtype)
        canvas[row : row + pixels.shape[0], col : col + pixels.shape[1]] = pixels
    assert canvas is not None, "there is a tile"
    return canvas


def _extent(blocks: Sequence[Block], axis: str) -> tuple[int, int]:
    """Return where blocks begin and end along an axis."""
    ends = [block.starts[axis] + block.sizes[axis] for block in blocks]
    return min(block.starts[axis] for block in blocks), max(ends)


def _parse(text: bytes) -> ElementTree.Element:
    """Return the metadata; without any if they cannot be understood."""
    try:
        return ElementTree.fromstring(text.rstrip(b"\0"))
    except ElementTree.ParseError:
        return ElementTree.Element("ImageDocument")


def _channel_names(metadata: ElementTree.Element, numbers: Sequence[int]) -> tuple[str, ...]:
    found = metadata.findall("Metadata/Information/Image/Dimensions/Channels/Channel")
    names = [channel.get("Name", "") for channel in found]
    chosen = [names[number] if 0 <= number < len(names) else "" for number in numbers]
    return tuple(chosen) if all(chosen) else ()


def _pixel_size(metadata: ElementTree.Element) -> PixelSize | None:
    """Return the size of a pixel; the file states it in metres."""
    found = {
        each.get("Id"): each.findtext("Value") for each in metadata.findall("Metadata/Scaling/Items/Distance")
    }
    try:
        return PixelSize(float(found["Y"] or "") * 1e6, float(found["X"] or "") * 1e6)
    except (KeyError, ValueError):
        return None
