"""OME-Zarr: what ome-zarr-py writes is read and the other way round; nothing leads out of a store."""

from __future__ import annotations

import json
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

from superdsm_nb import segment_file, write_outputs
from superdsm_nb.batch.lock import sweep
from superdsm_nb.errors import AxisChoiceError, ConfigError, ImageError, OutputError
from superdsm_nb.io import (
    PixelSize,
    file_digest,
    imread,
    is_image,
    pixel_size,
    save_zarr,
    writing_inside,
)

from support.trees import run_tree, write_task

RNG = np.random.default_rng(0)
STACK = RNG.integers(0, 65535, (2, 3, 64, 80)).astype(np.uint16)  # channels, planes, rows, columns
FORMATS = {"0.4": ome_zarr.format.FormatV04(), "0.5": ome_zarr.format.FormatV05()}
NAMES = ("DAPI", "GFP")
AXES = [
    {"name": "c", "type": "channel"},
    {"name": "z", "type": "space", "unit": "micrometer"},
    {"name": "y", "type": "space", "unit": "micrometer"},
    {"name": "x", "type": "space", "unit": "nanometer"},
]
# ome-zarr-py and zarr leave files open, and warn of what they change.
pytestmark = [
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.parametrize("version", FORMATS),
]


def write(folder, version, stack=STACK):
    """Write an image of ome-zarr-py with names, a pixel size of 0.5 x 0.25 micrometres and a pyramid."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        group = zarr.open_group(folder, mode="w", zarr_format=FORMATS[version].zarr_format)
        scales = [[1.0, 1.0, 0.5 * 2**level, 250.0 * 2**level] for level in range(5)]
        window = {"start": 0, "end": 1, "min": 0, "max": 1}
        channels = [{"label": name, "color": "FF0000", "window": window} for name in NAMES]
        ome_zarr.writer.write_image(
            *(stack, group),
            axes=AXES,
            fmt=FORMATS[version],
            coordinate_transformations=[[{"type": "scale", "scale": scale}] for scale in scales],
            metadata={"omero": {"channels": channels}},
            storage_options={"chunks": (1, 1, 32, 32)},
        )
    return folder


def metadata_file(folder, version):
    return folder / ("zarr.json" if version == "0.5" else ".zattrs")


def change(file, edit):
    """Change a file of metadata."""
    content = json.loads(file.read_text())
    edit(content)
    file.write_text(json.dumps(content))


def ome(content):
    """The OME metadata in those of a folder."""
    return content.get("attributes", {}).get("ome", content)


# ---------------------------------------------------------------- reading


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


# ---------------------------------------------------------------- writing


@pytest.mark.parametrize("labels", [True, False])
def test_what_is_written_ome_zarr_py_reads(tmp_path, version, labels):
    image = RNG.integers(0, 70_000, (3, 700, 520)).astype(np.uint32)
    path = tmp_path / "new" / "a.ome.zarr"
    save_zarr(
        *(path, image),
        axes="cyx",
        labels=labels,
        provenance={"scale": 11.5, "gap": float("inf")},
        pixel_size=PixelSize(0.5, 0.25),
        channel_names=["A", "B", "C"],
        version=version,
    )
    location = ome_zarr.io.parse_url(path, fmt=FORMATS[version])
    node = next(iter(ome_zarr.reader.Reader(location)()))
    assert [each.shape for each in node.data] == [(3, 700, 520), (3, 350, 260), (3, 175, 130)]
    np.testing.assert_array_equal(np.asarray(node.data[0]), image)
    second = np.asarray(node.data[1])
    if labels:
        np.testing.assert_array_equal(second, image[:, ::2, ::2])
    else:
        mean = image.reshape(3, 350, 2, 260, 2).astype(float).mean(axis=(2, 4))
        np.testing.assert_allclose(second, mean, atol=0.5)
    assert node.metadata["axes"][0] == {"name": "c", "type": "channel"}
    assert node.metadata["coordinateTransformations"][1][0]["scale"] == [1.0, 1.0, 0.5]
    content = json.loads(metadata_file(path, version).read_text())
    known = content["attributes"]["superdsm_nb"] if version == "0.5" else content["superdsm_nb"]
    assert known["scale"] == 11.5
    assert ("image-label" in ome(content)) == labels
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("dtype", ["u1", "u2", "u4", "i4"])
def test_what_is_written_is_read(tmp_path, version, dtype):
    image = RNG.integers(0, 200, (2, 30, 20)).astype(dtype)
    path = tmp_path / "a.zarr"
    save_zarr(path, image, axes="tyx", labels=True, pixel_size=PixelSize(0.5, 0.25), version=version)
    np.testing.assert_array_equal(imread(path, time=1), image[1])
    assert imread(path, time=1).dtype == dtype
    assert pixel_size(path) == (0.5, 0.25)


def test_the_same_is_written_each_time(tmp_path, version):
    digests = set()
    for name in ("a.zarr", "a.zarr", "b/a.zarr"):
        save_zarr(tmp_path / name, STACK[0, 0], labels=True, provenance={"a": 1}, version=version)
        digests.add(file_digest(tmp_path / name))
    assert len(digests) == 1


def test_the_version_is_chosen_by_the_environment(tmp_path, version, monkeypatch):
    monkeypatch.setenv("SUPERDSM_NB_OME_ZARR", version)
    save_zarr(tmp_path / "a.zarr", STACK[0, 0])
    assert metadata_file(tmp_path / "a.zarr", version).is_file()
    monkeypatch.setenv("SUPERDSM_NB_OME_ZARR", "0.1")
    with pytest.raises(ConfigError, match=r"SUPERDSM_NB_OME_ZARR must be 0\.4 or 0\.5"):
        save_zarr(tmp_path / "b.zarr", STACK[0, 0])


def test_a_folder_that_was_not_written_here_is_never_replaced(tmp_path, version):
    path = write(tmp_path / "a.zarr", version)
    before = file_digest(path)
    with pytest.raises(OutputError, match="it is there, and was not written by superdsm_nb"):
        save_zarr(path, STACK[0, 0], version=version)
    assert file_digest(path) == before
    save_zarr(tmp_path / "b.zarr", STACK[0, 0], version=version)
    (tmp_path / "b.zarr" / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match="it is there"):
        save_zarr(tmp_path / "b.zarr", STACK[0, 1], version=version)
    (tmp_path / "c.zarr").mkdir()
    with pytest.raises(OutputError, match="it is there"):
        save_zarr(tmp_path / "c.zarr", STACK[0, 1], version=version)


def test_a_store_that_cannot_be_completed_leaves_nothing_behind(tmp_path, version, monkeypatch):
    save_zarr(tmp_path / "a.zarr", STACK[0, 0], version=version)

    def fail(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("superdsm_nb.io.zarrwriting._replace", fail)
    with pytest.raises(OutputError, match=r"cannot be written: No space left on device\.$"):
        save_zarr(tmp_path / "a.zarr", STACK[0, 1], version=version)
    assert list(tmp_path.iterdir()) == [tmp_path / "a.zarr"]
    np.testing.assert_array_equal(imread(tmp_path / "a.zarr"), STACK[0, 0])


@pytest.mark.parametrize(
    ("image", "options"),
    [
        (STACK[0, 0], {"axes": "xy"}),
        (STACK[0, 0], {"axes": "zyx"}),
        (STACK[0], {"axes": "qyx"}),
        (STACK[0, 0].astype(float), {"labels": True}),
        (STACK[0, 0] > 5, {}),
        (STACK[0, 0, :0], {}),
    ],
)
def test_what_a_store_cannot_hold_is_refused(tmp_path, version, image, options):
    with pytest.raises(ImageError, match="cannot hold an image of"):
        save_zarr(tmp_path / "a.zarr", image, version=version, **options)


# ---------------------------------------------------------------- commands


def test_a_store_is_segmented_into_a_store_and_scored(run, tmp_path, version, sample, monkeypatch):
    monkeypatch.setenv("SUPERDSM_NB_OME_ZARR", version)
    images, target = tmp_path / "images", tmp_path / "labels.ome.zarr"
    save_zarr(images / "a.ome.zarr", sample.image, pixel_size=PixelSize(0.5, 0.5))
    for _ in range(2):
        outcome = run("segment", images / "a.ome.zarr", "-o", target, "--set", "AF_scale=11")
        assert outcome.code == 0, outcome.err
    labels = imread(target)
    np.testing.assert_array_equal(labels, segment_file(images / "a.ome.zarr", {"AF_scale": 11}).labels)
    content = json.loads(metadata_file(target, version).read_text())
    known = content["attributes"]["superdsm_nb"] if version == "0.5" else content["superdsm_nb"]
    assert known["image"] == "a.ome.zarr"
    assert known["image_sha256"] == file_digest(images / "a.ome.zarr")
    assert pixel_size(target) == (0.5, 0.5)
    assert run("segment", images, "-o", tmp_path / "pngs", "--set", "AF_scale=11").code == 0
    np.testing.assert_array_equal(imread(tmp_path / "pngs" / "a.ome.png"), labels)
    scored = run("score", target, tmp_path / "pngs" / "a.ome.png", "--json")
    assert scored.code == 0, scored.err
    assert json.loads(scored.out)["labels.ome.zarr"]["seg"] == 1


def test_a_command_does_not_replace_the_image_or_a_strange_folder(
    run, tmp_path, version, sample, monkeypatch
):
    monkeypatch.setenv("SUPERDSM_NB_OME_ZARR", version)
    image = tmp_path / "a.zarr"
    save_zarr(image, sample.image)
    outcome = run("segment", image, "-o", image)
    assert (outcome.code, "would overwrite the image" in outcome.err) == (2, True)
    (tmp_path / "b.zarr").mkdir()
    outcome = run("segment", image, "-o", tmp_path / "b.zarr")
    assert "it is there, and was not written by superdsm_nb" in outcome.err
    outcome = run("segment", image, "-o", tmp_path / "c.png", "--overlay", tmp_path / "d.zarr")
    assert (outcome.code, "must end in .png, .tif or .tiff" in outcome.err) == (2, True)


def test_labels_of_a_stack_become_one_store(tmp_path, version, sample, monkeypatch):
    from superdsm_nb import segment_stack

    monkeypatch.setenv("SUPERDSM_NB_OME_ZARR", version)
    save_zarr(tmp_path / "a.zarr", np.stack([sample.image, sample.image[::-1]]), axes="zyx")
    from superdsm_nb.io import Source

    stack = segment_stack(Source(tmp_path / "a.zarr", plane="all"), {"AF_scale": 11})
    write_outputs(stack, {"seg": tmp_path / "labels.zarr"})
    for plane in (0, 1):
        np.testing.assert_array_equal(imread(tmp_path / "labels.zarr", plane=plane), stack.labels[plane])


def test_a_task_reads_stores_that_its_pattern_matches_and_writes_stores(
    tmp_path, version, sample, monkeypatch
):
    monkeypatch.setenv("SUPERDSM_NB_OME_ZARR", version)
    for name in ("a", "b"):
        save_zarr(tmp_path / "images" / f"{name}.zarr", sample.image)
    fields = {
        "runnable": True,
        "img_pathpattern": "{ROOTDIR}/images/%s.zarr",
        "seg_pathpattern": "labels/%s.zarr",
        "file_ids": "*",
        "num_cpus": 1,
        "config": {"AF_scale": 11},
    }
    write_task(tmp_path / "task", **fields)
    assert run_tree(tmp_path)[0] == 0
    for name in ("a", "b"):
        np.testing.assert_array_equal(
            imread(tmp_path / "task" / "labels" / f"{name}.zarr"),
            segment_file(tmp_path / "images" / "a.zarr", {"AF_scale": 11}).labels,
        )
    before = file_digest(tmp_path / "task" / "labels")
    assert run_tree(tmp_path)[0] == 0
    assert file_digest(tmp_path / "task" / "labels") == before
    save_zarr(tmp_path / "images" / "b.zarr", sample.image[::-1].copy())
    assert run_tree(tmp_path)[0] == 0
    np.testing.assert_array_equal(
        imread(tmp_path / "task" / "labels" / "b.zarr"),
        segment_file(tmp_path / "images" / "b.zarr", {"AF_scale": 11}).labels,
    )


def test_a_store_is_not_written_through_a_link_in_the_folder_of_a_task(tmp_path, version):
    (tmp_path / "task").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "task" / "labels").symlink_to(tmp_path / "elsewhere")
    with (
        writing_inside(tmp_path / "task"),
        pytest.raises(OutputError, match="is a link, and none is followed"),
    ):
        save_zarr(tmp_path / "task" / "labels" / "a.zarr", STACK[0, 0], version=version)
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_store_that_a_killed_run_left_unfinished_is_removed(tmp_path, version, monkeypatch):
    def die(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("superdsm_nb.io.zarrwriting._replace", die)
    monkeypatch.setattr("superdsm_nb.io.zarrwriting.shutil.rmtree", lambda *_, **__: None)
    with pytest.raises(KeyboardInterrupt):
        save_zarr(tmp_path / "a.zarr", STACK[0, 0], version=version)
    monkeypatch.undo()
    (left,) = tmp_path.iterdir()
    assert left.is_dir()
    sweep([tmp_path])
    assert not list(tmp_path.iterdir())
