"""Tables of objects as the files of several programs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from .._version import __version__
from ..errors import ConfigError
from ..io import utf8
from .intensity import intensity_columns_of
from .names import NAMES, name_of
from .tables import (
    AXIS_COLUMNS,
    DISCARDED_COLUMNS,
    OBJECT_COLUMNS,
    axis_columns,
    csv_text,
    object_columns,
)

Rows = Sequence[Mapping[str, Any]]
IDENTITY = ("image", *AXIS_COLUMNS, "label")  # columns that tell which object it is
EXTRAS = {"parquet": ("pyarrow", "Parquet files"), "anndata": ("anndata", "AnnData files")}


def check_extra(extra: str) -> None:
    """Raise `ConfigError` unless the library that writes a kind of file is installed.

    Parameters
    ----------
    extra : str
        Name of the extra that installs it: "parquet" or "anndata".
    """
    library, files = EXTRAS[extra]
    if find_spec(library) is None:
        raise ConfigError(f"{files} need {library}: install it with  pip install 'superdsm_nb[{extra}]'.")


def csv_bytes(rows: Rows) -> bytes:
    """Comma-separated values with our own names of the columns."""
    return utf8(csv_text(object_columns(rows), rows))


def discarded_bytes(rows: Rows) -> bytes:
    """Comma-separated values of what was discarded."""
    return utf8(csv_text(["image", *axis_columns(rows), *DISCARDED_COLUMNS], rows))


def parquet_bytes(rows: Rows) -> bytes:
    """Columns with types, as a Parquet file.

    Raises
    ------
    ConfigError
        If pyarrow is not installed.
    """
    check_extra("parquet")
    import pyarrow  # noqa: PLC0415 - an optional dependency
    from pyarrow import parquet  # noqa: PLC0415

    columns = {name: [row.get(name) for row in rows] for name in object_columns(rows)}
    table = pyarrow.table(columns | _channels(rows))
    sink = pyarrow.BufferOutputStream()
    parquet.write_table(table, sink)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def cellprofiler_bytes(rows: Rows) -> bytes:
    """Comma-separated values as CellProfiler exports objects.

    Images are numbered from 1 in their order, and so are the planes of stacks, since objects are numbered in
    each. Angles are in degrees; intensities are in the unit of the
    image, where CellProfiler divides them by the largest value of the type.
    """
    columns = {name: name_of(name).cellprofiler for name in [*NAMES, *intensity_columns_of(rows)]}
    columns = {name: other for name, other in columns.items() if other}
    numbers: dict[Any, int] = {}
    converted = []
    for row in rows:
        plane = (row["image"], *(row.get(name) for name in AXIS_COLUMNS))
        number = numbers.setdefault(plane, len(numbers) + 1)
        known = {other: row[name] for name, other in columns.items() if name in row}
        known["AreaShape_Orientation"] = math.degrees(row["orientation"])
        places = {"Metadata_" + name.capitalize(): row[name] for name in AXIS_COLUMNS if name in row}
        own = {"ImageNumber": number, "ObjectNumber": row["label"], "Metadata_FileName": row["image"]}
        converted.append(own | places | known)
    axes = ["Metadata_" + name.capitalize() for name in axis_columns(rows)]
    names = ["ImageNumber", "ObjectNumber", "Metadata_FileName", *axes, *columns.values()]
    return utf8(csv_text(names, converted))


def qupath_bytes(rows: Rows) -> bytes:
    """Tab-separated values as QuPath exports measurements of detections."""
    columns = {name: name_of(name).readable for name in [*NAMES, *intensity_columns_of(rows)]}
    converted = []
    for row in rows:
        known = {readable: row[name] for name, readable in columns.items() if name in row}
        places = {name.capitalize(): row[name] for name in AXIS_COLUMNS if name in row}
        own = {"Image": row["image"], "Object type": "Detection", "Name": str(row["label"])}
        converted.append(own | places | known)
    axes = [name.capitalize() for name in axis_columns(rows)]
    return utf8(
        csv_text(["Image", "Object type", "Name", *axes, *columns.values()], converted, delimiter="\t")
    )


def h5ad_bytes(rows: Rows) -> bytes:
    """A table of AnnData: a row of ``X`` for each object and a column for each measurement.

    ``obs`` tells image and label, ``obsm["spatial"]`` the centroids (x, y) in pixels, as squidpy expects
    them.

    Raises
    ------
    ConfigError
        If anndata is not installed.
    """
    check_extra("anndata")
    import anndata  # noqa: PLC0415 - an optional dependency
    import pandas  # noqa: PLC0415 - anndata brings it

    measured = [name for name in (*OBJECT_COLUMNS, *intensity_columns_of(rows)) if name not in IDENTITY]
    values = _columns(rows, measured)
    names = ("image", *axis_columns(rows), "label")
    identity = {name: [row.get(name) for row in rows] for name in names} | _channels(rows)
    table = anndata.AnnData(
        values,
        obs=pandas.DataFrame(identity, index=[str(number) for number in range(len(rows))]),
        var=pandas.DataFrame({"name": [name_of(name).readable for name in measured]}, index=measured),
        obsm={"spatial": _columns(rows, ("centroid-1", "centroid-0"))},
        uns={"software": f"superdsm_nb {__version__}"},
    )
    with TemporaryDirectory() as folder:  # the library writes to a path only
        path = Path(folder) / "table.h5ad"
        table.write_h5ad(path)
        return path.read_bytes()


def _columns(rows: Rows, names: Sequence[str]) -> Any:  # noqa: ANN401 - an array
    """Return numbers of the objects; NaN where there are none."""
    values = [[row.get(name, math.nan) for name in names] for row in rows]
    return np.array(values, np.float64).reshape(-1, len(names))


def _channels(rows: Rows) -> dict[str, list[str | int | None]]:
    """Return the column of channels, if there is one, of one type: text, if any image names its channels."""
    channels = [row.get("channel") for row in rows]
    if not any("channel" in row for row in rows):
        return {}
    if any(isinstance(channel, str) for channel in channels):
        return {"channel": [None if channel is None else str(channel) for channel in channels]}
    return {"channel": channels}


FORMS: Mapping[str, Callable[[Rows], bytes]] = {
    "csv": csv_bytes,
    "parquet": parquet_bytes,
    "discarded": discarded_bytes,
    "cellprofiler": cellprofiler_bytes,
    "qupath": qupath_bytes,
    "h5ad": h5ad_bytes,
}
"""The content of a table of several images by the kind of output."""
