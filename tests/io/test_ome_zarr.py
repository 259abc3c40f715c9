"""OME-Zarr: what ome-zarr-py writes is read, and nothing leads out of a store."""

from __future__ import annotations

import shutil
import sys
import warnings

import numcodecs
import numpy as np
import ome_zarr.format
import ome_zarr.io
import ome_zarr.reader
import ome_zarr.writer
import pytest
import zarr

from superdsm_nb.errors import AxisChoiceError, ConfigError, ImageError
from superdsm_nb.io import (
    file_digest,
    imread,
    is_image,
    pixel_size,
    save_zarr,
)

from support.zarrstores import FORMATS, NAMES, RNG, STACK, change, metadata_file, ome, write

# ome-zarr-py and zarr leave files open, and warn of what they change.
pytestmark = [
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.parametrize("version", FORMATS),
]


def test_every_plane_is_the_one_that_was_written(tmp_path, version):
    path = write(tmp_path / "a.zarr", version)
    assert is_image(path)
    assert imread(path, channel=0, plane=0).flags.writeable
    assert pixel_size(path) == pytest.approx((0.5, 0.25))
    for channel, plane in np.ndindex(2, 3):
        np.testing.assert_array_equal(imread(path, channel=channel, plane=plane), STACK[channel, plane])
        np.testing.assert_array_equal(
            imread(path, channel=NAMES[channel], plane=plane), STACK[channel, plane]
        )
    with pytest.raises(AxisChoiceError, match=r"channels DAPI and GFP\): choose a plane"):
        imread(path)


def test_only_the_chunks_of_the_chosen_plane_are_decoded(tmp_path, version):
    path = write(tmp_path / "a.zarr", version)
    chunks = [
        place
        for place in (path / "0").rglob("*")
        if place.is_file() and not place.name.startswith((".z", "zarr"))
    ]
    for place in chunks:
        if place.relative_to(path / "0").parts[-4:-2] != ("1", "2"):
            place.write_bytes(b"damaged")
    np.testing.assert_array_equal(imread(path, channel=1, plane=2), STACK[1, 2])
    with pytest.raises(ImageError, match="cannot be read as an image"):
        imread(path, channel=0, plane=2)


def test_the_largest_resolution_is_read_wherever_it_is_listed(tmp_path, version):
    path = write(tmp_path / "a.zarr", version)
    change(metadata_file(path, version), lambda content: ome(content)["multiscales"][0]["datasets"].reverse())
    np.testing.assert_array_equal(imread(path, channel=1, plane=2), STACK[1, 2])


@pytest.mark.parametrize("codec", ["blosc", "zstd", "gzip", "none", "shards"])
def test_what_other_programs_write_is_read(tmp_path, version, codec):
    path = write(tmp_path / "a.zarr", version)
    shutil.rmtree(path / "0")
    known = {"0.4": numcodecs, "0.5": zarr.codecs}[version]
    makers = {
        "blosc": lambda: known.Blosc("lz4") if version == "0.4" else known.BloscCodec(cname="lz4"),
        "zstd": lambda: known.Zstd() if version == "0.4" else known.ZstdCodec(),
        "gzip": lambda: known.GZip() if version == "0.4" else known.GzipCodec(),
    }
    shards = {"shards": (1, 3, 64, 64)} if codec == "shards" and version == "0.5" else {}
    array = zarr.create_array(
        path / "0",
        shape=STACK.shape,
        dtype=">u2" if version == "0.4" else "u2",
        chunks=(1, 1, 32, 32),
        compressors=makers[codec]() if codec in makers else None,
        zarr_format=FORMATS[version].zarr_format,
        **shards,
    )
    array[...] = STACK
    np.testing.assert_array_equal(imread(path, channel=1, plane=2), STACK[1, 2])


def test_chunks_that_are_missing_are_background(tmp_path, version):
    path = write(tmp_path / "a.zarr", version)
    chunk = path / "0" / ("c/1/2/0/0" if version == "0.5" else "1/2/0/0")
    chunk.unlink()
    read = imread(path, channel=1, plane=2)
    assert not read[:32, :32].any()
    np.testing.assert_array_equal(read[32:], STACK[1, 2, 32:])


def test_several_images_in_a_store_are_scenes(tmp_path, version):
    path = tmp_path / "a.zarr"
    other = STACK[::-1]
    group = zarr.open_group(path, mode="w", zarr_format=FORMATS[version].zarr_format)
    layout = {"bioformats2raw.layout": 3}
    group.attrs.update(layout if version == "0.4" else {"ome": {"version": "0.5", **layout}})
    write(path / "0", version)
    write(path / "1", version, other)
    with pytest.raises(AxisChoiceError, match=r"has 2 scenes \(0: 0, 1: 1\): choose a scene"):
        imread(path, channel=0, plane=0)
    np.testing.assert_array_equal(imread(path, scene=1, channel="DAPI", plane=1), other[0, 1])
    np.testing.assert_array_equal(imread(path, scene="0", channel="DAPI", plane=1), STACK[0, 1])


def test_the_fields_of_a_plate_are_scenes(tmp_path, version):
    path = tmp_path / "plate.zarr"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plate = zarr.open_group(path, mode="w", zarr_format=FORMATS[version].zarr_format)
        ome_zarr.writer.write_plate_metadata(
            plate, ["A", "B"], ["1", "2"], ["A/1", "B/2"], fmt=FORMATS[version]
        )
        for well in ("A/1", "B/2"):
            group = plate.require_group(well)
            ome_zarr.writer.write_well_metadata(group, ["0", "1"], fmt=FORMATS[version])
    planes = {}
    for well, field in (("A/1", "0"), ("A/1", "1"), ("B/2", "0"), ("B/2", "1")):
        planes[f"{well}/{field}"] = RNG.integers(0, 999, STACK.shape).astype(np.uint16)
        write(path / well / field, version, planes[f"{well}/{field}"])
    with pytest.raises(AxisChoiceError, match=r"has 4 scenes \(0: A/1/0, 1: A/1/1, 2: B/2/0, 3: B/2/1\)"):
        imread(path)
    for scene, stack in planes.items():
        np.testing.assert_array_equal(imread(path, scene=scene, channel=1, plane=2), stack[1, 2])
        assert pixel_size(path, scene) == pytest.approx((0.5, 0.25))
    np.testing.assert_array_equal(
        imread(path / "B" / "2", scene="1", channel=0, plane=0), planes["B/2/1"][0, 0]
    )


def test_label_images_of_a_store_are_scenes_of_their_folder(tmp_path, version):
    path = write(tmp_path / "a.zarr", version)
    labels = RNG.integers(0, 9, (64, 80)).astype(np.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        group = zarr.open_group(path, mode="r+")
        ome_zarr.writer.write_labels(labels, group, "nuclei", axes="yx", fmt=FORMATS[version])
    np.testing.assert_array_equal(imread(path / "labels"), labels)
    np.testing.assert_array_equal(imread(path / "labels" / "nuclei"), labels)


def test_without_zarr_the_message_says_what_to_install(tmp_path, version, monkeypatch):
    path = write(tmp_path / "a.zarr", version)
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(ImageError, match=r"needs one more package: pip install 'superdsm_nb\[zarr\]'\.$"):
        imread(path, channel=0, plane=0)
    with pytest.raises(ConfigError, match=r"needs one more package: pip install 'superdsm_nb\[zarr\]'\.$"):
        save_zarr(tmp_path / "b.zarr", STACK[0, 0])


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    "outside", ["../b.zarr/0", "/etc", "0/../../b.zarr/0", "", ".", "a\\b", "C:", 7, None]
)
def test_paths_out_of_a_store_are_refused(tmp_path, version, outside):
    path = write(tmp_path / "a.zarr", version)
    write(tmp_path / "b.zarr", version)

    def edit(content):
        ome(content)["multiscales"][0]["datasets"][0]["path"] = outside

    change(metadata_file(path, version), edit)
    with pytest.raises(ImageError, match="which is not inside of it"):
        imread(path, channel=0, plane=0)


def test_links_in_a_store_are_refused(tmp_path, version):
    path = write(tmp_path / "a.zarr", version)
    chunk = path / "0" / ("c/0/0/0/0" if version == "0.5" else "0/0/0/0")
    chunk.rename(tmp_path / "chunk")
    chunk.symlink_to(tmp_path / "chunk")
    with pytest.raises(ImageError, match="which is a link or no file, and is not followed"):
        imread(path, channel=0, plane=0)
    with pytest.raises(OSError, match="is a link or no file"):
        file_digest(path)
    shutil.move(path / "0", tmp_path / "moved")
    (path / "0").symlink_to(tmp_path / "moved")
    with pytest.raises(ImageError, match="holds the link 0, which is not followed"):
        imread(path, channel=0, plane=0)


@pytest.mark.parametrize(
    "codec", ["pickle", "json2", "vlen-utf8", "imagecodecs_jpeg", "numcodecs.pickle", None, []]
)
def test_codecs_that_could_run_code_are_refused(tmp_path, version, codec):
    path = write(tmp_path / "a.zarr", version)

    def edit(content):
        if version == "0.4":
            content["filters"] = [{"id": codec}]
        else:
            content["codecs"] = [{"name": codec}]

    change(path / "0" / (".zarray" if version == "0.4" else "zarr.json"), edit)
    with pytest.raises(ImageError, match=r"which is not read|damaged"):
        imread(path, channel=0, plane=0)


@pytest.mark.parametrize("kind", ["|O", "<U4", "<M8[ns]", "string", [["a", "<u2"]], None])
def test_what_is_not_numbers_is_refused(tmp_path, version, kind):
    path = write(tmp_path / "a.zarr", version)
    file = path / "0" / (".zarray" if version == "0.4" else "zarr.json")
    change(file, lambda content: content.update(dtype=kind, data_type=kind))
    with pytest.raises(ImageError, match="not numbers"):
        imread(path, channel=0, plane=0)


def test_huge_planes_and_chunks_are_refused_before_they_are_decoded(tmp_path, version):
    path = write(tmp_path / "a.zarr", version)
    file = path / "0" / (".zarray" if version == "0.4" else "zarr.json")
    change(file, lambda content: content.update(shape=[2, 3, 10**7, 10**7]))
    with pytest.raises(ImageError, match="more than the limit"):
        imread(path, channel=0, plane=0)

    def enlarge(content):
        content.update(shape=[2, 3, 64, 80], chunks=[10**6, 10**6, 32, 32])
        content.get("chunk_grid", {}).get("configuration", {}).update(chunk_shape=[10**6, 10**6, 32, 32])

    change(file, enlarge)
    with pytest.raises(ImageError, match="which are too large"):
        imread(path, channel=0, plane=0)

    def shatter(content):
        content.update(shape=[2, 3, 4096, 4096], chunks=[1, 1, 1, 1])
        content.get("chunk_grid", {}).get("configuration", {}).update(chunk_shape=[1, 1, 1, 1])

    change(file, shatter)
    with pytest.raises(ImageError, match="which are too many"):
        imread(path, channel=0, plane=0)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "7", '{"multiscales": 3}', '{"multiscales": [3]}', "[" * 100_000]
)
def test_hostile_metadata_are_refused(tmp_path, version, text):
    path = write(tmp_path / "a.zarr", version)
    name = metadata_file(path, version)
    is_inner = version == "0.5" and text.startswith('{"')
    name.write_text(f'{{"attributes": {{"ome": {text}}}, "node_type": "group"}}' if is_inner else text)
    with pytest.raises(ImageError):
        imread(path, channel=0, plane=0)


@pytest.mark.parametrize("level", ["0.1", "0.6", 5])
def test_other_versions_are_refused_by_name(tmp_path, version, level):
    path = write(tmp_path / "a.zarr", version)

    def edit(content):
        ome(content)["version"] = level

    change(metadata_file(path, version), edit)
    with pytest.raises(ImageError, match=rf"is OME-Zarr of version {level}; 0\.4 and 0\.5 are read"):
        imread(path, channel=0, plane=0)


def test_other_folders_are_refused(tmp_path, version):
    path = tmp_path / "a.zarr"
    path.mkdir()
    with pytest.raises(ImageError, match="is a folder, not an image"):
        imread(path)
    zarr.create_array(path, shape=(4, 4), dtype="u1", zarr_format=FORMATS[version].zarr_format)
    with pytest.raises(ImageError, match="is a Zarr store without an OME-Zarr image"):
        imread(path)
