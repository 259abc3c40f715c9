"""LIF files of Leica: their images are scenes; liffile finds them, and only the chosen plane is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from ..errors import ImageError
from .extras import needed
from .limits import check_size
from .picture import GREY, RGB, Picture, PixelSize, Samples, Scenes, full_intensity
from .pixelsize import UNITS

DIMENSIONS = {1: "X", 2: "Y", 3: "Z", 4: "T", 10: "M"}  # others are planes: wavelengths, rotations, ...
DESCRIPTION = "Data/Image/ImageDescription"
COLORS = {1: 0, 2: 1, 3: 2}  # tags of red, green and blue channels


class Dimension(NamedTuple):
    """A dimension of an image: how many there are, how many bytes apart, and how many micrometres."""

    axis: str
    size: int
    step: int
    spacing: float | None


class Channel(NamedTuple):
    """A channel of an image: where it begins, and the type of its values."""

    name: str
    color: int | None
    offset: int
    dtype: np.dtype[Any]
    bits: int


@contextmanager
def open_file(path: Path, stored: int) -> Iterator[Scenes]:
    """Open a LIF file.

    Parameters
    ----------
    path : Path
        The file.
    stored : int
        Its size in bytes.

    Yields
    ------
    Scenes
        The images of the file; each tile of a mosaic is one.

    Raises
    ------
    ImageError
        If it is damaged, or liffile is not installed.
    """
    library = needed("liffile", path, "a LIF file of Leica", "formats")
    with library.LifFile(path) as file:
        scenes = [
            (f"{image.path}/{tile}" if count > 1 else image.path, image, tile)
            for image in file.images
            for count in [_tiles(image.xml_element)]
            for tile in range(count)
            if image.xml_element.find(DESCRIPTION) is not None
        ]
        if not scenes:
            raise ImageError(f"{path} holds no image.")

        def open_scene(number: int) -> Picture:
            _, image, tile = scenes[number]
            block = image.memory_block
            return _picture(path, image.xml_element, (block.offset, min(block.size, stored)), tile)

        yield Scenes(tuple(name for name, _, _ in scenes), open_scene, 0 if len(scenes) == 1 else None)


def _picture(path: Path, image: ElementTree.Element, place: tuple[int, int], tile: int) -> Picture:
    """Describe an image whose pixels are stored at an offset, in a number of bytes."""
    dimensions, channels = _dimensions(image), _channels(image)
    by_axis = {dimension.axis: dimension for dimension in dimensions}
    if not {"X", "Y"} <= set(by_axis) or len(by_axis) < len(dimensions) or not channels:
        axes = "".join(dimension.axis for dimension in dimensions)
        raise ImageError(f"{path} holds no picture with rows and columns in this place (axes {axes}).")
    if len({channel.dtype for channel in channels}) > 1:
        raise ImageError(f"{path} has channels of different types: save the one to be segmented alone.")
    rows, cols, dtype = by_axis["Y"], by_axis["X"], channels[0].dtype
    check_size(path, rows.size, cols.size, len(channels))
    colors = {channel.color: channel.offset for channel in channels}
    is_colored = len(channels) == RGB and set(colors) == set(COLORS.values()) and cols.step > dtype.itemsize
    stack = [each for each in dimensions if each.axis not in "XYM"]
    offsets = (
        [colors[color] for color in sorted(COLORS.values())]
        if is_colored
        else [channel.offset for channel in channels]
    )
    if not is_colored and len(channels) > 1:
        stack = [*stack, Dimension("C", len(channels), 0, None)]
    start = tile * by_axis["M"].step if "M" in by_axis else 0

    def plane(place_of: Mapping[str, int], offset: int) -> NDArray[Any]:
        first = start + offset + sum(each.step * place_of.get(each.axis, 0) for each in stack)
        steps = (rows.step, cols.step)
        span = (rows.size - 1) * rows.step + (cols.size - 1) * cols.step + dtype.itemsize
        if min(first, *steps) < 0 or first + span > place[1]:
            raise ImageError(f"{path} is damaged: it declares this plane but does not contain it.")
        with path.open("rb") as file:
            file.seek(place[0] + first)
            content = np.frombuffer(file.read(span), np.uint8)
        if len(content) < span:
            raise ImageError(f"{path} is damaged: it ends too early.")
        view = np.ndarray((rows.size, cols.size), dtype, content, strides=steps)
        return view.astype(dtype.newbyteorder("="))

    def read(at: tuple[int, ...], sample: int | None) -> NDArray[Any]:
        place_of = {each.axis: number for each, number in zip(stack, at, strict=True)}
        if not is_colored:
            return plane(place_of, offsets[place_of.get("C", 0)])
        if sample is not None:
            return plane(place_of, offsets[sample])
        return np.stack([plane(place_of, offset) for offset in offsets], axis=2)

    names = tuple(channel.name for channel in channels)
    return Picture(
        "".join(each.axis for each in stack),
        tuple(each.size for each in stack),
        rows.size,
        cols.size,
        Samples(RGB, RGB, full_intensity(dtype))
        if is_colored
        else Samples(GREY, GREY, full_intensity(dtype), bits=channels[0].bits),
        read,
        names if all(names) and not is_colored else (),
        pixel_size=None
        if rows.spacing is None or cols.spacing is None
        else PixelSize(rows.spacing, cols.spacing),
    )


def _tiles(image: ElementTree.Element) -> int:
    """How many tiles an image has, which are stored one after the other."""
    return next((each.size for each in _dimensions(image) if each.axis == "M"), 1)


def _dimensions(image: ElementTree.Element) -> list[Dimension]:
    """The dimensions of an image that have more than one element, rows and columns in any case."""
    found = []
    for each in image.findall(f"{DESCRIPTION}/Dimensions/DimensionDescription"):
        axis = DIMENSIONS.get(int(each.get("DimID", "0")), "Q")
        size = int(each.get("NumberOfElements", "0"))
        if size == 1 and axis not in "XY":
            continue
        unit = UNITS.get(each.get("Unit", ""))
        length = float(each.get("Length", "0"))
        spacing = abs(length) * unit / (size - 1) if unit is not None and size > 1 else None
        found.append(Dimension(axis, size, int(each.get("BytesInc", "0")), spacing))
    return sorted(found, key=lambda each: -each.step)


def _channels(image: ElementTree.Element) -> list[Channel]:
    """The channels of an image in the order in which they are stored."""
    found = []
    for each in image.findall(f"{DESCRIPTION}/Channels/ChannelDescription"):
        bits = int(each.get("Resolution", "8"))
        size = next((size for size in (1, 2, 4, 8) if bits <= 8 * size), 8)
        kind = "f" if each.get("DataType") == "1" else "u"
        color = COLORS.get(int(each.get("ChannelTag", "0")))
        name = _channel_name(each)
        found.append(Channel(name, color, int(each.get("BytesInc", "0")), np.dtype(f"<{kind}{size}"), bits))
    return sorted(found, key=lambda each: each.offset)


def _channel_name(channel: ElementTree.Element) -> str:
    """The name of the dye if it is given, or that of the colour in which the channel is shown."""
    for entry in channel.iter("ChannelProperty"):
        if entry.findtext("Key") == "DyeName" and entry.findtext("Value"):
            return str(entry.findtext("Value")).removeprefix("Leica/")
    return channel.get("LUTName", "")


def _pixel_size(rows: Dimension, cols: Dimension) -> PixelSize | None:
    return None if rows.spacing is None or cols.spacing is None else PixelSize(rows.spacing, cols.spacing)
