"""OME-TIFF files that belong to a set: which planes of the picture are in this one."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, product
from math import prod
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from ..errors import ImageError

AXES = "TZC"
MAX_PLANES = 1_000_000


class OwnPlanes(NamedTuple):
    """The planes of a file.

    Attributes
    ----------
    axes : str
        Along which axes they differ: some of "TZC", or "I" if they fill no grid.
    sizes : tuple of int
        How many there are along each.
    pages : tuple of int
        Number of the page of each plane.
    channels : tuple of int
        Which channels of the picture they belong to.
    is_part : bool
        Whether other planes are in other files.
    """

    axes: str
    sizes: tuple[int, ...]
    pages: tuple[int, ...]
    channels: tuple[int, ...]
    is_part: bool


def own_planes(metadata: str, name: str) -> OwnPlanes | None:
    """Return the planes in a file, if it names files.

    Parameters
    ----------
    metadata : str
        The OME-XML in the file.
    name : str
        Name of the file.

    Returns
    -------
    OwnPlanes or None
        None if the metadata name this file only, do not say which of several is this one, or cannot be
        understood.

    Examples
    --------
    >>> tiff_data = [
    ...     f'<TiffData IFD="0" FirstZ="{z}"><UUID FileName="{z}.tif">{z}</UUID></TiffData>' for z in (0, 1)
    ... ]
    >>> own_planes(f'<OME><Image><Pixels SizeZ="2">{"".join(tiff_data)}</Pixels></Image></OME>', "1.tif")
    OwnPlanes(axes='', sizes=(), pages=(0,), channels=(0,), is_part=True)
    """
    try:
        root = ElementTree.fromstring(metadata)
    except ElementTree.ParseError:
        return None
    pictures = [element for element in root.iter() if _tag(element) == "Pixels"]
    entries = [entry for pixels in pictures for entry in pixels if _tag(entry) == "TiffData"]
    uuid = root.get("UUID")
    if all(_is_own(entry, uuid, name) for entry in entries):
        return None
    is_part = len({_file_of(entry) for entry in entries}) > 1
    planes: dict[tuple[int, ...], int] = {}
    examined = 0
    for number, pixels in enumerate(pictures):
        for entry in pixels:
            # The only file that is named must be this one: it has been renamed.
            if _tag(entry) == "TiffData" and (_is_own(entry, uuid, name) or not is_part):
                for place, page in islice(_planes(entry, pixels), MAX_PLANES - examined):
                    planes[number, *place] = page
                    examined += 1
    if not planes:
        return None
    values = [sorted({place[at] for place in planes}) for at in range(1 + len(AXES))]
    grid = list(product(*values))
    if set(grid) != set(planes) or len(values[0]) > 1:
        return OwnPlanes("I", (len(planes),), tuple(planes.values()), (), is_part)
    sizes = [(axis, len(each)) for axis, each in zip(AXES, values[1:], strict=True) if len(each) > 1]
    pages = tuple(planes[place] for place in grid)
    axes = "".join(axis for axis, _ in sizes)
    channels = tuple(values[1 + AXES.index("C")])
    return OwnPlanes(axes, tuple(size for _, size in sizes), pages, channels, is_part)


def check_planes(path: Path, metadata: str) -> None:
    """Refuse OME-XML that declares more planes than a file can have: listing them would exhaust memory.

    Parameters
    ----------
    path : Path
        The file, for messages.
    metadata : str
        The OME-XML in it.

    Raises
    ------
    ImageError
        If it does.
    """
    try:
        root = ElementTree.fromstring(metadata)
    except ElementTree.ParseError:
        return
    for element in root.iter():
        numbers = {name: value for name, value in element.attrib.items() if value.isdecimal()}
        if _tag(element) == "Pixels":
            count = prod(int(numbers.get(f"Size{axis}", "1")) for axis in AXES)
        elif _tag(element) == "TiffData":
            count = max(map(int, numbers.values()), default=0)
        else:
            continue
        if count > MAX_PLANES:
            raise ImageError(f"{path} is damaged: it declares {count} planes.")


def image_count(metadata: str) -> int:
    """Return how many pictures OME-XML describes; 0 if it cannot be understood.

    Examples
    --------
    >>> image_count('<OME><Image><Pixels/></Image><Image><Pixels/></Image></OME>')
    2
    """
    try:
        root = ElementTree.fromstring(metadata)
    except ElementTree.ParseError:
        return 0
    return sum(_tag(element) == "Pixels" for element in root.iter())


def _planes(entry: ElementTree.Element, pixels: ElementTree.Element) -> Iterator[tuple[tuple[int, ...], int]]:
    """Yield position and page of the planes of an entry."""
    order = [axis for axis in pixels.get("DimensionOrder", "XYCZT")[2:] if axis in AXES]
    sizes = [int(pixels.get(f"Size{axis}", "1")) for axis in order]
    first = [int(entry.get(f"First{axis}", "0")) for axis in order]
    page = int(entry.get("IFD", "0"))
    start = first[0] + sizes[0] * (first[1] + sizes[1] * first[2])
    rest = prod(sizes) - start
    count = int(entry.get("PlaneCount", entry.get("NumPlanes", 1 if "IFD" in entry.attrib else rest)))
    for number in range(min(count, rest)):
        at, place = start + number, {}
        for axis, size in zip(order, sizes, strict=True):
            at, place[axis] = divmod(at, size)
        yield tuple(place[axis] for axis in AXES), page + number


def _file_of(entry: ElementTree.Element) -> str | None:
    """Return the UUID of the file that an entry speaks of."""
    return next(((each.text or "").strip() for each in entry if _tag(each) == "UUID"), None)


def _is_own(entry: ElementTree.Element, uuid: str | None, name: str) -> bool:
    """Whether an entry speaks of this file."""
    inner = next((each for each in entry if _tag(each) == "UUID"), None)
    if inner is None:
        return True
    if uuid is not None:
        return (inner.text or "").strip() == uuid.strip()
    return inner.get("FileName", name).lower() == name.lower()


def _tag(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]
