"""Outlines of objects for other programs: regions for ImageJ and Fiji, GeoJSON for QuPath."""

from __future__ import annotations

import io
import json
import uuid
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import find_contours

from ..strictjson import strict_values
from .names import name_of

ROI_AXES = {"time": "t", "plane": "z", "channel": "c"}  # as ImageJ and QuPath name them
NAMESPACE = uuid.UUID("5b0f4a5e-6c0e-4b43-9d0e-0a3d3e1f0c55")  # of the identifiers of objects


@dataclass(frozen=True)
class Outline:
    """One connected component of an object.

    Attributes
    ----------
    label : int
        Label of the object.
    exterior : (K, 2) float64
        x and y of the vertices in pixels, the last equal to the first. The upper left corner of the image is
        (0, 0), the centre of the first pixel (0.5, 0.5); of all pixel centres, exactly those of the object
        are inside.
    holes : list of (K, 2) float64
        Vertices of each hole, likewise.
    """

    label: int
    exterior: NDArray[np.float64]
    holes: list[NDArray[np.float64]]


def outlines(labels: NDArray[Any]) -> Iterator[Outline]:
    """Trace the objects of a label map, component by component, each in its bounding box.

    Parameters
    ----------
    labels : (H, W) int array
        Label map; labels up to 0 are background.

    Yields
    ------
    Outline
        In the order of the labels; components of an object in row-major order.
    """
    positive = np.maximum(labels, 0)
    for label, box in enumerate(ndimage.find_objects(positive), 1):
        if box is None:
            continue
        pieces, count = ndimage.label(labels[box] == label)
        for piece in range(1, count + 1):
            framed = np.pad(pieces == piece, 1).astype(np.float64)
            rings = [
                ring[:, ::-1] + (box[1].start - 0.5, box[0].start - 0.5)
                for ring in find_contours(framed, 0.5)
            ]
            rings.sort(key=lambda ring: -abs(signed_area(ring)))
            yield Outline(label, rings[0], rings[1:])


def signed_area(ring: NDArray[np.float64]) -> float:
    """Area inside a closed ring of vertices; the sign depends on their direction."""
    x, y = ring.T
    return float(x[:-1] @ y[1:] - x[1:] @ y[:-1]) / 2


def rois(labels: NDArray[Any], traced: Iterable[Outline] | None = None) -> bytes:
    """Outlines of a label map as the ZIP file of regions that the ROI Manager of ImageJ and Fiji opens.

    Parameters
    ----------
    labels : (H, W) int array
        Label map.
    traced : iterable of Outline, optional
        What `outlines` gave for it, so that it is not traced again.

    Returns
    -------
    bytes
        A region per connected component, named after its label; ImageJ regions cannot have holes.
    """
    return rois_of_planes([({}, outlines(labels) if traced is None else traced)])


def rois_of_planes(planes: Iterable[tuple[Mapping[str, int], Iterable[Outline]]]) -> bytes:
    """Outlines in the planes of a stack as a ZIP file of regions, each shown in its plane only.

    Parameters
    ----------
    planes : iterable of (mapping of str to int, iterable of Outline)
        For each plane its position (see `superdsm_nb.io.Planes`) and the outlines in it.

    Returns
    -------
    bytes
        As of `rois`; the names of the regions begin with the position: "t0003-z0012-0001".
    """
    from roifile import ImagejRoi  # noqa: PLC0415 - imported only if regions are written

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for position, traced in planes:
            place = {ROI_AXES[axis]: index for axis, index in position.items()}
            start = "".join(f"{axis}{index:04d}-" for axis, index in place.items())
            pieces: dict[int, int] = {}
            for outline in traced:
                pieces[outline.label] = pieces.get(outline.label, 0) + 1
                number = pieces[outline.label]
                name = f"{start}{outline.label:04d}" + (f"-{number}" if number > 1 else "")
                roi = ImagejRoi.frompoints(outline.exterior[:-1], name=name, **place)
                info = zipfile.ZipInfo(f"{name}.roi")
                info.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(info, roi.tobytes())
    return buffer.getvalue()


def geojson(
    labels: NDArray[Any],
    rows: Sequence[Mapping[str, Any]] = (),
    provenance: Mapping[str, Any] | None = None,
    traced: Iterable[Outline] | None = None,
) -> str:
    """Outlines of a label map as GeoJSON, which QuPath imports as detections.

    Parameters
    ----------
    labels : (H, W) int array
        Label map.
    rows : sequence of mapping
        Table of the objects (see `superdsm_nb.tables.object_rows`); its values become measurements,
        with readable names.
    provenance : mapping, optional
        How the label map was made.
    traced : iterable of Outline, optional
        What `outlines` gave for the label map, so that it is not traced again.

    Returns
    -------
    str
        A feature collection; coordinates in pixels, objects with several components as multi-polygons.
    """
    return geojson_of_planes([({}, rows, outlines(labels) if traced is None else traced)], provenance)


def geojson_of_planes(
    planes: Iterable[tuple[Mapping[str, int], Sequence[Mapping[str, Any]], Iterable[Outline]]],
    provenance: Mapping[str, Any] | None = None,
) -> str:
    """Outlines in the planes of a stack as GeoJSON, in the planes where QuPath shows them.

    Parameters
    ----------
    planes : iterable of (mapping of str to int, sequence of mapping, iterable of Outline)
        For each plane its position (see `superdsm_nb.io.Planes`), the rows of its objects, and the outlines
        in it.
    provenance : mapping, optional
        How the label maps were made.

    Returns
    -------
    str
        As of `geojson`.
    """
    origin = json.dumps(provenance, sort_keys=True)
    features = [
        feature for position, rows, traced in planes for feature in _features(position, rows, traced, origin)
    ]
    origin_of_all = {} if provenance is None else {"provenance": provenance}
    collection = {"type": "FeatureCollection", **origin_of_all, "features": features}
    return json.dumps(strict_values(collection), allow_nan=False)


def _features(
    position: Mapping[str, int], rows: Sequence[Mapping[str, Any]], traced: Iterable[Outline], origin: str
) -> Iterator[dict[str, Any]]:
    """Objects of one plane as features of GeoJSON."""
    measurements = {row["label"]: row for row in rows}
    polygons: dict[int, list[list[list[list[float]]]]] = {}
    for outline in traced:
        rings = [_oriented(outline.exterior, True), *(_oriented(hole, False) for hole in outline.holes)]
        polygons.setdefault(outline.label, []).append([ring.tolist() for ring in rings])
    place = {"c": -1, "z": 0, "t": 0} | {ROI_AXES[axis]: index for axis, index in position.items()}
    for label, pieces in polygons.items():
        geometry: dict[str, Any] = (
            {"type": "Polygon", "coordinates": pieces[0]}
            if len(pieces) == 1
            else {"type": "MultiPolygon", "coordinates": pieces}
        )
        yield {
            "type": "Feature",
            "id": str(uuid.uuid5(NAMESPACE, " ".join([origin, *map(str, position.values()), str(label)]))),
            "geometry": {**geometry, "plane": place} if position else geometry,
            "properties": {
                "objectType": "detection",
                "name": str(label),
                "measurements": {
                    name_of(name).readable: float(value)
                    for name, value in measurements.get(label, {}).items()
                    if name not in ("label", "image") and np.isfinite(value)
                },
            },
        }


def _oriented(ring: NDArray[np.float64], is_exterior: bool) -> NDArray[np.float64]:
    """A ring in the direction required by GeoJSON (RFC 7946): counter-clockwise outside, clockwise inside."""
    return ring if (signed_area(ring) > 0) == is_exterior else ring[::-1]
