"""OIF and OIB files of Olympus: settings, and TIFF files for the planes, in a folder or inside the file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from io import BytesIO
from itertools import groupby
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ..errors import ImageError
from .compound import CompoundFile
from .formats import COMPOUND_START, OIF_FOLDER
from .picture import Picture, PixelSize
from .pixelsize import UNITS
from .tiff import page_picture

AXES = {"C": "C", "Z": "Z", "T": "T", "L": "Q"}  # letters in the names of planes, such as s_C001Z002T003.tif
MAX_SETTINGS = 2**26  # bytes

Settings = Mapping[str, Mapping[str, str]]


@contextmanager
def open_file(path: Path, stored: int) -> Iterator[Picture]:
    """Open an OIF or OIB file.

    Parameters
    ----------
    path : Path
        The file.
    stored : int
        Its size in bytes.

    Yields
    ------
    Picture
        Its planes; reference images and thumbnails are ignored.

    Raises
    ------
    ImageError
        If it is damaged, or a compound file of another kind.
    """
    with path.open("rb") as file:
        if file.read(len(COMPOUND_START)) == COMPOUND_START:
            compound = CompoundFile(path, file, stored)
            settings, names = _oib(path, compound)
            yield _picture(path, settings, list(names), lambda name: compound.read(names[name]))
        else:
            file.seek(0)
            settings = _parse(file.read(MAX_SETTINGS))
            folder = path.with_name(f"{path.name}{OIF_FOLDER}")
            if not folder.is_dir():
                raise ImageError(f"{path} needs the folder {folder.name} beside it, which holds the pixels.")
            found = [each.name for each in folder.iterdir() if each.is_file()]
            yield _picture(path, settings, found, partial(_in_folder, folder))


def _in_folder(folder: Path, name: str) -> bytes:
    return (folder / name).read_bytes()


def _oib(path: Path, compound: CompoundFile) -> tuple[Settings, dict[str, str]]:
    """Return the settings of an OIB file, and its streams by the names of the files that they hold."""
    if "OibInfo.txt" not in compound.streams:
        raise ImageError(
            f"{path} is a compound file, such as ZVI, but no OIB file, so it is not read: export it as "
            "OME-TIFF, with the software of the microscope or with Fiji (Bio-Formats)."
        )
    info = _parse(compound.read("OibInfo.txt")).get("OibSaveInfo", {})
    by_stream = {stream.rpartition("/")[2]: stream for stream in compound.streams}
    names = {
        name.replace("\\", "/"): by_stream[stream]
        for stream, name in info.items()
        if stream.startswith("Stream") and stream in by_stream
    }
    main = info.get(info.get("MainFileName", ""), "").replace("\\", "/")
    if main not in names:
        raise ImageError(f"{path} is damaged: its settings are missing.")
    return _parse(compound.read(names[main])), names


def _picture(path: Path, settings: Settings, names: list[str], content: Callable[[str], bytes]) -> Picture:
    """Describe the planes of a file, given the names of all parts and a function that reads one."""
    from tifffile import TiffFile  # noqa: PLC0415 - takes 0.05 s, and other formats do without

    places = {name: place for name in names for place in [_place(name)] if place is not None}
    by_axes: dict[tuple[str, ...], dict[tuple[int, ...], str]] = {}
    for name, place in places.items():
        by_axes.setdefault(tuple(place), {})[tuple(place.values())] = name
    if not by_axes:
        raise ImageError(f"{path} is damaged or incomplete: it holds no plane.")
    letters, planes = max(by_axes.items(), key=lambda item: len(item[1]))
    values = [sorted({place[at] for place in planes}) for at in range(len(letters))]
    varying = [at for at, found in enumerate(values) if len(found) > 1]
    with TiffFile(BytesIO(content(next(iter(planes.values()))))) as file:
        first = page_picture(path, file)

    def read(at: tuple[int, ...], sample: int | None) -> NDArray[Any]:
        wanted = [found[0] for found in values]
        for axis, number in zip(varying, at, strict=True):
            wanted[axis] = values[axis][number]
        if tuple(wanted) not in planes:
            raise ImageError(f"{path} declares this plane but does not contain it.")
        with TiffFile(BytesIO(content(planes[tuple(wanted)]))) as file:
            page = page_picture(path, file)
            if (page.height, page.width, page.samples) != (first.height, first.width, first.samples):
                raise ImageError(f"{path} has planes of different kinds: save the one to be segmented alone.")
            return page.read((), sample)

    channels = values[letters.index("C")] if "C" in letters else [1]
    return Picture(
        "".join(AXES[letters[at]] for at in varying),
        tuple(len(values[at]) for at in varying),
        first.height,
        first.width,
        first.samples,
        read,
        _channel_names(settings, channels),
        pixel_size=_pixel_size(settings),
    )


def _place(name: str) -> dict[str, int] | None:
    """Return where a plane belongs according to its name; None if it is no plane.

    Examples
    --------
    >>> _place("Storage00001/s_C001Z012.tif"), _place("s_C001-R001.tif")
    ({'C': 1, 'Z': 12}, None)
    """
    stem, _, suffix = name.rpartition("/")[2].rpartition(".")
    parts = ["".join(part) for _, part in groupby(stem.rpartition("_")[2], str.isdigit)]
    letters, numbers = parts[::2], parts[1::2]
    is_plane = suffix.lower() == "tif" and len(letters) == len(numbers) and set(letters) <= set(AXES)
    if not is_plane or not letters or not all(number.isascii() and len(number) < 10 for number in numbers):
        return None
    return dict(zip(letters, map(int, numbers), strict=True))


def _channel_names(settings: Settings, channels: list[int]) -> tuple[str, ...]:
    """Return the names of the dyes, or of the channels."""
    found = []
    for number in channels:
        sections = [settings.get(f"{kind}Channel {number} Parameters", {}) for kind in ("GUI ", "")]
        entries = [section.get(key, "") for key in ("DyeName", "CH Name") for section in sections]
        found.append(next(filter(None, entries), ""))
    return tuple(found) if all(found) else ()


def _pixel_size(settings: Settings) -> PixelSize | None:
    reference = settings.get("Reference Image Parameter", {})
    try:
        height, width = (
            float(reference[f"{side}ConvertValue"]) * UNITS[reference.get(f"{side}Unit", "um")]
            for side in ("Height", "Width")
        )
    except (KeyError, ValueError):
        return None
    return PixelSize(height, width)


def _parse(content: bytes) -> Settings:
    """Parse sections of KEY=VALUE, in UTF-16 or UTF-8; what follows a table of colours is binary."""
    table = "[ColorLUTData]"
    if content[:2] == b"\xff\xfe":
        text = content.partition(table.encode("utf-16-le"))[0].decode("utf-16", "replace")
    else:
        text = content.partition(table.encode())[0].decode("utf-8", "replace")
    result: dict[str, dict[str, str]] = {}
    section: dict[str, str] = {}
    for line in map(str.strip, text.splitlines()):
        if line.startswith("[") and line.endswith("]"):
            section = result.setdefault(line[1:-1], {})
        elif "=" in line:
            key, _, value = line.partition("=")
            section[key.strip()] = value.strip().strip('"')
    return result
