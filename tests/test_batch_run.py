"""Tasks are run: what each field does to the results, and what of earlier results is used again."""

from __future__ import annotations

import csv
import json
import os
import shutil
import tarfile
import zipfile

import naive
import numpy as np
import pytest
import roifile
import tifffile
from PIL import Image
from skimage.measure import regionprops_table
from trees import PATTERNS, Witness, contents, run_tree, write_images, write_task, write_tree

import superdsm_nb
from superdsm_nb import c2freganal, objects
from superdsm_nb.batch import run as run_module
from superdsm_nb.batch import store
from superdsm_nb.batch.jobs import TABLES
from superdsm_nb.batch.outcome import Failure, Mode, Summary
from superdsm_nb.batch.run import Runner
from superdsm_nb.batch.spec import find_tasks
from superdsm_nb.batch.status import StatusReport
from superdsm_nb.batch.survey import survey
from superdsm_nb.batch.work import _as_stored
from superdsm_nb.config import Config
from superdsm_nb.errors import ImageError
from superdsm_nb.io import imread, imsave
from superdsm_nb.render import render_adjacencies
from superdsm_nb.synthetic import generate

DEBUG = Mode(debug=True)
FRESH = Mode(debug=True, fresh=True)


@pytest.fixture
def single(tmp_path):
    """A function that writes a task of one image in a folder of its own, runs it, and returns the folder."""

    def run_single(**fields):
        write_images(tmp_path / "images", ["a"])
        defaults = {
            "runnable": True,
            "img_pathpattern": str(tmp_path / "images" / "%s.tif"),
            "file_ids": ["a"],
            "config": {"AF_scale": 11},
            **PATTERNS,
        }
        folder = tmp_path / f"task-{len(list(tmp_path.iterdir()))}"
        failures, witness = run_tree(write_task(folder, **{**defaults, **fields}))
        assert failures == 0, witness.results
        return folder

    return run_single


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def log_of(folder, name="a"):
    with tarfile.open(folder / "log" / f"{name}.tgz") as archive:
        return archive.extractfile(f"{name}/log.txt").read().decode()


def header_fields(path):
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read("header.json"))


def edit_task(folder, **fields):
    task = json.loads((folder / "task.json").read_text())
    write_task(folder, **{**task, **fields})


def forbid_fits(monkeypatch):
    def refuse(*_):
        raise AssertionError("a model is fitted")

    monkeypatch.setattr(objects, "fit", refuse)
    monkeypatch.setattr(c2freganal, "fit", refuse)


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


def test_more_objects_than_16_bits_hold_go_to_32_bit_tiff_and_are_refused_as_png(tmp_path):
    labels = np.arange(70000, dtype=np.int32).reshape(200, 350)
    assert _as_stored(labels, tmp_path / "a.tif").dtype == np.uint32
    with pytest.raises(ImageError, match=r"a\.png cannot hold 69999 objects.*use \.tif in seg_pathpattern"):
        _as_stored(labels, tmp_path / "a.png")


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


def test_the_border_is_8_pixels_wide_by_default(single):
    drawn = [(single(**fields) / "overlay" / "a.png").read_bytes() for fields in ({}, {"seg_border": 8})]
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
    fit = objects.fit

    def spy(*arguments):
        seen.append(os.environ.get("SUPERDSM_NB_TEST"))
        return fit(*arguments)

    monkeypatch.setattr(objects, "fit", spy)
    single(environ={"SUPERDSM_NB_TEST": 7})
    assert set(seen) == {"7"}
    assert "SUPERDSM_NB_TEST" not in os.environ


# ---------------------------------------------------------------- what is complete


def test_complete_tasks_are_skipped(root):
    before = contents(root)
    failures, witness = run_tree(root)
    assert failures == 0
    assert witness.skips == ["tree", "default", "adapted"]
    assert not witness.results
    assert contents(root) == before


def test_complete_tasks_run_again_if_forced(root):
    before = contents(root)
    _, witness = run_tree(root, force=True)
    assert len(witness.results) == 4
    assert contents(root) == before


@pytest.mark.parametrize("kind", ["seg", "overlay", "adj", "cfg", "log"])
def test_a_missing_output_is_written_again_without_any_fit(root, kind, monkeypatch):
    before = contents(root)
    (path,) = (root / "default" / kind).glob("a.*")
    path.unlink()
    forbid_fits(monkeypatch)
    _, witness = run_tree(root)
    assert list(witness.results) == [("default", "a")]
    assert contents(root) == before


def test_an_output_that_somebody_changed_is_written_again(root):
    before = contents(root)
    (root / "default" / "seg" / "a.png").write_bytes(b"changed")
    run_tree(root)
    assert contents(root) == before


@pytest.mark.parametrize("name", TABLES)
def test_a_missing_table_is_written_again(root, name):
    before = contents(root)
    (root / "default" / name).unlink()
    _, witness = run_tree(root)
    assert not witness.results
    assert contents(root) == before


def test_an_image_that_changed_is_segmented_anew_in_all_tasks(root):
    shutil.copy(root / "images" / "b.tif", root / "images" / "a.tif")
    _, witness = run_tree(root)
    assert set(witness.results) == {("default", "a"), ("adapted", "a")}
    assert witness.results["default", "a"].picked_up is None
    labels = [(root / "default" / "seg" / f"{name}.png") for name in "ab"]
    assert np.array_equal(*map(imread, labels))


@pytest.mark.parametrize("log", [True, False])
def test_tables_never_outlive_the_results_that_they_are_of(root, log):
    # Without a log no output of the image that fails is younger than the tables.
    edit_task(root, log_pathpattern="log/%s" if log else None)
    run_tree(root)
    before = contents(root)
    content = (root / "images" / "b.tif").read_bytes()
    (root / "images" / "b.tif").write_bytes(content[:200])
    assert run_tree(root)[0] == 2
    assert {row["image"] for row in rows_of(root / "default" / "objects.csv")} == {"a"}
    assert not (root / "default" / "provenance.json").exists()
    (root / "images" / "b.tif").write_bytes(content)
    assert run_tree(root)[0] == 0
    assert contents(root) == before


def test_a_run_that_is_interrupted_before_its_tables_is_not_complete(root, monkeypatch):
    shutil.copy(root / "images" / "a.tif", root / "images" / "b.tif")

    def interrupt(plan, failures):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(run_module, "write_tables", interrupt)
        with pytest.raises(KeyboardInterrupt):
            run_tree(root)
    _, witness = run_tree(root)
    assert witness.skips == ["tree"]
    rows = rows_of(root / "default" / "objects.csv")
    areas = [[row["area"] for row in rows if row["image"] == name] for name in "ab"]
    assert areas[0] == areas[1]


def test_another_order_of_images_is_the_order_of_the_tables(root):
    edit_task(root, file_ids=["b", "a"])
    _, witness = run_tree(root)
    assert not witness.results
    assert [row["file_id"] for row in rows_of(root / "default" / "performance.csv")] == ["b", "a", "total"]


def test_a_copy_of_a_finished_tree_is_as_complete_whatever_its_times(root):
    for path in root.rglob("*"):
        os.utime(path, (0, 0) if path.suffix == ".npz" else None)
    assert run_tree(root)[1].skips == ["tree", "default", "adapted"]


def test_an_output_replaced_by_an_older_file_is_written_again(root):
    before = contents(root)
    path = root / "default" / "seg" / "a.png"
    path.write_bytes(b"older")
    os.utime(path, (0, 0))
    run_tree(root)
    assert contents(root) == before


def test_an_image_that_is_gone_takes_no_result_with_it(root):
    (root / "images" / "a.tif").unlink()
    failures, witness = run_tree(root)
    assert failures == 0
    assert witness.skips == ["tree", "default", "adapted"]


def test_a_new_file_id_runs_alone_and_enters_the_tables(root):
    shutil.copy(root / "images" / "b.tif", root / "images" / "c.tif")
    edit_task(root, file_ids=["a", "b", "c"])
    _, witness = run_tree(root)
    assert set(witness.results) == {("default", "c"), ("adapted", "c")}
    assert {row["image"] for row in rows_of(root / "default" / "objects.csv")} == {"a", "b", "c"}


# ---------------------------------------------------------------- pick-up


def test_a_derived_task_starts_from_its_ancestor_where_they_begin_to_differ(finished_tree, tmp_path):
    root = write_tree(tmp_path)
    _, witness = run_tree(root)
    picked = witness.results["adapted", "a"].picked_up
    assert picked == (root / "default", 4)
    assert witness.results["adapted", "a"].fits == 0
    assert witness.results["default", "a"].fits > 0


def test_results_are_the_same_however_they_were_reached(root):
    before = contents(root)
    run_tree(root, FRESH, force=True)
    assert contents(root) == before


def test_a_changed_postprocessing_parameter_fits_no_model_again(root, monkeypatch):
    edit_task(root / "default" / "adapted", config={"postprocess": {"min_contrast": 3.0}})
    forbid_fits(monkeypatch)
    failures, witness = run_tree(root)
    assert failures == 0
    assert witness.results["adapted", "a"].picked_up == (root / "default" / "adapted", 4)
    monkeypatch.undo()
    picked_up = contents(root)
    run_tree(root, FRESH, force=True)
    assert contents(root) == picked_up


def test_a_changed_sparsity_starts_at_the_energy_minimisation(root, monkeypatch):
    edit_task(root / "default", config={"global-energy-minimization": {"AF_beta": 2.0}})
    monkeypatch.setattr(c2freganal, "fit", None)
    failures, witness = run_tree(root)
    assert failures == 0
    assert witness.results["default", "a"].picked_up == (root / "default", 3)
    assert witness.results["default", "a"].fits > 0
    monkeypatch.undo()
    picked_up = contents(root)
    run_tree(root, FRESH, force=True)
    assert contents(root) == picked_up


@pytest.mark.parametrize(
    "config",
    [
        {"AF_scale": 12},
        {"preprocess": {"sigma1": 2.0}},
        {"dsm": {"AF_alpha": 0.001}},
        {"c2f-region-analysis": {"max_atom_norm_energy": 0.1}},
        {"histological": True, "AF_scale": 11},
    ],
)
def test_a_change_before_the_energy_minimisation_starts_afresh(root, config):
    if config.get("histological"):
        for name in "ab":
            image = imread(root / "images" / f"{name}.tif")
            grey = np.round(255 * (1 - image / image.max())).astype(np.uint8)
            imsave(root / "images" / f"{name}.tif", np.repeat(grey[..., None], 3, axis=2))
    edit_task(root / "default", config=config)
    _, witness = run_tree(root)
    assert witness.results["default", "a"].picked_up is None


def test_a_change_of_the_drawing_alone_runs_no_stage(root, monkeypatch):
    edit_task(root, seg_border=2)
    forbid_fits(monkeypatch)
    _, witness = run_tree(root)
    assert witness.results["default", "a"].picked_up == (root / "default", 5)
    stages = {values[1] for values in witness.told if values[0] == "stage"}
    assert stages == {"writing"}


def test_a_factor_that_is_not_in_effect_changes_nothing(root):
    edit_task(root / "default", config={"dsm": {"alpha": 0.0005 * 121, "AF_alpha": 99}})
    _, witness = run_tree(root)
    assert witness.results["default", "a"].picked_up == (root / "default", 5)


def test_of_two_results_the_one_with_fewer_stages_left_is_taken(root):
    # The task's own result now differs in beta; the ancestor's differs in post-processing only.
    adapted = root / "default" / "adapted"
    edit_task(adapted, config={"global-energy-minimization": {"AF_beta": 2.0}})
    run_tree(root)
    edit_task(adapted, config={"postprocess": {"min_contrast": 2.0}})
    _, witness = run_tree(root)
    assert witness.results["adapted", "a"].picked_up == (root / "default", 4)


def test_the_nearest_ancestor_with_a_result_is_asked_and_templates_have_none(root):
    deep = write_task(root / "default" / "adapted" / "template" / "deep", runnable=True)
    write_task(deep.parent)
    _, witness = run_tree(root)
    assert witness.results["deep", "a"].picked_up == (root / "default" / "adapted", 5)


def test_with_fresh_nothing_is_picked_up(root):
    _, witness = run_tree(root, FRESH, force=True)
    assert {result.picked_up for result in witness.results.values()} == {None}


def of_an_unknown_scale():
    if naive.COMPILED:
        return generate(seed=1, shape=(300, 320), nuclei=8, radius=30)
    return generate(seed=1, shape=(120, 128), nuclei=2, radius=16)


def test_an_estimated_scale_is_used_again(tmp_path, monkeypatch):
    from superdsm_nb import automation

    root = write_tree(tmp_path, names=("a",), config={})
    sample = of_an_unknown_scale()
    imsave(root / "images" / "a.tif", sample.image)
    assert run_tree(root)[0] == 0
    assert json.loads((root / "default" / "cfg" / "a.json").read_text())["AF_scale"] is None
    edit_task(root / "default" / "adapted", config={"postprocess": {"min_contrast": 2.0}})
    monkeypatch.setattr(automation, "ESTIMATORS", {})
    failures, witness = run_tree(root)
    assert failures == 0
    assert witness.results["adapted", "a"].picked_up is not None


def test_a_scale_that_was_estimated_in_another_way_is_not_used_again(tmp_path):
    root = write_tree(tmp_path, names=("a",), config={})
    imsave(root / "images" / "a.tif", of_an_unknown_scale().image)
    run_tree(root)
    edit_task(root / "default" / "adapted", config={"automation": {"estimator": "robust"}})
    failures, witness = run_tree(root)
    assert failures == 0
    assert witness.results["adapted", "a"].picked_up is None
    scales = [
        json.loads((root / task / "provenance.json").read_text())["images"]["a"]["scale"]
        for task in ("default", "default/adapted")
    ]
    assert scales[0] != scales[1]


def test_a_scale_that_is_given_is_not_one_that_is_estimated_even_if_equal(tmp_path):
    root = write_tree(tmp_path, names=("a",), config={})
    sample = of_an_unknown_scale()
    imsave(root / "images" / "a.tif", sample.image)
    run_tree(root)
    made = json.loads((root / "default" / "provenance.json").read_text())
    edit_task(root, config={"AF_scale": made["images"]["a"]["scale"]})
    _, witness = run_tree(root)
    assert witness.results["default", "a"].picked_up is None
    assert "(given)" in log_of(root / "default")


def test_a_given_scale_does_not_start_from_an_estimated_one(tmp_path):
    root = write_tree(tmp_path, names=("a",), config={})
    sample = of_an_unknown_scale()
    imsave(root / "images" / "a.tif", sample.image)
    run_tree(root)
    edit_task(root, config={"AF_scale": 19.5})
    _, witness = run_tree(root)
    assert witness.results["default", "a"].picked_up is None


# ---------------------------------------------------------------- options


def test_a_oneshot_stores_nothing_and_completes_nothing(tmp_path):
    root = write_tree(tmp_path)
    run_tree(root, Mode(debug=True, oneshot=True))
    assert (root / "default" / "seg" / "a.png").exists()
    assert not (root / "default" / "results").exists()
    assert not [name for name in TABLES if (root / "default" / name).exists()]
    _, witness = run_tree(root)
    assert len(witness.results) == 4


def test_a_oneshot_may_end_early(tmp_path):
    root = write_tree(tmp_path)
    run_tree(root, Mode(debug=True, oneshot=True), last_stage="c2f-region-analysis")
    assert (root / "default" / "adj" / "a.png").exists()
    assert not (root / "default" / "seg").exists()


def test_the_report_tells_how_far_the_tasks_are(tmp_path):
    root = write_tree(tmp_path / "tree")
    report = tmp_path / "status" / "report.txt"
    seen = []

    write = StatusReport.write

    def spy(self, is_urgent=True, is_first=False):
        write(self, True, is_first)
        seen.append(report.read_text())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StatusReport, "write", spy)
        run_tree(root, report=report)
    assert seen[0] == "default: pending\ndefault/adapted: pending\n"
    assert "default: active, 0 % (0 of 2 images)\ndefault/adapted: pending\n" in seen
    assert "default: active, 50 % (1 of 2 images)\ndefault/adapted: pending\n" in seen
    assert seen[-1] == "default: done (2 of 2 images)\ndefault/adapted: done (2 of 2 images)\n"
    run_tree(root, report=report)
    assert report.read_text().splitlines() == [
        "default: skipped, complete already",
        "default/adapted: skipped, complete already",
    ]


# ---------------------------------------------------------------- what goes wrong


def test_an_image_that_fails_is_reported_and_the_others_go_on(tmp_path):
    root = write_tree(tmp_path / "tree")
    imsave(root / "images" / "a.tif", np.full((9, 9), 7, np.uint8))
    report = tmp_path / "report.txt"
    failures, witness = run_tree(root, report=report)
    assert failures == 2
    failure = witness.results["default", "a"]
    assert failure.stage == "scale"
    assert failure.reason.startswith(f"{root / 'images' / 'a.tif'}: The image is constant")
    assert isinstance(witness.results["default", "b"], Summary)
    assert f"failed in stage scale: {failure.reason}" in log_of(root / "default")
    assert report.read_text().splitlines()[:2] == [
        "default: error, 1 of 2 images failed",
        f"    a: scale: {failure.reason}",
    ]
    assert not (root / "default" / "provenance.json").exists()
    assert [row["file_id"] for row in rows_of(root / "default" / "performance.csv")] == ["b", "total"]


def test_the_next_run_heals_what_failed(tmp_path):
    root = write_tree(tmp_path)
    content = (root / "images" / "a.tif").read_bytes()
    (root / "images" / "a.tif").write_bytes(content[: len(content) // 2])
    assert run_tree(root)[0] == 2
    (root / "images" / "a.tif").write_bytes(content)
    failures, witness = run_tree(root)
    assert failures == 0
    assert set(witness.results) == {("default", "a"), ("adapted", "a")}
    healed = contents(root)
    run_tree(root, FRESH, force=True)
    assert contents(root) == healed


def test_an_image_deleted_during_the_run_is_reported(tmp_path):
    root = write_tree(tmp_path)

    class Saboteur(Witness):
        def finished(self, plan, job, result):
            super().finished(plan, job, result)
            (root / "images" / "b.tif").unlink(missing_ok=True)

    witness = Saboteur()
    failures = Runner(root, witness, DEBUG).run(survey(find_tasks(root), root))
    assert failures == 2
    assert witness.results["default", "b"] == Failure(
        "reading", f"There is no file {root / 'images' / 'b.tif'}."
    )
    assert isinstance(witness.results["default", "a"], Summary)


def test_a_damaged_result_is_told_of_and_made_anew(root):
    before = contents(root)
    path = root / "default" / "results" / "a.npz"
    path.write_bytes(path.read_bytes()[:-100])
    failures, witness = run_tree(root)
    assert failures == 0
    assert any(f"The stored result {path} is damaged" in line for line in witness.warnings)
    assert contents(root) == before


def test_damage_deep_inside_a_result_is_noticed(root):
    before = contents(root)
    path = root / "default" / "results" / "a.npz"
    content = bytearray(path.read_bytes())
    content[120] ^= 255
    path.write_bytes(bytes(content))
    assert run_tree(root)[0] == 0
    assert contents(root) == before


def test_a_damaged_result_of_an_ancestor_costs_no_more_than_time(root):
    edit_task(root / "default" / "adapted", config={"postprocess": {"min_contrast": 2.5}})
    shutil.rmtree(root / "default" / "adapted" / "results")
    (root / "default" / "results" / "a.npz").write_bytes(b"PK")
    edit_task(root / "default", runnable=True)
    failures, _ = run_tree(root)
    assert failures == 0
    healed = contents(root)
    run_tree(root, FRESH, force=True)
    assert contents(root) == healed


def test_a_stored_result_that_misleads_a_stage_costs_no_more_than_time(root, monkeypatch):
    before = contents(root)
    read = store.read

    def misleading(*arguments):
        data = read(*arguments)
        data["cover"].solution.append(None)
        return data

    monkeypatch.setattr(store, "read", misleading)
    (root / "default" / "seg" / "a.png").unlink()
    failures, witness = run_tree(root)
    assert failures == 0
    assert any("is not used" in line for line in witness.warnings)
    assert contents(root) == before


def test_the_report_of_a_run_that_is_interrupted_says_so(tmp_path):
    root = write_tree(tmp_path / "tree")

    class Impatient(Witness):
        def finished(self, plan, job, result):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Runner(root, Impatient(), DEBUG, report=tmp_path / "report.txt").run(survey(find_tasks(root), root))
    assert (tmp_path / "report.txt").read_text().splitlines() == [
        "default: interrupted, 0 % (0 of 2 images)",
        "default/adapted: pending",
    ]


def test_a_report_that_cannot_be_written_later_stops_no_run(tmp_path):
    root = write_tree(tmp_path / "tree")
    report = tmp_path / "report.txt"

    class Saboteur(Witness):
        def finished(self, plan, job, result):
            super().finished(plan, job, result)
            if report.is_file():
                report.unlink()
                report.mkdir()

    witness = Saboteur()
    assert Runner(root, witness, DEBUG, report=report).run(survey(find_tasks(root), root)) == 0
    assert any(f"The report {report} cannot be written" in line for line in witness.warnings)


def test_an_advice_of_the_command_line_is_one_for_the_task(single, tmp_path):
    folder = single()
    tifffile.imwrite(
        *(tmp_path / "images" / "a.tif", np.zeros((5, 64, 64), np.uint8)),
        imagej=True,
        metadata={"axes": "ZYX"},
    )
    _, witness = run_tree(folder)
    (failure,) = witness.results.values()
    assert failure.reason.endswith('choose a plane ("plane" in task.json).')


def test_a_long_name_is_no_problem(single, tmp_path):
    folder = single()
    name = "x" * 240
    shutil.copy(tmp_path / "images" / "a.tif", tmp_path / "images" / f"{name}.tif")
    edit_task(folder, file_ids=[name])
    assert run_tree(folder)[0] == 0


def test_a_link_laid_for_the_run_leads_nowhere(root, tmp_path):
    (tmp_path / "precious.txt").write_text("mine")
    (root / ".superdsm-nb.holder.json").symlink_to(tmp_path / "precious.txt")
    run_tree(root, force=True)
    assert (tmp_path / "precious.txt").read_text() == "mine"


def test_a_defect_in_one_image_does_not_cost_the_others(tmp_path, monkeypatch):
    from superdsm_nb.batch import work

    root = write_tree(tmp_path)
    imread_ = work.imread

    def broken(path, *arguments, **choices):
        if path.name == "a.tif":
            raise ZeroDivisionError("division by zero")
        return imread_(path, *arguments, **choices)

    monkeypatch.setattr(work, "imread", broken)
    failures, witness = run_tree(root, Mode(debug=True))
    assert failures == 2
    assert witness.results["default", "a"].reason == (
        f"{root / 'images' / 'a.tif'}: unexpected ZeroDivisionError: division by zero; please report this."
    )
    assert isinstance(witness.results["default", "b"], Summary)


def test_an_output_that_is_in_the_way_is_named_and_nothing_finished_is_lost(tmp_path):
    root = write_tree(tmp_path)
    (root / "default").mkdir(exist_ok=True)
    (root / "default" / "seg").write_text("a file where a folder should be")
    failures, witness = run_tree(root)
    assert failures == 2
    assert witness.results["default", "a"].stage == "writing"
    assert "cannot be written" in witness.results["default", "a"].reason
    assert isinstance(witness.results["adapted", "a"], Summary)
    (root / "default" / "seg").unlink()
    assert run_tree(root)[0] == 0


def test_a_table_that_cannot_be_written_is_told_of_and_stops_no_other_task(tmp_path):
    root = write_tree(tmp_path)
    (root / "default" / "performance.csv").mkdir()
    failures, witness = run_tree(root)
    assert failures == 1
    assert f"{root / 'default' / 'performance.csv'} cannot be written" in witness.errors[0]
    assert (root / "default" / "adapted" / "seg" / "a.png").exists()
