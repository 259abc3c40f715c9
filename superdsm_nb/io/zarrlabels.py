"""Writing label maps of any size as OME-Zarr, by parts that several processes may write."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .address import Place, place_of
from .picture import PixelSize
from .zarrwriting import CHUNK, Store, Version, half, save_store

Box = tuple[slice, slice]
BLOCK = 2 * CHUNK  # pixels per side that are drawn together
LEVELS = 3  # the label map and those of its smaller copies that are written with a part of it


def save_zarr_labels(
    path: str | Place,
    shape: tuple[int, int],
    dtype: np.dtype[Any],
    write: Callable[[Path, Sequence[Box]], Iterable[object]],
    highest: int,
    *,
    provenance: Mapping[str, Any] | None = None,
    pixel_size: PixelSize | None = None,
    version: Version | None = None,
    scratch: Path | None = None,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Write a label map of any size as OME-Zarr, part by part, completely or not at all.

    Parameters
    ----------
    path : str, Path or Address
        As for `save_zarr`.
    shape : (int, int)
        Height and width.
    dtype : dtype
        Of the labels.
    write : callable
        Called with a folder and the parts of the label map: calls `write_labels_part` for each, in any order
        and process, and yields something whenever one is done.
    highest : int
        The largest label.
    provenance : mapping, optional
        As for `save_zarr`.
    pixel_size : PixelSize, optional
        Likewise.
    version : {"0.5", "0.4"}, optional
        Likewise.
    scratch : Path, optional
        For an address: a folder for what will be uploaded, where all processes see it.
    report : callable
        Called as ``report(done, total)`` after each part, and each block of the smallest copies.

    Raises
    ------
    ConfigError, ImageError, OutputError
        As by `save_zarr`.
    """
    store = Store(shape, dtype, "yx", True, provenance, pixel_size, (), (0.0, float(highest)))
    parts = list(blocks_of(_all_of(shape), 2 ** (LEVELS - 1) * CHUNK))
    total = len(parts) + sum(len(list(blocks_of(_all_of(each), BLOCK))) for each in store.shapes()[LEVELS:])

    def fill(folder: Path, arrays: Sequence[Any]) -> None:
        done = 0
        for _ in write(folder, parts):
            done += 1
            report(done, total)
        for above, array in zip(arrays[LEVELS - 1 :], arrays[LEVELS:], strict=False):
            for rows, cols in blocks_of(_all_of(array.shape), BLOCK):
                twice = (
                    slice(2 * part.start, min(2 * part.stop, size))
                    for part, size in zip((rows, cols), above.shape, strict=True)
                )
                array[rows, cols] = half(above[tuple(twice)], labels=True)
                done += 1
                report(done, total)

    save_store(place_of(path), store, version, fill, scratch)


def write_labels_part(folder: Path, part: Box, read: Callable[[slice, slice], NDArray[Any]]) -> None:
    """Write a part of a label map, with that of its smaller copies: no two parts share a file.

    Parameters
    ----------
    folder : Path
        As `save_zarr_labels` says.
    part : (slice, slice)
        Likewise.
    read : callable
        Returns the labels of some rows and columns.

    Raises
    ------
    OSError
        If that fails.
    """
    import zarr  # noqa: PLC0415 - installed on request

    group = zarr.open_group(zarr.storage.LocalStore(folder), mode="r+")
    arrays: list[Any] = [group[str(level)] for level in range(LEVELS) if str(level) in group]
    top, left = (side.start for side in part)
    smaller = np.empty([-(-(side.stop - side.start) // 2) for side in part], arrays[0].dtype)
    for place in blocks_of(part, BLOCK):
        labels = read(*place)
        arrays[0][place] = labels
        rows, cols = _moved(place[0], -top), _moved(place[1], -left)
        smaller[rows.start // 2 : -(-rows.stop // 2), cols.start // 2 : -(-cols.stop // 2)] = half(
            labels, labels=True
        )
    for array in arrays[1:]:
        top, left = top // 2, left // 2
        array[_moved(slice(0, len(smaller)), top), _moved(slice(0, smaller.shape[1]), left)] = smaller
        smaller = half(smaller, labels=True)


def blocks_of(box: Box, side: int) -> Iterator[Box]:
    """Divide a part of an image into squares, row by row.

    Parameters
    ----------
    box : (slice, slice)
        Its rows and columns.
    side : int
        Of a square (pixels); the last ones may be smaller.

    Yields
    ------
    (slice, slice)
        The rows and columns of a square.
    """
    rows, cols = box
    for row in range(rows.start, rows.stop, side):
        for col in range(cols.start, cols.stop, side):
            yield slice(row, min(row + side, rows.stop)), slice(col, min(col + side, cols.stop))


def _all_of(shape: Sequence[int]) -> Box:
    return slice(0, shape[0]), slice(0, shape[1])


def _moved(part: slice, by: int) -> slice:
    return slice(part.start + by, part.stop + by)
