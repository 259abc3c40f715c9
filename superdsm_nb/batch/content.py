"""From the arrays and plain values of a stored result to the entries of the pipeline data object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..atoms import AtomAdjacencyGraph
from ..minsetcover import SolvedCover
from ..objects import BaseObject, Object, PostprocessedObject
from .header import Header, performance_of, require


def restored_entries(
    header: Header,
    arrays: Mapping[str, NDArray[Any]],
    shape: tuple[int, ...],
    image_shape: tuple[int, ...],
) -> dict[str, Any]:
    """Return the entries of the pipeline data object that a stored result holds.

    Parameters
    ----------
    header : Header
        Its metadata.
    arrays : mapping of str to array
        Its arrays.
    shape : (int, int)
        Shape of the maps and the objects of the cover.
    image_shape : (int, int)
        Shape of the image, which the post-processed objects must fit.

    Raises
    ------
    ValueError
        If they contradict each other, or do not fit the image.
    """
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
