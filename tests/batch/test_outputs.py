"""What a run of a task writes, and what each field does to it."""

from __future__ import annotations

import json
import os
import shutil
import zipfile

import numpy as np
import pytest
import roifile
import tifffile
from PIL import Image
from skimage.measure import regionprops_table

import superdsm_nb
from superdsm_nb.config import Config
from superdsm_nb.globalenergymin import GlobalEnergyMinimization
from superdsm_nb.io import imread, imsave
from superdsm_nb.render import render_adjacencies

from support.runs import edit_task, log_of, rows_of
from support.trees import run_tree, write_task


def header_fields(path):
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read("header.json"))


# ---------------------------------------------------------------- what is written


def test_the_label_map_is_that_of_a_single_image(finished_tree):
    image = imread(finished_tree / "images" / "a.tif")
    labels = imread(finished_tree / "default" / "seg" / "a.png")
    assert np.array_equal(labels, superdsm_nb.segment(image, {"AF_scale": 11}))
    assert labels.dtype == np.uint16


def test_the_overlay_and_the_atoms_are_pictures_of_the_image(finished_tree):
    shape = imread(finished_tree / "images" / "a.tif").shape
    for kind in ("overlay", "adj"):
        picture = imread(finished_tree / "default" / kind / "a.png", histological=True)
        assert picture.shape == (*shape, 3)
        assert np.unique(picture.reshape(-1, 3), axis=0).shape[0] > 10


def test_the_picture_of_the_atoms_shows_borders_and_edges(finished_tree, sample):
    from superdsm_nb.automation import process_image
    from superdsm_nb.pipeline import create_default_pipeline
    from superdsm_nb.render import render_atoms

    image = imread(finished_tree / "images" / "a.tif")
    data = process_image(create_default_pipeline(), Config({"AF_scale": 11}), image)[0]
    expected = render_adjacencies(data, render_atoms(data))
    written = imread(finished_tree / "default" / "adj" / "a.png", histological=True)
    assert np.array_equal(written, expected)


def test_the_hyperparameters_really_used_are_written(finished_tree):
    used = Config.load(finished_tree / "default" / "adapted" / "cfg" / "a.json")
    assert used["postprocess/min_contrast"] == 1.5
    assert used["dsm/smooth_amount"] == 4
    assert used["AF_scale"] == 11


def test_the_log_tells_of_every_stage_that_has_something_to_say(finished_tree):
    text = log_of(finished_tree / "default")
    assert text.startswith(f"superdsm_nb {superdsm_nb.__version__}\nimage a.tif\nimage sha256 ")
    assert "scale: scale 11.00 pixels (given)" in text
    assert "c2f-region-analysis: " in text


def test_every_picture_says_how_it_was_made(finished_tree):
    used = Config.load(finished_tree / "default" / "cfg" / "a.json")
    for kind in ("seg", "overlay", "adj"):
        with Image.open(finished_tree / "default" / kind / "a.png") as picture:
            made = json.loads(picture.text["Description"])
        assert made["software"] == f"superdsm_nb {superdsm_nb.__version__}"
        assert made["config_digest"] == used.digest
        assert len(made["image_sha256"]) == 64


def test_the_task_says_how_it_was_made(finished_tree):
    made = json.loads((finished_tree / "default" / "provenance.json").read_text())
    assert made["config"] == {"AF_scale": 11}
    assert set(made["images"]) == {"a", "b"}
    assert made["images"]["a"]["scale"] == 11
    assert made["images"]["a"]["objects"] == imread(finished_tree / "default" / "seg" / "a.png").max()


def test_the_table_of_objects_measures_the_label_map(finished_tree):
    rows = [row for row in rows_of(finished_tree / "default" / "objects.csv") if row["image"] == "a"]
    names = ("label", "area", "centroid", "bbox", "eccentricity", "intensity_mean")
    measured = regionprops_table(
        imread(finished_tree / "default" / "seg" / "a.png"),
        imread(finished_tree / "images" / "a.tif"),
        properties=names,
    )
    assert len(rows) == measured["label"].size > 0
    for name, values in measured.items():
        assert [float(row[name]) for row in rows] == pytest.approx(values)
    for row in rows:
        assert 0 < float(row["norm_energy"]) < 0.2
        assert float(row["energy"]) > float(row["norm_energy"])
        assert float(row["contrast"]) >= 1.35
        assert row["on_boundary"] in ("True", "False")


def test_the_table_of_performance_has_a_row_per_image_and_a_total(finished_tree):
    rows = {row["file_id"]: row for row in rows_of(finished_tree / "default" / "performance.csv")}
    assert list(rows) == ["a", "b", "total"]
    for name in ("cost", "overall_computed_object_count", "proven_cluster_count"):
        assert float(rows["total"][name]) == pytest.approx(sum(float(rows[key][name]) for key in "ab"))
    assert float(rows["total"]["gap"]) == 0


def test_the_table_of_timings_tells_the_seconds_of_the_stages_that_ran(finished_tree):
    (first, _) = rows_of(finished_tree / "default" / "timings.csv")
    assert float(first["c2f-region-analysis"]) > 0
    (picked_up, _) = rows_of(finished_tree / "default" / "adapted" / "timings.csv")
    assert picked_up["c2f-region-analysis"] == ""
    assert float(picked_up["postprocess"]) > 0


def test_timings_of_stages_that_are_not_run_again_are_kept(root):
    before = rows_of(root / "default" / "timings.csv")
    edit_task(root / "default", config={"postprocess": {"min_contrast": 1.4}})
    run_tree(root)
    after = rows_of(root / "default" / "timings.csv")
    for stage in ("scale", "c2f-region-analysis", "global-energy-minimization"):
        assert [row[stage] for row in after] == [row[stage] for row in before]
    assert after[0]["postprocess"] != before[0]["postprocess"]


def test_an_image_may_be_called_total(single):
    folder = single()
    shutil.copy(folder.parent / "images" / "a.tif", folder.parent / "images" / "total.tif")
    edit_task(folder, file_ids=["total"])
    assert run_tree(folder)[0] == 0
    assert [row["file_id"] for row in rows_of(folder / "performance.csv")] == ["total", "total"]


# ---------------------------------------------------------------- what fields do


def test_label_maps_may_be_tiff_files(single):
    folder = single(seg_pathpattern="seg/%s.tif")
    with tifffile.TiffFile(folder / "seg" / "a.tif") as file:
        assert file.pages[0].dtype == np.uint16
        assert json.loads(file.pages[0].description)["scale"] == 11


def test_outlines_for_other_programs_are_written(single):
    folder = single(rois_pathpattern="rois/%s.zip", geojson_pathpattern="geo/%s.geojson")
    count = imread(folder / "seg" / "a.png").max()
    assert len(roifile.roiread(folder / "rois" / "a.zip")) == count
    assert len(json.loads((folder / "geo" / "a.geojson").read_text())["features"]) == count


def test_dilation_makes_all_masks_larger(single):
    plain, dilated = single(), single(dilate=3)
    areas = [np.count_nonzero(imread(folder / "seg" / "a.png")) for folder in (plain, dilated)]
    assert areas[0] < areas[1]
    assert sum(float(row["area"]) for row in rows_of(dilated / "objects.csv")) == areas[1]


def test_objects_that_overlap_enough_are_merged(single):
    apart = single(dilate=12)
    merged = single(dilate=12, merge_overlap_threshold=0.05)
    counts = [imread(folder / "seg" / "a.png").max() for folder in (apart, merged)]
    assert counts[0] > counts[1]
    rows = rows_of(merged / "objects.csv")
    assert len(rows) == counts[1]
    energies = [sum(float(row["energy"]) for row in rows_of(f / "objects.csv")) for f in (apart, merged)]
    assert energies[0] == pytest.approx(energies[1])


def test_the_border_of_the_overlay_is_as_wide_as_asked(single):
    drawn = []
    for width in (1, 4):
        overlay = imread(single(seg_border=width) / "overlay" / "a.png", histological=True)
        drawn.append(np.count_nonzero(overlay[:, :, 0] != overlay[:, :, 1]))
    assert drawn[0] < drawn[1]


def test_the_border_is_2_pixels_wide_by_default(single):
    drawn = [(single(**fields) / "overlay" / "a.png").read_bytes() for fields in ({}, {"seg_border": 2})]
    assert drawn[0] == drawn[1]


def test_channel_plane_and_time_are_taken_of_stacks(tmp_path, sample):
    stack = np.zeros((4, 2, 3, *sample.image.shape), np.uint16)
    stack[3, 1, 2] = sample.image
    tifffile.imwrite(tmp_path / "a.tif", stack, metadata={"axes": "TCZYX"}, ome=True)
    imsave(tmp_path / "plain.tif", sample.image)
    fields = {
        "runnable": True,
        "img_pathpattern": "{ROOTDIR}/%s.tif",
        "seg_pathpattern": "%s.png",
        "config": {"AF_scale": 11},
    }
    write_task(tmp_path / "stack", **fields, file_ids=["a"], channel=1, plane=2, time=3)
    write_task(tmp_path / "flat", **fields, file_ids=["plain"])
    assert run_tree(tmp_path)[0] == 0
    assert np.array_equal(imread(tmp_path / "stack" / "a.png"), imread(tmp_path / "flat" / "plain.png"))


@pytest.mark.parametrize(
    ("stage", "written"),
    [
        ("preprocess", {"cfg", "log"}),
        ("c2f-region-analysis", {"cfg", "log", "adj"}),
        ("global-energy-minimization", {"cfg", "log", "adj", "seg", "overlay"}),
    ],
)
def test_the_pipeline_ends_with_the_last_stage_of_the_task(single, stage, written):
    folder = single(last_stage=stage)
    assert {path.name for path in folder.iterdir() if path.is_dir()} - {"results"} == written
    assert header_fields(folder / "results" / "a.npz")["last_stage"] == stage
    assert run_tree(folder)[1].skips == [folder.name]


def test_a_disabled_stage_leaves_out_its_results(single):
    folder = single(config={"AF_scale": 11, "postprocess": {"enabled": False}})
    (row, *_) = rows_of(folder / "objects.csv")
    assert row["contrast"] == "nan"
    assert float(row["energy"]) > 0


def test_environment_variables_are_set_for_the_work_and_only_then(single, monkeypatch):
    seen = []
    fit = GlobalEnergyMinimization.fit

    def spy(*arguments):
        seen.append(os.environ.get("OMP_NUM_THREADS"))
        return fit(*arguments)

    monkeypatch.setattr(GlobalEnergyMinimization, "fit", staticmethod(spy))
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    single(environ={"OMP_NUM_THREADS": 7})
    assert set(seen) == {"7"}
    assert "OMP_NUM_THREADS" not in os.environ
