"""Labels of a layer as files, whoever has drawn or changed them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._version import __version__
from ..io import PixelSize, imsave, imsave_stack, utf8, write_file
from ..results.outlines import geojson_of_planes, outlines, rois_of_planes
from ..results.shape import Pixels, position_columns, shape_columns
from ..results.tablefiles import csv_bytes
from .view import MICROMETRE

NAMES_OF_AXES = {1: ("plane",), 2: ("time", "plane"), 3: ("time", "plane", "channel")}

Place = dict[str, int]


def write_labels(path: str, data: Any, meta: dict[str, Any]) -> list[str]:  # noqa: ANN401 - of napari
    """Write the labels of a layer as a label map (TIFF)."""
    labels = np.asarray(data)
    size, provenance = pixel_size_of(meta), provenance_of(meta)
    if labels.ndim == 2:
        imsave(path, labels, provenance, size)
    else:
        outer = labels.shape[:-2]
        planes = (labels[place] for place in np.ndindex(outer))
        imsave_stack(path, planes, NAMES_OF_AXES[len(outer)], outer, provenance, size)
    return [path]


def write_rois(path: str, data: Any, meta: dict[str, Any]) -> list[str]:  # noqa: ANN401
    """Write the outlines of the labels of a layer as regions for ImageJ."""
    found = rois_of_planes((place, outlines(labels)) for place, labels in planes_of(data))
    write_file(Path(path), found)
    return [path]


def write_geojson(path: str, data: Any, meta: dict[str, Any]) -> list[str]:  # noqa: ANN401
    """Write the outlines of the labels of a layer as GeoJSON for QuPath."""
    size = pixel_size_of(meta)
    planes = ((place, rows_of(labels, size), outlines(labels)) for place, labels in planes_of(data))
    write_file(Path(path), utf8(geojson_of_planes(planes, provenance_of(meta))))
    return [path]


def write_csv(path: str, data: Any, meta: dict[str, Any]) -> list[str]:  # noqa: ANN401
    """Write a table of the labels of a layer."""
    size = pixel_size_of(meta)
    name = str(meta.get("name", ""))
    rows = [
        {"image": name, **place, **row} for place, labels in planes_of(data) for row in rows_of(labels, size)
    ]
    write_file(Path(path), csv_bytes(rows))
    return [path]


WRITERS = {"seg": write_labels, "rois": write_rois, "geojson": write_geojson, "csv": write_csv}


def planes_of(data: Any) -> Iterator[tuple[Place, NDArray[Any]]]:  # noqa: ANN401
    """Yield the planes of labels, and where each is."""
    labels = np.asarray(data)
    outer = labels.shape[:-2]
    names = NAMES_OF_AXES.get(len(outer), ())
    for place in np.ndindex(outer):
        yield dict(zip(names, place, strict=True)), labels[place]


def rows_of(labels: NDArray[Any], size: PixelSize | None) -> list[dict[str, Any]]:
    """Measure the shapes of labels; of energies nothing is known here."""
    pixels = Pixels.of(labels)
    columns = {**position_columns(pixels), **shape_columns(pixels, size)}
    names, values = list(columns), [each.tolist() for each in columns.values()]
    return [dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)]


def pixel_size_of(meta: Mapping[str, Any]) -> PixelSize | None:
    """Return the size of a pixel of a layer; None if its unit is not a length."""
    scale, units = meta.get("scale"), meta.get("units")
    if scale is None or units is None:
        return None
    import pint  # noqa: PLC0415 - napari has loaded it by now

    registry = pint.get_application_registry()
    sizes = [abs(float(each)) * registry.Unit(str(unit)) for each, unit in zip(scale, units, strict=True)]
    if not all(each.is_compatible_with(MICROMETRE) for each in sizes[-2:]):
        return None
    return PixelSize(*(float(each.to(MICROMETRE).magnitude) for each in sizes[-2:]))


def provenance_of(meta: Mapping[str, Any]) -> dict[str, Any]:
    """Say where labels come from that may have been changed in the viewer."""
    return {"software": f"superdsm_nb {__version__}", "layer": str(meta.get("name", ""))}
