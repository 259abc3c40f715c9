"""Images come in from files of many kinds."""

from __future__ import annotations

import contextlib
import logging
import warnings

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from superdsm_nb.errors import ImageError
from superdsm_nb.image import normalized
from superdsm_nb.io import imread
from superdsm_nb.io.animation import KEPT, TO_PREVIOUS, Frame, compose
from superdsm_nb.io.colours import LUMINANCE, component, shown
from superdsm_nb.io.picture import Samples

GREY = np.arange(35 * 21, dtype=np.uint8).reshape(35, 21)
DEEP = GREY.astype(np.uint16) * 257
COLOURS = np.dstack([GREY, GREY[::-1], GREY[:, ::-1]])
STACK = np.stack([DEEP, DEEP[::-1], DEEP // 2])
few = settings(deadline=None, max_examples=60, database=None)


def save(path, pixels, **kwargs):
    """Write a file with the means of others, not with ours."""
    if path.suffix == ".tif":
        tifffile.imwrite(path, pixels, **kwargs)
    else:
        Pillow.fromarray(pixels).save(path, **kwargs)
    return path


def luminance(colours):
    return colours @ np.array(LUMINANCE) / 255


# ---------------------------------------------------------------- reading


@pytest.mark.parametrize(
    "dtype", ["uint8", "uint16", "uint32", "int8", "int16", "int32", "float32", "float64", "bool"]
)
def test_a_tiff_of_any_type_is_read_as_it_was_stored(tmp_path, dtype):
    pixels = (GREY.astype(np.int32) - 100).astype(dtype)
    read = imread(save(tmp_path / "a.tif", pixels, photometric="minisblack"))
    assert read.dtype == pixels.dtype
    np.testing.assert_array_equal(read, pixels)


@pytest.mark.parametrize(
    "kwargs",
    [
        {"compression": "zlib"},
        {"compression": "zlib", "predictor": 2},
        {"ome": True},
        {"imagej": True},
        {"bigtiff": True},
        {"byteorder": ">"},
        {"tile": (16, 16)},
    ],
    ids=str,
)
def test_a_tiff_of_any_make_is_read(tmp_path, kwargs):
    np.testing.assert_array_equal(imread(save(tmp_path / "a.tif", DEEP, **kwargs)), DEEP)


@pytest.mark.parametrize("pixels", [GREY, DEEP, GREY > 100], ids=["8 bit", "16 bit", "1 bit"])
def test_a_grey_png_is_read_as_it_was_stored(tmp_path, pixels):
    np.testing.assert_array_equal(imread(save(tmp_path / "a.png", pixels)), pixels)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_a_colour_image_becomes_grey_by_luminance(tmp_path, suffix):
    kwargs = {"photometric": "rgb"} if suffix == ".tif" else {}
    read = imread(save(tmp_path / f"a{suffix}", COLOURS, **kwargs))
    np.testing.assert_allclose(read, luminance(COLOURS), rtol=1e-12)


def test_a_colour_image_of_16_bits_becomes_grey_between_0_and_1(tmp_path):
    colours = np.full((4, 5, 3), 65535, np.uint16)
    read = imread(save(tmp_path / "a.tif", colours, photometric="rgb"))
    np.testing.assert_allclose(read, 1, rtol=1e-12)


def test_transparent_pixels_are_black(tmp_path):
    pixels = np.full((4, 6, 4), 255, np.uint8)
    pixels[:, 3:, 3] = 0
    read = imread(save(tmp_path / "a.png", pixels))
    np.testing.assert_allclose(read, [[1, 1, 1, 0, 0, 0]] * 4, atol=1e-12)
    grey = imread(save(tmp_path / "b.png", pixels[:, :, 2:]))
    np.testing.assert_array_equal(grey, [[255, 255, 255, 0, 0, 0]] * 4)
    assert grey.dtype == np.uint8


def test_transparent_pixels_of_a_histological_image_are_white(tmp_path):
    pixels = np.zeros((4, 6, 4), np.uint8)
    pixels[:, :3, 3] = 255
    read = imread(save(tmp_path / "a.png", pixels), histological=True)
    np.testing.assert_array_equal(read[0, :, 1], [0, 0, 0, 255, 255, 255])


def test_partly_transparent_pixels_are_as_dark_as_they_are_transparent(tmp_path):
    pixels = np.dstack([np.full((2, 3), 200, np.uint8), np.full((2, 3), [0, 51, 255], np.uint8)])
    np.testing.assert_allclose(imread(save(tmp_path / "a.png", pixels)), [[0, 40, 200]] * 2)


def test_the_colours_of_a_histological_image_are_kept_without_its_opacity(tmp_path):
    pixels = np.dstack([COLOURS, np.full_like(GREY, 255)])
    np.testing.assert_array_equal(imread(save(tmp_path / "a.png", pixels), histological=True), COLOURS)


def test_a_grey_image_that_is_opaque_everywhere_is_read_as_it_was_stored(tmp_path):
    pixels = np.dstack([GREY, np.full_like(GREY, 255)])
    np.testing.assert_array_equal(imread(save(tmp_path / "a.png", pixels)), GREY)


def test_a_palette_is_looked_up(tmp_path):
    few_colours = Pillow.fromarray(COLOURS // 64 * 64).quantize(64)
    few_colours.save(tmp_path / "a.png")
    expected = luminance(np.asarray(few_colours.convert("RGB")))
    np.testing.assert_allclose(imread(tmp_path / "a.png"), expected, rtol=1e-12)


@pytest.mark.parametrize("suffix", [".bmp", ".gif"])
def test_other_common_formats_are_read(tmp_path, suffix):
    read = imread(save(tmp_path / f"a{suffix}", GREY))
    np.testing.assert_allclose(normalized(read), normalized(GREY), atol=1e-12)


@pytest.mark.parametrize(("kind", "suffix"), [(".tif", ".png"), (".png", ".tif")])
def test_the_content_of_a_file_counts_and_not_its_name(tmp_path, kind, suffix):
    path = save(tmp_path / f"a{kind}", DEEP).rename(tmp_path / f"b{suffix}")
    np.testing.assert_array_equal(imread(path), DEEP)


@pytest.mark.parametrize("kwargs", [{"ome": True}, {"imagej": True}, {}], ids=str)
def test_axes_of_a_single_entry_need_no_choice(tmp_path, kwargs):
    path = save(tmp_path / "a.tif", DEEP[None, None], metadata={"axes": "ZCYX"}, **kwargs)
    np.testing.assert_array_equal(imread(path), DEEP)


def test_the_frames_of_a_film_are_planes(tmp_path):
    frames = [Pillow.fromarray(GREY), Pillow.fromarray(GREY[::-1].copy())]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(imread(tmp_path / "a.gif", plane=1), GREY[::-1])


@pytest.mark.parametrize("index", [0, 1, 2])
@pytest.mark.parametrize(("axes", "choice"), [("CYX", "channel"), ("ZYX", "plane"), ("TYX", "time")])
@pytest.mark.parametrize("make", ["imagej", "ome"])
def test_a_channel_or_a_plane_can_be_chosen(tmp_path, make, axes, choice, index):
    path = save(tmp_path / "a.tif", STACK, **{make: True}, metadata={"axes": axes})
    np.testing.assert_array_equal(imread(path, **{choice: index}), STACK[index])


def test_a_plane_and_a_channel_can_be_chosen_together(tmp_path):
    pixels = np.stack([STACK, STACK + 7])
    path = save(tmp_path / "a.tif", pixels, imagej=True, metadata={"axes": "ZCYX"})
    np.testing.assert_array_equal(imread(path, plane=1, channel=2), pixels[1, 2])


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_a_channel_of_a_colour_image_can_be_chosen(tmp_path, suffix):
    kwargs = {"photometric": "rgb"} if suffix == ".tif" else {}
    path = save(tmp_path / f"a{suffix}", COLOURS, **kwargs)
    np.testing.assert_array_equal(imread(path, channel=1), COLOURS[:, :, 1])


def test_the_first_channel_and_plane_of_a_plain_image_are_the_image(tmp_path):
    np.testing.assert_array_equal(imread(save(tmp_path / "a.png", DEEP), channel=0, plane=0), DEEP)


@pytest.mark.parametrize(
    ("axes", "advice"),
    [
        ("CYX", r"3 in C, 35 in Y, 21 in X\): choose a channel \(channel=N\)\."),
        ("ZYX", r"3 in Z, 35 in Y, 21 in X\): choose a plane \(plane=N\)\."),
    ],
)
def test_more_than_two_dimensions_ask_for_the_choice_that_is_missing(tmp_path, axes, advice):
    path = save(tmp_path / "a.tif", STACK, imagej=True, metadata={"axes": axes})
    with pytest.raises(ImageError, match=advice):
        imread(path)


def test_a_choice_that_has_been_made_is_not_asked_for_again(tmp_path):
    pixels = np.stack([STACK, STACK])
    path = save(tmp_path / "a.tif", pixels, imagej=True, metadata={"axes": "ZCYX"})
    with pytest.raises(ImageError, match=r"choose a channel \(channel=N\)\.$"):
        imread(path, plane=1)


def test_dimensions_that_no_choice_removes_are_told(tmp_path):
    pixels = np.stack([STACK, STACK])
    path = save(tmp_path / "a.tif", pixels, metadata={"axes": "ZQYX"}, photometric="minisblack")
    with pytest.raises(ImageError, match="save the part to be segmented as a separate image"):
        imread(path, plane=1)


def test_all_choices_that_are_missing_are_asked_for(tmp_path):
    pixels = np.stack([STACK, STACK])
    path = save(tmp_path / "a.tif", pixels, imagej=True, metadata={"axes": "TZYX"})
    with pytest.raises(ImageError, match=r"choose a plane \(plane=N\) and a time point \(time=N\)\.$"):
        imread(path)


@pytest.mark.parametrize(
    ("axes", "choice", "message"),
    [
        ("CYX", {"channel": 3}, "has the channels 0 to 2: there is no channel 3"),
        ("CYX", {"channel": -1}, "has the channels 0 to 2: there is no channel -1"),
        ("ZYX", {"plane": 3}, "has the planes 0 to 2: there is no plane 3"),
        ("ZYX", {"channel": 1}, "has only one channel: there is no channel 1"),
        ("CYX", {"plane": 1}, "has only one plane: there is no plane 1"),
    ],
)
def test_a_choice_that_the_file_does_not_offer_is_refused(tmp_path, axes, choice, message):
    path = save(tmp_path / "a.tif", STACK, imagej=True, metadata={"axes": axes})
    with pytest.raises(ImageError, match=message):
        imread(path, **choice)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ImageError, match=r"There is no file .*nowhere\.png"):
        imread(tmp_path / "nowhere.png")


def test_a_folder_is_not_an_image(tmp_path):
    with pytest.raises(ImageError, match="is a folder, not an image"):
        imread(tmp_path)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg"])
def test_an_empty_file_is_called_empty(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    path.touch()
    with pytest.raises(ImageError, match=r"a\..* is an empty file \(0 bytes\)"):
        imread(path)


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.txt"])
def test_a_text_file_is_not_an_image_whatever_its_name(tmp_path, name):
    path = tmp_path / name
    path.write_text("well, hello there", encoding="utf-8")
    with pytest.raises(ImageError, match=f"{name} is not an image, or its format is not supported"):
        imread(path)


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("kwargs", [{}, {"compression": "zlib"}], ids=["plain", "compressed"])
def test_a_truncated_tiff_is_refused(tmp_path, kept, kwargs):
    noise = np.random.default_rng(0).integers(0, 65535, (64, 64)).astype(np.uint16)
    path = save(tmp_path / "a.tif", noise, **kwargs)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
    with pytest.raises(ImageError, match=r"a\.tif cannot be read as an image: .*[^.]\.$"):
        imread(path)


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9])
def test_a_truncated_png_is_refused(tmp_path, kept):
    noise = np.random.default_rng(0).integers(0, 65535, (64, 64)).astype(np.uint16)
    path = save(tmp_path / "a.png", noise)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
    with pytest.raises(ImageError, match=r"a\.png (cannot be read as|is not) an image"):
        imread(path)


DAMAGED = ["a.tif", "zlib.tif", "a.png", "a.gif", "a.bmp", "a.jpg", "a.jp2", "a.webp", "a.pgm"]


@pytest.mark.parametrize("name", DAMAGED)
@few
@given(data=st.data())
def test_a_damaged_file_is_read_or_refused_but_raises_nothing_else(tmp_path_factory, name, data):
    path = tmp_path_factory.mktemp("damaged") / name
    content = bytearray(save(path, GREY, **({"compression": "zlib"} if "zlib" in name else {})).read_bytes())
    places = st.integers(0, len(content) - 1)
    for place, value in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), min_size=1, max_size=5)):
        content[place] = value
    path.write_bytes(content)
    with contextlib.suppress(ImageError):
        assert imread(path).ndim == 2


def test_what_pillow_remarks_about_a_file_is_no_warning(tmp_path, monkeypatch):
    path = save(tmp_path / "a.png", GREY)
    monkeypatch.setattr(Pillow, "MAX_IMAGE_PIXELS", GREY.size - 1)
    np.testing.assert_array_equal(imread(path), GREY)


def test_what_a_library_remarks_about_our_calls_is_a_warning(tmp_path, monkeypatch):
    def deprecated(*_):
        warnings.warn("call it in another way", DeprecationWarning, stacklevel=1)
        return GREY

    monkeypatch.setattr("superdsm_nb.io.reading._decode", deprecated)
    with pytest.warns(DeprecationWarning, match="call it in another way"):
        imread(save(tmp_path / "a.png", GREY))


def test_what_tifffile_remarks_about_a_file_is_not_printed(tmp_path, capsys):
    path = save(tmp_path / "a.tif", GREY)
    with tifffile.TiffFile(path, mode="r+b") as file:
        file.pages[0].tags["Software"].overwrite("x")
        offset = file.pages[0].tags["Software"].offset
    content = bytearray(path.read_bytes())
    content[offset + 2] = 77  # no such data type
    path.write_bytes(content)
    logger = logging.getLogger("tifffile")
    assert any(isinstance(handler, logging.NullHandler) for handler in logger.handlers)
    np.testing.assert_array_equal(imread(path), GREY)
    assert capsys.readouterr().err == ""


# ---------------------------------------------------------------- one intensity per pixel


@pytest.mark.parametrize("planes", [3, 4])
def test_a_few_deep_planes_are_no_colours(tmp_path, planes):
    stack = np.arange(planes * 35 * 21, dtype=np.uint16).reshape(planes, 35, 21)
    path = save(tmp_path / "a.tif", stack, photometric="rgb", planarconfig="separate")
    with pytest.raises(ImageError, match=f"has {planes} planes of 16 bits: choose a channel"):
        imread(path)
    np.testing.assert_array_equal(imread(path, channel=2), stack[2])


def test_pages_that_were_appended_one_by_one_are_planes(tmp_path):
    planes = np.random.default_rng(0).integers(0, 999, (3, 12, 20)).astype(np.uint16)
    for plane in planes:
        tifffile.imwrite(tmp_path / "a.tif", plane, append=True)
    for index, plane in enumerate(planes):
        np.testing.assert_array_equal(imread(tmp_path / "a.tif", plane=index), plane)
    with pytest.raises(ImageError, match="choose a plane"):
        imread(tmp_path / "a.tif")
    tifffile.imwrite(tmp_path / "a.tif", planes[0].T, append=True)
    with pytest.raises(ImageError, match="4 images of different kinds or sizes"):
        imread(tmp_path / "a.tif")


def test_a_palette_of_one_bit_is_looked_up():
    bits = np.random.default_rng(0).random((9, 16)) < 0.4
    samples = Samples(1, 1, 255.0, palette=np.array([[0, 51, 0], [255, 0, 0]], np.uint8))
    np.testing.assert_array_equal(shown(bits, samples, True), samples.palette[bits.astype(int)])
    np.testing.assert_array_equal(component(bits, samples, 0), np.where(bits, 255, 0))


def test_a_frame_that_is_taken_away_again_uncovers_what_was_there(tmp_path):
    frames = [
        Frame(6, 6, 0, 0, KEPT, False),
        Frame(6, 6, 0, 0, TO_PREVIOUS, False),
        Frame(2, 2, 1, 1, KEPT, False),
    ]

    def decode(index):
        return np.full((frames[index].height, frames[index].width, 1), (50, 200, 100)[index], np.uint8)

    last = np.full((6, 6, 1), 50, np.uint8)
    last[1:3, 1:3] = 100
    np.testing.assert_array_equal(compose(tmp_path, frames, 1, (6, 6, 1), decode), decode(1))
    np.testing.assert_array_equal(compose(tmp_path, frames, 2, (6, 6, 1), decode), last)
