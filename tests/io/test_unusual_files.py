"""Files that are rarely met: what they show is read, or they are refused with the reason."""

from __future__ import annotations

import struct

import imagecodecs
import numpy as np
import pytest
import tifffile

from superdsm_nb.errors import AxisChoiceError, ImageError
from superdsm_nb.io import imread

RNG = np.random.default_rng(0)
COLORS = RNG.integers(0, 255, (20, 24, 4)).astype(np.uint8)


def test_comments_between_the_pixels_of_a_text_are_skipped(tmp_path):
    (tmp_path / "a.pgm").write_text("P2\n# x\n3 2\n9\n1 2 3 # 5\n4 5 6\n")
    np.testing.assert_array_equal(imread(tmp_path / "a.pgm"), [[1, 2, 3], [4, 5, 6]])
    (tmp_path / "a.pbm").write_text("P1\n3 2\n10#11\n1\n010\n")
    np.testing.assert_array_equal(imread(tmp_path / "a.pbm"), [[False, True, False], [True, False, True]])


def test_colours_with_a_value_that_is_not_declared_are_refused_with_the_reason(tmp_path):
    tifffile.imwrite(
        tmp_path / "a.tif", COLORS, photometric="rgb", extrasamples=["unspecified"], metadata=None
    )
    with pytest.raises(AxisChoiceError, match=r"blue, and values that are not declared as opacity\): choose"):
        imread(tmp_path / "a.tif")
    np.testing.assert_array_equal(imread(tmp_path / "a.tif", channel=3), COLORS[:, :, 3])


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_opacity_is_not_inverted_where_0_is_white(tmp_path, planar):
    pixels = COLORS[:, :, :2]
    tifffile.imwrite(
        *(tmp_path / "a.tif", pixels if planar == "contig" else np.moveaxis(pixels, 2, 0)),
        photometric="miniswhite",
        extrasamples=["unassalpha"],
        planarconfig=planar,
        metadata=None,
    )
    np.testing.assert_array_equal(imread(tmp_path / "a.tif", channel=1), COLORS[:, :, 1])


@pytest.mark.parametrize(
    "declared", ['SizeZ="1000000000"><TiffData/>', 'SizeZ="2"><TiffData IFD="0" PlaneCount="1000000000"/>']
)
def test_a_number_of_planes_that_no_file_can_have_is_refused_before_they_are_listed(tmp_path, declared):
    text = (
        '<OME><Image><Pixels DimensionOrder="XYCZT" Type="uint8" SizeX="24" SizeY="20" SizeC="1" SizeT="1" '
        f"{declared}</Pixels></Image></OME>"
    )
    tifffile.imwrite(tmp_path / "a.ome.tif", COLORS[:, :, 0], description=text, metadata=None)
    with pytest.raises(ImageError, match="declares 1000000000 planes"):
        imread(tmp_path / "a.ome.tif", plane=0)


def test_a_jpeg_stream_that_is_larger_than_its_tile_is_refused_before_it_is_decoded(tmp_path):
    image = RNG.integers(0, 255, (64, 64)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", image, tile=(64, 64), compression="jpeg", metadata=None)
    content = bytearray((tmp_path / "a.tif").read_bytes())
    frame = content.index(b"\xff\xc0")
    content[frame + 5 : frame + 9] = struct.pack(">HH", 60_000, 60_000)
    (tmp_path / "a.tif").write_bytes(content)
    with pytest.raises(ImageError, match="its pixels are not what its header declares"):
        imread(tmp_path / "a.tif")


def test_a_jpeg_2000_file_with_several_pictures_is_refused(tmp_path):
    content = imagecodecs.jpeg2k_encode(COLORS[:, :, 0], level=0, codecformat="jp2")
    (tmp_path / "a.jp2").write_bytes(content)
    np.testing.assert_array_equal(imread(tmp_path / "a.jp2"), COLORS[:, :, 0])
    start = content.index(b"jp2c") - 4
    stream = content[start + 8 :]
    box = struct.pack(">I4s", len(stream) + 8, b"jp2c") + stream
    (tmp_path / "b.nd2").write_bytes(content[:start] + box + struct.pack(">I4s", 12, b"free") + b"abcd" + box)
    with pytest.raises(ImageError, match="holds several pictures, as ND2 files of before 2009 do"):
        imread(tmp_path / "b.nd2")
