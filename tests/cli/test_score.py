"""`superdsm-nb score` compares label maps, alone or in folders."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile

from superdsm_nb.io import imsave

from support.command_line import assert_failed, assert_one_sentence

LABELS = np.kron(np.arange(6).reshape(2, 3), np.ones((8, 8))).astype(np.uint16)


@pytest.fixture
def folders(tmp_path):
    for folder, suffix in (("predicted", "png"), ("truth", "tif")):
        for name in ("one", "two"):
            imsave(tmp_path / folder / f"{name}.{suffix}", LABELS)
    return tmp_path / "predicted", tmp_path / "truth"


def test_score_prints_a_table(run, folders):
    outcome = run("score", folders[0] / "one.png", folders[1] / "one.tif")
    head, row = outcome.out.splitlines()
    assert (outcome.code, outcome.err) == (0, "")
    assert head.split() == [
        *("image", "SEG", "Dice", "AP@0.5", "AP@0.75", "splits", "merges", "missed", "added", "Hausdorff")
    ]
    assert row.split() == ["one.png", "1.000", "1.000", "1.000", "1.000", "0", "0", "0", "0", "0.0"]
    assert len(head) == len(row)


def test_score_prints_json_if_asked_to(run, folders):
    outcome = run("score", folders[0] / "one.png", folders[1] / "one.tif", "--json")
    scores = json.loads(outcome.out)["one.png"]
    assert scores["seg"] == scores["dice"] == 1
    assert scores["truth_count"] == 5


def test_folders_are_paired_by_names_without_suffix(run, folders):
    outcome = run("score", *folders, "--json")
    assert list(json.loads(outcome.out)) == ["one", "two"]
    assert outcome.err == ""


def test_files_without_counterpart_are_counted_in_a_warning(run, folders):
    (folders[0] / "one.png").unlink()
    outcome = run("score", *folders, "--json")
    assert list(json.loads(outcome.out)) == ["two"]
    assert outcome.err == "Warning: 1 file has no counterpart of the same name and cannot be scored.\n"


def test_label_maps_of_different_shape_cannot_be_compared(run, folders):
    imsave(folders[1] / "two.tif", LABELS[1:])
    outcome = run("score", folders[0] / "two.png", folders[1] / "two.tif")
    assert_failed(outcome, "(16, 24)", "(15, 24)")


def test_in_folders_the_files_that_cannot_be_compared_are_named(run, folders):
    imsave(folders[1] / "two.tif", LABELS[1:])
    assert_failed(run("score", *folders), "two.png", "two.tif", "same shape")


def test_a_colour_picture_is_no_label_map(run, folders):
    imsave(folders[0] / "one.png", np.dstack([LABELS] * 3).astype(np.uint8))
    assert_failed(run("score", folders[0] / "one.png", folders[1] / "one.tif"), "must hold integers")


def test_a_stack_is_no_label_map(run, folders):
    tifffile.imwrite(folders[0] / "one.tif", np.stack([LABELS] * 5), metadata={"axes": "ZYX"})
    assert_failed(run("score", folders[0] / "one.tif", folders[1] / "one.tif"), "more than two dimensions")


def test_a_file_cannot_be_compared_with_a_folder(run, folders):
    assert_one_sentence(run("score", folders[0] / "one.png", folders[1]), "both be files or both be folders")


def test_folders_without_common_names_are_refused(run, folders, tmp_path):
    imsave(tmp_path / "other" / "three.png", LABELS)
    assert_one_sentence(run("score", folders[0], tmp_path / "other"), "No file in")


@pytest.mark.parametrize("name", ["one.zip", "one.geojson", "one.csv", ".DS_Store", "Thumbs.db", "._one.png"])
def test_other_files_beside_the_label_maps_are_ignored(run, folders, name):
    for folder in folders:
        (folder / name).write_bytes(b"no image")
    outcome = run("score", *folders, "--json")
    assert (list(json.loads(outcome.out)), outcome.err) == (["one", "two"], "")


def test_a_folder_without_images_is_named(run, folders, tmp_path):
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "one.csv").write_text("label")
    assert_one_sentence(run("score", tmp_path / "tables", folders[1]), "There are no images in", "tables")


def test_several_images_of_one_name_in_a_folder_are_named(run, folders):
    imsave(folders[0] / "one.tif", LABELS)
    assert_one_sentence(run("score", *folders), "several images of one name", "one.png and one.tif")


def test_a_damaged_label_map_in_a_folder_is_named(run, folders):
    (folders[0] / "one.png").write_bytes(b"no image")
    assert_failed(run("score", *folders), "one.png is not an image")


@pytest.mark.parametrize("place", [0, 1])
def test_a_missing_label_map_is_named(run, folders, tmp_path, place):
    places = list(folders)
    places[place] = tmp_path / "nowhere"
    assert_one_sentence(run("score", *places), "There is no file or folder", "nowhere")
