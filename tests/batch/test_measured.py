"""A task measures other channels: those of the file, and those in other files."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import tifffile

from superdsm_nb.batch.measured import measured_name
from superdsm_nb.io import imread, imsave

from support import naive
from support.trees import cells, write_task

pytestmark = naive.compiled_only


@pytest.fixture
def root(tmp_path):
    for number, name in enumerate("ab"):
        image = cells(number).image
        green = np.random.default_rng(number).integers(0, 999, image.shape).astype(np.uint16)
        metadata = {"axes": "CYX", "Channel": {"Name": ["DAPI", "GFP"]}}
        (tmp_path / "images").mkdir(exist_ok=True)
        tifffile.imwrite(
            tmp_path / "images" / f"{name}.tif", np.stack([image, green]), ome=True, metadata=metadata
        )
        imsave(tmp_path / "p53" / f"{name}.tif", green + np.uint16(7))
    write_task(tmp_path, **FIELDS)
    return tmp_path


FIELDS = {
    "runnable": True,
    "img_pathpattern": "{ROOTDIR}/images/%s.tif",
    "file_ids": ["a", "b"],
    "channel": "DAPI",
    "measure": ["GFP", "{TASKDIR}/p53/%s.tif"],
    "seg_pathpattern": "seg/%s.png",
    "config": {"AF_scale": 11},
}


def rows(root):
    return list(csv.DictReader((root / "objects.csv").read_text().splitlines()))


def test_channels_and_files_are_measured(root, run):
    assert run("batch", root, "--run").code == 0
    for row in rows(root):
        inside = imread(root / "seg" / f"{row['image']}.png") == int(row["label"])
        green = imread(root / "images" / f"{row['image']}.tif", channel=1)
        assert float(row["mean_intensity_GFP"]) == pytest.approx(green[inside].mean())
        assert float(row["mean_intensity_p53"]) == pytest.approx(green[inside].mean() + 7)


def test_a_measured_file_that_has_changed_is_measured_anew(root, run):
    run("batch", root, "--run")
    before = rows(root)
    imsave(root / "p53" / "a.tif", imread(root / "p53" / "a.tif") + np.uint16(1))
    outcome = run("batch", root, "--run", "--json")
    assert [json.loads(line)["file_id"] for line in outcome.out.splitlines()] == ["a"]
    for old, new in zip(before, rows(root), strict=True):
        added = float(new["mean_intensity_p53"]) - float(old["mean_intensity_p53"])
        assert added == pytest.approx(1 if new["image"] == "a" else 0)
    assert "complete, nothing to do" in run("batch", root, "--run").out


def test_a_derived_task_measures_the_files_of_the_task_it_derives_from(root, run):
    write_task(root / "strict", runnable=True, config={"postprocess": {"min_contrast": 1.5}})
    assert run("batch", root, "--run").code == 0
    assert "mean_intensity_p53" in rows(root / "strict")[0]


def test_a_measured_file_that_is_missing_fails_its_image_only(root, run):
    (root / "p53" / "b.tif").unlink()
    outcome = run("batch", root, "--run", "--json")
    records = {record["file_id"]: record for record in map(json.loads, outcome.out.splitlines())}
    assert records["a"]["status"] == "done"
    assert "p53/b.tif" in records["b"]["error"]


def test_no_output_overwrites_a_measured_file(root, run):
    write_task(root, **{**FIELDS, "seg_pathpattern": "p53/%s.tif"})
    outcome = run("batch", root, "--run")
    assert outcome.code == 2
    assert "an output would overwrite the image" in outcome.err


def test_two_channels_of_one_name_are_refused(root, run):
    write_task(root, **{**FIELDS, "measure": ["p53", "{TASKDIR}/p53/%s.tif"]})
    outcome = run("batch", root, "--run")
    assert outcome.code == 2
    assert "measure has two channels called p53" in outcome.err


@pytest.mark.parametrize(
    ("place", "name"),
    [
        (2, "channel2"),
        ("GFP", "GFP"),
        ("{TASKDIR}/p53/%s.tif", "p53"),
        ("images/%03d_w2.tif", "w2"),
        ("a/100%% p53-%s.tif", "100% p53"),
        ("{ROOTDIR}/%s.tif", "ROOTDIR"),
    ],
)
def test_columns_are_named_after_channels_files_or_folders(place, name):
    assert measured_name(place) == name
