"""OME-Zarr in an object store and on a web server: what is read and written, and what is refused."""

from __future__ import annotations

import json
import os
import shutil

import numpy as np
import pytest

from superdsm_nb import segment_file, write_outputs
from superdsm_nb.errors import ConfigError, ImageError, OutputError, SuperDSMError
from superdsm_nb.io import Address, Source, imread, imsave, pixel_size, place_of, save_zarr
from superdsm_nb.io.fetching import files_of
from superdsm_nb.tiles import segment_tiles

from support.command_line import assert_failed, assert_one_sentence
from support.objectstores import KEYS, endless, free_port, object_store, web_server
from support.trees import write_images
from support.zarrstores import FORMATS, STACK, change, metadata_file, write

pytestmark = [
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def _image(folder):
    write_images(folder, ["a"])
    return folder / "a.tif"


@pytest.fixture(scope="module")
def connected():
    """An object store with a bucket, and the file system it is on."""
    import s3fs

    with object_store() as endpoint, pytest.MonkeyPatch.context() as patch:
        for name, value in {**KEYS, "AWS_ENDPOINT_URL": endpoint}.items():
            patch.setenv(name, value)
        s3fs.S3FileSystem.clear_instance_cache()
        files = files_of(place_of("s3://bucket"))
        files.mkdir("bucket")
        yield files
        s3fs.S3FileSystem.clear_instance_cache()


@pytest.fixture
def bucket(connected):
    """The file system, and an address below which nothing is."""
    return connected, f"s3://bucket/{os.urandom(6).hex()}"


@pytest.fixture
def server(tmp_path):
    with web_server(tmp_path) as found:
        yield found


@pytest.mark.parametrize("version", FORMATS)
def test_a_store_is_read_where_it_is(tmp_path, bucket, server, version):
    files, base = bucket
    path = write(tmp_path / "a.zarr", version)
    files.put(str(path), f"{base}/in/a.zarr", recursive=True)
    for address in (f"{base}/in/a.zarr", f"{server.address}/a.zarr/"):
        np.testing.assert_array_equal(imread(address, channel="GFP", plane=2), STACK[1, 2])
        assert pixel_size(address) == pytest.approx((0.5, 0.25))
        loaded = Source(place_of(address), channel=0, plane=1).load()
        np.testing.assert_array_equal(loaded.pixels, STACK[0, 1])
        assert loaded.sha256 is None
        assert loaded.name == "a.zarr"
    chunks = {asked for asked in server.asked if asked.startswith("/a.zarr/0/") and "/." not in asked}
    chunks = {asked for asked in chunks if not asked.endswith("zarr.json")}
    assert len(chunks) == 2 * 6, "the chunks of the chosen planes only"


@pytest.mark.parametrize("kind", ["bucket", "server"])
def test_parts_of_shards_are_read(tmp_path, bucket, server, kind):
    import zarr

    path = write(tmp_path / "a.zarr", "0.5")
    shutil.rmtree(path / "0")
    zarr.create_array(
        *(path / "0",), shape=STACK.shape, dtype="u2", chunks=(1, 1, 16, 16), shards=(1, 1, 64, 80)
    )[...] = STACK
    files, base = bucket
    files.put(str(path), f"{base}/a.zarr", recursive=True)
    address = f"{base if kind == 'bucket' else server.address}/a.zarr"
    np.testing.assert_array_equal(imread(address, channel=1, plane=2), STACK[1, 2])


@pytest.mark.parametrize("version", FORMATS)
def test_what_is_written_to_a_bucket_is_read_and_replaced(tmp_path, bucket, monkeypatch, version):
    files, base = bucket
    address = f"{base}/new/labels.ome.zarr"
    large = np.arange(600 * 700, dtype=np.uint32).reshape(600, 700)
    save_zarr(address, large, labels=True, version=version)
    small = large[:50, :40]
    uploaded, own = [], files_of(place_of(address))
    put = own.put

    def noted(found, places):
        uploaded.extend(places)
        put(found, places)

    monkeypatch.setattr(own, "put", noted)
    save_zarr(address, small, labels=True, version=version)
    np.testing.assert_array_equal(imread(address), small)
    assert not files.exists(f"{address}/1"), "nothing of the larger one is left"
    last = {"0.4": [".zattrs", ".zgroup"], "0.5": ["zarr.json"]}[version]
    assert [place.removeprefix(f"{address}/") for place in uploaded[-len(last) :]] == last

    def fails_later(found, places):
        if any(name in places[0] for name in last):
            raise OSError("the connection is lost")
        put(found, places)

    monkeypatch.setattr(own, "put", fails_later)
    with pytest.raises(OutputError, match="cannot be written: the connection is lost"):
        save_zarr(address, large, labels=True, version=version)
    with pytest.raises(ImageError, match="There is no OME-Zarr at"):
        imread(address)


@pytest.mark.parametrize("taken", ["a.txt", "a.zarr/zarr.json", "a.zarr/mine.txt"])
def test_nothing_of_others_is_replaced(bucket, taken):
    files, base = bucket
    files.pipe_file(f"{base}/{taken}", b'{"attributes": {}}')
    address = f"{base}/{taken.partition('/')[0]}".replace("a.txt", "a.txt.zarr")
    labels = np.ones((20, 20), np.uint16)
    if taken == "a.txt":
        save_zarr(address, labels, labels=True)
    else:
        with pytest.raises(OutputError, match="was not written by superdsm_nb"):
            save_zarr(address, labels, labels=True)
    assert files.cat_file(f"{base}/{taken}") == b'{"attributes": {}}'


def test_the_tiles_of_an_image_are_drawn_for_an_address(tmp_path, bucket, monkeypatch):
    _, base = bucket
    monkeypatch.setattr("superdsm_nb.automatic.sample.LARGE", 10_000)
    monkeypatch.chdir(tmp_path)
    image = np.tile(imread(_image(tmp_path)), (3, 3))
    save_zarr(f"{base}/a.ome.zarr", image)
    save_zarr("a.ome.zarr", image)
    for path in (f"{base}/a.ome.zarr", "a.ome.zarr"):
        labels = path.replace("a.ome", "labels.ome")
        result = segment_tiles(path, labels, tile=1000, diameter=20, workers=1)

    assert result.object_count == imread("labels.ome.zarr").max() > 3
    np.testing.assert_array_equal(imread(f"{base}/labels.ome.zarr"), imread("labels.ome.zarr"))
    assert not list(tmp_path.glob(".*"))


def test_the_command_reads_and_writes_addresses(tmp_path, bucket, run):
    files, base = bucket
    image = imread(_image(tmp_path))
    save_zarr(f"{base}/a.ome.zarr", image)
    save_zarr(tmp_path / "b.zarr", image)
    local = run("segment", tmp_path / "b.zarr", "-o", tmp_path / "b.tif", "--diameter", 20)
    assert local.code == 0
    address = f"{base}/out/labels.ome.zarr"
    outcome = run("segment", f"{base}/a.ome.zarr", "-o", address, "--diameter", 20, "--json")
    assert outcome.code == 0, outcome.err
    assert json.loads(outcome.out)["outputs"]["seg"] == address
    labels = imread(address)
    np.testing.assert_array_equal(labels, imread(tmp_path / "b.tif"))
    provenance = json.loads(files.cat_file(f"{address}/zarr.json"))["attributes"]["superdsm_nb"]
    assert provenance["image"] == "a.ome.zarr"
    assert provenance["image_sha256"] is None
    images, table = (tmp_path / "b.zarr", tmp_path / "a.tif"), tmp_path / "t.csv"
    outcome = run("segment", *images, "-o", f"{base}/all", "--diameter", 20, "--csv", table)
    assert outcome.code == 0, outcome.err
    np.testing.assert_array_equal(imread(f"{base}/all/b.zarr"), labels)
    result = segment_file(f"{base}/a.ome.zarr", diameter=20)
    with pytest.raises(OutputError, match="only OME-Zarr"):
        write_outputs(result, {"overlay": f"{base}/a.png"})


def test_what_is_wrong_is_one_sentence(tmp_path, bucket, run, monkeypatch):
    _, base = bucket
    monkeypatch.chdir(tmp_path)
    save_zarr(f"{base}/a.zarr", np.zeros((64, 64), np.uint16))
    for words, code, image, *others in [
        ("only OME-Zarr", 1, "BASE/a.zarr", "BASE/l.png"),
        ("would overwrite the image", 2, "BASE/a.zarr", "BASE/a.zarr"),
        ("only OME-Zarr", 1, "BASE/a.zarr", "l.tif", "--overlay", "BASE/o.png"),
        ("only OME-Zarr", 1, "BASE/a.zarr", "l.tif", "--csv", "BASE/o.csv"),
        ("only read", 1, "BASE/a.zarr", "https://127.0.0.1/l.zarr"),
        ("There is no OME-Zarr at", 1, "BASE/none.zarr", "l.tif"),
        ("no bucket", 1, "s3://no-such-bucket-at-all/a.zarr", "l.tif"),
        ("bucket", 1, "BASE/a.zarr", "s3://no-such-bucket-at-all/l.zarr"),
    ]:
        arguments = [each.replace("BASE", base) for each in (image, "-o", *others)]
        assert_one_sentence(run("segment", "--quiet", *arguments), words, code=code)
    assert not list(tmp_path.iterdir())


def test_a_store_that_cannot_be_reached_is_one_sentence(tmp_path, bucket, run, monkeypatch):
    import s3fs

    _, base = bucket
    target = ("-o", tmp_path / "l.tif", "--quiet")
    before = dict(s3fs.S3FileSystem._cache)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    s3fs.S3FileSystem.clear_instance_cache()
    assert_failed(run("segment", f"{base}/a.zarr", *target), "there is no connection")
    assert_failed(run("segment", _image(tmp_path), "-o", f"{base}/l.zarr", "--quiet"), "no connection")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    s3fs.S3FileSystem.clear_instance_cache()
    assert_failed(run("segment", f"{base}/a.zarr", *target), "there are no credentials", "FSSPEC_S3_ANON")
    s3fs.S3FileSystem._cache.clear()
    s3fs.S3FileSystem._cache.update(before)


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({".json": 404, ".zattrs": 404}, "There is no OME-Zarr at"),
        ({".json": 403, ".zattrs": 403}, "access is denied"),
        ({".zattrs": 401, ".json": 404}, "access is denied"),
        ({".json": 500}, "the server answers 500"),
        ({"0/zarr.json": 404, "0/.zarray": 404}, "is damaged or incomplete"),
        ({"/c/0/0": 500}, "the server answers 500"),
        ({"/c/0/0": 403}, "access is denied"),
        ({"/zarr.json": endless}, "is not JSON"),
        ({"/c/0/0": endless}, "larger than what it can contain"),
    ],
)
def test_answers_of_a_server_that_are_of_no_use(tmp_path, server, monkeypatch, answers, words):
    monkeypatch.setattr("superdsm_nb.io.fetching.WAIT", 0.0)
    monkeypatch.setattr("superdsm_nb.io.zarrnodes.MAX_METADATA", 2**20)
    save_zarr(tmp_path / "a.zarr", np.ones((40, 40), np.uint16))
    server.answers = answers
    with pytest.raises(ImageError, match=words):
        imread(f"{server.address}/a.zarr")
    assert getattr(server, "sent", 0) < 2**27, "the connection is closed at the limit"


def test_a_server_that_denies_what_is_not_there_is_read(tmp_path, server):
    save_zarr(tmp_path / "a.zarr", np.ones((40, 40), np.uint16), version="0.4")
    server.answers = {"zarr.json": 403}
    assert imread(f"{server.address}/a.zarr").all()


def test_a_busy_server_is_asked_again(tmp_path, server, monkeypatch):
    monkeypatch.setattr("superdsm_nb.io.fetching.WAIT", 0.0)
    save_zarr(tmp_path / "a.zarr", np.ones((40, 40), np.uint16))

    def busy_once(handler):
        handler.server.answers = {}
        handler.send_error(503)

    server.answers = {"/c/0/0": busy_once}
    assert imread(f"{server.address}/a.zarr").all()


@pytest.mark.parametrize("version", FORMATS)
@pytest.mark.parametrize("name", ["http://127.0.0.1:9/0", "..", "../b.zarr/0", "s3://bucket/0", "a::b", "/0"])
def test_metadata_lead_nowhere_else(tmp_path, server, version, name):
    path = write(tmp_path / "a.zarr", version)
    write(tmp_path / "b.zarr", version)

    def lead_away(content):
        found = content.get("attributes", {}).get("ome", content)
        found["multiscales"][0]["datasets"][0]["path"] = name

    change(metadata_file(path, version), lead_away)
    with pytest.raises(ImageError, match="not inside of it"):
        imread(f"{server.address}/a.zarr", channel=0, plane=0)
    assert all(asked.startswith("/a.zarr/") for asked in server.asked)


def test_what_is_too_large_is_refused_before_it_is_fetched(tmp_path, server, monkeypatch):
    save_zarr(tmp_path / "a.zarr", np.ones((40, 40), np.uint16))
    monkeypatch.setenv("SUPERDSM_NB_MAX_PIXELS", "1000")
    with pytest.raises(ImageError, match="more than the limit of 1000 pixels"):
        imread(f"{server.address}/a.zarr")
    assert not any("/c/" in asked for asked in server.asked)


def test_a_task_file_reaches_no_network(tmp_path, server, run):
    save_zarr(tmp_path / "a.zarr", np.ones((40, 40), np.uint16))
    task = tmp_path / "root" / "task"
    task.mkdir(parents=True)
    address, files = f"{server.address}/%s.zarr", {"img_pathpattern": f"{tmp_path}/%s.zarr"}
    fields = {"runnable": True, "file_ids": ["a"], "seg_pathpattern": "seg/%s.png"}
    for name, others in {
        "img_pathpattern": {"img_pathpattern": address},
        "img_pathpattern ": {"img_pathpattern": address, "file_ids": "*"},
        "measure": {**files, "measure": [address]},
        "seg_pathpattern": {**files, "seg_pathpattern": address.replace(".zarr", ".png")},
    }.items():
        (task / "task.json").write_text(json.dumps(fields | others))
        outcome = run("batch", tmp_path / "root", "--run")
        assert outcome.code == 2
        assert f"{name.strip()} '{address[:-5]}" in outcome.err
        assert "is an address, but tasks read and write files only" in outcome.err
    assert not server.asked


@pytest.mark.parametrize(
    "text",
    [
        "ftp://server/a.zarr",
        "file:///etc/a.zarr",
        "simplecache::s3://bucket/a.zarr",
        "s3://bucket/a.zarr?secret=1",
        "https://name:secret@server/a.zarr",
        "s3://",
        "s3://bucket//a.zarr",
        "s3://bucket/../a.zarr",
        "s3://bucket/*.zarr",
        "github://owner:repo@main/a.zarr",
    ],
)
def test_what_is_no_address_is_refused_without_its_secrets(text, run):
    with pytest.raises(ConfigError) as caught:
        imread(text)
    assert "secret" not in str(caught.value)
    outcome = run("segment", text, "-o", "l.tif")
    assert outcome.code == 2
    assert "Traceback" not in outcome.err
    assert "secret" not in outcome.err


def test_a_path_is_no_address(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert not isinstance(place_of("a:b/c.tif"), Address)
    with pytest.raises(OutputError, match="only OME-Zarr"):
        imsave("s3://bucket/a.png", np.ones((20, 20), np.uint8))
    assert not list(tmp_path.iterdir())


def test_without_the_packages_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "fsspec", None)
    with pytest.raises(SuperDSMError, match=r"superdsm_nb\[remote\]"):
        imread("s3://bucket/a.zarr")
