"""The label map is drawn by all who work on its tiles, each a part of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..automatic.defects import Box
from ..batch.lock import check_token
from ..errors import OutputError
from ..io import write_labels_part
from .crew import Crew
from .records import Record
from .result import Accepted, LabelMap, Placed


@dataclass(frozen=True)
class Draw:
    """A part of a label map to draw.

    Attributes
    ----------
    folder : Path
        Of the store.
    part : (slice, slice)
        The rows and columns.
    placed : Placed
        The objects in them.
    dtype : dtype
        Of the label map.
    records : mapping of int to Path
        Where the objects are.
    work : Path
        Folder of the run that asks for it.
    token : str
        By which its workers know that it still goes on.
    """

    folder: Path
    part: Box
    placed: Placed
    dtype: np.dtype[Any]
    records: Mapping[int, Path]
    work: Path
    token: str


@dataclass(frozen=True)
class Drawing:
    """A label map that is drawn into a store, see `superdsm_nb.io.save_zarr_labels`.

    Attributes
    ----------
    accepted : Accepted
        The objects.
    records : sequence of Path
        Where they are.
    work : Path
        As for `Draw`.
    token : str
        Likewise.
    do : callable
        Does the work.
    """

    accepted: Accepted
    records: Sequence[Path]
    work: Path
    token: str
    do: Crew

    def write(self, folder: Path, parts: Sequence[Box]) -> Iterator[None]:
        """Draw all parts; yields as each is done."""
        placed = self.accepted.placed

        def jobs() -> Iterator[Draw]:
            for part, inside in zip(parts, objects_in(parts, placed.boxes), strict=True):
                some = Placed(*(each[inside] for each in placed))
                paths = {number: self.records[number] for number in np.unique(some.places[:, 0]).tolist()}
                yield Draw(folder, part, some, self.accepted.dtype, paths, self.work, self.token)

        return self.do(draw, jobs())


def draw(job: Draw) -> None:
    """Draw a part of a label map, in whatever process.

    Parameters
    ----------
    job : Draw
        The part.

    Raises
    ------
    SuperDSMError
        If a record is damaged, the store cannot be written, or the run that asked is over.
    """
    check_token(job.work, job.token)
    labels = LabelMap(job.placed, job.dtype, lambda number: Record.load(job.records[number]))
    try:
        write_labels_part(job.folder, job.part, labels.read)
    except OSError as error:
        raise OutputError(f"{job.folder} cannot be written: {error.strerror or error}.") from error


def objects_in(parts: Sequence[Box], boxes: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Find the objects that may have pixels in each part of an image.

    Parameters
    ----------
    parts : sequence of (slice, slice)
        They divide the image, row by row, into squares of the same side, except for the last ones.
    boxes : (N, 4) int64
        First row, first column, height and width of each object; none is empty.

    Returns
    -------
    list of int64 arrays
        Numbers of the objects in each part, ascending.
    """
    side = parts[0][0].stop - parts[0][0].start, parts[0][1].stop - parts[0][1].start
    across = sum(part[0].start == 0 for part in parts)
    first, last = boxes[:, :2] // side, (boxes[:, :2] + boxes[:, 2:] - 1) // side
    most = (last - first).max(axis=0, initial=0).tolist()
    cells, numbers = [], []
    for down in range(most[0] + 1):
        for along in range(most[1] + 1):
            cell = first + np.array([down, along])
            here = np.flatnonzero((cell <= last).all(axis=1))
            numbers.append(here)
            cells.append(cell[here, 0] * across + cell[here, 1])
    cell_of, number = np.concatenate(cells), np.concatenate(numbers)
    order = np.lexsort((number, cell_of))
    bounds = np.searchsorted(cell_of[order], np.arange(len(parts) + 1))
    return [number[order[start:stop]] for start, stop in pairwise(bounds)]
