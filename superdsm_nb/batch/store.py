"""Stored results: arrays and JSON in one file per image, written whole or not at all, read as data only."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..atoms import AtomAdjacencyGraph
from ..errors import StoredResultError
from ..io import file_digest, write_file
from ..minsetcover import SolvedCover
from ..objects import BaseObject, Object, PostprocessedObject
from ..regularfiles import open_regular
from ..strictjson import loads, strict_values
from .header import FORMAT, Header, performance_of, require
from .jobs import Job

HEADER = "header.json"
MAX_HEADER_SIZE = 2**26  # bytes; our headers never compress by more than 100 to 1
MAX_FILE_SIZE = 2**33  # bytes of all parts
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
    buffer = io.BytesIO()
    # A member's time is fixed, so that equal results are equal files.
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in sorted(arrays.items()):
            with archive.open(_member(f"{name}.npy"), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.ascontiguousarray(array), allow_pickle=False)
        text = json.dumps(strict_values(fields), sort_keys=True, allow_nan=False)
        archive.writestr(_member(HEADER), text)
    write_file(path, buffer.getvalue())


def _member(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


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
        with _Reading(job.stored) as archive:
            archive.verify()
            header = archive.header()
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
        return _data(header, arrays, shape, image_shape or shape)


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
        info = self._archive.getinfo(HEADER)
        require(info.file_size <= min(MAX_HEADER_SIZE, 100 * info.compress_size), "its header is too long")
        fields = loads(self._archive.read(HEADER))
        if fields.get("format") != FORMAT:
            raise StoredResultError(
                f"The stored result {self._path} was written by another version: it is not used, and running "
                "its task again replaces it."
            )
        return Header.from_plain(fields)

    def verify(self) -> None:
        """Compare every part with its checksum."""
        parts = self._archive.infolist()
        known = {HEADER, *(f"{name}.npy" for name in ARRAYS)}
        require({part.filename for part in parts} <= known, "it has unknown parts")
        require(sum(part.file_size for part in parts) <= MAX_FILE_SIZE, "it is too large")
        damaged = self._archive.testzip()
        require(damaged is None, f"{damaged} does not match its checksum")

    def holds(self, name: str) -> bool:
        return f"{name}.npy" in self._archive.namelist()

    def array(self, name: str, shape: tuple[int, ...]) -> NDArray[Any]:
        limit = BYTES_PER_PIXEL * shape[0] * shape[1] + 2**20
        require(self._archive.getinfo(f"{name}.npy").file_size <= limit, f"{name} is too large")
        with self._archive.open(f"{name}.npy") as member:
            array: NDArray[Any] = np.lib.format.read_array(member, allow_pickle=False)
        return array


def _data(
    header: Header,
    arrays: Mapping[str, NDArray[Any]],
    shape: tuple[int, ...],
    image_shape: tuple[int, ...],
) -> dict[str, Any]:
    entries, data = header.entries, dict[str, Any]()
    for name, kinds in (("y_mask", "b"), ("foreground", "b"), ("clusters", "iu"), ("atoms", "iu")):
        if name in arrays:
            array = arrays[name]
            require(array.shape == tuple(shape) and array.dtype.kind in kinds, f"{name} does not fit")
            data[name] = array
    if "atoms" in data:
        require({"foreground", "clusters"} <= set(data), "its atoms have no clusters")
        foreground, seeds = data.pop("foreground"), arrays["seeds"].astype(np.float64)
        count = int(data["atoms"].max())
        lowest = min(int(data["atoms"].min()), int(data["clusters"].min()))
        require(lowest >= 0 and seeds.shape == (count, 2), "its atoms are inconsistent")
        require(bool(((seeds >= 0) & (seeds <= shape)).all()), "a seed is outside of the image")
        data["atoms"], data["clusters"] = (data[name].astype(np.int32) for name in ("atoms", "clusters"))
        data["seeds"] = [(float(row), float(col)) for row, col in seeds]
        data["adjacencies"] = AtomAdjacencyGraph(data["atoms"], data["clusters"], foreground, data["seeds"])
    if "objects" in entries:
        bits = np.unpackbits(arrays["masks"]).astype(bool) if "masks" in arrays else np.zeros(0, bool)
        fragments = _Fragments(bits, shape)
        objects = [_object(entry, fragments, len(data["seeds"])) for entry in entries["objects"]]
        performance = performance_of(entries["performance"])
        numbers = _indices(entries["cover"], len(objects))
        members = [objects[number] for number in numbers]
        covered = set().union(*(item.footprint for item in members))
        is_whole = len(covered) == len(data["seeds"])
        require(is_whole or not header.is_complete, "its cover leaves out atoms")
        data["objects"], data["performance"] = objects, performance
        data["cover"] = SolvedCover(
            float(entries["beta"]), members, performance.cost, performance.lower_bound
        )
        if "postprocessed" in entries:
            fragments.shape = image_shape
            data["postprocessed_objects"] = [
                _postprocessed(entry, fragments, objects) for entry in entries["postprocessed"]
            ]
        require(fragments.used == entries["mask_bits"], "the number of masks is wrong")
    return data


class _Fragments:
    """Masks of objects, one after the other."""

    def __init__(self, bits: NDArray[np.bool_], shape: tuple[int, ...]) -> None:
        self.shape = shape  # of the image that the next ones must fit
        self._bits, self._position = bits, 0

    @property
    def used(self) -> int:
        """Number of bits read so far."""
        return self._position

    def give(self, item: BaseObject, entry: Mapping[str, Any]) -> None:
        """Set the mask of the next object."""
        (row, col), (height, width) = entry["offset"], entry["shape"]
        require(
            all(type(value) is int for value in (row, col, height, width)), "a mask has no valid position"
        )
        fits = 0 <= row <= row + height <= self.shape[0] and 0 <= col <= col + width <= self.shape[1]
        require(fits and height > 0 and width > 0, "a mask does not fit")
        end = self._position + height * width
        require(end <= self._bits.size, "a mask is missing")
        item.fg_offset = (row, col)
        item.fg_fragment = self._bits[self._position : end].reshape(height, width)
        self._position = end


def _object(entry: Mapping[str, Any], fragments: _Fragments, atoms: int) -> Object:
    footprint = frozenset(entry["footprint"])
    require(
        all(type(atom) is int and 1 <= atom <= atoms for atom in footprint),
        "a footprint names an unknown atom",
    )
    require(type(entry["pixels"]) is int, "an object has no pixels")
    item = Object(
        footprint=footprint,
        energy=float(entry["energy"]),
        on_boundary=bool(entry["on_boundary"]),
        is_optimal=bool(entry["is_optimal"]),
        pixels=int(entry["pixels"]),
    )
    fragments.give(item, entry)
    require(item.pixels > 0 or item.area == 0, "an object has no pixels")
    return item


def _postprocessed(
    entry: Mapping[str, Any], fragments: _Fragments, objects: Sequence[Object]
) -> PostprocessedObject:
    (original,) = _indices([entry["original"]], len(objects))
    item = PostprocessedObject(
        original=objects[original],
        norm_energy=float(entry["norm_energy"]),
        contrast=float(entry["contrast"]),
        eccentricity=float(entry["eccentricity"]),
        is_glare=bool(entry["is_glare"]),
    )
    fragments.give(item, entry)
    return item


def _indices(numbers: Sequence[Any], size: int) -> Sequence[int]:
    require(all(type(number) is int and 0 <= number < size for number in numbers), "an object is missing")
    require(len(set(numbers)) == len(numbers), "an object occurs twice")
    return numbers
