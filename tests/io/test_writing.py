"""Images go out whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import imageio.v3 as imageio
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from superdsm_nb.errors import ImageError, OutputError
from superdsm_nb.io import (
    check_suffix,
    check_writable,
    confinement,
    imread,
    imsave,
    write_file,
    writing_inside,
)
from superdsm_nb.strictjson import number_values

from support.trees import needs_links

GREY = np.arange(35 * 21, dtype=np.uint8).reshape(35, 21)
COLOURS = np.dstack([GREY, GREY[::-1], GREY[:, ::-1]])
few = settings(deadline=None, max_examples=60, database=None)


@pytest.mark.parametrize(
    ("suffix", "dtype"),
    [
        (".png", "bool"),
        (".png", "uint8"),
        (".png", "uint16"),
        (".tif", "bool"),
        (".tif", "uint16"),
        (".tiff", "int32"),
        (".tif", "float32"),
    ],
)
@few
@given(data=st.data())
def test_what_is_written_is_read_back(tmp_path_factory, suffix, dtype, data):
    shape = data.draw(arrays.array_shapes(min_dims=2, max_dims=2, max_side=9))
    pixels = data.draw(arrays.arrays(dtype, shape))
    path = tmp_path_factory.mktemp("out") / f"a{suffix}"
    imsave(path, pixels)
    read = imread(path)
    assert read.dtype == pixels.dtype
    np.testing.assert_array_equal(read, pixels)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_colours_are_written_and_read_back(tmp_path, suffix):
    imsave(tmp_path / f"a{suffix}", COLOURS)
    np.testing.assert_array_equal(imread(tmp_path / f"a{suffix}", histological=True), COLOURS)


def test_a_suffix_counts_in_capitals_too(tmp_path):
    imsave(tmp_path / "A.PNG", GREY)
    np.testing.assert_array_equal(imread(tmp_path / "A.PNG"), GREY)


def test_missing_folders_are_created(tmp_path):
    imsave(tmp_path / "new" / "folder" / "a.png", GREY)
    assert (tmp_path / "new" / "folder" / "a.png").is_file()


@pytest.mark.parametrize("name", ["a.jpg", "a", "a.png.txt"])
def test_another_suffix_is_refused(tmp_path, name):
    with pytest.raises(ImageError, match=r"must end in \.png, \.tif or \.tiff"):
        imsave(tmp_path / name, GREY)
    with pytest.raises(ImageError, match=name):
        check_suffix(Path(name))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("dtype", ["int32", "float32", "uint32"])
def test_a_png_of_values_it_cannot_hold_is_refused(tmp_path, dtype):
    with pytest.raises(ImageError, match=rf"a PNG holds 8 or 16 bits, not {dtype}: use the suffix \.tif"):
        imsave(tmp_path / "a.png", GREY.astype(dtype))


@pytest.mark.parametrize("dtype", ["uint16", "bool"])
def test_a_colour_png_of_values_it_cannot_hold_is_refused(tmp_path, dtype):
    with pytest.raises(ImageError, match=f"a colour PNG holds 8 bits, not {dtype}"):
        imsave(tmp_path / "a.png", COLOURS.astype(dtype))


def test_a_file_in_the_place_of_a_folder_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"a\.png cannot be written: .*file is not a folder"):
        imsave(tmp_path / "file" / "a.png", GREY)


def test_a_file_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "a.png").mkdir()
    with pytest.raises(OutputError, match=r"a\.png cannot be written: "):
        imsave(tmp_path / "a.png", GREY)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


PROVENANCE = {"image": "Zellen äöü.tif", "scale": 11.0, "config": {"dsm": {"alpha": float("inf")}}}


def test_the_provenance_is_the_description_of_a_tiff(tmp_path):
    imsave(tmp_path / "a.tif", GREY, PROVENANCE)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        text = file.pages[0].description
    assert number_values(json.loads(text, parse_constant=pytest.fail)) == PROVENANCE


def test_the_provenance_is_a_text_entry_of_a_png(tmp_path):
    imsave(tmp_path / "a.png", GREY, PROVENANCE)
    text = imageio.immeta(tmp_path / "a.png")["Description"]
    assert number_values(json.loads(text, parse_constant=pytest.fail)) == PROVENANCE


@pytest.mark.parametrize("operation", ["write", "replace"])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_an_error_while_writing_leaves_the_previous_file_and_nothing_else(
    tmp_path, monkeypatch, suffix, operation
):
    path = tmp_path / f"a{suffix}"
    imsave(path, GREY)

    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(*{"write": ("os.fsync", fail), "replace": ("os.replace", fail)}[operation])
    with pytest.raises(OutputError, match=r"cannot be written: No space left on device\."):
        imsave(path, GREY[::-1])
    np.testing.assert_array_equal(imread(path), GREY)
    assert list(tmp_path.iterdir()) == [path]


# ---------------------------------------------------------------- one folder only


def test_nothing_is_written_outside_of_a_folder(tmp_path):
    (tmp_path / "task").mkdir()
    with writing_inside(tmp_path / "task"):
        write_file(tmp_path / "task" / "a" / "b.txt", b"x")
        for path in (tmp_path / "b.txt", tmp_path / "task" / ".." / "b.txt", tmp_path / "task2" / "b.txt"):
            with pytest.raises(OutputError, match="cannot be written: it is outside of"):
                write_file(path, b"x")
    assert [path.name for path in tmp_path.rglob("*.txt")] == ["b.txt"]
    write_file(tmp_path / "b.txt", b"x")
    assert (tmp_path / "b.txt").exists()


@needs_links
@pytest.mark.parametrize("operation", [write_file, lambda path, _: check_writable(path)])
@pytest.mark.parametrize("follows", [True, False])
def test_no_link_in_a_folder_is_followed(tmp_path, monkeypatch, operation, follows):
    monkeypatch.setattr(confinement, "FOLLOWS_NO_LINK", follows and confinement.FOLLOWS_NO_LINK)
    (tmp_path / "task" / "inner").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "task" / "out").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "task" / "in").symlink_to("inner")
    (tmp_path / "task" / "loop").symlink_to("loop")
    (tmp_path / "link").symlink_to("task")
    with writing_inside(tmp_path / "link"):
        for name in ("out", "out/deeper", "in", "loop"):
            with pytest.raises(OutputError, match=r"written: .* is a link, and none is followed\.$"):
                operation(tmp_path / "link" / name / "b.txt", b"x")
        write_file(tmp_path / "link" / "b.txt", b"x")
    assert [path.parent.name for path in tmp_path.rglob("*.txt")] == ["task"]


@needs_links
def test_a_link_in_place_of_a_file_is_replaced_and_not_followed(tmp_path):
    (tmp_path / "task").mkdir()
    (tmp_path / "precious").write_bytes(b"precious")
    (tmp_path / "task" / "a.txt").symlink_to(tmp_path / "precious")
    with writing_inside(tmp_path / "task"):
        write_file(tmp_path / "task" / "a.txt", b"x")
    assert (tmp_path / "precious").read_bytes() == b"precious"
    assert not (tmp_path / "task" / "a.txt").is_symlink()


def test_a_file_in_place_of_a_folder_is_refused(tmp_path):
    (tmp_path / "a").write_bytes(b"")
    with writing_inside(tmp_path), pytest.raises(OutputError, match="is not a folder"):
        write_file(tmp_path / "a" / "b.txt", b"x")
