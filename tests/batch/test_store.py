"""Stored results come back as they were, are equal files for equal results, and are data only."""

from __future__ import annotations

import io
import json
import math
import pickle
import tracemalloc
import zipfile

import numpy as np
import pytest

from superdsm_nb.automation import process_image
from superdsm_nb.batch import store
from superdsm_nb.config import Config
from superdsm_nb.errors import StoredResultError
from superdsm_nb.events import LogLine, ObjectDiscarded
from superdsm_nb.pipeline import create_default_pipeline
from superdsm_nb.results.tables import OBJECT_COLUMNS

from support.trees import SHAPE

STAGES = [stage.name for stage in create_default_pipeline().stages]


@pytest.fixture(scope="module")
def result(sample):
    """A pipeline data object and the configuration that was used."""
    data, used, _ = process_image(create_default_pipeline(), Config({"AF_scale": 11}), sample.image)
    return data, used


def header_of(used, **changes):
    fields = {
        "digest": "d" * 64,
        "image_sha256": "0" * 64,
        "source": {"channel": None, "plane": None},
        "config": used,
        "scale": 11.0,
        "last_stage": STAGES[-1],
        "remarks": {
            "preprocess": [LogLine("a line")],
            "postprocess": [ObjectDiscarded("it is a glare", 3, 4)],
        },
        "rows": [{**dict.fromkeys(OBJECT_COLUMNS, 1.0), "contrast": math.inf, "on_boundary": True}],
        "written": {"seg": "0" * 64},
    }
    return store.Header(**{**fields, **changes})


@pytest.fixture
def path(tmp_path, result):
    """A stored result."""
    data, used = result
    store.write(tmp_path / "results" / "a.npz", header_of(used), data)
    return tmp_path / "results" / "a.npz"


def rewritten(path, change):
    """Change the members of an archive; `change` gets a dictionary of their bytes."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def with_header(path, **changes):
    def change(members):
        fields = json.loads(members[store.HEADER])
        fields.update(changes)
        members[store.HEADER] = json.dumps(fields).encode()

    return rewritten(path, change)


def with_entries(path, edit):
    def change(members):
        fields = json.loads(members[store.HEADER])
        edit(fields["entries"])
        members[store.HEADER] = json.dumps(fields).encode()

    return rewritten(path, change)


def array_bytes(array, **options):
    buffer = io.BytesIO()
    np.save(buffer, array, **options)
    return buffer.getvalue()


def test_the_header_comes_back(path, result):
    header = store.read_header(path)
    assert header.config == result[1]
    assert header == header_of(result[1], entries=header.entries)
    assert header.performance == result[0]["performance"]


def test_label_images_seeds_and_adjacencies_come_back(path, result):
    data, _ = result
    stored = store.read(path, data["g_raw"].shape)
    for name in ("y_mask", "atoms", "clusters"):
        assert np.array_equal(stored[name], data[name])
        assert stored[name].dtype == data[name].dtype
    assert stored["seeds"] == [tuple(map(float, seed)) for seed in data["seeds"]]
    graph, original = stored["adjacencies"], data["adjacencies"]
    assert list(graph.get_edge_lines()) == list(original.get_edge_lines())
    assert [graph.get_cluster_label(atom) for atom in graph.atoms] == [
        original.get_cluster_label(atom) for atom in original.atoms
    ]


def figures(item):
    return (
        *(item.footprint, item.energy, item.on_boundary, item.is_optimal, item.pixels, item.fg_offset),
        *(item.fg_fragment.shape, item.fg_fragment.tobytes()),
    )


def test_objects_and_cover_come_back(path, result):
    data, _ = result
    stored = store.read(path, data["g_raw"].shape)
    assert [figures(item) for item in stored["objects"]] == [figures(item) for item in data["objects"]]
    solution = [figures(item) for item in data["cover"].solution]
    assert [figures(item) for item in stored["cover"].solution] == solution
    assert stored["cover"].beta == data["cover"].beta
    assert stored["cover"].costs == pytest.approx(data["cover"].costs, rel=1e-14)
    assert stored["cover"].gap == data["cover"].gap == 0


def test_postprocessed_objects_come_back_and_know_their_originals(path, result):
    data, _ = result
    stored = store.read(path, data["g_raw"].shape)
    assert len(stored["postprocessed_objects"]) == len(data["postprocessed_objects"]) > 0
    for ours, theirs in zip(stored["postprocessed_objects"], data["postprocessed_objects"], strict=True):
        assert (ours.norm_energy, ours.contrast, ours.eccentricity, ours.is_glare) == (
            *(theirs.norm_energy, theirs.contrast, theirs.eccentricity),
            theirs.is_glare,
        )
        assert np.array_equal(ours.fg_fragment, theirs.fg_fragment)
        assert ours.fg_offset == theirs.fg_offset
        assert figures(ours.original) == figures(theirs.original)
        assert any(ours.original is item for item in stored["objects"])


def test_equal_results_are_equal_files(path, tmp_path, result):
    store.write(tmp_path / "again.npz", header_of(result[1]), result[0])
    assert (tmp_path / "again.npz").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("last", STAGES[:-1])
def test_a_pipeline_that_ended_early_is_stored_as_far_as_it_came(tmp_path, sample, last):
    data, used, _ = process_image(
        create_default_pipeline(), Config({"AF_scale": 11}), sample.image, last_stage=last
    )
    store.write(tmp_path / "a.npz", header_of(used, last_stage=last), data)
    stored = store.read(tmp_path / "a.npz", sample.image.shape)
    left_out = {"g_raw", "g_rgb", "y", "dsm_cfg", "y_img", "scale"}
    assert set(stored) == set(data) - left_out


def test_what_is_no_archive_is_refused(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"not an archive")
    with pytest.raises(StoredResultError, match=r"The stored result .*a\.npz is damaged .*: it is not used"):
        store.read_header(tmp_path / "a.npz")


@pytest.mark.parametrize("place", [0.1, 0.5, 0.9])
def test_a_cut_file_is_refused(path, place):
    content = path.read_bytes()
    path.write_bytes(content[: int(place * len(content))])
    with pytest.raises(StoredResultError):
        store.read_header(path)


@pytest.mark.parametrize("seed", range(20))
def test_damaged_bytes_never_end_in_another_error(path, result, seed):
    rng = np.random.default_rng(seed)
    content = np.frombuffer(path.read_bytes(), np.uint8).copy()
    content[rng.integers(0, content.size, 8)] = rng.integers(0, 256, 8)
    path.write_bytes(content.tobytes())
    try:
        store.read(path, result[0]["g_raw"].shape, store.read_header(path))
    except StoredResultError as error:
        assert str(path) in str(error)  # noqa: PT017 - some damage is in bytes that nobody reads


def test_an_archive_of_a_version_to_come_is_refused(path, result):
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 6] = 117  # the version that is needed to extract the first member
    path.write_bytes(content)

    with pytest.raises(StoredResultError, match="damaged"):
        store.read_header(path)


def test_a_stored_result_that_would_run_code_when_loaded_runs_nothing(path, result, tmp_path):
    witness = tmp_path / "executed"

    class Evil:
        def __reduce__(self):
            return witness.touch, ()

    evil = np.array([Evil()], object)
    rewritten(path, lambda members: members.update({"atoms.npy": array_bytes(evil, allow_pickle=True)}))
    with pytest.raises(StoredResultError, match="damaged"):
        store.read(path, result[0]["g_raw"].shape)
    assert not witness.exists()
    pickle.loads(pickle.dumps(Evil()))  # the bait is a real one
    assert witness.exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 999}, "written by another version"),
        ({"scale": "x"}, "its scale is wrong"),
        ({"scale": -1.0}, "its scale is wrong"),
        ({"digest": 5}, "its header is wrong"),
        ({"remarks": []}, "its log is wrong"),
        ({"rows": {}}, "its table is wrong"),
        ({"written": None}, "its header is wrong"),
        ({"rows": [1]}, "its table is wrong"),
        ({"rows": [{"label": 1}]}, "its table is wrong"),
        ({"rows": [dict.fromkeys(OBJECT_COLUMNS, "=1+1")]}, "its table is wrong"),
        ({"remarks": {"scale": 5}}, "'int' object is not iterable"),
        ({"remarks": {"scale": [5]}}, "'int' object is not iterable"),
        ({"remarks": {"scale": [{"kind": "Event"}]}}, "there is no such event"),
        ({"written": {"seg": 1}}, "its header is wrong"),
        ({"scale": math.inf}, "its scale is wrong"),
        ({"config": {"preprocess": 5}}, "is a section of hyperparameters"),
        ({"config": {"postprocess": {"min_contrast": "x"}}}, "must be a number"),
        ({"entries": {"performance": {"x": 1}}}, "clusters"),
        ({"entries": {"performance": {"clusters": ["x"]}}}, "damaged"),
        ({"entries": {"performance": {"clusters": [], "iterative_object_count": "x"}}}, "damaged"),
        ({"config": []}, "A configuration is a mapping"),
        ({"surprise": 1}, "unexpected keyword"),
        ({"scale": 10**400}, "a number is too long"),
        ({"rows": [dict.fromkeys(OBJECT_COLUMNS, 10**400)]}, "a number is too long"),
    ],
)
def test_a_wrong_header_is_refused(path, changes, message):
    with pytest.raises(StoredResultError, match=message):
        store.read_header(with_header(path, **changes))


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((3, 3), np.int32), "atoms does not fit"),
        (np.zeros(SHAPE), "atoms does not fit"),
        (np.full(SHAPE, -1, np.int32), "inconsistent"),
        (np.full(SHAPE, 10**6, np.int32), "inconsistent"),
        (np.zeros(math.prod(SHAPE) * 17 + 2**20, np.uint8), "atoms is too large"),
    ],
)
def test_an_array_that_does_not_fit_the_image_is_refused(path, array, message):
    rewritten(path, lambda members: members.update({"atoms.npy": array_bytes(array)}))
    with pytest.raises(StoredResultError, match=message):
        store.read(path, SHAPE)


def test_a_seed_outside_of_the_image_is_refused(path, result):
    seeds = np.full((len(result[0]["seeds"]), 2), np.nan)
    rewritten(path, lambda members: members.update({"seeds.npy": array_bytes(seeds)}))
    with pytest.raises(StoredResultError, match="a seed is outside of the image"):
        store.read(path, SHAPE)


def test_a_small_file_never_takes_much_memory(path):
    bomb = b'{"rows": [' + b"[]," * 10_000_000 + b"[]]}"
    rewritten(path, lambda members: members.update({store.HEADER: bomb}))
    assert path.stat().st_size < 2**17
    tracemalloc.start()
    with pytest.raises(StoredResultError, match="its header is too long"):
        store.read_header(path)
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


def shift(entries):
    entries["objects"][0]["offset"] = [90, 110]
    entries["objects"][0]["shape"] = [20, 20]


@pytest.mark.parametrize(
    "edit",
    [
        lambda entries: entries["objects"][0].update(footprint=[999]),
        lambda entries: entries["objects"][0].update(footprint="abc"),
        lambda entries: entries["objects"][0].pop("energy"),
        lambda entries: entries.update(cover=[10**6]),
        lambda entries: entries["postprocessed"][0].update(original=10**6),
        lambda entries: entries["performance"].update(nonsense=1),
        lambda entries: entries["objects"].append(entries["objects"][0]),
        lambda entries: entries["objects"][entries["cover"][0]].update(pixels=0),
        lambda entries: entries["objects"][0].update(pixels=1.5),
        lambda entries: entries["objects"][0].update(offset=[1.0, 2]),
        lambda entries: entries.update(cover=[0] * 3),
        lambda entries: entries.update(cover=[-1]),
        lambda entries: entries.update(cover=[]),
        shift,
    ],
)
def test_entries_that_contradict_each_other_are_refused(path, edit):
    with pytest.raises(StoredResultError, match="damaged"):
        store.read(with_entries(path, edit), SHAPE)
