"""Several planes, time points or channels of a file: projected to one, or one after the other."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from superdsm_nb.errors import AxisChoiceError, ImageError
from superdsm_nb.io import Source, imread, open_planes

SHAPE = (2, 3, 4, 12, 10)  # T, Z, C, Y, X
PIXELS = np.random.default_rng(0).integers(0, 65535, SHAPE).astype(np.uint16)
NAMES = ["DAPI", "GFP", "max", "RFP"]
NUMPY = {"max": np.max, "mean": lambda array, axis: array.astype(float).mean(axis)}
AXES = {"time": 0, "plane": 1, "channel": 2}
CHOICES = st.fixed_dictionaries(
    {
        "time": st.sampled_from([0, 1, "max", "mean"]),
        "plane": st.sampled_from([0, 2, "max", "mean"]),
        "channel": st.sampled_from([1, "DAPI", "mean"]),
    }
)


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    path = tmp_path_factory.mktemp("stacks") / "a.ome.tif"
    metadata = {"axes": "TZCYX", "Channel": {"Name": NAMES}}
    tifffile.imwrite(path, PIXELS, ome=True, metadata=metadata)
    return path


def oracle(choices):
    """What NumPy makes of the whole array, the last axis first."""
    result = PIXELS
    for axis in ("channel", "plane", "time"):
        choice = choices[axis]
        if choice in NUMPY and not (axis == "channel" and choice == "max"):
            result = NUMPY[choice](result, AXES[axis])
        else:
            result = result.take(NAMES.index(choice) if isinstance(choice, str) else choice, AXES[axis])
    return result


@given(choices=CHOICES)
def test_a_projection_is_that_of_the_whole_stack(stack, choices):
    found = imread(stack, **choices)
    expected = oracle(choices)
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("order", ["TZCYX", "ZTCYX", "CTZYX", "CZTYX"])
def test_projections_do_not_depend_on_the_order_of_the_axes_in_the_file(tmp_path, order):
    pixels = PIXELS.transpose(*("TZCYX".index(axis) for axis in order))
    tifffile.imwrite(tmp_path / "a.tif", pixels, ome=True, metadata={"axes": order})
    choices = {"time": "max", "plane": "mean", "channel": 1}
    np.testing.assert_allclose(imread(tmp_path / "a.tif", **choices), oracle(choices), rtol=1e-12)


def test_a_channel_that_is_called_like_a_projection_is_that_channel(stack):
    np.testing.assert_array_equal(imread(stack, time=0, plane=0, channel="max"), PIXELS[0, 0, 2])


def test_a_channel_that_is_called_all_is_that_channel(tmp_path):
    metadata = {"axes": "CYX", "Channel": {"Name": ["DAPI", "all"]}}
    tifffile.imwrite(tmp_path / "a.tif", PIXELS[0, 0, :2], ome=True, metadata=metadata)
    np.testing.assert_array_equal(imread(tmp_path / "a.tif", channel="all"), PIXELS[0, 0, 1])


def test_colours_are_projected_as_channels(tmp_path):
    pixels = np.random.default_rng(1).integers(0, 255, (8, 9, 3)).astype(np.uint8)
    Pillow.fromarray(pixels).save(tmp_path / "a.png")
    np.testing.assert_array_equal(imread(tmp_path / "a.png", channel="max"), pixels.max(2))
    np.testing.assert_allclose(imread(tmp_path / "a.png", channel="mean"), pixels.astype(float).mean(2))


def test_frames_are_projected_as_planes(tmp_path):
    frames = [Pillow.fromarray(np.full((6, 7), value, np.uint8)) for value in (3, 200, 9)]
    frames[0].save(tmp_path / "a.png", save_all=True, append_images=frames[1:])
    assert np.unique(imread(tmp_path / "a.png", plane="max")).tolist() == [200]


def test_a_single_picture_is_its_own_projection(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", PIXELS[0, 0, 0])
    for choice in ("max", "mean"):
        found = imread(tmp_path / "a.tif", plane=choice, time=choice, channel=choice)
        np.testing.assert_array_equal(found, PIXELS[0, 0, 0])


def test_a_word_that_stands_for_nothing_is_refused_with_those_that_do(stack):
    with pytest.raises(ImageError, match="does not name its planes: choose 'min' by its number"):
        imread(stack, time=0, channel=0, plane="min")


def test_all_is_refused_where_one_image_is_needed(stack):
    with pytest.raises(ImageError, match=r'"all" \(plane\) stands for several images where one is needed'):
        Source(stack, time=0, channel=0, plane="all").load()


def test_what_is_not_chosen_is_asked_for_even_if_the_rest_is_projected(stack):
    with pytest.raises(AxisChoiceError) as caught:
        imread(stack, plane="max", time="mean")
    assert caught.value.axes == ("channel",)


@pytest.mark.parametrize(
    ("chosen", "axes", "sizes"),
    [
        ({"plane": "all", "time": 1, "channel": 0}, ("plane",), (3,)),
        ({"channel": "all", "time": "all", "plane": "max"}, ("time", "channel"), (2, 4)),
        ({"channel": "all", "time": "all", "plane": "all"}, ("time", "plane", "channel"), (2, 3, 4)),
        ({"channel": 1, "time": 1, "plane": 1}, (), ()),
    ],
)
def test_all_planes_are_read_one_by_one(stack, chosen, axes, sizes):
    with open_planes(stack, **chosen) as planes:
        assert (planes.axes, planes.sizes) == (axes, sizes)
        assert planes.channel_names == (tuple(NAMES) if "channel" in axes else ())
        assert len(planes.positions) == np.prod(sizes, dtype=int)
        for position in planes.positions:
            np.testing.assert_array_equal(planes.read(position), imread(stack, **{**chosen, **position}))


def test_a_projection_holds_few_planes_not_the_stack(tmp_path):
    planes = np.random.default_rng(2).integers(0, 65535, (24, 512, 512)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", planes)
    tracemalloc.start()
    found = imread(tmp_path / "a.tif", plane="max")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(found, planes.max(0))
    assert peak < planes.nbytes / 4
