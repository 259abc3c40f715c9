"""The size of pixels is read from files, and kept."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile
from PIL import Image

from superdsm_nb.io import PixelSize, imsave, pixel_size

SCALE = ("--set", "AF_scale=11")


def write_ome(path, unit="µm", x=0.25, y=0.5):
    metadata = {
        "axes": "YX",
        "PhysicalSizeX": x,
        "PhysicalSizeXUnit": unit,
        "PhysicalSizeY": y,
        "PhysicalSizeYUnit": unit,
    }
    tifffile.imwrite(path, np.zeros((5, 6), np.uint16), ome=True, metadata=metadata)


@pytest.mark.parametrize(("unit", "factor"), [("µm", 1), ("nm", 1000), ("mm", 0.001)])
def test_the_size_of_pixels_is_read_from_ome_tiff(tmp_path, unit, factor):
    write_ome(tmp_path / "a.ome.tif", unit, 0.25 * factor, 0.5 * factor)
    assert pixel_size(tmp_path / "a.ome.tif") == pytest.approx((0.5, 0.25))


@pytest.mark.parametrize("unit", ["um", "micron", "\\u00B5m"])
def test_the_size_of_pixels_is_read_from_imagej_tiff(tmp_path, unit):
    tifffile.imwrite(
        *(tmp_path / "a.tif", np.zeros((5, 6), np.uint16)),
        imagej=True,
        resolution=(4.0, 2.0),
        metadata={"unit": unit},
    )
    assert pixel_size(tmp_path / "a.tif") == pytest.approx((0.5, 0.25))


def test_resolutions_of_screens_and_printers_are_no_size(tmp_path):
    for dots in (72, 96, 300):
        Image.new("L", (4, 4)).save(tmp_path / "a.png", dpi=(dots, dots))
        assert pixel_size(tmp_path / "a.png") is None
        Image.new("L", (4, 4)).save(tmp_path / "a.tif", dpi=(dots, dots))
        assert pixel_size(tmp_path / "a.tif") is None


def test_files_without_a_size_have_none(tmp_path, image_path):
    (tmp_path / "text.png").write_text("no image")
    for path in (image_path, tmp_path / "text.png", tmp_path / "nowhere.tif"):
        assert pixel_size(path) is None


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_the_size_of_pixels_survives_writing(tmp_path, name):
    imsave(tmp_path / name, np.zeros((5, 6), np.uint16), {}, PixelSize(0.5, 0.25))
    assert pixel_size(tmp_path / name) == pytest.approx((0.5, 0.25), rel=1e-4)


def test_results_keep_the_size_of_pixels(run, tmp_path, sample):
    tifffile.imwrite(
        *(tmp_path / "cells.tif", sample.image),
        ome=True,
        metadata={"axes": "YX", "PhysicalSizeX": 0.3, "PhysicalSizeY": 0.3},
    )
    for suffix in ("png", "tif"):
        target = tmp_path / f"l.{suffix}"
        run("segment", tmp_path / "cells.tif", "-o", target, *SCALE, "--overlay", tmp_path / "c.png")
        assert pixel_size(target) == pytest.approx((0.3, 0.3), rel=1e-4)
        assert pixel_size(tmp_path / "c.png") == pytest.approx((0.3, 0.3), rel=1e-4)
    with Image.open(tmp_path / "l.png") as picture:
        assert json.loads(picture.text["Description"])["pixel_size_micrometers"] == [0.3, 0.3]
