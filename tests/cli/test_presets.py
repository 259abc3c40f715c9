"""The commands run the method that is asked for."""

from __future__ import annotations

import json

import numpy as np
import pytest

import superdsm_nb
from superdsm_nb.io import imread, imsave

from support.command_line import assert_failed, assert_one_sentence


def json_of(outcome):
    return [json.loads(line) for line in outcome.out.splitlines()]


@pytest.mark.parametrize("preset", ["automatic", "published"])
def test_segment_runs_the_method_that_is_named(run, image_path, tmp_path, sample, preset):
    outcome = run(
        "segment", image_path, "-o", tmp_path / "a.png", "--preset", preset, "--diameter", 31, "--json"
    )

    (record,) = json_of(outcome)
    assert (outcome.code, record["preset"], record["scale_given"]) == (0, preset, True)
    assert record["scale"] == pytest.approx(31 / 2 / 2**0.5)
    expected = superdsm_nb.segment(sample.image, preset=preset, diameter=31)
    np.testing.assert_array_equal(imread(tmp_path / "a.png"), expected)


def test_the_method_is_shown_with_the_details(run, image_path, tmp_path):
    outcome = run("segment", image_path, "-o", tmp_path / "a.png", "--preset", "automatic", "-v")

    assert "preset automatic" in outcome.out + outcome.err


def test_the_preset_can_also_be_set_like_any_hyperparameter(run, image_path, tmp_path):
    outcome = run(
        "segment", image_path, "-o", tmp_path / "a.png", "--set", "preset=automatic", "--cfg", tmp_path
    )

    assert outcome.code == 0
    assert json.loads((tmp_path / "cells.json").read_text())["preset"] == "automatic"


def test_hyperparameters_of_the_other_method_are_wrong_use(run, image_path, tmp_path):
    settings = ("--preset", "automatic", "--set", "AF_scale=11")

    assert_one_sentence(run("segment", image_path, "-o", tmp_path / "a.png", *settings), "AF_scale")
    assert_one_sentence(run("config", image_path, *settings), "The preset is automatic")


def test_an_unknown_preset_is_wrong_use(run, image_path):
    assert run("config", image_path, "--preset", "best").code == 2


def test_the_settings_of_the_automatic_method_are_printed(run, image_path):
    outcome = run("config", image_path, "--preset", "automatic", "--diameter", 31)

    assert outcome.out.startswith("cells.tif: scale 10.96 pixels (given), for nuclei of about 31 pixels")
    assert "(automatic method)" in outcome.out
    assert "postprocess/outline_height" in outcome.out
    assert "dsm/alpha" not in outcome.out
    used = json.loads(run("config", image_path, "--preset", "automatic", "--json").out)
    assert used["preset"] == "automatic"
    assert used["diameter"] > 1


# ---------------------------------------------------------------- a foreground


def test_a_foreground_is_used(run, image_path, tmp_path, sample):
    imsave(tmp_path / "mask.png", (sample.labels == 1) * np.uint8(255))

    outcome = run(
        "segment", image_path, "-o", tmp_path / "a.png", "--foreground", tmp_path / "mask.png", "--json"
    )

    (record,) = json_of(outcome)
    assert (record["preset"], record["objects"]) == ("automatic", 1)


def test_foregrounds_of_several_images_are_in_a_folder(run, image_path, tmp_path, sample):
    other = image_path.with_name("other.tif")
    imsave(other, sample.image)
    for name, label in (("cells", 1), ("other", 2)):
        imsave(tmp_path / "masks" / f"{name}.png", (sample.labels == label) * np.uint8(255))

    outcome = run(*("segment", image_path, other, "-o", tmp_path / "out", "--foreground", tmp_path / "masks"))

    assert outcome.code == 0
    first, second = (imread(tmp_path / "out" / f"{name}.png") for name in ("cells", "other"))
    assert first.max() == second.max() == 1
    assert not (first & second).any()


def test_a_foreground_must_fit_the_image(run, image_path, tmp_path):
    imsave(tmp_path / "mask.png", np.eye(9, dtype=np.uint8))

    outcome = run("segment", image_path, "-o", tmp_path / "a.png", "--foreground", tmp_path / "mask.png")

    assert_failed(outcome, "The foreground is 9 x 9")


def test_what_cannot_work_with_a_foreground_is_wrong_use(run, image_path, tmp_path):
    mask, other, masks = tmp_path / "mask.png", tmp_path / "other.tif", tmp_path / "masks"
    imsave(mask, np.eye(9, dtype=np.uint8))
    imsave(other, np.eye(9))
    masks.mkdir()

    def refused(*arguments, words):
        assert_one_sentence(run("segment", image_path, *arguments), *words)

    out = ("-o", tmp_path / "out")
    refused(*out, "--foreground", mask, "--preset", "published", words=["foreground", "published"])
    refused(*out, "--foreground", mask, "--set", "AF_scale=11", words=["foreground", "AF_scale"])
    refused(other, *out, "--foreground", mask, words=["Several images need a folder"])
    refused(*out, "--foreground", masks, words=["no foreground of cells.tif"])
    refused("-o", mask, "--foreground", mask, words=["would overwrite the foreground"])
    for suffix in ("png", "tif"):
        imsave(masks / f"cells.{suffix}", np.eye(9, dtype=np.uint8))
    refused(*out, "--foreground", masks, words=["more than one foreground of cells.tif"])
