"""GIF files: frames are listed without being decoded, and decoded one at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL.GifImagePlugin import GifImageFile

from ..errors import ImageError
from .animation import KEPT, TO_BACKGROUND, TO_PREVIOUS, Frame, compose
from .limits import check_size
from .picture import GREY, RGB, Opacity, Picture, Samples

EXTENSION, IMAGE, END = b"!", b",", b";"
CONTROL = 0xF9  # the extension that says how the next frame is drawn
DISPOSALS = {2: TO_BACKGROUND, 3: TO_PREVIOUS}
HAS_PALETTE, IS_TRANSPARENT = 0x80, 0x01
MAX_FRAMES = 100_000
OPAQUE = 255


class Block(NamedTuple):
    """A frame as it is stored."""

    frame: Frame
    palette: bytes
    transparent: int | None  # index of the palette
    interlacing: int
    data: tuple[int, int]  # offset and length of the compressed pixels


@contextmanager
def open_file(path: Path, stored: int) -> Iterator[Picture]:
    """Open a GIF file.

    Parameters
    ----------
    path : Path
        The file.
    stored : int
        Its size in bytes.

    Yields
    ------
    Picture
        Grey if all its colours are, else RGB; with opacity if pixels can be transparent. Frames are planes.

    Raises
    ------
    ImageError
        If it is damaged.
    """
    with path.open("rb") as file:
        height, width, blocks = _read_blocks(path, file)
        colors = GREY if all(_is_grey(block.palette) for block in blocks) else RGB
        shape = (height, width)
        has_opacity = any(
            block.transparent is not None
            or ((block.frame.height, block.frame.width) != shape and (not at or block.frame.disposal))
            for at, block in enumerate(blocks)
        )
        count = colors + has_opacity
        check_size(path, height, width, count)
        samples = Samples(count, colors, 255.0, Opacity.STRAIGHT if has_opacity else Opacity.NONE)

        def decode(index: int) -> NDArray[Any]:
            return _decode(path, file, blocks[index], colors, has_opacity)

        def read(place: tuple[int, ...], sample: int | None) -> NDArray[Any]:
            frames = [block.frame for block in blocks]
            pixels = compose(path, frames, place[0] if place else 0, (height, width, count), decode)
            pixels = pixels[:, :, 0] if count == 1 else pixels
            return pixels if sample is None else pixels[:, :, sample]

        axes, sizes = ("Q", (len(blocks),)) if len(blocks) > 1 else ("", ())
        yield Picture(axes, sizes, height, width, samples, read)


def _read_blocks(path: Path, file: BinaryIO) -> tuple[int, int, list[Block]]:
    """Return height, width and frames of a file."""
    start = _read(path, file, 13)
    width, height = _short(start, 6), _short(start, 8)
    common = _read(path, file, _palette_size(start[10]))
    blocks: list[Block] = []
    disposal, transparent = KEPT, None
    while (kind := _read(path, file, 1)) != END:
        if kind == EXTENSION:
            label = _read(path, file, 1)[0]
            content = _read_sub_blocks(path, file)
            if label == CONTROL and len(content) >= 4:
                disposal = DISPOSALS.get(content[0] >> 2 & 7, KEPT)
                transparent = content[3] if content[0] & IS_TRANSPARENT else None
            continue
        if kind != IMAGE or len(blocks) >= MAX_FRAMES:
            break  # viewers ignore what follows the last frame
        place = _read(path, file, 9)
        left, top, columns, rows = (_short(place, at) for at in (0, 2, 4, 6))
        check_size(path, rows, columns)
        palette = _read(path, file, _palette_size(place[8])) or common
        if not palette:
            raise ImageError(f"{path} is damaged: it has no colours.")
        offset = file.tell()
        _read(path, file, 1)
        _read_sub_blocks(path, file)
        frame = Frame(columns, rows, left, top, disposal, is_over=transparent is not None)
        blocks.append(Block(frame, palette, transparent, place[8] & 0x40, (offset, file.tell() - offset)))
        disposal, transparent = KEPT, None
    if not blocks:
        raise ImageError(f"{path} holds an image without pixels.")
    if len(blocks) == 1 and not (width and height):
        width, height = blocks[0].frame.width, blocks[0].frame.height
    return height, width, blocks


def _decode(path: Path, file: BinaryIO, block: Block, colors: int, has_opacity: bool) -> NDArray[Any]:
    """Decode one frame as if it were a file of its own: (h, w, samples)."""
    entries = len(block.palette) // 3
    size = block.frame.width.to_bytes(2, "little") + block.frame.height.to_bytes(2, "little")
    file.seek(block.data[0])
    content = b"".join(
        (
            *(b"GIF89a", size, bytes([HAS_PALETTE | entries.bit_length() - 2, 0, 0]), _any_palette(entries)),
            *(IMAGE, bytes(4), size, bytes([block.interlacing]), file.read(block.data[1]), END),
        )
    )
    with GifImageFile(BytesIO(content)) as image:
        indices = np.asarray(image)
    if indices.shape != (block.frame.height, block.frame.width):
        raise ImageError(f"{path} cannot be read as an image: its pixels are not what its header declares.")
    palette = np.zeros((256, 3), np.uint8)
    palette[:entries] = np.frombuffer(block.palette, np.uint8).reshape(-1, 3)
    pixels = palette[indices][:, :, :colors]
    if not has_opacity:
        return pixels
    opacity = np.full(indices.shape, OPAQUE, np.uint8)
    if block.transparent is not None:
        opacity[indices == block.transparent] = 0
    return np.dstack([pixels, opacity])


def _any_palette(entries: int) -> bytes:
    """Colours that are no grey ramp, so that the decoder returns the indices themselves."""
    return bytes(3 * entries)


def _is_grey(palette: bytes) -> bool:
    return palette[::3] == palette[1::3] == palette[2::3]


def _palette_size(flags: int) -> int:
    return 3 * 2 ** ((flags & 7) + 1) if flags & HAS_PALETTE else 0


def _short(content: bytes, at: int) -> int:
    return int.from_bytes(content[at : at + 2], "little")


def _read(path: Path, file: BinaryIO, length: int) -> bytes:
    content = file.read(length)
    if len(content) < length:
        raise ImageError(f"{path} cannot be read as an image: it is truncated.")
    return content


def _read_sub_blocks(path: Path, file: BinaryIO) -> bytes:
    """Skip blocks of up to 255 bytes up to an empty one; return the first."""
    first = b""
    while length := _read(path, file, 1)[0]:
        block = _read(path, file, length)
        first = first or block
    return first
