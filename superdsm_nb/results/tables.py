"""Tables of results."""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..atoms import AtomAdjacencyGraph
from ..events import ObjectDiscarded
from ..objects import BaseObject, Object, PostprocessedObject
from .intensity import Measure, intensity_columns, intensity_columns_of
from .shape import PHYSICAL_COLUMNS, SHAPE_COLUMNS, Pixels, position_columns, shape_columns

OBJECT_COLUMNS = (
    *("label", "area", "centroid-0", "centroid-1", "bbox-0", "bbox-1", "bbox-2", "bbox-3"),
    *("eccentricity", "intensity_mean", "energy", "norm_energy", "contrast", "on_boundary"),
    *SHAPE_COLUMNS,
    *PHYSICAL_COLUMNS,
    *("touches_border", "saturated_fraction", "cluster", "cluster_size", "refined"),
)
AXIS_COLUMNS = ("time", "plane", "channel")
DISCARDED_COLUMNS = ("row", "col", "reason", "atoms")
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")  # of cells that spreadsheets run
CAMERA_BITS = (8, 10, 12, 14, 16)  # bits per pixel, whatever the type that the values are stored in


def object_rows(
    labels: NDArray[Any],
    g: NDArray[Any],
    sources: Sequence[Sequence[BaseObject]],
    *,
    pixel_size: Sequence[float] | None = None,
    graph: AtomAdjacencyGraph | None = None,
    saturation: float | None = None,
    measure: Measure | None = None,
) -> list[dict[str, Any]]:
    """Measure the objects of a label map.

    Parameters
    ----------
    labels : (H, W) int array
        Label map.
    g : (H, W) array
        Intensities in the unit of the image.
    sources : sequence of sequences of BaseObject
        The objects behind each label, from 1; several if they were merged.
    pixel_size : (float, float), optional
        Height and width of a pixel in micrometres.
    graph : AtomAdjacencyGraph, optional
        Says to which cluster each atom belongs.
    saturation : float, optional
        Intensity of saturated pixels, see `saturation_level`.
    measure : Measure, optional
        Other channels to measure, which add the columns of `superdsm_nb.results.intensity`.

    Returns
    -------
    list of dict
        A row per label with the keys `OBJECT_COLUMNS`: area (pixels), centroid and bounding box (rows and
        columns, pixels), shape and mean intensity as `skimage.measure.regionprops_table` names and defines
        them; the energy and the energy per pixel of the region; the contrast to the surroundings (NaN if it
        was not computed; the lowest one for merged objects); whether the model reaches beyond the border of
        the image; lengths and areas in micrometres; whether a pixel is on the border of the image; which part
        of the pixels is saturated; the label of the cluster and the number of objects in it; and whether
        post-processing changed the pixels that the model gave. What is not known is NaN.
    """
    pixels = Pixels.of(labels)
    columns = position_columns(pixels)
    values = pixels.of_image(g)
    columns["intensity_mean"] = np.array([each.mean() for each in values], np.float64)
    columns |= shape_columns(pixels, pixel_size)
    top, left, bottom, right = pixels.box
    height, width = labels.shape
    at_border = (top == 0) | (left == 0) | (bottom == height) | (right == width)
    columns["touches_border"] = at_border.astype(np.int64)
    columns["saturated_fraction"] = np.array(
        [
            math.nan if saturation is None else np.count_nonzero(each >= saturation) / each.size
            for each in values
        ]
    )
    own = [_cluster(sources[label - 1], graph) for label in pixels.labels]
    sizes = Counter(own)
    measured = {} if measure is None else intensity_columns(labels, pixels, measure, pixel_size)
    plain = {name: each.tolist() for name, each in columns.items()}
    rows = []
    for number, label in enumerate(pixels.labels.tolist()):
        row: dict[str, Any] = {name: each[number] for name, each in plain.items()}
        row["cluster"], row["cluster_size"] = own[number], sizes[own[number]]
        if own[number] is None:
            row["cluster"] = row["cluster_size"] = math.nan
        row |= _of_model(sources[label - 1])
        others = {name: each[number] for name, each in measured.items()}
        rows.append({name: row[name] for name in OBJECT_COLUMNS} | others)
    return rows


def object_columns(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Columns of a table of the objects of several images: those of all, of stacks, and of the channels."""
    return ["image", *axis_columns(rows), *OBJECT_COLUMNS, *intensity_columns_of(rows)]


def axis_columns(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Columns that tell where in a stack an object is: those of `AXIS_COLUMNS` that a row has."""
    present = {name for row in rows for name in AXIS_COLUMNS if name in row}
    return [name for name in AXIS_COLUMNS if name in present]


def discarded_rows(discarded: Iterable[ObjectDiscarded]) -> list[dict[str, Any]]:
    """Describe the objects that were discarded.

    Parameters
    ----------
    discarded : iterable of ObjectDiscarded
        The objects.

    Returns
    -------
    list of dict
        A row for each with the keys `DISCARDED_COLUMNS`: row and column of its middle (pixels; None if it has
        no pixels), the reason as a clause, and the labels of its atoms, separated by spaces.
    """
    return [
        {"row": each.row, "col": each.col, "reason": each.reason, "atoms": " ".join(map(str, each.atoms))}
        for each in discarded
    ]


def saturation_level(image: NDArray[Any]) -> float:
    """Return the intensity from which on the pixels of an image are saturated.

    Parameters
    ----------
    image : (H, W) array
        Intensities as stored.

    Returns
    -------
    float
        The maximum of the image if it is the largest value of its type or of a camera of 8 to 16 bits, or 1
        in a floating-point image; otherwise infinity, as nothing is known to be saturated.
    """
    largest = image.max()
    limits = {2**bits - 1 for bits in CAMERA_BITS}
    limits.add(np.iinfo(image.dtype).max if image.dtype.kind in "iu" else 1)
    return float(largest) if largest in limits else math.inf


def _cluster(sources: Sequence[BaseObject], graph: AtomAdjacencyGraph | None) -> int | None:
    """Label of the cluster of the first object behind a label; None if it is not known."""
    atoms = [atom for item in fitted_objects(sources) for atom in item.footprint]
    return None if graph is None or not atoms else graph.get_cluster_label(min(atoms))


def fitted_objects(sources: Sequence[BaseObject]) -> list[Object]:
    """Objects of the cover behind one label."""
    originals = [item.original if isinstance(item, PostprocessedObject) else item for item in sources]
    return [item for item in originals if isinstance(item, Object)]


def _of_model(sources: Sequence[BaseObject]) -> dict[str, Any]:
    """Measurements of the models behind one label."""
    fitted = fitted_objects(sources)
    contrasts = [item.contrast for item in sources if isinstance(item, PostprocessedObject)]
    energy, pixels = sum(item.energy for item in fitted), sum(item.pixels for item in fitted)
    return {
        "energy": float(energy),
        "norm_energy": float(energy / pixels) if pixels else math.nan,
        "contrast": float(min(contrasts, default=math.nan)),
        "on_boundary": any(item.on_boundary for item in fitted),
        "refined": int(any(_is_refined(item) for item in sources)),
    }


def _is_refined(item: BaseObject) -> bool:
    """Whether an object has other pixels than the model it was made from."""
    original = item.original if isinstance(item, PostprocessedObject) else None
    if original is None:
        return False
    is_same_place = tuple(item.fg_offset) == tuple(original.fg_offset)
    return not (is_same_place and np.array_equal(item.fg_fragment, original.fg_fragment))


def csv_text(columns: Sequence[str], rows: Iterable[Mapping[str, Any]], delimiter: str = ",") -> str:
    """Format rows as values separated by commas or another character; missing values are empty.

    No text is a formula, nor is a name of a column.
    """
    text = io.StringIO()
    writer = csv.DictWriter(
        text, columns, lineterminator="\n", restval="", extrasaction="ignore", delimiter=delimiter
    )
    writer.writerow({name: _cell(name) for name in columns})
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    return text.getvalue()


def _cell(value: Any) -> Any:  # noqa: ANN401
    """Put an apostrophe before a text that a spreadsheet would run as a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value
