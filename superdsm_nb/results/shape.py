"""Shapes of the objects of a label map.

The columns have the names and the definitions of `skimage.measure.regionprops_table`. All objects are
measured in a few passes over their pixels: one at a time, their convex hulls alone would take a third of the
time of a segmentation.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..kernels.hulls import hull_points

Column = NDArray[Any]

SHAPE_COLUMNS = (
    *("perimeter", "equivalent_diameter_area", "axis_major_length", "axis_minor_length", "orientation"),
    *("solidity", "extent", "feret_diameter_max", "form_factor"),
)
LENGTHS = (
    *("perimeter", "equivalent_diameter_area", "axis_major_length", "axis_minor_length"),
    "feret_diameter_max",
)
PHYSICAL_COLUMNS = ("area_um2", *(f"{name}_um" for name in LENGTHS))
TOLERANCE = 1e-9  # pixels by which the centre of a pixel on the border of a hull may seem to be outside
DIAMOND = np.array([(0, -1), (0, 1), (-1, 0), (1, 0)])  # middles of the edges of a pixel, in half pixels


@dataclass(frozen=True)
class Pixels:
    """Pixels of the objects of a label map, object by object, in row-major order within each.

    Attributes
    ----------
    shape : (int, int)
        Shape of the label map.
    labels : (n,) int64
        Labels that occur, ascending.
    start : (n + 1,) int64
        The pixels of the i-th of them are start[i]:start[i + 1].
    rows, cols : (N,) int64
        Coordinates.
    """

    shape: tuple[int, int]
    labels: NDArray[np.int64]
    start: NDArray[np.int64]
    rows: NDArray[np.int64]
    cols: NDArray[np.int64]

    @classmethod
    def of(cls, labels: NDArray[Any]) -> Pixels:
        """Collect them; labels up to 0 are background."""
        places = np.flatnonzero(labels > 0)
        values = labels.reshape(-1)[places]
        order = np.argsort(values, kind="stable")  # fast for 16 bits, so the type is kept
        values, places = values[order], places[order]
        first = np.flatnonzero(np.append(True, values[1:] != values[:-1])[: values.size])
        start = np.append(first, values.size).astype(np.int64)
        rows = places // labels.shape[1]
        cols = places - rows * labels.shape[1]
        return cls((labels.shape[0], labels.shape[1]), values[first].astype(np.int64), start, rows, cols)

    @cached_property
    def number(self) -> NDArray[np.int64]:
        """For each pixel, the position of its label in `labels`; (N,)."""
        return np.repeat(np.arange(self.labels.size), np.diff(self.start))

    @property
    def area(self) -> NDArray[np.int64]:
        """Number of pixels of each object; (n,)."""
        return np.diff(self.start)

    @cached_property
    def box(self) -> NDArray[np.int64]:
        """First row and column, and last row and column plus 1, of each object; (4, n)."""
        if not self.labels.size:
            return np.zeros((4, 0), np.int64)
        ends = [
            least.reduceat(values, self.start[:-1])
            for least in (np.minimum, np.maximum)
            for values in (self.rows, self.cols)
        ]
        return np.array(ends) + np.array([[0], [0], [1], [1]])

    @cached_property
    def centroid(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean row and mean column of each object; (n,) each."""
        return self.sums(self.rows) / self.area, self.sums(self.cols) / self.area

    @cached_property
    def covariance(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Variances of the rows and of the columns of each object, and their covariance; (n,) each."""
        rows, cols = (
            values - mean[self.number]
            for values, mean in zip((self.rows, self.cols), self.centroid, strict=True)
        )
        down, along, mixed = (self.sums(each) / self.area for each in (rows * rows, cols * cols, rows * cols))
        return down, along, mixed

    def sums(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Sums of the values (N,) of the pixels of each object; (n,)."""
        return np.bincount(self.number, values, self.labels.size).astype(np.float64, copy=False)

    def of_image(self, image: NDArray[Any]) -> list[NDArray[Any]]:
        """Values of an image (H, W) in each object."""
        return np.split(image[self.rows, self.cols], self.start[1:-1]) if self.labels.size else []


def position_columns(pixels: Pixels) -> dict[str, Column]:
    """Area, centroid and bounding box of the objects, in pixels, and their eccentricity."""
    area = pixels.area
    major, minor, _ = _axes(pixels, (1.0, 1.0))
    squared = np.divide(minor, major, out=np.ones_like(major), where=major > 0)
    return {
        "label": pixels.labels,
        "area": area,
        "centroid-0": pixels.centroid[0],
        "centroid-1": pixels.centroid[1],
        **{f"bbox-{axis}": values for axis, values in enumerate(pixels.box)},
        "eccentricity": np.sqrt(np.maximum(1 - squared, 0)),
    }


def shape_columns(pixels: Pixels, pixel_size: Sequence[float] | None = None) -> dict[str, Column]:
    """Measure the shapes of objects.

    Parameters
    ----------
    pixels : Pixels
        Their pixels.
    pixel_size : (float, float), optional
        Height and width of a pixel in micrometres.

    Returns
    -------
    dict of str to (n,) array
        `SHAPE_COLUMNS` in pixels, in which the orientation is in radians from the axis of the rows
        (-pi / 2 to pi / 2), and the form factor is 4 pi area / perimeter^2 (NaN without a perimeter); and
        `PHYSICAL_COLUMNS` in micrometres, NaN if the size of a pixel is not known.
    """
    area = pixels.area
    border, hulls = _Border(pixels), _Hulls(pixels)
    lengths = _lengths(pixels, border, hulls, (1.0, 1.0))
    height, width = pixels.box[2:] - pixels.box[:2]
    perimeter = lengths["perimeter"]
    form = np.divide(4 * math.pi * area, perimeter**2, out=np.full(area.size, math.nan), where=perimeter > 0)
    columns: dict[str, Column] = {
        **lengths,
        "orientation": _axes(pixels, (1.0, 1.0))[2],
        "solidity": area / hulls.area,
        "extent": area / (height * width),
        "form_factor": form,
    }
    columns = {name: columns[name] for name in SHAPE_COLUMNS}
    if pixel_size is None:
        return columns | {name: np.full(area.size, math.nan) for name in PHYSICAL_COLUMNS}
    physical = _lengths(pixels, border, hulls, pixel_size)
    columns["area_um2"] = area * (pixel_size[0] * pixel_size[1])
    return columns | {f"{name}_um": physical[name] for name in LENGTHS}


def _lengths(pixels: Pixels, border: _Border, hulls: _Hulls, size: Sequence[float]) -> dict[str, Column]:
    """Measure `LENGTHS` for pixels of a height and width."""
    major, minor, _ = _axes(pixels, size)
    return {
        "perimeter": border.lengths(size),
        "equivalent_diameter_area": np.sqrt(4 / math.pi * size[0] * size[1] * pixels.area),
        "axis_major_length": 4 * np.sqrt(major),
        "axis_minor_length": 4 * np.sqrt(minor),
        "feret_diameter_max": hulls.diameters(size),
    }


def _axes(
    pixels: Pixels, size: Sequence[float]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Variances along the longest and the shortest axis, and the orientation of the longest; (n,) each."""
    height, width = size
    down, along, mixed = pixels.covariance
    down, along, mixed = down * height**2, along * width**2, mixed * height * width
    middle, reach = (down + along) / 2, np.hypot((down - along) / 2, mixed)
    angle = 0.5 * np.arctan2(2 * mixed, down - along)
    # As regionprops: without a longest axis, or along a diagonal, the angle is a quarter of pi, signed.
    angle = np.where(down == along, np.where(mixed > 0, math.pi / 4, -math.pi / 4), angle)
    return middle + reach, np.maximum(middle - reach, 0), angle


class _Border:
    """Lines through the centres of the pixels on the border of each object.

    Parameters
    ----------
    pixels : Pixels
        Pixels of the objects.
    """

    def __init__(self, pixels: Pixels) -> None:
        width = pixels.shape[1] + 2  # with a frame of background
        flat = np.zeros((pixels.shape[0] + 2) * width, np.int32)
        places, own = (pixels.rows + 1) * width + pixels.cols + 1, (pixels.number + 1).astype(np.int32)
        flat[places] = own
        inside = np.logical_and.reduce([flat[places + step] == own for step in (-width, width, -1, 1)])
        places, own = places[~inside], own[~inside]
        flat[:] = 0
        flat[places] = own

        def neighbors(*steps: int) -> NDArray[np.int64]:
            return np.sum([flat[places + step] == own for step in steps], axis=0, dtype=np.int64)

        self._count = pixels.labels.size
        self._number = own - 1
        self._above, self._beside = neighbors(-width, width), neighbors(-1, 1)
        self._slanted = neighbors(-width - 1, -width + 1, width - 1, width + 1)

    def lengths(self, size: Sequence[float]) -> NDArray[np.float64]:
        """Lengths of the lines for a height and width of pixels.

        For square pixels as `skimage.measure.perimeter`: each pixel counts half of the steps that lead away
        from it, whose kinds its neighbours on the border tell.
        """
        direct, slanted = self._above + self._beside, self._slanted
        straight = (self._above * size[0] + self._beside * size[1]) / np.maximum(direct, 1)
        diagonal = math.hypot(*size)
        # Other combinations are ends of lines, and knots, which do not lengthen the border.
        steps = np.select(
            [
                (direct >= 2) & (direct <= 3) & (slanted <= 2),
                ((direct == 0) & (slanted == 2)) | ((direct == 1) & (slanted == 3)),
                (direct == 1) & (slanted >= 1) & (slanted <= 2),
            ],
            [straight, np.full(direct.size, diagonal), (straight + diagonal) / 2],
            0.0,
        )
        return np.bincount(self._number, steps, self._count).astype(np.float64, copy=False)


class _Hulls:
    """Convex hulls of objects, as sets of pixels.

    Parameters
    ----------
    pixels : Pixels
        Pixels of the objects.
    """

    def __init__(self, pixels: Pixels) -> None:
        count = pixels.labels.size
        is_first = np.diff(pixels.number, prepend=-1) != 0
        is_first |= np.diff(pixels.rows, prepend=-1) != 0
        first = np.flatnonzero(is_first)
        last = np.append(first[1:], pixels.rows.size)[: first.size] - 1
        number, rows = pixels.number[first], pixels.rows[first]
        spans = np.searchsorted(number, np.arange(count + 1))
        vertices, start = _vertices(number, rows, pixels.cols[first], pixels.cols[last], count)
        row, low, high = [], [], []
        for index in range(count):
            polygon = vertices[start[index] : start[index + 1]] / 2
            # The hull begins at its first row; its lower chain ends at the last vertex of its last row.
            turn = int(np.lexsort((polygon[:, 1], polygon[:, 0]))[-1])
            back = np.vstack([polygon[turn:], polygon[:1]])[::-1]
            inner = np.arange(rows[spans[index]], rows[spans[index + 1] - 1] + 1)
            row.append(inner)
            low.append(np.ceil(np.interp(inner, *polygon[: turn + 1].T) - TOLERANCE).astype(np.int64))
            high.append(np.floor(np.interp(inner, *back.T) + TOLERANCE).astype(np.int64))
        self._number = np.repeat(np.arange(count), [each.size for each in row])
        self._rows, self._low, self._high = (
            np.concatenate([np.zeros(0, np.int64), *part]) for part in (row, low, high)
        )
        self.area = np.bincount(self._number, self._high - self._low + 1, count)
        self._vertices, self._start = _vertices(self._number, self._rows, self._low, self._high, count)

    def diameters(self, size: Sequence[float]) -> NDArray[np.float64]:
        """Largest distances of two points of the outline of each hull, for a height and width of pixels."""
        points = self._vertices * (np.asarray(size) / 2)
        found = np.zeros(self._start.size - 1)
        for index in range(found.size):
            x, y = points[self._start[index] : self._start[index + 1]].T
            found[index] = math.sqrt(((x[:, None] - x) ** 2 + (y[:, None] - y) ** 2).max())
        return found


def _vertices(
    number: NDArray[np.int64],
    rows: NDArray[np.int64],
    low: NDArray[np.int64],
    high: NDArray[np.int64],
    count: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Find the vertices of the hulls of spans of pixels, in half pixels.

    Parameters
    ----------
    number : (S,) int64
        Object of each span, ascending.
    rows, low, high : (S,) int64
        Row, first and last column of each span.
    count : int
        Number of objects.

    Returns
    -------
    points : (P, 2) int64
        Vertices, counter-clockwise.
    start : (count + 1,) int64
        Those of object k are start[k]:start[k + 1].
    """
    ends = np.stack([np.column_stack([rows, low]), np.column_stack([rows, high])], axis=1)
    points = (2 * ends[:, :, None] + DIAMOND).reshape(-1, 2)
    start = np.searchsorted(number, np.arange(count + 1)) * (2 * len(DIAMOND))
    kept, new_start = hull_points(points, np.append(0, start).astype(np.int64))  # labels begin at 1
    return kept, new_start[1:]
