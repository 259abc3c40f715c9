"""What is known of a tile once it is done, in a file of its own."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from ..automatic.defects import Box
from ..errors import StoredResultError
from ..io import write_file
from ..regularfiles import open_regular
from .piece import FoundCluster, FoundObject, Piece


@dataclass(frozen=True)
class Parts:
    """The parts of clusters inside a tile that reach its sides, where they may continue.

    Attributes
    ----------
    firsts : (P, 2) int64
        First pixel of each part in the canonical image.
    boxes : (P, 4) int64
        First and last (exclusive) row, and first and last column of each.
    top, bottom, left, right : (n,) int32
        For each pixel along a side of the tile, the number of its part from 1; 0 where there is none.
    """

    firsts: NDArray[np.int64]
    boxes: NDArray[np.int64]
    top: NDArray[np.int32]
    bottom: NDArray[np.int32]
    left: NDArray[np.int32]
    right: NDArray[np.int32]

    @classmethod
    def of(cls, labels: NDArray[np.int32], boxes: Sequence[Box], core: Box) -> Parts:
        """Return those of a tile.

        Parameters
        ----------
        labels : (h, w) int32
            Connected components of its foreground, from 1.
        boxes : sequence of (slice, slice)
            Where they are in the tile.
        core : (slice, slice)
            The tile in the canonical image.
        """
        sides = labels[0], labels[-1], labels[:, 0], labels[:, -1]
        numbers = np.unique(np.concatenate(sides))
        numbers = numbers[numbers > 0]
        renumbered = np.zeros(len(boxes) + 1, np.int32)
        renumbered[numbers] = np.arange(1, numbers.size + 1)
        top, left = core[0].start, core[1].start
        firsts, places = np.zeros((numbers.size, 2), np.int64), np.zeros((numbers.size, 4), np.int64)
        for at, number in enumerate(numbers.tolist()):
            rows, cols = boxes[number - 1]
            col = cols.start + int((labels[rows.start, cols] == number).argmax())
            firsts[at] = top + rows.start, left + col
            places[at] = top + rows.start, top + rows.stop, left + cols.start, left + cols.stop
        return cls(firsts, places, *(renumbered[side] for side in sides))


@dataclass(frozen=True)
class Stored:
    """The objects of a tile in arrays.

    Attributes
    ----------
    boxes : (N, 4) int64
        First row, first column, height and width of each object (pixels of the content).
    values : (N, 6) float64
        Intensity of the background around, of the core, and mean; brightness; 1 if the image cuts the object
        off; energy.
    bits : (B,) uint8
        The pixels of all objects, eight of a box in a byte.
    starts : (N + 1,) int64
        Those of each object are bits[starts[k]:starts[k + 1]].
    """

    boxes: NDArray[np.int64]
    values: NDArray[np.float64]
    bits: NDArray[np.uint8]
    starts: NDArray[np.int64]

    @classmethod
    def of(cls, objects: Sequence[FoundObject]) -> Stored:
        """Return found objects, without those that have no pixels."""
        objects = [each for each in objects if each.mask.size]
        packed = [np.packbits(each.mask) for each in objects]
        return cls(
            np.array([(*each.offset, *each.mask.shape) for each in objects], np.int64).reshape(-1, 4),
            np.array([_values(each) for each in objects], np.float64).reshape(-1, 6),
            np.concatenate([np.zeros(0, np.uint8), *packed]),
            np.cumsum([0, *(each.size for each in packed)], dtype=np.int64),
        )

    def mask(self, number: int) -> NDArray[np.bool_]:
        """Return the pixels of an object in its box."""
        height, width = self.boxes[number, 2:].tolist()
        bits = self.bits[self.starts[number] : self.starts[number + 1]]
        return np.unpackbits(bits, count=height * width).reshape(height, width).view(bool)

    @property
    def areas(self) -> NDArray[np.int64]:
        """Number of pixels of each object."""
        ones = np.bitwise_count(self.bits).astype(np.int64)
        total = np.concatenate([[0], np.cumsum(ones)])
        return total[self.starts[1:]] - total[self.starts[:-1]]

    @property
    def firsts(self) -> NDArray[np.int64]:
        """First pixel of each object in the order of rows and columns, (N, 2)."""
        cols = [int(self.mask(number)[0].argmax()) for number in range(len(self.boxes))]
        return self.boxes[:, :2] + np.array([(0, col) for col in cols], np.int64).reshape(-1, 2)


def _values(item: FoundObject) -> tuple[float, ...]:
    return item.low, item.high, item.mean, item.brightness, float(item.on_boundary), item.energy


@dataclass(frozen=True)
class Record:
    """A tile, or a cluster that was segmented on its own.

    Attributes
    ----------
    objects : Stored
        The objects that belong to it.
    clusters : (C, 6) float64
        First row and column, number of atoms and of objects, cost and bound of each of its clusters.
    parts : Parts or None
        Of clusters that reach its sides; None for a cluster on its own.
    """

    objects: Stored
    clusters: NDArray[np.float64]
    parts: Parts | None

    @classmethod
    def of(cls, piece: Piece, parts: Parts | None) -> Record:
        """Return what is kept of a piece."""
        clusters = np.array([_row(each) for each in piece.clusters], np.float64).reshape(-1, 6)
        return cls(Stored.of(piece.objects), clusters, parts)

    def save(self, path: Path) -> None:
        """Write it to a file, completely or not at all."""
        arrays: dict[str, Any] = {f"objects_{name}": array for name, array in _arrays(self.objects)}
        if self.parts is not None:
            arrays |= {f"parts_{name}": array for name, array in _arrays(self.parts)}
        content = io.BytesIO()
        np.savez_compressed(content, clusters=self.clusters, **arrays)
        write_file(path, content.getvalue())

    @classmethod
    def load(cls, path: Path) -> Record:
        """Read it from a file.

        Raises
        ------
        StoredResultError
            If the file is damaged.
        """
        try:
            with open_regular(path) as file, np.load(file, allow_pickle=False) as content:
                found = {name: content[name] for name in content.files}
            parts = None
            if "parts_firsts" in found:
                parts = Parts(**{each.name: found[f"parts_{each.name}"] for each in fields(Parts)})
            stored = Stored(**{each.name: found[f"objects_{each.name}"] for each in fields(Stored)})
            return cls(stored, found["clusters"], parts)
        except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
            raise StoredResultError(f"{path} is damaged: delete it, and run again.") from error


def _row(cluster: FoundCluster) -> tuple[float, ...]:
    return *cluster.first, cluster.atoms, cluster.objects, cluster.cost, cluster.bound


def _arrays(owner: Stored | Parts) -> Iterator[tuple[str, NDArray[np.generic]]]:
    return ((each.name, getattr(owner, each.name)) for each in fields(owner))
