"""Channels are chosen by name where a file has names for them."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow

from superdsm_nb.errors import ImageError
from superdsm_nb.io import imread

STACK = np.random.default_rng(0).integers(0, 65535, (3, 20, 24)).astype(np.uint16)
NAMES = ["DAPI", "GFP", "RFP"]


def write(path, make, names=NAMES, axes="CYX"):
    """Write a stack whose channels have names."""
    if make == "ome":
        metadata = {"axes": axes, "Channel": {"Name": names}} if names else {"axes": axes}
        tifffile.imwrite(path, STACK, ome=True, metadata=metadata)
    else:
        tifffile.imwrite(path, STACK, imagej=True, metadata={"axes": axes, "Labels": names})
    return path


@pytest.mark.parametrize("make", ["ome", "imagej"])
@pytest.mark.parametrize(("name", "index"), [("DAPI", 0), ("GFP", 1), ("rfp", 2), ("2", 2), (np.int64(1), 1)])
def test_a_channel_is_chosen_by_name_or_number(tmp_path, make, name, index):
    np.testing.assert_array_equal(imread(write(tmp_path / "a.tif", make), channel=name), STACK[index])


def test_a_name_goes_before_a_number_and_exact_case_before_any(tmp_path):
    path = write(tmp_path / "a.tif", "ome", ["1", "gfp", "GFP"])
    np.testing.assert_array_equal(imread(path, channel="1"), STACK[0])
    np.testing.assert_array_equal(imread(path, channel="GFP"), STACK[2])
    with pytest.raises(ImageError, match="has several channels 'Gfp', but 1, gfp and GFP"):
        imread(path, channel="Gfp")


def test_a_name_that_a_file_does_not_have_is_refused_with_those_it_has(tmp_path):
    path = write(tmp_path / "a.tif", "ome")
    with pytest.raises(ImageError, match="has no channel 'Cy5', but DAPI, GFP and RFP"):
        imread(path, channel="Cy5")
    with pytest.raises(ImageError, match=r"24 in X; channels DAPI, GFP and RFP\): choose a channel"):
        imread(path)


@pytest.mark.parametrize(
    ("make", "names", "axes"),
    [("ome", None, "CYX"), ("imagej", NAMES, "ZYX"), ("imagej", ["a", "", "b"], "CYX")],
)
def test_channels_without_names_are_chosen_by_number(tmp_path, make, names, axes):
    with pytest.raises(ImageError, match="does not name its channels: choose 'DAPI' by its number"):
        imread(write(tmp_path / "a.tif", make, names, axes), channel="DAPI")


def test_the_only_channel_must_have_the_name_that_is_asked_for(tmp_path):
    metadata = {"axes": "YX", "Channel": {"Name": ["DAPI"]}}
    tifffile.imwrite(tmp_path / "a.tif", STACK[0], ome=True, metadata=metadata)
    np.testing.assert_array_equal(imread(tmp_path / "a.tif", channel="DAPI"), STACK[0])
    with pytest.raises(ImageError, match="has no channel 'GFP', but DAPI"):
        imread(tmp_path / "a.tif", channel="GFP")


def test_colours_have_names(tmp_path):
    colours = np.moveaxis(STACK, 0, -1).astype(np.uint8)
    Pillow.fromarray(colours).save(tmp_path / "a.png")
    np.testing.assert_array_equal(imread(tmp_path / "a.png", channel="green"), colours[:, :, 1])


def test_the_command_line_and_the_description_take_names(run, tmp_path, sample):
    stack = np.stack([np.zeros_like(sample.image), sample.image])
    metadata = {"axes": "CYX", "Channel": {"Name": ["GFP", "DAPI"]}}
    tifffile.imwrite(tmp_path / "a.tif", stack, ome=True, metadata=metadata)
    for choice, stored in (("DAPI", "DAPI"), ("1", 1)):
        target = tmp_path / f"{choice}.png"
        outcome = run(
            "segment", tmp_path / "a.tif", "-o", target, "--channel", choice, "--set", "AF_scale=11"
        )
        assert outcome.code == 0
        with Pillow.open(target) as picture:
            assert json.loads(picture.text["Description"])["channel"] == stored
    np.testing.assert_array_equal(imread(tmp_path / "DAPI.png"), imread(tmp_path / "1.png"))
