"""Folders of Zarr as they are stored: their metadata, and what is refused before any pixel is decoded."""

from __future__ import annotations

import json
import math
import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import ImageError, shortened
from .address import Address, Place, is_denied
from .limits import MAX_COLORS, check_size, max_pixels

METADATA = ("zarr.json", ".zgroup", ".zarray", ".zattrs")  # files of which a folder of Zarr has at least one
MAX_METADATA = 2**26  # bytes
MAX_CHUNKS = 2**20  # of a plane
TYPES = frozenset(
    ["bool", "float16", "float32", "float64"]
    + [f"{kind}{8 << at}" for kind in ("int", "uint") for at in range(4)]
)
# Codecs that only decompress. Others can hold objects of Python, which run code when they are read.
CODECS = frozenset(["bytes", "transpose", "gzip", "zstd", "blosc", "crc32c", "sharding_indexed"])
COMPRESSORS = frozenset(["blosc", "zlib", "gzip", "bz2", "lzma", "zstd", "lz4"])
FILTERS = frozenset(["delta", "shuffle"])


class ZarrArray(NamedTuple):
    """What an array declares."""

    folder: Place
    zarr_format: int
    shape: tuple[int, ...]
    chunks: tuple[int, ...]


def is_store(path: Path) -> bool:
    """Whether a path is a folder of Zarr; False if it cannot be read."""
    try:
        return path.is_dir() and any((path / name).is_file() for name in METADATA)
    except (OSError, ValueError):
        return False


def attributes(path: Place, folder: Place) -> Mapping[str, Any]:
    """Return the OME metadata of a folder.

    Parameters
    ----------
    path : Path or Address
        The store, for messages.
    folder : Path or Address
        A folder in it.

    Returns
    -------
    mapping
        With "version" if it is stated; empty if there are none.

    Raises
    ------
    ImageError
        If the metadata are damaged.
    """
    found = _read(path, folder / "zarr.json", may_be_denied=True)
    if found is not None:
        return _mapping(path, _mapping(path, found.get("attributes", {})).get("ome", {}))
    return _read(path, folder / ".zattrs") or {}


def inside(path: Place, folder: Place, name: object) -> Place:
    """Return a folder inside another one.

    Parameters
    ----------
    path : Path or Address
        The store, for messages.
    folder : Path or Address
        The outer folder.
    name : object
        Its path relative to that, as the metadata state it: "A/1".

    Raises
    ------
    ImageError
        If it leads elsewhere, or a part of it is a link.
    """
    parts = name.split("/") if isinstance(name, str) else [""]
    if any(part in ("", ".", "..") or set(part) & set("\\:\0") for part in parts):
        raise ImageError(
            f"{path} is damaged: it refers to {shortened(repr(name))}, which is not inside of it."
        )
    for part in parts:
        folder = folder / part
        if isinstance(folder, Path) and folder.is_symlink():
            raise ImageError(f"{path} holds the link {part}, which is not followed: copy what it refers to.")
    return folder


def read_array(path: Place, folder: Place) -> ZarrArray:
    """Read what an array declares, and refuse what could do harm.

    Parameters
    ----------
    path : Path or Address
        The store, for messages.
    folder : Path or Address
        The folder of the array.

    Raises
    ------
    ImageError
        If it is missing or damaged, or holds anything but numbers that are compressed in a usual way.
    """
    found = _read(path, folder / "zarr.json", may_be_denied=True)
    if found is not None and found.get("node_type") == "array":
        grid = _mapping(path, found.get("chunk_grid", {}))
        if str(found.get("data_type")) not in TYPES or grid.get("name") != "regular":
            raise ImageError(
                f"{path} holds {_shown(found.get('data_type'))}, not numbers in chunks of one size."
            )
        _check_codecs(path, found.get("codecs"))
        if found.get("storage_transformers"):
            raise ImageError(f"{path} is stored in a way that is not read (storage transformers).")
        chunks = _mapping(path, grid.get("configuration", {})).get("chunk_shape")
        return _array(path, folder, 3, found.get("shape"), chunks)
    found = _read(path, folder / ".zarray")
    if found is None:
        raise ImageError(f"{path} is damaged or incomplete: there is no array {folder.name} in it.")
    kind = found.get("dtype")
    if not isinstance(kind, str) or len(kind) < 3 or kind[1] not in "biuf" or not kind[2:].isdecimal():
        raise ImageError(f"{path} holds {_shown(kind)}, not numbers.")
    compressor = found.get("compressor")
    if compressor is not None and str(_mapping(path, compressor).get("id")) not in COMPRESSORS:
        raise _refused(path, compressor.get("id"))
    for each in found.get("filters") or ():
        if str(_mapping(path, each).get("id")) not in FILTERS:
            raise _refused(path, each.get("id"))
    return _array(path, folder, 2, found.get("shape"), found.get("chunks"))


def check_plane(path: Place, array: ZarrArray, rows: int, cols: int) -> None:
    """Refuse a plane that is too large, or in chunks that are too large or too many.

    Parameters
    ----------
    path : Path or Address
        The store, for messages.
    array : ZarrArray
        What it declares.
    rows, cols : int
        Which of its dimensions are rows and columns.

    Raises
    ------
    ImageError
        If it is.
    """
    check_size(path, array.shape[rows], array.shape[cols])
    if math.prod(array.chunks) > MAX_COLORS * max_pixels():
        raise ImageError(
            f"{path} is divided into chunks of {math.prod(array.chunks)} values, which are too large."
        )
    count = math.prod(-(-array.shape[at] // array.chunks[at]) for at in (rows, cols))
    if count > MAX_CHUNKS:
        raise ImageError(f"{path} is divided into {count} chunks per plane, which are too many.")


def check_links(path: Place, folder: Path) -> None:
    """Refuse a folder in which anything is a link or no regular file."""
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            mode = os.lstat(Path(place, name)).st_mode
            if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                raise ImageError(f"{path} holds {name}, which is a link or no file, and is not followed.")


def _check_codecs(path: Place, codecs: object) -> None:
    """Refuse codecs that are not known to do nothing but decompress."""
    if not isinstance(codecs, list):
        raise ImageError(f"{path} is damaged: its metadata do not say how it is compressed.")
    for codec in codecs:
        name = _mapping(path, codec).get("name")
        if str(name) not in CODECS:
            raise _refused(path, name)
        if name == "sharding_indexed":
            configuration = _mapping(path, codec.get("configuration", {}))
            for inner in ("codecs", "index_codecs"):
                _check_codecs(path, configuration.get(inner))


def _refused(path: Place, name: object) -> ImageError:
    return ImageError(
        f"{path} is compressed by {_shown(name)}, which is not read: save it with zstd or blosc."
    )


def _array(path: Place, folder: Place, zarr_format: int, shape: object, chunks: object) -> ZarrArray:
    for sizes in (shape, chunks):
        if not isinstance(sizes, list) or not all(type(size) is int and size > 0 for size in sizes):
            raise ImageError(f"{path} is damaged: an array has no size, or chunks without one.")
    assert isinstance(shape, list)
    assert isinstance(chunks, list)
    if len(shape) != len(chunks) or len(shape) < 2:
        raise ImageError(
            f"{path} is damaged: an array has {len(shape)} dimensions, its chunks {len(chunks)}."
        )
    return ZarrArray(folder, zarr_format, tuple(shape), tuple(chunks))


def _read(path: Place, file: Place, may_be_denied: bool = False) -> dict[str, Any] | None:
    """Return a file of metadata; None if there is none.

    A bucket that does not let its objects be listed denies those that are not there.
    """
    if isinstance(file, Address):
        try:
            text = file.read(MAX_METADATA)
        except ImageError as error:
            if may_be_denied and is_denied(error.__cause__):
                return None
            raise
        if text is None:
            return None
    else:
        if file.is_symlink():
            raise ImageError(
                f"{path} holds the link {file.name}, which is not followed: copy what it refers to."
            )
        if not file.is_file():
            return None
        with file.open("rb") as content:
            text = content.read(MAX_METADATA + 1)
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ImageError(f"{path} is damaged: its file {file.name} is not JSON.") from error
    return dict(_mapping(path, found))


def _mapping(path: Place, value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ImageError(f"{path} is damaged: its metadata are not as they must be.")
    return value


def _shown(value: object) -> str:
    return shortened(str(value))


def entries(path: Place, value: object) -> Sequence[Mapping[str, Any]]:
    """Return a list of mappings from metadata.

    Raises
    ------
    ImageError
        If it is none.
    """
    if not isinstance(value, list):
        raise ImageError(f"{path} is damaged: its metadata are not as they must be.")
    return [_mapping(path, each) for each in value]
