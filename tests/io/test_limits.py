"""What is refused before it is opened or decoded."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow

from superdsm_nb.errors import ConfigError, ImageError
from superdsm_nb.io import imread, imsave, is_image, pixel_size
from superdsm_nb.io.limits import MAX_PIXELS, MAX_PIXELS_VARIABLE

GREY = np.arange(35 * 21, dtype=np.uint8).reshape(35, 21)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes on this system")
def test_what_is_no_regular_file_is_refused_without_being_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(tmp_path / "socket.png"))
    with server:
        for name, kind in (
            ("pipe.png", "a named pipe"),
            ("socket.png", "a socket"),
            ("/dev/zero", "a device"),
        ):
            with pytest.raises(ImageError, match=f"is {kind}, not an image"):
                imread(tmp_path / name)
            assert not is_image(tmp_path / name)
            assert pixel_size(tmp_path / name) is None


@pytest.mark.parametrize(
    ("start", "message"),
    [
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "a PostScript file, which is not read"),
        (b"8BPS", "a Photoshop file"),
        (b"gimp xcf file", "a GIMP file, which is not read: save it as a TIFF or PNG file"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
        (bytes(128) + b"DICM", "a DICOM file"),
        (b"p\0\0\0" + bytes(20), "is not an image, or its format is not supported"),
        (b"\0\0\0\x1cftypheic", "a HEIF, AVIF or film file"),
        (b"P7\nWIDTH 4\n", "a PAM file"),
    ],
)
def test_a_file_of_another_format_is_refused_by_name_whatever_its_suffix(tmp_path, start, message):
    (tmp_path / "a.png").write_bytes(start + bytes(200))
    with pytest.raises(ImageError, match=message):
        imread(tmp_path / "a.png")


def test_formats_that_pillow_reads_are_not_left_to_its_choice(tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr(Pillow, "open", lambda *_, **options: opened.append(options))
    for start in (b"%!PS-Adobe-3.0 EPSF-3.0\n", b"\0\0\1\0", b"\x0a\5\1\x08"):
        (tmp_path / "a.png").write_bytes(start + bytes(200))
        with pytest.raises(ImageError):
            imread(tmp_path / "a.png")
        pixel_size(tmp_path / "a.png")
    assert opened == []


def png_of(width, height):
    """A PNG file that declares a size and holds hardly any pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(100_000))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


def gif_of(width, height):
    content = bytearray(b"GIF89a" + bytes(7) + b"," + bytes(9))
    content[6:10] = content[18:22] = struct.pack("<HH", width, height)
    return bytes(content) + b"\0;"


def jpeg_of(width, height):
    return b"\xff\xd8\xff\xc0\0\x0b\x08" + struct.pack(">HH", height, width) + b"\1\1\x11\0"


def jp2_of(width, height):
    return b"\xff\x4f\xff\x51\0\x29\0\0" + struct.pack(">II", width, height) + bytes(24) + b"\0\1\7\1\1"


def bmp_of(width, height):
    return b"BM" + bytes(12) + struct.pack("<IiiHH", 40, width, height, 1, 8) + bytes(24)


def pgm_of(width, height):
    return b"P5 %d %d 255\n" % (width, height)


def tiff_of(width, height):
    entries = [(256, width), (257, height), (258, 8), (262, 1), (273, 8), (277, 1), (278, height), (279, 9)]
    tags = b"".join(struct.pack("<HHII", code, 4, 1, value) for code, value in entries)
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + tags + bytes(4)


@pytest.mark.parametrize("make", [png_of, gif_of, jpeg_of, jp2_of, bmp_of, pgm_of, tiff_of])
def test_a_header_that_declares_too_many_pixels_is_refused_before_anything_is_decoded(tmp_path, make):
    (tmp_path / "a").write_bytes(make(60_000, 60_000))
    with pytest.raises(ImageError, match=f"60000 x 60000 pixels, more than the limit of {MAX_PIXELS} pixels"):
        imread(tmp_path / "a")


def test_a_sparse_file_that_declares_too_many_pixels_is_refused(tmp_path):
    with (tmp_path / "a.tif").open("wb") as file:
        file.write(tiff_of(60_000, 60_000))
        file.truncate(4 * 10**9)
    with pytest.raises(ImageError, match="more than the limit"):
        imread(tmp_path / "a.tif")


def test_the_limit_can_be_raised_and_lowered(tmp_path, monkeypatch):
    imsave(tmp_path / "a.png", GREY)
    monkeypatch.setenv(MAX_PIXELS_VARIABLE, str(GREY.size))
    np.testing.assert_array_equal(imread(tmp_path / "a.png"), GREY)
    monkeypatch.setenv(MAX_PIXELS_VARIABLE, str(GREY.size - 1))
    with pytest.raises(ImageError, match=f"raise it by the environment variable {MAX_PIXELS_VARIABLE}"):
        imread(tmp_path / "a.png")
    for nonsense in ("", "-1", "0", "1e9", "9" * 30):
        monkeypatch.setenv(MAX_PIXELS_VARIABLE, nonsense)
        with pytest.raises(ConfigError, match="must be a positive number of pixels"):
            imread(tmp_path / "a.png")


def test_a_file_that_declares_more_than_it_can_contain_is_damaged(tmp_path):
    (tmp_path / "a.png").write_bytes(png_of(20_000, 20_000))
    with pytest.raises(ImageError, match="cannot contain an image of 400000000 bytes"):
        imread(tmp_path / "a.png")


@pytest.mark.slow
def test_a_label_map_of_200_megapixels_is_read(tmp_path):
    labels = np.zeros((15_000, 13_400), np.uint16)
    labels[-1, -1] = 7
    imsave(tmp_path / "a.png", labels)
    np.testing.assert_array_equal(imread(tmp_path / "a.png"), labels)


def test_a_picture_that_pillow_takes_for_a_bomb_is_read(tmp_path, monkeypatch):
    imsave(tmp_path / "a.png", GREY)
    Pillow.fromarray(GREY).save(tmp_path / "a.bmp")
    monkeypatch.setattr(Pillow, "MAX_IMAGE_PIXELS", 10)
    for name in ("a.png", "a.bmp"):
        np.testing.assert_array_equal(imread(tmp_path / name), GREY)


MEASURED = """
import sys
from superdsm_nb.io import imread
def peak():  # that of resource.getrusage includes the process before, which started this one
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
before = peak()
plane = imread(sys.argv[1], **{sys.argv[2]: 1})
print(peak() - before, plane.nbytes // 1024, int(plane[5, 7]))
"""
STACKS = {
    "imagej": ("plane", {"imagej": True, "metadata": {"axes": "ZYX"}}),
    "ome": ("channel", {"ome": True, "metadata": {"axes": "CYX"}}),
    "pages": ("plane", {"metadata": None}),
    "one page after the other": ("plane", {"contiguous": True, "metadata": {"axes": "ZYX"}}),
    "tiles": ("plane", {"tile": (256, 256), "compression": "zlib", "metadata": {"axes": "ZYX"}}),
    "planes of samples": ("channel", {"planarconfig": "separate", "metadata": None}),
    "tiles of samples": ("channel", {"planarconfig": "separate", "metadata": None, "tile": (256, 256)}),
    "compressed strips of samples": (
        "channel",
        {"planarconfig": "separate", "metadata": None, "compression": "zlib", "rowsperstrip": 64},
    ),
}


@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured in another way")
@pytest.mark.parametrize("kind", STACKS)
def test_only_the_plane_that_is_asked_for_is_read(tmp_path, kind):
    stack = np.broadcast_to(np.arange(24, dtype=np.uint16)[:, None, None], (24, 1024, 1024)).copy()
    stack[:, 5, 7] += 100
    choice, options = STACKS[kind]
    tifffile.imwrite(tmp_path / "a.tif", stack, photometric="minisblack", **options)
    command = [sys.executable, "-c", MEASURED, str(tmp_path / "a.tif"), choice]
    used, size, value = map(int, subprocess.run(command, capture_output=True, check=True).stdout.split())
    assert value == 101
    assert used <= size + 20_000  # decoders take some memory of their own, once
