"""Stores of OME-Zarr that ome-zarr-py writes, and changes of their metadata."""

from __future__ import annotations

import json
import warnings

import numpy as np
import ome_zarr.format
import ome_zarr.io
import ome_zarr.reader
import ome_zarr.writer
import zarr

RNG = np.random.default_rng(0)
STACK = RNG.integers(0, 65535, (2, 3, 64, 80)).astype(np.uint16)  # channels, planes, rows, columns
FORMATS = {"0.4": ome_zarr.format.FormatV04(), "0.5": ome_zarr.format.FormatV05()}
NAMES = ("DAPI", "GFP")
AXES = [
    {"name": "c", "type": "channel"},
    {"name": "z", "type": "space", "unit": "micrometer"},
    {"name": "y", "type": "space", "unit": "micrometer"},
    {"name": "x", "type": "space", "unit": "nanometer"},
]


def write(folder, version, stack=STACK):
    """Write an image of ome-zarr-py with names, a pixel size of 0.5 x 0.25 micrometres and a pyramid."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        group = zarr.open_group(folder, mode="w", zarr_format=FORMATS[version].zarr_format)
        scales = [[1.0, 1.0, 0.5 * 2**level, 250.0 * 2**level] for level in range(5)]
        window = {"start": 0, "end": 1, "min": 0, "max": 1}
        channels = [{"label": name, "color": "FF0000", "window": window} for name in NAMES]
        ome_zarr.writer.write_image(
            *(stack, group),
            axes=AXES,
            fmt=FORMATS[version],
            coordinate_transformations=[[{"type": "scale", "scale": scale}] for scale in scales],
            metadata={"omero": {"channels": channels}},
            storage_options={"chunks": (1, 1, 32, 32)},
        )
    return folder


def metadata_file(folder, version):
    return folder / ("zarr.json" if version == "0.5" else ".zattrs")


def change(file, edit):
    """Change a file of metadata."""
    content = json.loads(file.read_text())
    edit(content)
    file.write_text(json.dumps(content))


def ome(content):
    """The OME metadata in those of a folder."""
    return content.get("attributes", {}).get("ome", content)
