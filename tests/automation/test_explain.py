"""Every hyperparameter is explained: its value, and where that comes from."""

from __future__ import annotations

import json

import numpy as np
import pytest

from superdsm_nb.automation import explain, process_image
from superdsm_nb.config import Config
from superdsm_nb.io import imread, imsave
from superdsm_nb.pipeline import create_default_pipeline
from superdsm_nb.synthetic import generate

PIPELINE = create_default_pipeline()
BASE = {
    "preset": "published",
    "AF_scale": 11,
    "dsm/alpha": 0.7,
    "global-energy-minimization/AF_beta": 1.5,
    "postprocess/min_contrast": 2,
}


def entries(base, image):
    return {entry.key: entry for entry in explain(PIPELINE, Config(base), image)[0]}


def test_the_values_are_those_of_a_run(sample):
    used = process_image(PIPELINE, Config(BASE), sample.image)[1]
    for key, entry in entries(BASE, sample.image).items():
        assert entry.value == used[key], key


def test_every_hyperparameter_is_told_with_its_meaning(sample):
    found = entries(BASE, sample.image)
    assert set(found) == set(PIPELINE.declarations) - {"diameter"}  # which stands for AF_scale
    assert all(entry.meaning for entry in found.values())


@pytest.mark.parametrize(
    ("key", "origin", "default"),
    [
        ("AF_scale", "given", "estimated from the image"),
        ("dsm/alpha", "given", "0.0005 x scale^2"),
        ("postprocess/min_contrast", "given", 1.35),
        ("global-energy-minimization/beta", "1.5 x scale^2", "0.66 x scale^2"),
        ("preprocess/sigma2", "1 x scale", "1 x scale"),
        ("dsm/epsilon", "default", 1.0),
    ],
)
def test_it_is_told_where_each_value_comes_from(sample, key, origin, default):
    entry = entries(BASE, sample.image)[key]
    assert (entry.origin, entry.default) == (origin, default)


def test_the_command_prints_a_line_per_hyperparameter(run, image_path):
    outcome = run("config", image_path, "--set", "AF_scale=11", "--set", "dsm/alpha=0.7")
    first, head, *lines = outcome.out.splitlines()
    assert first == (
        "cells.tif: scale 11.00 pixels (given), for nuclei of about 31 pixels in diameter (published method)"
    )
    assert head.split("\t") == ["hyperparameter", "value", "from", "default", "meaning"]
    assert "dsm/alpha\t0.7\tgiven\t0.0005 x scale^2\t" in outcome.out
    assert all(len(line.split("\t")) == 5 for line in lines)
    assert not any("/AF_" in line for line in lines)


def test_the_configuration_printed_as_json_gives_the_same_result(run, image_path, tmp_path):
    settings = ("--set", "AF_scale=11", "--set", "dsm/AF_alpha=0.001")
    outcome = run("config", image_path, *settings, "--json")
    (tmp_path / "used.json").write_text(outcome.out)
    run("segment", image_path, "-o", tmp_path / "a.png", *settings)
    run("segment", image_path, "-o", tmp_path / "b.png", "--config", tmp_path / "used.json")
    assert json.loads(outcome.out)["dsm"]["alpha"] == pytest.approx(0.121)
    assert (imread(tmp_path / "a.png") == imread(tmp_path / "b.png")).all()


def test_an_estimate_that_is_not_to_be_trusted_is_told_with_it(run, tmp_path):
    imsave(tmp_path / "small.tif", generate(seed=1, shape=(220, 220), nuclei=12, radius=10).image)

    outcome = run("config", tmp_path / "small.tif", "--preset", "published")

    assert (
        "Warning: small.tif: the estimated scale of 14.1 pixels is near the lower limit"
        in outcome.err.replace("\n", " ")
    )
    # The estimate is 1.5 times as large as that of a typical nucleus.
    assert outcome.out.startswith("small.tif: scale 14.14 pixels, for nuclei of about 27 pixels in diameter")


def test_an_image_without_a_scale_is_told_in_one_sentence(run, image_path):
    imsave(image_path, np.eye(9, dtype=np.uint8))
    outcome = run("config", image_path, "--preset", "published")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.startswith(f"Error: {image_path}: The scale estimation failed")
