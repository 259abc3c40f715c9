"""Diameters, as people give them."""

from __future__ import annotations

import math

import pytest

import superdsm_nb
from superdsm_nb.config import Config
from superdsm_nb.diameter import scale_of_diameter, with_diameter
from superdsm_nb.errors import ConfigError
from superdsm_nb.io import PixelSize, imread, imsave


@pytest.mark.parametrize(
    ("text", "pixels"),
    [
        (31, 31),
        ("31", 31),
        (" 31 px ", 31),
        ("1e1", 10),
        ("12um", 24),
        ("12 µm", 24),
        ("12 μm", 24),
        ("12000nm", 24),
        ("0.012 mm", 24),
    ],
)
def test_a_diameter_is_pixels_or_a_length(text, pixels):
    assert scale_of_diameter(text, (0.5, 0.5)) == pytest.approx(pixels / 2 / math.sqrt(2))


def test_pixels_that_are_not_square_count_by_their_area():
    assert scale_of_diameter("12um", (0.25, 1.0)) == pytest.approx(scale_of_diameter(24))


@pytest.mark.parametrize(
    "text", ["", "wide", "-3", "0", "0um", "nan", "inf", "3 inch", "1.2.3", "1e999", "31 31"]
)
def test_what_is_no_diameter_is_refused(text):
    with pytest.raises(ConfigError, match="must be a positive number of pixels, such as 31, or a length"):
        scale_of_diameter(text, (1, 1))


def test_a_length_needs_to_know_how_large_a_pixel_is():
    with pytest.raises(ConfigError, match="give the diameter in pixels"):
        scale_of_diameter("12um")


def test_a_diameter_and_a_scale_contradict_each_other():
    with pytest.raises(ConfigError, match="give only one of them"):
        with_diameter(Config({"AF_scale": 11}), 31)
    assert with_diameter(Config({"AF_scale": None}), 31)["AF_scale"] == scale_of_diameter(31)


def test_a_diameter_gives_what_its_scale_gives(sample):
    labels = superdsm_nb.segment(sample.image, diameter=31, preset="published")
    assert (labels == superdsm_nb.segment(sample.image, {"AF_scale": 31 / 2 / math.sqrt(2)})).all()
    assert labels.any()


def test_the_size_of_a_pixel_is_taken_from_the_file(run, tmp_path, sample):
    imsave(tmp_path / "a.tif", sample.image, pixel_size=PixelSize(0.5, 0.5))
    for name, diameter in (("um", "15.5um"), ("px", "31")):
        outcome = run("segment", tmp_path / "a.tif", "-o", tmp_path / f"{name}.png", "--diameter", diameter)
        assert "scale 11.0 pixels (given)" in outcome.out
    assert (imread(tmp_path / "um.png") == imread(tmp_path / "px.png")).all()


def test_a_length_for_a_file_without_a_pixel_size_fails_that_image(run, image_path, tmp_path):
    outcome = run("segment", image_path, "-o", tmp_path / "l.png", "--diameter", "12um")
    assert outcome.code == 1
    assert outcome.err.startswith(
        f"Error: {image_path}: The diameter is given as 12um, but the pixel size of the image is unknown"
    )
