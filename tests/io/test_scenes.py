"""Files that hold several pictures: one is chosen by its number or name, or the file is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow

from superdsm_nb.errors import AxisChoiceError, ImageError
from superdsm_nb.io import Source, imread, pixel_size
from superdsm_nb.results.channels import load_channels

RNG = np.random.default_rng(0)
FIRST, SECOND, THIRD = (RNG.integers(0, 65535, (2, 20, 24)).astype(np.uint16) for _ in range(3))


def write(path, *stacks, names=("A1", "A2", "B1"), axes="CYX"):
    """Write an OME-TIFF with several pictures, whose channels and pixel sizes differ."""
    with tifffile.TiffWriter(path, ome=True) as file:
        for number, (stack, name) in enumerate(zip(stacks, names, strict=False)):
            channels = [f"{dye}{number}" for dye in ("DAPI", "GFP")]
            size = {f"PhysicalSize{axis}": 0.25 * (number + 1) for axis in "XY"}
            metadata = {"axes": axes, "Name": name, "Channel": {"Name": channels}, **size}
            file.write(stack, photometric="minisblack", metadata=metadata)
    return path


@pytest.mark.parametrize(
    ("scene", "stack"), [(0, FIRST), (2, THIRD), ("A2", SECOND), ("b1", THIRD), ("1", SECOND)]
)
def test_a_scene_is_chosen_by_number_or_name(tmp_path, scene, stack):
    path = write(tmp_path / "a.ome.tif", FIRST, SECOND, THIRD)
    for channel in (0, 1):
        np.testing.assert_array_equal(imread(path, scene=scene, channel=channel), stack[channel])


def test_several_scenes_of_which_none_is_chosen_are_refused_with_their_names(tmp_path):
    path = write(tmp_path / "a.ome.tif", FIRST, SECOND, THIRD)
    with pytest.raises(AxisChoiceError) as caught:
        imread(path)
    assert str(caught.value) == f"{path} has 3 scenes (0: A1, 1: A2, 2: B1): choose a scene (scene=N)."
    with pytest.raises(ImageError, match="has no scene 'C9', but A1, A2 and B1"):
        imread(path, scene="C9")
    with pytest.raises(ImageError, match="has the scenes 0 to 2: there is no scene 3"):
        imread(path, scene=3)


def test_long_lists_of_scenes_are_shortened(tmp_path):
    tiny = RNG.integers(0, 9, (25, 2, 8, 8)).astype(np.uint16)
    path = write(tmp_path / "a.ome.tif", *tiny, names=[f"field {number}" for number in range(25)])
    with pytest.raises(AxisChoiceError, match=r"19: field 19 and 5 more\)"):
        imread(path)
    with pytest.raises(ImageError, match="field 19 and others"):
        imread(path, scene="field 99")


def test_names_of_channels_and_pixel_sizes_are_those_of_the_scene(tmp_path):
    path = write(tmp_path / "a.ome.tif", FIRST, SECOND)
    np.testing.assert_array_equal(imread(path, scene="A2", channel="GFP1"), SECOND[1])
    with pytest.raises(ImageError, match="has no channel 'GFP0', but DAPI1 and GFP1"):
        imread(path, scene="A2", channel="GFP0")
    assert pixel_size(path, "A2") == pytest.approx((0.5, 0.5))
    assert pixel_size(path, 0) == pytest.approx((0.25, 0.25))
    assert pixel_size(path) is None


def test_smaller_pictures_are_ignored_unless_they_are_chosen(tmp_path):
    small = np.ascontiguousarray(SECOND[:, :10, :12])
    path = write(tmp_path / "a.ome.tif", FIRST, small)
    np.testing.assert_array_equal(imread(path, channel=0), FIRST[0])
    np.testing.assert_array_equal(imread(path, scene=1, channel=0), small[0])
    assert pixel_size(path) == pytest.approx((0.25, 0.25))
    assert pixel_size(path, 1) == pytest.approx((0.5, 0.5))


def test_scenes_without_names_are_chosen_by_number(tmp_path):
    for picture in (FIRST[0], FIRST[1].T):
        tifffile.imwrite(tmp_path / "a.tif", picture, append=True)
    np.testing.assert_array_equal(imread(tmp_path / "a.tif", scene=1), FIRST[1].T)
    with pytest.raises(AxisChoiceError, match=r"none of them the main one \(0 to 1\): choose a scene"):
        imread(tmp_path / "a.tif")
    with pytest.raises(ImageError, match="does not name its scenes: choose 'A1' by its number"):
        imread(tmp_path / "a.tif", scene="A1")


def test_a_file_with_one_picture_has_only_scene_0(tmp_path):
    Pillow.fromarray(FIRST[0].astype(np.uint8)).save(tmp_path / "a.png")
    np.testing.assert_array_equal(imread(tmp_path / "a.png", scene=0), FIRST[0].astype(np.uint8))
    with pytest.raises(ImageError, match="has only one scene: there is no scene 1"):
        imread(tmp_path / "a.png", scene=1)


def test_other_channels_that_are_measured_are_those_of_the_scene(tmp_path):
    path = write(tmp_path / "a.ome.tif", FIRST, SECOND)
    channels = load_channels(Source(path, channel=0, scene="A2"), {"gfp": 1})
    np.testing.assert_array_equal(channels["gfp"], SECOND[1])


def test_the_command_line_chooses_a_scene_and_the_description_tells_it(run, tmp_path, sample):
    flat = np.zeros_like(sample.image)
    path = write(tmp_path / "a.ome.tif", flat, sample.image, axes="YX")
    target = tmp_path / "labels.png"
    outcome = run("segment", str(path), "-o", str(target), "--diameter", "31")
    assert outcome.code == 1
    assert "has 2 scenes (0: A1, 1: A2): choose a scene (--scene N)." in outcome.err
    outcome = run("segment", str(path), "-o", str(target), "--scene", "A2", "--diameter", "31")
    assert outcome.code == 0, outcome.err
    assert json.loads(Pillow.open(target).text["Description"])["scene"] == "A2"
    assert run("config", str(path), "--scene", "1", "--diameter", "31").code == 0
