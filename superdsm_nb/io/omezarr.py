"""OME-Zarr 0.4 and 0.5: images, several in one store, plates and labels; only the chosen plane is decoded."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ImageError, shortened
from .address import Address, Place, none_there
from .extras import needed
from .picture import GREY, Picture, PixelSize, Samples, Scenes, full_intensity
from .pixelsize import UNITS
from .zarrnodes import (
    ZarrArray,
    attributes,
    check_links,
    check_plane,
    entries,
    inside,
    read_array,
)

VERSIONS = ("0.3", "0.4", "0.5")  # 0.3 differs in that its axes are names only
LETTERS = {"t": "T", "c": "C", "z": "Z"}
TYPES = {"time": "T", "channel": "C"}
LENGTHS = {"angstrom": 1e-4, "centimeter": 1e4, "millimeter": 1e3, "nanometer": 1e-3, "meter": 1e6, **UNITS}
MAX_SCENES = 100_000
MAX_VALUE, MAX_EXTRA = 16, 2**20  # bytes of a chunk per value in it, and besides, whatever its compression


@contextmanager
def open_file(path: Place, stored: int) -> Iterator[Scenes]:
    """Open an OME-Zarr store.

    Parameters
    ----------
    path : Path or Address
        A folder of Zarr: an image, a plate, a well, a folder of labels, or a collection of bioformats2raw.
    stored : int
        Not used: chunks are files of their own.

    Yields
    ------
    Scenes
        Images, or the fields of wells ("A/1/0"), each at its full resolution.

    Raises
    ------
    ImageError
        If it is damaged or no OME-Zarr, or zarr is not installed.
    """
    library = needed("zarr", path, "an OME-Zarr store", "zarr")
    metadata = attributes(path, path)
    if isinstance(path, Address) and not metadata:
        raise none_there(path)
    found = list(_images(path, path, metadata))
    if not found:
        raise ImageError(f"{path} is a Zarr store without an OME-Zarr image, so it is not read.")

    def open_scene(number: int) -> Picture:
        return _picture(path, found[number][1], library)

    yield Scenes(tuple(name for name, _ in found), open_scene, 0 if len(found) == 1 else None)


def _images(path: Place, folder: Place, metadata: Mapping[str, Any]) -> Iterator[tuple[str, Place]]:
    """Yield names and folders of the images in a store."""
    if "multiscales" in metadata:
        yield _name(path, folder, metadata), folder
        return
    if "plate" in metadata:
        wells = entries(path, _mapping_of(path, metadata["plate"]).get("wells"))
        names: list[Any] = [well.get("path") for well in wells]
    elif "well" in metadata:
        names = [
            each.get("path") for each in entries(path, _mapping_of(path, metadata["well"]).get("images"))
        ]
    elif isinstance(metadata.get("labels"), list):
        names = metadata["labels"]
    elif "bioformats2raw.layout" in metadata:
        listed = attributes(path, inside(path, folder, "OME")).get("series")
        names = listed if isinstance(listed, list) else _numbered(folder)
    else:
        return
    if len(names) > MAX_SCENES:
        raise ImageError(f"{path} holds {len(names)} images, which are too many.")
    for name in names:
        inner = inside(path, folder, name)
        found = attributes(path, inner)
        if "plate" in found or "bioformats2raw.layout" in found:
            raise ImageError(f"{path} is damaged: {shortened(str(name))} in it is no image.")
        if "well" in found:
            yield from ((f"{name}/{field}", image) for field, image in _fields(path, inner, found))
        else:
            yield str(name), inner


def _fields(path: Place, well: Place, metadata: Mapping[str, Any]) -> Iterator[tuple[str, Place]]:
    """Yield names and folders of the fields of a well."""
    for each in entries(path, _mapping_of(path, metadata["well"]).get("images")):
        yield str(each.get("path")), inside(path, well, each.get("path"))


def _name(path: Place, folder: Place, metadata: Mapping[str, Any]) -> str:
    """The name of an image, or that of its folder."""
    name = next((each.get("name") for each in entries(path, metadata["multiscales"])), None)
    return name if isinstance(name, str) and name.strip("/") else folder.name


def _picture(path: Place, folder: Place, library: Any) -> Picture:  # noqa: ANN401 - a module
    """Describe an image."""
    metadata = attributes(path, folder)
    found = entries(path, metadata.get("multiscales", []))
    if not found:
        raise ImageError(f"{path} is damaged or incomplete: there is no image {folder.name} in it.")
    image = found[0]
    version = metadata.get("version", image.get("version", "0.4"))
    if version not in VERSIONS:
        raise ImageError(f"{path} is OME-Zarr of version {shortened(str(version))}; 0.4 and 0.5 are read.")
    levels = [
        (level, inside(path, folder, level.get("path"))) for level in entries(path, image.get("datasets"))
    ]
    arrays = [(read_array(path, place), level) for level, place in levels]
    if not arrays:
        raise ImageError(f"{path} is damaged: it names no resolution.")
    array, level = max(arrays, key=lambda each: math.prod(each[0].shape))
    axes = _axes(path, image.get("axes"), len(array.shape))
    rows, cols = axes.index("Y"), axes.index("X")
    check_plane(path, array, rows, cols)
    store = _store(path, array, library)
    pixels = library.open_array(store=store, mode="r", zarr_format=array.zarr_format)
    dtype = np.dtype(pixels.dtype)
    stack = [at for at, axis in enumerate(axes) if axis not in "XY" and array.shape[at] > 1]

    def read(place: tuple[int, ...], sample: int | None) -> NDArray[Any]:
        return read_part(place, sample, slice(None), slice(None))

    def read_part(
        place: tuple[int, ...], sample: int | None, row_part: slice, col_part: slice
    ) -> NDArray[Any]:
        selection: list[int | slice] = [0] * len(axes)
        selection[rows], selection[cols] = row_part, col_part
        for at, number in zip(stack, place, strict=True):
            selection[at] = number
        plane = np.asarray(pixels[tuple(selection)])
        plane = plane if rows < cols else plane.T
        return plane.astype(dtype.newbyteorder("="), copy=False)

    return Picture(
        "".join(axes[at] for at in stack),
        tuple(array.shape[at] for at in stack),
        array.shape[rows],
        array.shape[cols],
        Samples(GREY, GREY, full_intensity(dtype), bits=dtype.itemsize * 8),
        read,
        _channel_names(metadata, array.shape[axes.index("C")] if "C" in axes else 1),
        pixel_size=_pixel_size(image, level, axes),
        read_part=read_part,
    )


def _numbered(folder: Place) -> list[str]:
    """Names of the images of a collection that does not list them."""
    names = folder.names() if isinstance(folder, Address) else [each.name for each in folder.iterdir()]
    return sorted(filter(str.isdecimal, names), key=int)


def _store(path: Place, array: ZarrArray, library: Any) -> Any:  # noqa: ANN401 - of another library
    """Return where zarr reads an array."""
    if isinstance(array.folder, Address):
        from .remotestore import RemoteStore  # noqa: PLC0415 - needs zarr

        return RemoteStore(array.folder, math.prod(array.chunks) * MAX_VALUE + MAX_EXTRA)
    check_links(path, array.folder)
    return library.storage.LocalStore(array.folder, read_only=True)


def _axes(path: Place, declared: object, count: int) -> str:
    """Return a letter for each dimension of an image."""
    found = declared if isinstance(declared, list) else []
    described = [each if isinstance(each, dict) else {"name": each} for each in found]
    axes = ""
    for each in described:
        name = str(each.get("name", "")).lower()
        axes += (
            name.upper() if name in ("x", "y") else TYPES.get(str(each.get("type")), LETTERS.get(name, "Q"))
        )
    if len(axes) != count or axes.count("X") != 1 or axes.count("Y") != 1:
        raise ImageError(
            f"{path} is damaged: it does not say which of its {count} dimensions are rows and columns."
        )
    return axes


def _channel_names(metadata: Mapping[str, Any], count: int) -> tuple[str, ...]:
    omero = metadata.get("omero")
    channels = omero.get("channels") if isinstance(omero, dict) else None
    found = [each.get("label") for each in channels or () if isinstance(each, dict)]
    names = [name for name in found if isinstance(name, str) and name]
    return tuple(names) if len(names) == count else ()


def _pixel_size(image: Mapping[str, Any], level: Mapping[str, Any], axes: str) -> PixelSize | None:
    """Return the size of a pixel if the metadata give its unit."""
    sides = {}
    for axis in "YX":
        at = axes.index(axis)
        described = image["axes"][at]
        unit = LENGTHS.get(str(described.get("unit"))) if isinstance(described, dict) else None
        if unit is None:
            return None
        sides[axis] = unit * math.prod(_scale(each, at) for each in (image, level))
    return PixelSize(sides["Y"], sides["X"])


def _scale(owner: Mapping[str, Any], at: int) -> float:
    """Return by how much the transformations of an image, or of a level, scale an axis."""
    factor = 1.0
    for each in owner.get("coordinateTransformations") or ():
        scale = each.get("scale") if isinstance(each, dict) and each.get("type") == "scale" else None
        if isinstance(scale, Sequence) and len(scale) > at and isinstance(scale[at], int | float):
            factor *= float(scale[at])
    return factor


def _mapping_of(path: Place, value: object) -> Mapping[str, Any]:
    return entries(path, [value])[0]
