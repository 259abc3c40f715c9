"""A task segments stacks: all planes of each file, or a projection."""

from __future__ import annotations

import csv
import json
import tarfile

import numpy as np
import pytest
import tifffile

from superdsm_nb import segment, segment_stack
from superdsm_nb.io import imread, imsave_stack
from superdsm_nb.synthetic import generate

from support import naive
from support.trees import write_task

pytestmark = naive.compiled_only
FIELDS = {
    "runnable": True,
    "img_pathpattern": "{ROOTDIR}/images/%s.tif",
    "file_ids": ["a", "b"],
    "config": {"preset": "automatic", "diameter": 22},
}
PATTERNS = {
    "seg_pathpattern": "seg/%s.tif",
    "overlay_pathpattern": "overlay/%s.tif",
    "log_pathpattern": "log/%s.tgz",
}


@pytest.fixture
def planes():
    return np.stack([generate(seed, (96, 112), nuclei=3, radius=11).image for seed in range(3)])


@pytest.fixture
def root(tmp_path, planes):
    for name in "ab":
        pixels = planes if name == "a" else planes[:, ::-1]
        imsave_stack(tmp_path / "images" / f"{name}.tif", pixels.astype(np.uint16), ("time",), (3,))
    write_task(tmp_path, time="all", **FIELDS, **PATTERNS)
    return tmp_path


def test_a_task_writes_the_label_stacks_and_one_table(root, run, planes):
    assert run("batch", root, "--run").code == 0
    expected = segment_stack(planes.astype(np.uint16), axes="TYX", diameter=22)
    np.testing.assert_array_equal(tifffile.imread(root / "seg" / "a.tif"), expected.labels)
    assert tifffile.imread(root / "overlay" / "b.tif").shape == (3, 96, 112, 3)
    rows = list(csv.DictReader((root / "objects.csv").read_text().splitlines()))
    assert list(rows[0])[:3] == ["image", "time", "label"]
    own = [row for row in rows if row["image"] == "a"]
    assert [int(row["time"]) for row in own] == [row["time"] for row in expected.rows]
    assert [float(row["energy"]) for row in own] == [row["energy"] for row in expected.rows]
    assert (root / "report.html").read_text().count("data:image/") >= 2
    assert json.loads((root / "provenance.json").read_text())["images"]["a"]["objects"] == len(own)


def test_seconds_and_remarks_of_the_planes_are_told(root, run, planes):
    flat = planes.astype(np.uint16)
    flat[1] = 7
    imsave_stack(root / "images" / "b.tif", flat, ("time",), (3,))
    assert run("batch", root, "--run").code == 0
    rows = list(csv.DictReader((root / "timings.csv").read_text().splitlines()))
    assert list(rows[0]) == ["file_id", "planes", "writing"]
    assert all(float(row["planes"]) > 0 for row in rows)
    assert 'data-label="planes"' in (root / "report.html").read_text()
    with tarfile.open(root / "log" / "b.tgz") as log:
        text = log.extractfile("b/log.txt").read().decode()
    assert "planes: warning: time 1 is left empty: every pixel is the same" in text


def test_finished_stacks_are_skipped_and_altered_ones_made_anew(root, run):
    run("batch", root, "--run")
    first = (root / "seg" / "a.tif").read_bytes()
    assert "complete, nothing to do" in run("batch", root, "--run").out
    (root / "seg" / "a.tif").write_bytes(b"")
    outcome = run("batch", root, "--run", "--json")
    assert [json.loads(line)["file_id"] for line in outcome.out.splitlines()] == ["a"]
    assert (root / "seg" / "a.tif").read_bytes() == first


def test_a_change_of_the_projection_is_noticed(root, run, planes):
    run("batch", root, "--run")
    write_task(root, time="max", **FIELDS, **PATTERNS)
    assert run("batch", root, "--run").code == 0
    expected = segment(planes.max(0).astype(np.uint16), diameter=22)
    np.testing.assert_array_equal(imread(root / "seg" / "a.tif"), expected)


def test_a_derived_task_segments_the_stack_with_its_own_settings(root, run, planes):
    write_task(root / "strict", runnable=True, config={"postprocess": {"min_area": 0.9}})
    assert run("batch", root, "--run").code == 0
    settings = {"postprocess": {"min_area": 0.9}}
    expected = segment_stack(planes.astype(np.uint16), settings, axes="TYX", diameter=22, emit=lambda _: None)
    np.testing.assert_array_equal(tifffile.imread(root / "strict" / "seg" / "a.tif"), expected.labels)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"cfg_pathpattern": "cfg/%s.json"}, "There is no output cfg of a stack"),
        ({"seg_pathpattern": "seg/%s.png"}, "must end in .tif"),
        ({"last_stage": "c2f-region-analysis"}, 'last_stage does not go with "all"'),
    ],
)
def test_what_a_stack_does_not_have_is_refused_before_the_work(root, run, fields, message):
    write_task(root, time="all", **{**FIELDS, **PATTERNS, **fields})
    outcome = run("batch", root, "--run")
    assert outcome.code == 2
    assert message in outcome.err
    assert not (root / "seg").exists()


def test_a_last_stage_is_refused_on_the_command_line_as_well(root, run):
    outcome = run("batch", root, "--run", "--oneshot", "--last-stage", "preprocess")
    assert outcome.code == 2
    assert 'the last stage does not go with "all"' in outcome.err
    assert not (root / "seg").exists()


def test_pictures_of_the_stages_of_a_stack_are_refused_with_what_to_do(root, run):
    run("batch", root, "--run")
    outcome = run("export", root, ".", "--mode", "adj")
    assert outcome.code != 0
    assert "is a stack, of whose stages nothing is stored" in outcome.err


def test_a_stack_without_a_usable_plane_fails_alone(root, run, planes):
    imsave_stack(root / "images" / "a.tif", np.ones_like(planes, np.uint16), ("time",), (3,))
    outcome = run("batch", root, "--run", "--json")
    records = {record["file_id"]: record for record in map(json.loads, outcome.out.splitlines())}
    assert outcome.code == 1
    assert "every pixel is the same" in records["a"]["error"]
    assert records["b"]["status"] == "done"
