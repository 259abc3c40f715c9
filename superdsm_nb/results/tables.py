"""Tables of results."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from typing import Any

from numpy.typing import NDArray

from ..errors import ConfigError
from ..objects import BaseObject, Object, PostprocessedObject

MEASURED = ("label", "area", "centroid", "bbox", "eccentricity", "intensity_mean")
OBJECT_COLUMNS = (
    *("label", "area", "centroid-0", "centroid-1", "bbox-0", "bbox-1", "bbox-2", "bbox-3"),
    *("eccentricity", "intensity_mean", "energy", "norm_energy", "contrast", "on_boundary"),
)


def object_rows(
    labels: NDArray[Any], g: NDArray[Any], sources: Sequence[Sequence[BaseObject]]
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

    Returns
    -------
    list of dict
        A row per label with the keys `OBJECT_COLUMNS`: area (pixels), centroid and bounding box (rows and
        columns, pixels), eccentricity and mean intensity as `skimage.measure.regionprops_table` names and
        defines them; the energy and the energy per pixel of the region; the contrast to the surroundings (NaN
        if it was not computed; the lowest one for merged objects); and whether the model reaches beyond the
        border of the image.
    """
    from skimage.measure import regionprops_table  # noqa: PLC0415 - takes 0.1 s; label maps do not need it

    columns = regionprops_table(labels, g, properties=MEASURED)
    rows = []
    for number, label in enumerate(columns["label"].tolist()):
        row = {name: values[number].item() for name, values in columns.items()}
        rows.append({**row, **_of_model(sources[label - 1])})
    return rows


def _of_model(sources: Sequence[BaseObject]) -> dict[str, Any]:
    """Measurements of the models behind one label."""
    originals = [item.original if isinstance(item, PostprocessedObject) else item for item in sources]
    fitted = [item for item in originals if isinstance(item, Object)]
    contrasts = [item.contrast for item in sources if isinstance(item, PostprocessedObject)]
    energy, pixels = sum(item.energy for item in fitted), sum(item.pixels for item in fitted)
    return {
        "energy": float(energy),
        "norm_energy": float(energy / pixels) if pixels else math.nan,
        "contrast": float(min(contrasts, default=math.nan)),
        "on_boundary": any(item.on_boundary for item in fitted),
    }


def csv_text(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """Format rows as comma-separated values; missing values are empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n", restval="", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def check_parquet() -> None:
    """Raise `ConfigError` unless the library that writes Parquet files is installed."""
    if find_spec("pyarrow") is None:
        raise ConfigError("Parquet files need pyarrow: install it with  pip install 'superdsm_nb[parquet]'.")


def parquet_bytes(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Format rows as a Parquet file.

    Raises
    ------
    ConfigError
        If pyarrow is not installed.
    """
    check_parquet()
    import pyarrow  # noqa: PLC0415 - an optional dependency
    from pyarrow import parquet  # noqa: PLC0415

    table = pyarrow.table({name: [row.get(name) for row in rows] for name in columns})
    sink = pyarrow.BufferOutputStream()
    parquet.write_table(table, sink)
    content: bytes = sink.getvalue().to_pybytes()
    return content
