"""ND2 files of Nikon, by the library nd2: positions are scenes, and only the chosen frame is read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import ImageError
from .extras import needed
from .limits import check_compression, check_size
from .picture import GREY, RGB, Picture, PixelSize, Samples, Scenes, full_intensity

AXES = {"TimeLoop": "T", "NETimeLoop": "T", "ZStackLoop": "Z", "XYPosLoop": "P"}

HEADER = 4096  # bytes before the pixels of a frame


class Frame(NamedTuple):
    """What each frame of a file holds."""

    height: int
    width: int
    channels: int
    samples: Samples
    nbytes: int
    names: tuple[str, ...]
    pixel_size: PixelSize | None


@contextmanager
def open_file(path: Path, stored: int) -> Iterator[Scenes]:
    """Open an ND2 file.

    Parameters
    ----------
    path : Path
        The file.
    stored : int
        Its size in bytes.

    Yields
    ------
    Scenes
        The positions of the stage.

    Raises
    ------
    ImageError
        If it is damaged, or nd2 is not installed.
    """
    library = needed("nd2", path, "an ND2 file of Nikon", "formats")
    with library.ND2File(path) as file:
        loops = list(file.experiment)
        axes = "".join(AXES.get(loop.type, "Q") for loop in loops)
        sizes = tuple(int(loop.count) for loop in loops)
        at = axes.find("P")
        count = 1 if at < 0 else sizes[at]
        points = () if at < 0 else loops[at].parameters.points
        names = [point.name or f"position {number}" for number, point in enumerate(points)]
        frame = _frame(path, file, stored)

        def open_scene(number: int) -> Picture:
            def read(place: tuple[int, ...], sample: int | None) -> NDArray[Any]:
                stack = place[: len(place) - (frame.channels > 1)]
                stack = stack if at < 0 else (*stack[:at], number, *stack[at:])
                index = int(np.ravel_multi_index(stack, sizes)) if sizes else 0
                _check_stored(path, file, index, frame.nbytes, stored)
                pixels = file.read_frame(index)
                pixels = pixels[place[-1]] if frame.channels > 1 else pixels
                shape = (frame.height, frame.width)
                if frame.samples.count > 1:
                    return np.array(pixels if sample is None else pixels[..., sample])
                return np.array(pixels).reshape(shape)  # a copy: the file is mapped until it is closed

            stack = [(axis, size) for axis, size in zip(axes, sizes, strict=True) if axis != "P"]
            stack += [("C", frame.channels)] if frame.channels > 1 else []
            return Picture(
                "".join(axis for axis, _ in stack),
                tuple(size for _, size in stack),
                frame.height,
                frame.width,
                frame.samples,
                read,
                frame.names,
                pixel_size=frame.pixel_size,
            )

        names = names if len(names) == count else [""] * count
        yield Scenes(tuple(names), open_scene, 0 if count == 1 else None)


def _frame(path: Path, file: Any, stored: int) -> Frame:  # noqa: ANN401 - of another library
    """Find out what each frame holds, after its size has been checked."""
    attributes, dtype = file.attributes, file.dtype
    channels = int(attributes.channelCount or 1)
    components = int(attributes.componentCount) // channels
    if components not in (GREY, RGB):
        raise ImageError(
            f"{path} holds {components} values per pixel, not grey or RGB: export it as OME-TIFF."
        )
    height, width = int(attributes.heightPx), int(attributes.widthPx or 0)
    check_size(path, height, width, components)
    nbytes = height * width * channels * components * dtype.itemsize
    check_compression(path, nbytes, stored)
    bits = int(attributes.bitsPerComponentSignificant or dtype.itemsize * 8)
    names, size = _metadata(file)
    return Frame(
        height,
        width,
        channels,
        Samples(components, components, full_intensity(dtype), bits=bits),
        0 if attributes.compressionType == "lossless" else max(nbytes, height * (attributes.widthBytes or 0)),
        names if len(names) == channels and all(names) else (),
        size,
    )


def _metadata(file: Any) -> tuple[tuple[str, ...], PixelSize | None]:  # noqa: ANN401 - of another library
    """Return the names of the channels, and the size of a pixel if it was calibrated."""
    try:
        channels = list(file.metadata.channels or ())
        is_calibrated = bool(channels) and all(channels[0].volume.axesCalibrated[:2])
        size = PixelSize(file.voxel_size().y, file.voxel_size().x) if is_calibrated else None
        return tuple(str(channel.channel.name or "") for channel in channels), size
    except Exception:  # noqa: BLE001 - unreadable metadata are ignored, whatever the cause
        return (), None


def _check_stored(path: Path, file: Any, index: int, nbytes: int, stored: int) -> None:  # noqa: ANN401
    """Refuse a frame that is not in the file: the library would return zeros."""
    offset, _ = file._rdr.chunkmap.get(b"ImageDataSeq|%d!" % index, (stored, 0))
    if offset + HEADER + nbytes > stored:
        raise ImageError(f"{path} declares this plane but does not contain it.")
