"""Stored results: arrays and JSON in one file per image, written whole or not at all, read as data only."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import StoredResultError
from ..io import file_digest, write_file
from ..objects import BaseObject, Object
from ..regularfiles import open_regular
from ..strictjson import loads, strict_values
from .content import restored_entries
from .header import FORMAT, Header, require
from .jobs import Job

HEADER = "header.json"
MAX_HEADER_SIZE = 2**26  # bytes; our headers never compress by more than 100 to 1
MAX_FILE_SIZE = 2**33  # bytes of all parts
CHUNK = 2**20  # bytes that are read at a time
BYTES_PER_PIXEL = 16  # upper limit for any array of a result
ARRAYS = ("y_mask", "foreground", "clusters", "atoms", "seeds", "masks")


def write(path: Path, header: Header, data: Mapping[str, Any]) -> None:
    """Store the results of one image.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    arrays: dict[str, NDArray[Any]] = {}
    for name in ("y_mask", "clusters", "atoms"):
        if name in data:
            arrays[name] = data[name]
    if "atoms" in data:
        arrays["foreground"] = data["y"] > 0
        arrays["seeds"] = np.asarray(data["seeds"], np.float64).reshape(-1, 2)
    entries, fragments = _plain(data)
    if fragments:
        arrays["masks"] = np.packbits(np.concatenate([mask.ravel() for mask in fragments]))
    fields = {**header.to_plain(), "entries": {**header.entries, **entries}}
    buffer, digest = io.BytesIO(), _ContentDigest(strict_values(fields))
    # A member's time is fixed, so that equal results are equal files.
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in sorted(arrays.items()):
            content = io.BytesIO()
            np.lib.format.write_array(content, np.ascontiguousarray(array), allow_pickle=False)
            digest.add(f"{name}.npy", [content.getbuffer()])
            with archive.open(_member(f"{name}.npy"), "w", force_zip64=True) as member:
                member.write(content.getbuffer())
        fields["content"] = digest.value
        archive.writestr(_member(HEADER), _json(strict_values(fields)))
    write_file(path, buffer.getvalue())


def _member(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def _json(fields: Mapping[str, Any]) -> str:
    return json.dumps(fields, sort_keys=True, allow_nan=False)


class _ContentDigest:
    """A digest of all that a stored result says, so that it is not used if something was replaced."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self._digest = hashlib.sha256(_json({**fields, "content": None}).encode())

    def add(self, name: str, chunks: Iterable[bytes | memoryview]) -> None:
        """Add a part; parts come in the order of their names."""
        part = hashlib.sha256()
        for chunk in chunks:
            part.update(chunk)
        self._digest.update(name.encode() + part.digest())

    @property
    def value(self) -> str:
        """The digest (hexadecimal)."""
        return self._digest.hexdigest()


def _plain(data: Mapping[str, Any]) -> tuple[dict[str, Any], list[NDArray[np.bool_]]]:
    """Entries of the pipeline data object as plain values, and the masks of the objects in them."""
    entries: dict[str, Any] = {}
    fragments: list[NDArray[np.bool_]] = []

    def stored_mask(item: BaseObject) -> dict[str, Any]:
        fragments.append(item.fg_fragment)
        return {"offset": list(item.fg_offset), "shape": list(item.fg_fragment.shape)}

    if "objects" in data:
        objects: Sequence[Object] = data["objects"]
        index = {id(item): number for number, item in enumerate(objects)}
        entries["objects"] = [
            {
                "footprint": sorted(item.footprint),
                "energy": float(item.energy),
                "on_boundary": bool(item.on_boundary),
                "is_optimal": bool(item.is_optimal),
                "pixels": int(item.pixels),
                **stored_mask(item),
            }
            for item in objects
        ]
        entries["beta"] = float(data["cover"].beta)
        entries["cover"] = [index[id(item)] for item in data["cover"].solution]
        entries["performance"] = asdict(data["performance"])
        if "postprocessed_objects" in data:
            entries["postprocessed"] = [
                {
                    "original": index[id(item.original)],
                    "norm_energy": float(item.norm_energy),
                    "contrast": float(item.contrast),
                    "eccentricity": float(item.eccentricity),
                    "is_glare": bool(item.is_glare),
                    **stored_mask(item),
                }
                for item in data["postprocessed_objects"]
            ]
        entries["mask_bits"] = sum(mask.size for mask in fragments)
    return entries, fragments


def up_to_date(job: Job, image_sha256: str | None) -> Header | None:
    """Return the header of the results of an image, if they are up to date and complete.

    Parameters
    ----------
    job : Job
        The image.
    image_sha256 : str or None
        Digest of its file; None if the file no longer exists, which does not invalidate its results.
    """
    try:
        header = verified_header(job.stored)
    except StoredResultError:
        return None
    if header.digest != job.digest or image_sha256 not in (None, header.image_sha256):
        return None
    try:
        intact = all(
            file_digest(job.written_path(kind, len(header.rows))) == digest
            for kind, digest in header.written.items()
        )
    except (OSError, KeyError):
        return None
    return header if intact else None


def verified_header(path: Path) -> Header:
    """Read the metadata of a stored result all of whose content is as it was written.

    Raises
    ------
    StoredResultError
        If the file is damaged or changed, or of another format.
    """
    header = read_header(path)  # first: it knows other formats
    with _Reading(path) as archive:
        archive.verify()
    return header


def read_header(path: Path) -> Header:
    """Read the metadata of a stored result.

    Raises
    ------
    StoredResultError
        If the file is damaged, or of another format.
    """
    with _Reading(path) as archive:
        return archive.header()


def read(
    path: Path,
    shape: tuple[int, ...],
    header: Header | None = None,
    image_shape: tuple[int, ...] | None = None,
) -> dict[str, Any]:
    """Read the stored entries of the pipeline data object of an image.

    Parameters
    ----------
    path : Path
        The stored result.
    shape : (int, int)
        Shape of the maps and the objects of the cover.
    header : Header, optional
        What `read_header` gave.
    image_shape : (int, int), optional
        Shape of the image, which the post-processed objects must fit; `shape` by default.

    Returns
    -------
    dict
        What the stages after preprocessing added, as far as they ran, except ``y_img``.

    Raises
    ------
    StoredResultError
        If the file is damaged, or does not fit the image.
    """
    with _Reading(path) as archive:
        header = header or archive.header()
        largest = max(shape, image_shape or shape)
        arrays = {name: archive.array(name, largest) for name in ARRAYS if archive.holds(name)}
        return restored_entries(header, arrays, shape, image_shape or shape)


class _Reading:
    """An open stored result; any failure is raised as `StoredResultError`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> _Reading:
        try:
            self._file = open_regular(self._path)
            try:
                self._archive = zipfile.ZipFile(self._file)
            except BaseException:
                self._file.close()
                raise
        except Exception as error:  # a damaged directory can raise almost anything
            raise self._damaged(error) from error
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._archive.close()
        self._file.close()
        # A foreign file can fail in any way; only deliberate errors pass through.
        if isinstance(error, Exception) and not isinstance(error, StoredResultError):
            raise self._damaged(error) from error

    def _damaged(self, error: BaseException) -> StoredResultError:
        reason = str(error).strip().splitlines()
        what = reason[0].rstrip(".") if reason else type(error).__name__
        return StoredResultError(
            f"The stored result {self._path} is damaged ({what}): it is not used, and running its task again "
            "replaces it."
        )

    def header(self) -> Header:
        fields = self._fields()
        if fields.get("format") != FORMAT:
            raise StoredResultError(
                f"The stored result {self._path} was written by another version: it is not used, and running "
                "its task again replaces it."
            )
        return Header.from_plain(fields)

    def _fields(self) -> dict[str, Any]:
        """Fields of the header."""
        info = self._archive.getinfo(HEADER)
        require(info.file_size <= min(MAX_HEADER_SIZE, 100 * info.compress_size), "its header is too long")
        fields = loads(self._archive.read(HEADER))
        require(isinstance(fields, dict), "its header is wrong")
        return {**fields}

    def verify(self) -> None:
        """Compare every part with its checksum, and all of them with their digest."""
        parts = self._archive.infolist()
        known = {HEADER, *(f"{name}.npy" for name in ARRAYS)}
        require({part.filename for part in parts} <= known, "it has unknown parts")
        require(sum(part.file_size for part in parts) <= MAX_FILE_SIZE, "it is too large")
        require(len({part.filename for part in parts}) == len(parts), "it has a part twice")
        fields = self._fields()
        digest = _ContentDigest(fields)
        for name in sorted({part.filename for part in parts} - {HEADER}):
            with self._archive.open(name) as member:  # reading to the end compares with the checksum
                digest.add(name, iter(lambda: member.read(CHUNK), b""))
        require(digest.value == fields.get("content"), "its content does not match its digest")

    def holds(self, name: str) -> bool:
        return f"{name}.npy" in self._archive.namelist()

    def array(self, name: str, shape: tuple[int, ...]) -> NDArray[Any]:
        limit = BYTES_PER_PIXEL * shape[0] * shape[1] + 2**20
        require(self._archive.getinfo(f"{name}.npy").file_size <= limit, f"{name} is too large")
        with self._archive.open(f"{name}.npy") as member:
            array: NDArray[Any] = np.lib.format.read_array(member, allow_pickle=False)
        return array
