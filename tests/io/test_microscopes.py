"""The formats of microscopes: every plane is the one that was written, or refused."""

from __future__ import annotations

import json
import sys

import czifile
import liffile
import nd2
import numpy as np
import oiffile
import pytest
from PIL import Image as Pillow

from superdsm_nb.cli.targets import images_in
from superdsm_nb.errors import AxisChoiceError, ImageError
from superdsm_nb.io import file_digest, imread, is_image, pixel_size

from support.containers import smooth
from support.microscopes import (
    lif_image,
    write_compound,
    write_czi,
    write_lif,
    write_nd2,
    write_oib,
    write_oif,
)

RNG = np.random.default_rng(0)
STACK = RNG.integers(0, 65535, (2, 3, 20, 24)).astype(np.uint16)  # channels, planes, rows, columns
OTHER = RNG.integers(0, 65535, (2, 3, 22, 18)).astype(np.uint16)
COLORS = RNG.integers(0, 255, (20, 24, 3)).astype(np.uint8)
NAMES = ("DAPI", "GFP")


def czi_tiles(stack, scene=0, **options):
    """All planes of a stack, one tile each."""
    return [
        ({"X": 5, "Y": -7, "C": c, "Z": z, "S": scene}, stack[c, z], options)
        for c in range(stack.shape[0])
        for z in range(stack.shape[1])
    ]


def nd2_frames(stack):
    """The planes of a stack with both channels in each pixel."""
    return [np.ascontiguousarray(np.moveaxis(stack[:, z], 0, -1)) for z in range(stack.shape[1])]


def write(kind, path):
    """Write the stack in a format; pixels are 0.5 x 0.25 micrometres where height and width can differ."""
    if kind == "czi":
        write_czi(path, czi_tiles(STACK), NAMES, size=(0.5, 0.25))
    elif kind == "lif":
        write_lif(path, lif_image("one", STACK, "CZYX", NAMES, spacing=0.25))
    elif kind == "nd2":
        write_nd2(path, nd2_frames(STACK), [("Z", 3)], NAMES, size=0.25)
    elif kind == "oif":
        write_oif(path, STACK)
    else:
        write_oib(path, STACK)
    return path


KINDS = {"czi": (0.5, 0.25), "lif": (0.25, 0.25), "nd2": (0.25, 0.25), "oif": (0.5, 0.25), "oib": (0.5, 0.25)}


@pytest.mark.parametrize("kind", KINDS)
def test_every_plane_is_the_one_that_was_written(tmp_path, kind):
    path = write(kind, tmp_path / f"a.{kind}")
    assert is_image(path)
    assert imread(path, channel=0, plane=0).flags.writeable
    for channel, name in enumerate(NAMES):
        for plane in range(3):
            np.testing.assert_array_equal(imread(path, channel=channel, plane=plane), STACK[channel, plane])
            np.testing.assert_array_equal(
                imread(path, channel=name, plane=plane, scene=0), STACK[channel, plane]
            )


@pytest.mark.parametrize("kind", KINDS)
def test_what_has_to_be_chosen_is_named(tmp_path, kind):
    path = write(kind, tmp_path / f"a.{kind}")
    with pytest.raises(AxisChoiceError, match=r"channels DAPI and GFP.*choose a plane .* and a channel"):
        imread(path)
    with pytest.raises(ImageError, match="has no channel 'Cy5', but DAPI and GFP"):
        imread(path, channel="Cy5", plane=0)
    with pytest.raises(ImageError, match="has the planes 0 to 2: there is no plane 3"):
        imread(path, channel=0, plane=3)


@pytest.mark.parametrize(("kind", "size"), KINDS.items())
def test_the_size_of_pixels_is_read(tmp_path, kind, size):
    assert pixel_size(write(kind, tmp_path / f"a.{kind}")) == pytest.approx(size)


@pytest.mark.parametrize("kind", KINDS)
def test_a_suffix_does_not_matter(tmp_path, kind):
    path = write(kind, tmp_path / f"a.{kind}")
    other = path.rename(tmp_path / "b.tif")
    if kind == "oif":
        (tmp_path / "a.oif.files").rename(tmp_path / "b.tif.files")
    np.testing.assert_array_equal(imread(other, channel=1, plane=2), STACK[1, 2])


def test_independent_libraries_read_the_same_from_the_files_of_these_tests(tmp_path):
    read = czifile.imread(write("czi", tmp_path / "a.czi")).squeeze()
    np.testing.assert_array_equal(read if len(read) == 2 else read.swapaxes(0, 1), STACK)
    with liffile.LifFile(write("lif", tmp_path / "a.lif")) as file:
        np.testing.assert_array_equal(file.images[0].asarray(), STACK)
    with nd2.ND2File(write("nd2", tmp_path / "a.nd2")) as file:
        np.testing.assert_array_equal(file.asarray(), STACK.swapaxes(0, 1))
    with oiffile.OifFile(write("oib", tmp_path / "a.oib")) as file:
        np.testing.assert_array_equal(file.asarray("Storage00001/s_C002Z003.tif"), STACK[1, 2])
    with oiffile.OifFile(write("oif", tmp_path / "b.oif")) as file:
        name = next(each for each in file.glob("*.tif") if "C002Z003" in each)
        np.testing.assert_array_equal(file.asarray(name), STACK[1, 2])


@pytest.mark.parametrize(("kind", "library"), [("lif", "liffile"), ("nd2", "nd2")])
def test_a_missing_library_is_named_with_what_installs_it(tmp_path, monkeypatch, kind, library):
    path = write(kind, tmp_path / f"a.{kind}")
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ImageError, match=r"needs one more package: pip install 'superdsm_nb\[formats\]'\.$"):
        imread(path, channel=0, plane=0)


@pytest.mark.parametrize("kind", ["czi", "lif", "nd2", "oib"])
def test_damaged_files_are_refused(tmp_path, kind):
    content = write(kind, tmp_path / f"a.{kind}").read_bytes()
    cuts = [len(content) * part // 40 for part in range(1, 40)]
    rng = np.random.default_rng(1)
    for number, cut in enumerate(cuts):
        damaged = bytearray(content)
        for at in rng.integers(0, len(content), 1 + number % 5 * 20):
            damaged[at] = rng.integers(256)
        for each in (content[:cut], bytes(damaged)):
            (tmp_path / "b").write_bytes(each)
            try:
                read = imread(tmp_path / "b", channel=1, plane=2)
            except ImageError:
                continue
            assert read.ndim == 2


# ---------------------------------------------------------------- CZI


@pytest.mark.parametrize("compression", [0, 2, 4, 5, 6])
def test_czi_blocks_are_decompressed(tmp_path, compression):
    write_czi(tmp_path / "a.czi", czi_tiles(STACK, compression=compression))
    np.testing.assert_array_equal(imread(tmp_path / "a.czi", channel=1, plane=1), STACK[1, 1])


@pytest.mark.parametrize("compression", [0, 2, 4, 5])
@pytest.mark.parametrize("samples", [3, 4])
def test_czi_colours_are_red_green_and_blue(tmp_path, compression, samples):
    if (compression, samples) == (4, 4):
        samples = 3
    colors = np.concatenate([COLORS, COLORS[:, :, :1]], axis=2)[:, :, :samples]
    write_czi(tmp_path / "a.czi", [({"X": 0, "Y": 0}, colors, {"compression": compression})])
    for channel, name in enumerate(("red", "green", "blue")):
        np.testing.assert_array_equal(imread(tmp_path / "a.czi", channel=name), COLORS[:, :, channel])
    np.testing.assert_array_equal(imread(tmp_path / "a.czi", histological=True), COLORS)


@pytest.mark.parametrize("count", [1, 3])
def test_czi_blocks_compressed_by_jpeg_are_read(tmp_path, count):
    picture = smooth(count)
    write_czi(tmp_path / "a.czi", [({"X": 0, "Y": 0}, picture, {"compression": 1})])
    read = imread(tmp_path / "a.czi", histological=True)
    assert np.abs(read.astype(int) - picture).max() <= 6


def test_a_czi_file_is_segmented_by_names(run, tmp_path, sample):
    flat = np.zeros_like(sample.image)
    tiles = [
        ({"X": 0, "Y": 0, "C": channel, "S": scene}, picture.astype(np.uint16), {"compression": 6})
        for scene in (0, 1)
        for channel, picture in enumerate((flat, sample.image if scene else flat))
    ]
    write_czi(tmp_path / "a.czi", tiles, ("GFP", "DAPI"), ("A1", "B2"), size=(0.5, 0.5))
    choice = ("--scene", "B2", "--channel", "DAPI", "--set", "AF_scale=11")
    outcome = run("segment", tmp_path / "a.czi", "-o", tmp_path / "labels.png", *choice)
    assert outcome.code == 0, outcome.err
    with Pillow.open(tmp_path / "labels.png") as picture:
        known = json.loads(picture.text["Description"])
    assert (known["scene"], known["channel"]) == ("B2", "DAPI")
    assert known["pixel_size_micrometers"] == [0.5, 0.5]
    assert imread(tmp_path / "labels.png").max() >= 3


def test_czi_scenes_are_chosen_by_number_or_name(tmp_path):
    write_czi(tmp_path / "a.czi", czi_tiles(STACK) + czi_tiles(OTHER, 1), NAMES, ("A1", "B2"))
    with pytest.raises(AxisChoiceError, match=r"has 2 scenes \(0: A1, 1: B2\): choose a scene"):
        imread(tmp_path / "a.czi", channel=0, plane=0)
    np.testing.assert_array_equal(imread(tmp_path / "a.czi", scene="B2", channel=0, plane=1), OTHER[0, 1])
    np.testing.assert_array_equal(imread(tmp_path / "a.czi", scene=0, channel="GFP", plane=1), STACK[1, 1])


def test_czi_tiles_are_put_together_at_full_resolution(tmp_path):
    whole = RNG.integers(1, 65535, (40, 50)).astype(np.uint16)
    tiles = [
        ({"X": 100 + x, "Y": 200 + y, "M": m}, whole[y : y + 22, x : x + 28], {})
        for m, (y, x) in enumerate([(0, 0), (0, 22), (18, 0), (18, 22)])
    ]
    reduced = ({"X": 100, "Y": 200}, whole[::2, ::2], {"covers": whole.shape})
    write_czi(tmp_path / "a.czi", [reduced, *tiles])
    np.testing.assert_array_equal(imread(tmp_path / "a.czi"), whole)
    write_czi(tmp_path / "b.czi", tiles[:3])
    shown = imread(tmp_path / "b.czi")
    np.testing.assert_array_equal(shown[:22], whole[:22])
    assert not shown[22:, 28:].any()
    write_czi(tmp_path / "c.czi", [reduced])
    with pytest.raises(ImageError, match="holds no picture at full resolution"):
        imread(tmp_path / "c.czi")


def test_of_czi_tiles_that_overlap_the_later_one_is_on_top(tmp_path):
    tiles = [({"X": 4 * m, "Y": 0, "M": m}, np.full((5, 8), m + 1, np.uint8), {}) for m in (1, 0)]
    write_czi(tmp_path / "a.czi", tiles)
    np.testing.assert_array_equal(imread(tmp_path / "a.czi")[0], [1] * 4 + [2] * 8)


def test_only_the_chosen_plane_of_a_czi_file_is_decoded(tmp_path):
    broken = [(place, pixels, {"compression": 77}) for place, pixels, _ in czi_tiles(STACK)]
    whole = czi_tiles(STACK)
    write_czi(tmp_path / "a.czi", [whole[0], *broken[1:]])
    np.testing.assert_array_equal(imread(tmp_path / "a.czi", channel=0, plane=0), STACK[0, 0])


def test_planes_that_a_czi_file_lacks_and_huge_ones_are_refused(tmp_path, monkeypatch):
    write_czi(tmp_path / "a.czi", czi_tiles(STACK)[:-1])
    with pytest.raises(ImageError, match="declares this plane but does not contain it"):
        imread(tmp_path / "a.czi", channel=1, plane=2)
    far = [({"X": 0, "Y": 0, "M": 0}, STACK[0, 0], {}), ({"X": 10**8, "Y": 10**8, "M": 1}, STACK[0, 0], {})]
    write_czi(tmp_path / "b.czi", far)
    with pytest.raises(ImageError, match="more than the limit"):
        imread(tmp_path / "b.czi")


# ---------------------------------------------------------------- LIF


def test_lif_images_are_scenes(tmp_path):
    write_lif(
        tmp_path / "a.lif", lif_image("one", STACK, "CZYX"[0:4], NAMES), lif_image("two", OTHER[0, 0], "YX")
    )
    with pytest.raises(AxisChoiceError, match=r"has 2 scenes \(0: one, 1: two\)"):
        imread(tmp_path / "a.lif")
    np.testing.assert_array_equal(imread(tmp_path / "a.lif", scene="two"), OTHER[0, 0])
    np.testing.assert_array_equal(imread(tmp_path / "a.lif", scene="one", channel=1, plane=2), STACK[1, 2])


@pytest.mark.parametrize("axes", ["TZCYX", "CTZYX", "TCZYX"])
def test_lif_axes_may_be_in_any_order(tmp_path, axes):
    stack = RNG.integers(0, 255, (2, 3, 2, 6, 5)).astype(np.uint8)  # T, Z, C, Y, X
    order = ["TZCYX".index(axis) for axis in axes]
    stored = np.ascontiguousarray(stack.transpose(order))
    write_lif(tmp_path / "a.lif", lif_image("one", stored, axes, NAMES))
    for time, plane, channel in np.ndindex(2, 3, 2):
        read = imread(tmp_path / "a.lif", time=time, plane=plane, channel=channel)
        np.testing.assert_array_equal(read, stack[time, plane, channel])


def test_lif_colours_are_red_green_and_blue(tmp_path):
    write_lif(tmp_path / "a.lif", lif_image("one", COLORS[:, :, ::-1].copy(), "YXS", (), tags=(3, 2, 1)))
    np.testing.assert_array_equal(imread(tmp_path / "a.lif", histological=True), COLORS)
    np.testing.assert_array_equal(imread(tmp_path / "a.lif", channel="red"), COLORS[:, :, 0])


def test_lif_tiles_are_scenes(tmp_path):
    write_lif(tmp_path / "a.lif", lif_image("scan", STACK[0], "MYX"))
    np.testing.assert_array_equal(imread(tmp_path / "a.lif", scene="scan/2"), STACK[0, 2])


# ---------------------------------------------------------------- ND2


def test_nd2_positions_are_scenes(tmp_path):
    frames = [RNG.integers(0, 65535, (20, 24, 2)).astype(np.uint16) for _ in range(12)]
    write_nd2(tmp_path / "a.nd2", frames, [("T", 2), ("P", ["A", "B"]), ("Z", 3)], NAMES)
    with pytest.raises(AxisChoiceError, match=r"has 2 scenes \(0: A, 1: B\)"):
        imread(tmp_path / "a.nd2")
    for time, scene, plane, channel in np.ndindex(2, 2, 3, 2):
        read = imread(tmp_path / "a.nd2", scene="AB"[scene], time=time, plane=plane, channel=channel)
        np.testing.assert_array_equal(read, frames[(time * 2 + scene) * 3 + plane][:, :, channel])


def test_nd2_colours_and_single_planes_are_read(tmp_path):
    write_nd2(tmp_path / "a.nd2", [COLORS[:, :, ::-1]], (), ("Brightfield",))
    with nd2.ND2File(tmp_path / "a.nd2") as file:
        expected = file.asarray()
    np.testing.assert_array_equal(imread(tmp_path / "a.nd2", histological=True), expected)
    write_nd2(tmp_path / "b.nd2", [STACK[0, 0]])
    np.testing.assert_array_equal(imread(tmp_path / "b.nd2"), STACK[0, 0])
    assert pixel_size(tmp_path / "b.nd2") is None


def test_compressed_frames_of_an_nd2_file_are_read(tmp_path):
    write_nd2(tmp_path / "a.nd2", nd2_frames(STACK), [("Z", 3)], NAMES, compressed=True)
    np.testing.assert_array_equal(imread(tmp_path / "a.nd2", channel=1, plane=2), STACK[1, 2])


def test_frames_that_an_nd2_file_lacks_are_refused_and_not_zero(tmp_path):
    write_nd2(tmp_path / "a.nd2", nd2_frames(STACK), [("Z", 3)], NAMES, missing=(1,))
    np.testing.assert_array_equal(imread(tmp_path / "a.nd2", channel=1, plane=2), STACK[1, 2])
    with pytest.raises(ImageError, match="declares this plane but does not contain it"):
        imread(tmp_path / "a.nd2", channel=1, plane=1)


# ---------------------------------------------------------------- OIF and OIB


def test_an_oif_file_needs_its_folder_and_lacks_no_plane(tmp_path):
    write_oif(tmp_path / "a.oif", STACK)
    (tmp_path / "a.oif.files" / "s_C002Z003.tif").unlink()
    with pytest.raises(ImageError, match="declares this plane but does not contain it"):
        imread(tmp_path / "a.oif", channel=1, plane=2)
    (tmp_path / "a.oif.files").rename(tmp_path / "elsewhere")
    with pytest.raises(ImageError, match=r"needs the folder a\.oif\.files beside it"):
        imread(tmp_path / "a.oif", channel=1, plane=2)


def test_time_points_of_an_oif_file_are_chosen(tmp_path):
    write_oif(tmp_path / "a.oif", STACK[0], axes="T")
    np.testing.assert_array_equal(imread(tmp_path / "a.oif", time=2), STACK[0, 2])


def test_large_streams_of_an_oib_file_and_other_compound_files(tmp_path):
    large = RNG.integers(0, 65535, (1, 1, 300, 250)).astype(np.uint16)
    write_oib(tmp_path / "a.oib", large)
    np.testing.assert_array_equal(imread(tmp_path / "a.oib"), large[0, 0])
    write_compound(tmp_path / "a.doc", {"WordDocument": b"text"})
    with pytest.raises(ImageError, match="is a compound file, such as ZVI, but no OIB file"):
        imread(tmp_path / "a.doc")


def test_chains_of_an_oib_file_that_never_end_are_refused(tmp_path):
    large = RNG.integers(0, 65535, (1, 1, 300, 250)).astype(np.uint16)
    write_oib(tmp_path / "a.oib", large)
    content = bytearray((tmp_path / "a.oib").read_bytes())
    table = (int.from_bytes(content[76:80], "little") + 1) * 512  # which sector follows on which
    for sector in range(20):
        content[table + 4 * sector : table + 4 * sector + 4] = sector.to_bytes(4, "little")
    (tmp_path / "b.oib").write_bytes(content)
    with pytest.raises(ImageError, match="its parts cannot be found"):
        imread(tmp_path / "b.oib")


def test_the_digest_of_an_oif_file_tells_of_its_planes(tmp_path):
    write_oif(tmp_path / "a.oif", STACK)
    before = file_digest(tmp_path / "a.oif")
    assert before == file_digest(tmp_path / "a.oif")
    plane = tmp_path / "a.oif.files" / "s_C002Z003.tif"
    plane.write_bytes(plane.read_bytes()[:-1] + b"x")
    assert file_digest(tmp_path / "a.oif") != before


def test_a_folder_of_files_of_microscopes_is_listed(tmp_path):
    for kind in KINDS:
        write(kind, tmp_path / f"{kind}.{kind}")
    (tmp_path / "a.lsm").touch()
    names = [path.name for path in images_in(tmp_path)]
    assert names == sorted(["a.lsm", *(f"{kind}.{kind}" for kind in KINDS)])
