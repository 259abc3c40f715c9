"""The first look at every pixel of a large image, shared by all who work on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..automatic.defects import Box
from ..automatic.sample import Thinned, side_of_squares, thinned
from ..errors import ImageError
from ..events import Emit, Progress
from ..io import Source, blocks_of
from .crew import Crew
from .plan import Range
from .source import normalized_values, open_source

BLOCK = 2048  # pixels along each side of what is read together
TOGETHER = 4  # blocks in a job


@dataclass(frozen=True)
class Look:
    """Blocks of an image to look at.

    Attributes
    ----------
    source : Source
        The image.
    number : int
        Of the first block among all.
    blocks : sequence of (slice, slice)
        In pixels of the image.
    side : int
        Height and width of a square, see `superdsm_nb.automatic.sample`.
    """

    source: Source
    number: int
    blocks: Sequence[Box]
    side: int


class Seen(NamedTuple):
    """What was seen in blocks.

    Attributes
    ----------
    number : int
        Of the first of them.
    low, high : float
        Half of the lowest and of the highest intensity.
    few : list of (m, n, k, k) arrays
        Some pixels of each, as stored.
    """

    number: int
    low: float
    high: float
    few: list[NDArray[Any]]


class Survey(NamedTuple):
    """What was seen in an image, or in a part of it; it does not depend on who has looked at what.

    Attributes
    ----------
    low, high : float
        Half of the lowest and of the highest intensity.
    few : (m, n, k, k) array
        Some of the pixels, as stored, see `superdsm_nb.automatic.sample.Thinned`.
    side : int
        Height and width of a square.
    """

    low: float
    high: float
    few: NDArray[Any]
    side: int

    @property
    def values(self) -> Range:
        """The range of the intensities.

        Raises
        ------
        ImageError
            If the image is constant.
        """
        if self.low == self.high:
            raise ImageError(
                f"The image is constant (every pixel is {2 * self.low:g}): there is nothing to segment."
            )
        return Range(self.low, self.high - self.low)

    def thinned(self, values: Range) -> Thinned:
        """Return some of the pixels, as `Thinned.of` would, for a range of the intensities."""
        return Thinned(normalized_values(self.few, values), self.side)


def survey(source: Source, box: Box, do: Crew, emit: Emit) -> Survey:
    """Look at every pixel once.

    Parameters
    ----------
    source : Source
        The image.
    box : (slice, slice)
        The rows and columns that are looked at.
    do : callable
        Does the work, see `superdsm_nb.tiles.crew.Crew`.
    emit : callable
        Receives the progress.

    Returns
    -------
    Survey
        What was seen.

    Raises
    ------
    ImageError
        If the image cannot be read, or holds NaN or infinity.
    """
    shape = box[0].stop - box[0].start, box[1].stop - box[1].start
    side = side_of_squares(shape)
    blocks = list(blocks_of(box, side * max(1, BLOCK // side)))
    jobs = [
        Look(source, first, blocks[first : first + TOGETHER], side)
        for first in range(0, len(blocks), TOGETHER)
    ]
    parts: dict[int, Seen] = {}
    done = 0
    for seen in do(look, jobs):
        parts[seen.number] = seen
        done += len(seen.few)
        emit(Progress(done, len(blocks), "blocks"))
    low, high = min(seen.low for seen in parts.values()), max(seen.high for seen in parts.values())
    few = [each for job in jobs for each in parts.pop(job.number).few]
    rows, cols = (size // side for size in shape)
    whole = np.empty((rows, cols, *few[0].shape[2:]), few[0].dtype)
    for part, (row_part, col_part) in zip(few, blocks, strict=True):
        row, col = (row_part.start - box[0].start) // side, (col_part.start - box[1].start) // side
        whole[row : row + part.shape[0], col : col + part.shape[1]] = part
    return Survey(low, high, whole, side)


def look(job: Look) -> Seen:
    """Look at blocks, in whatever process.

    Parameters
    ----------
    job : Look
        The blocks.

    Returns
    -------
    Seen
        What was seen.

    Raises
    ------
    ImageError
        If the image cannot be read, or holds NaN or infinity.
    """
    lows, highs, few = [], [], []
    side = job.side
    with open_source(job.source) as source:
        for block in job.blocks:
            pixels = source.read(*block)
            if pixels.dtype.kind == "f" and not np.isfinite(pixels).all():
                raise ImageError("The image holds NaN or infinite values: replace them before segmenting.")
            lows.append(float(np.float64(pixels.min()) / 2))
            highs.append(float(np.float64(pixels.max()) / 2))
            squares = pixels[: len(pixels) // side * side, : pixels.shape[1] // side * side]
            few.append(thinned(squares, side))
    return Seen(job.number, min(lows), max(highs), few)
