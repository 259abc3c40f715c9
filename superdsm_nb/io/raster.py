"""BMP and WebP files, read with Pillow: 8 bits per colour, and frames one at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.WebPImagePlugin import WebPImageFile

from ..errors import ImageError
from .limits import check_size
from .orientation import exif_orientation, height_and_width, turned
from .picture import GREY, RGB, Opacity, Picture, Samples

SAMPLES = {
    "L": Samples(1, GREY, 255.0),
    "LA": Samples(2, GREY, 255.0, Opacity.STRAIGHT),
    "RGB": Samples(3, RGB, 255.0),
    "RGBA": Samples(4, RGB, 255.0, Opacity.STRAIGHT),
    "1": Samples(1, GREY, 1.0, bits=1),
}


@contextmanager
def open_file(path: Path, stored: int) -> Iterator[Picture]:
    """Open a BMP or WebP file.

    Parameters
    ----------
    path : Path
        The file.
    stored : int
        Its size in bytes.

    Yields
    ------
    Picture
        Grey or RGB, perhaps with opacity; frames are planes. They are counted without being decoded.

    Raises
    ------
    ImageError
        If it holds other kinds of pixels.
    """
    # Not by Image.open, which chooses among all formats, and has a limit of its own for the size.
    with _open(path) as file:
        width, height = file.size
        check_size(path, height, width, 4)
        count = getattr(file, "n_frames", 1)
        mode = _mode_of(path, file)
        samples = SAMPLES[mode]
        orientation = exif_orientation(file.info.get("exif", b""))

        def read(place: tuple[int, ...], sample: int | None) -> NDArray[Any]:
            if place:
                file.seek(place[0])
            pixels = np.asarray(file if file.mode == mode else file.convert(mode))
            return turned(pixels if sample is None else pixels[:, :, sample], orientation)

        axes, sizes = ("Q", (count,)) if count > 1 else ("", ())
        yield Picture(axes, sizes, *height_and_width(height, width, orientation), samples, read)


def _open(path: Path) -> Image.Image:
    """Open a file after its declared size has been checked."""
    with path.open("rb") as file:
        start = file.read(30)
    if not start.startswith(b"BM"):
        return WebPImageFile(path)  # has at most 2^14 x 2^14 pixels
    if int.from_bytes(start[14:18], "little") > 12:
        width, height = (abs(int.from_bytes(start[at : at + 4], "little", signed=True)) for at in (18, 22))
        if int.from_bytes(start[28:30], "little") == 16:
            raise ImageError(
                f"{path} packs its colours into 16 bits, which is not read in BMP files: save it as PNG."
            )
        check_size(path, height, width)
    return BmpImageFile(path)


def _mode_of(path: Path, file: Image.Image) -> str:
    """Return the kind of pixels, with palettes looked up."""
    is_transparent = "transparency" in file.info
    if file.mode == "P":
        return "RGBA" if is_transparent else "RGB"
    if file.mode in {"L", "RGB"} and is_transparent:
        return f"{file.mode}A"
    if file.mode not in SAMPLES:
        raise ImageError(f"{path} holds pixels of the kind {file.mode}, not grey or RGB: save it as PNG.")
    return file.mode
