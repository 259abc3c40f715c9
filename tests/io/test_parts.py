"""Parts of images: the same pixels as when the whole image is read."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from superdsm_nb.errors import ImageError
from superdsm_nb.io import (
    imread,
    imsave,
    open_planes,
    reading_in_parts,
    save_zarr,
    save_zarr_labels,
    write_labels_part,
)

from support import naive

HEIGHT, WIDTH = 100, 83
TIFFS = {
    "one after the other": {},
    "strips": {"compression": "zlib", "rowsperstrip": 7},
    "tiles": {"tile": (16, 32)},
    "compressed tiles": {"tile": (32, 16), "compression": "zlib", "predictor": True},
    "big": {"bigtiff": True, "tile": (16, 16)},
    "big endian": {"byteorder": ">"},
    "colours": {"photometric": "rgb"},
    "colours in planes": {"photometric": "rgb", "planarconfig": "separate", "tile": (16, 16)},
    "colours in strips": {"photometric": "rgb", "planarconfig": "separate", "compression": "zlib"},
    "dark is high": {"photometric": "miniswhite", "tile": (32, 32)},
}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The same noise in many kinds of files."""
    folder = tmp_path_factory.mktemp("parts")
    rng = np.random.default_rng(0)
    for name, options in TIFFS.items():
        shape = (HEIGHT, WIDTH)
        if options.get("photometric") == "rgb":
            shape = (3, *shape) if options.get("planarconfig") else (*shape, 3)
        tifffile.imwrite(folder / f"{name}.tif", rng.integers(0, 60_000, shape).astype(np.uint16), **options)
    stack = rng.integers(0, 60_000, (3, 2, HEIGHT, WIDTH)).astype(np.uint16)
    tifffile.imwrite(
        folder / "stack.tif", stack, ome=True, metadata={"axes": "ZCYX"}, tile=(32, 16), compression="zlib"
    )
    save_zarr(folder / "stack.zarr", stack.transpose(1, 0, 2, 3), axes="czyx")
    save_zarr(folder / "image.zarr", stack[0, 0], version="0.4")
    with tifffile.TiffWriter(folder / "pyramid.tif", ome=True) as writer:
        writer.write(stack[0, 0], subifds=1, tile=(16, 16))
        writer.write(stack[0, 0, ::2, ::2], subfiletype=1, tile=(16, 16))
    return folder


CHOICES = {
    "stack.tif": [
        {"channel": 1, "plane": 2},
        {"channel": "max", "plane": 0},
        {"channel": "mean", "plane": "max"},
    ],
    "stack.zarr": [{"channel": 1, "plane": 2}, {"channel": 0, "plane": "mean"}],
    "colours.tif": [{}, {"channel": "green"}],
    "colours in planes.tif": [{"channel": 2}],
    "colours in strips.tif": [{"channel": 1}],
}
CASES = [
    (name, choice)
    for name in ("stack.tif", "stack.zarr", "image.zarr", "pyramid.tif", *(f"{each}.tif" for each in TIFFS))
    for choice in CHOICES.get(name, [{}])
]


@pytest.mark.parametrize(("name", "choice"), CASES)
@naive.settings_for(15, 60)
@given(data=st.data())
def test_a_part_holds_the_pixels_of_the_whole(files, name, choice, data):
    row, col = data.draw(st.integers(0, HEIGHT - 1)), data.draw(st.integers(0, WIDTH - 1))
    rows = slice(row, data.draw(st.integers(row + 1, HEIGHT)))
    cols = slice(col, data.draw(st.integers(col + 1, WIDTH)))
    whole = imread(files / name, **choice)

    with open_planes(files / name, **choice) as planes:
        part = planes.read_part({}, rows, cols)

        assert planes.shape == (HEIGHT, WIDTH)
    np.testing.assert_array_equal(part, whole[rows, cols])
    assert part.dtype == whole.dtype


def test_parts_may_be_of_images_that_are_too_large_to_be_read(files, monkeypatch):
    monkeypatch.setenv("SUPERDSM_NB_MAX_PIXELS", "5000")
    with pytest.raises(ImageError, match="more than the limit of 5000 pixels"):
        imread(files / "tiles.tif")

    with reading_in_parts(), open_planes(files / "tiles.tif") as planes:
        assert planes.read_part({}, slice(90, 100), slice(0, 10)).shape == (10, 10)


def test_a_tile_that_is_too_large_by_itself_is_refused_in_parts_as_well(files, monkeypatch):
    monkeypatch.setenv("SUPERDSM_NB_MAX_PIXELS", "400")
    for name in ("tiles.tif", "strips.tif"):
        with (
            pytest.raises(ImageError, match="more than the limit of 400 pixels"),
            reading_in_parts(),
            open_planes(files / name),
        ):
            pass


def test_formats_that_are_read_as_a_whole_offer_no_parts(tmp_path):
    imsave(tmp_path / "image.png", np.zeros((5, 6), np.uint8))
    with open_planes(tmp_path / "image.png") as planes:
        assert planes.read_part is None


def contents(folder):
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder): path.read_bytes() for path in files}


@pytest.mark.parametrize("shape", [(40, 50), (700, 1100), (257, 3), (513, 512)])
@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_labels_written_block_by_block_are_those_written_at_once(tmp_path, monkeypatch, shape, version):
    monkeypatch.setattr("superdsm_nb.io.zarrwriting.CHUNK", 128)
    monkeypatch.setattr("superdsm_nb.io.zarrlabels.CHUNK", 128)
    monkeypatch.setattr("superdsm_nb.io.zarrlabels.BLOCK", 256)
    labels = np.random.default_rng(0).integers(0, 9, shape).astype(np.uint16)
    labels.flat[0] = 9
    labels.flat[1] = 0
    reported = []

    def write(folder, parts):
        for part in reversed(parts):
            yield write_labels_part(folder, part, lambda rows, cols: labels[rows, cols])

    save_zarr(tmp_path / "one" / "l.zarr", labels, labels=True, provenance={"a": 1}, version=version)
    save_zarr_labels(
        tmp_path / "other" / "l.zarr",
        shape,
        labels.dtype,
        write,
        9,
        provenance={"a": 1},
        version=version,
        report=lambda done, total: reported.append((done, total)),
    )

    one, other = contents(tmp_path / "one"), contents(tmp_path / "other")
    assert one == other
    assert reported[-1][0] == reported[-1][1] == len(reported)
