"""Outlines and tables of `superdsm-nb segment`."""

from __future__ import annotations

import csv
import json

import numpy as np
import pyarrow.parquet
import pytest
import roifile
import tifffile

from superdsm_nb.io import imread, imsave
from superdsm_nb.results.outputs import OUTPUTS
from superdsm_nb.results.tables import OBJECT_COLUMNS

SCALE = ("--set", "AF_scale=11")


# ---------------------------------------------------------------- superdsm-nb segment


def test_segment_writes_everything_that_is_asked_for(run, image_path, tmp_path):
    files = {name: tmp_path / f"out.{name}" for name in ("zip", "geojson", "csv", "parquet")}
    outcome = run(
        *("segment", image_path, "-o", tmp_path / "l.png", *SCALE, "--rois", files["zip"]),
        *("--geojson", files["geojson"], "--csv", files["csv"], "--parquet", files["parquet"]),
    )
    assert (outcome.code, outcome.err) == (0, "")
    labels = imread(tmp_path / "l.png")
    count = labels.max()
    assert len(roifile.roiread(files["zip"])) == count
    collection = json.loads(files["geojson"].read_text())
    assert len(collection["features"]) == count
    assert collection["provenance"]["scale"] == 11
    with files["csv"].open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["label"]) for row in rows] == list(range(1, count + 1))
    assert [float(row["area"]) for row in rows] == [(labels == k).sum() for k in range(1, count + 1)]
    table = pyarrow.parquet.read_table(files["parquet"]).to_pylist()
    assert list(table[0]) == ["image", *OBJECT_COLUMNS]
    assert [row["energy"] for row in table] == [float(row["energy"]) for row in rows]
    assert {row["image"] for row in table} == {"cells.tif"}


def test_several_images_go_to_folders_and_one_table(run, tmp_path, sample):
    for name in ("a", "b"):
        imsave(tmp_path / f"{name}.tif", sample.image)
    images = [tmp_path / f"{name}.tif" for name in ("a", "b")]
    outcome = run(
        *("segment", *images, "-o", tmp_path / "l", *SCALE, "--rois", tmp_path / "r"),
        *("--geojson", tmp_path / "g", "--csv", tmp_path / "t.csv"),
    )
    assert outcome.code == 0
    assert sorted(path.name for path in (tmp_path / "r").iterdir()) == ["a.zip", "b.zip"]
    assert sorted(path.name for path in (tmp_path / "g").iterdir()) == ["a.geojson", "b.geojson"]
    with (tmp_path / "t.csv").open(newline="") as file:
        assert {row["image"] for row in csv.DictReader(file)} == {"a.tif", "b.tif"}


@pytest.mark.parametrize(
    ("option", "name"),
    [("--rois", "x.roi"), ("--geojson", "x.json"), ("--csv", "x.txt"), ("--parquet", "x.csv")],
)
def test_a_wrong_suffix_is_refused_before_any_work(run, image_path, tmp_path, option, name):
    outcome = run("segment", image_path, "-o", tmp_path / "l.png", *SCALE, option, tmp_path / name)
    assert (outcome.code, outcome.out) == (2, "")
    assert "must end in" in outcome.err
    assert not (tmp_path / "l.png").exists()


def test_parquet_without_its_library_is_refused_with_what_to_install(run, image_path, tmp_path, monkeypatch):
    from superdsm_nb.results import tablefiles

    monkeypatch.setattr(tablefiles, "find_spec", lambda name: None)
    outcome = run(
        "segment", image_path, "-o", tmp_path / "l.png", *SCALE, "--parquet", tmp_path / "t.parquet"
    )
    assert outcome.code == 2
    assert "pip install 'superdsm_nb[parquet]'" in outcome.err
    assert not (tmp_path / "l.png").exists()


# ---------------------------------------------------------------- the size of pixels


def test_a_point_in_time_is_chosen(run, tmp_path, sample):
    series = np.zeros((3, *sample.image.shape), np.uint16)
    series[2] = sample.image
    tifffile.imwrite(tmp_path / "cells.tif", series, imagej=True, metadata={"axes": "TYX"})
    outcome = run("segment", tmp_path / "cells.tif", "-o", tmp_path / "l.png", *SCALE)
    assert outcome.code == 1
    assert "choose a time point (--time N)" in outcome.err
    assert run("segment", tmp_path / "cells.tif", "-o", tmp_path / "l.png", *SCALE, "--time", 2).code == 0
    assert imread(tmp_path / "l.png").max() >= 2
    assert (
        "there is no time point 3"
        in run("segment", tmp_path / "cells.tif", "-o", tmp_path / "l.png", *SCALE, "--time", 3).err
    )


@pytest.mark.parametrize(
    ("kind", "column"), [("cellprofiler", "Intensity_MeanIntensity_p53"), ("qupath", "p53: Mean")]
)
def test_every_table_of_objects_holds_what_is_measured(run, image_path, tmp_path, kind, column):
    other = image_path.with_name("p53.tif")
    other.write_bytes(image_path.read_bytes())
    table = tmp_path / f"t{OUTPUTS[kind].suffixes[0]}"
    outcome = run("segment", image_path, "-o", tmp_path / "l.tif", "--measure", other, f"--{kind}", table)
    assert outcome.code == 0, outcome.err
    assert column in table.read_text().partition("\n")[0]
