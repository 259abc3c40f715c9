"""`superdsm-nb segment` segments all planes of a stack, or projects them."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import tifffile

from superdsm_nb import segment
from superdsm_nb.io import imread
from superdsm_nb.synthetic import generate

from support import naive

pytestmark = naive.compiled_only


@pytest.fixture(scope="module")
def planes():
    made = [generate(seed=seed, shape=(96, 120), nuclei=4, radius=11).image for seed in range(3)]
    return np.stack(made).astype(np.uint16)


@pytest.fixture
def stack(planes, tmp_path):
    (tmp_path / "images").mkdir()
    tifffile.imwrite(tmp_path / "images" / "a.tif", planes, imagej=True, metadata={"axes": "ZYX"})
    return tmp_path / "images" / "a.tif"


def test_all_planes_become_a_label_stack_and_a_table(run, stack, planes, tmp_path):
    outcome = run(
        "segment", stack, "--plane", "all", "-o", tmp_path / "labels.tif", "--csv", tmp_path / "t.csv"
    )
    assert (outcome.code, outcome.err) == (0, "")
    labels = tifffile.imread(tmp_path / "labels.tif")
    np.testing.assert_array_equal(labels, [segment(plane) for plane in planes])
    rows = list(csv.DictReader((tmp_path / "t.csv").read_text().splitlines()))
    assert {row["plane"] for row in rows} == {"0", "1", "2"}
    assert outcome.out.startswith(f"a.tif: 3 planes, {len(rows)} objects, ")


def test_stacks_of_a_folder_become_stacks_in_a_folder(run, stack, planes, tmp_path):
    tifffile.imwrite(stack.with_name("b.tif"), planes[0])
    out = tmp_path / "out"
    outcome = run("segment", stack.parent, "--plane", "all", "-o", out, "--overlay", tmp_path / "over")
    assert outcome.code == 0
    assert sorted(path.name for path in out.iterdir()) == ["a.tif", "b.tif"]
    assert tifffile.imread(tmp_path / "over" / "a.tif").shape == (3, 96, 120, 3)
    np.testing.assert_array_equal(imread(out / "b.tif"), segment(planes[0]))


def test_a_projection_is_one_image(run, stack, planes, tmp_path):
    outcome = run("segment", stack, "--plane", "max", "-o", tmp_path / "labels.png")
    assert outcome.code == 0
    np.testing.assert_array_equal(imread(tmp_path / "labels.png"), segment(planes.max(0)))


def test_a_record_tells_of_planes_and_of_those_that_failed(run, planes, tmp_path):
    broken = planes.astype(np.float32)
    broken[1, 0, 0] = np.inf
    tifffile.imwrite(tmp_path / "c.tif", broken, photometric="minisblack")
    outcome = run("segment", tmp_path / "c.tif", "--plane", "all", "-o", tmp_path / "l.tif", "--json")
    record = json.loads(outcome.out)
    assert outcome.code == 1
    assert (record["status"], record["planes"], record["failed_planes"]) == ("done", 3, 1)
    assert record["axes"] == {"plane": 3}
    assert record["warnings"][0].startswith("plane 1 is left empty: ")
    assert tifffile.imread(tmp_path / "l.tif").any(axis=(1, 2)).tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("-o", "l.png", "--plane", "all"), "l.png must end in .tif, .tiff or .zarr"),
        (("-o", "l.tif", "--plane", "all", "--cfg", "c.json"), "There is no output cfg of a stack"),
        (("-o", "l.tif", "--plane", "min"), "'min' is not a number, all, max or mean"),
        (("-o", "l.tif", "--time", "-1"), "-1 is not in the range x>=0"),
    ],
)
def test_what_a_stack_cannot_be_is_refused_before_the_work(run, stack, tmp_path, arguments, message):
    arguments = [tmp_path / each if "." in each else each for each in arguments]
    outcome = run("segment", stack, *arguments)
    assert outcome.code == 2
    assert message in " ".join(outcome.err.split())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["images"]
