"""The automatic method from an image to its objects: what the stages exchange, and what comes out."""

from __future__ import annotations

import json

import imageio.v3 as imageio
import numpy as np
import pytest

import superdsm_nb
from superdsm_nb import render
from superdsm_nb.automation import explain, process_image
from superdsm_nb.config import Config, resolve_preset
from superdsm_nb.errors import PipelineError
from superdsm_nb.events import LogLine, ignore
from superdsm_nb.pipeline import create_automatic_pipeline
from superdsm_nb.results.outputs import OUTPUTS
from superdsm_nb.segmentation import NOTHING_FOUND

CANONICAL = ("canonical", "y", "y_mask", "clusters", "atoms")


@pytest.fixture(scope="module")
def result(sample):
    return superdsm_nb.analyze(sample.image, preset="automatic", diameter=40)


@pytest.fixture(scope="module")
def nothing():
    image = np.full((40, 50), 7.0)
    image[0, 0] = 8
    with pytest.warns(UserWarning, match=NOTHING_FOUND):
        return superdsm_nb.analyze(image, foreground=np.zeros(image.shape))


def test_maps_and_atoms_are_in_canonical_pixels_and_the_objects_in_those_of_the_image(result, sample):
    data = result.data
    small, shape = data["canonical"].shape, sample.image.shape

    assert small != shape
    assert small == tuple(round(size * data["zoom"]) for size in shape)
    assert {data[name].shape for name in CANONICAL} == {small}
    assert data["g_raw"].shape == result.labels.shape == shape
    assert data["y_img"].shape == small
    assert all(0 <= row <= small[0] and 0 <= col <= small[1] for row, col in data["seeds"])
    known = {id(item) for item in data["objects"]}
    assert {id(item.original) for item in data["postprocessed_objects"]} <= known
    assert result.labels.max() == result.object_count > 0


def test_the_scale_follows_from_the_radius(result):
    assert result.data["radius"] == 20
    assert result.scale == pytest.approx(20 / 2**0.5)
    assert result.is_scale_given
    assert "AF_scale" not in result.config


def test_the_diameter_is_measured_if_it_is_not_given(sample):
    measured = superdsm_nb.analyze(sample.image, preset="automatic")

    assert not measured.is_scale_given
    assert measured.config["diameter"] is None
    assert measured.data["radius"] > 1


def test_the_configuration_and_the_provenance_name_the_method(result):
    assert result.config["preset"] == result.preset == result.provenance["preset"] == "automatic"
    assert resolve_preset(Config(json.loads(result.config.dumps()))) == "automatic"
    assert result.provenance["foreground_sha256"] is None
    assert {*create_automatic_pipeline().declarations} <= {
        key for key in create_automatic_pipeline().declarations if key in result.config
    }


def test_the_method_is_said_in_the_log(sample):
    events = []
    superdsm_nb.segment(sample.image, {"AF_scale": 11}, emit=events.append)
    superdsm_nb.segment(sample.image, preset="automatic", emit=events.append)
    lines = [event.text for event in events if isinstance(event, LogLine)]
    assert [line for line in lines if line.startswith("preset")] == ["preset published", "preset automatic"]


def test_every_output_can_be_written_and_pictures_have_the_size_of_the_image(result, tmp_path):
    targets = {kind: tmp_path / f"{kind}{output.suffixes[0]}" for kind, output in OUTPUTS.items()}

    assert superdsm_nb.write_outputs(result, targets) == list(OUTPUTS)
    for kind in ("seg", "overlay", "adj", "atoms"):
        assert imageio.imread(targets[kind]).shape[:2] == result.labels.shape


def test_pictures_of_every_stage_have_the_size_of_the_image(result, sample):
    expected = (*sample.image.shape, 3)

    assert render.render_ymap(result.data).shape == expected
    assert render.render_atoms(result.data).shape == expected
    assert render.render_adjacencies(result.data).shape == expected
    assert render.render_foreground_clusters(result.data).shape == expected


def test_objects_before_post_processing_are_drawn_at_the_size_of_the_image(result):
    before = render.rasterize_labels(result.data, "cover")

    assert before.shape == result.labels.shape
    shared = np.count_nonzero((before > 0) & (result.labels > 0))
    assert shared > 0.9 * np.count_nonzero(before)  # outlines move, but not far


def test_without_post_processing_the_cover_is_drawn(result, sample):
    config = {"preset": "automatic", "postprocess": {"enabled": False}}

    plain = superdsm_nb.analyze(sample.image, config, diameter=40)

    np.testing.assert_array_equal(plain.labels, render.rasterize_labels(result.data, "cover"))
    assert len(plain.rows) == plain.object_count


def test_an_image_without_foreground_gives_no_object(nothing, tmp_path):
    assert nothing.object_count == 0
    assert nothing.labels.max() == 0
    assert nothing.rows == []
    assert nothing.performance.clusters == []
    targets = {kind: tmp_path / f"{kind}{output.suffixes[0]}" for kind, output in OUTPUTS.items()}
    assert superdsm_nb.write_outputs(nothing, targets) == list(OUTPUTS)


def test_the_last_stages_can_be_repeated_alone(result, sample):
    config = Config({"postprocess": {"min_area": 100}})

    data, _, timings = process_image(
        create_automatic_pipeline(), config, sample.image, first_stage="postprocess", data=result.data
    )

    assert list(timings) == ["postprocess"]
    assert data["postprocessed_objects"] == []


def test_a_radius_of_an_earlier_run_does_not_count_as_given(result, sample):
    data, _, _ = process_image(
        create_automatic_pipeline(), Config(), sample.image, last_stage="preprocess", data=result.data
    )

    assert data["radius"] != result.data["radius"]


def test_large_nuclei_are_made_smaller_and_small_ones_larger_up_to_a_limit(sample):
    def zoom(diameter):
        return superdsm_nb.analyze(sample.image, preset="automatic", diameter=diameter).data["zoom"]

    assert zoom(64) == 0.5
    assert zoom(16) == 2
    assert zoom(4) == 4


def test_every_hyperparameter_is_explained(sample):
    pipeline = create_automatic_pipeline()

    entries, scale = explain(pipeline, Config({"postprocess": {"outline_height": 0.3}}), sample.image)

    found = {entry.key: entry for entry in entries}
    assert set(found) == set(pipeline.declarations)
    assert found["preset"].value == "automatic"
    assert found["diameter"].value == pytest.approx(scale * 2 * 2**0.5)
    assert found["diameter"].origin == "estimated from the image"
    assert found["postprocess/outline_height"].origin == "given"
    assert found["postprocess/outline_reach"].origin == "default"


def test_without_the_first_stage_there_is_no_size(sample):
    with pytest.raises(PipelineError, match="preprocess, which measures the size"):
        explain(create_automatic_pipeline(), Config({"preprocess": {"enabled": False}}), sample.image)


@pytest.mark.parametrize(
    ("part", "diameter"),
    [
        ((slice(0, 100), slice(50, 60)), 500),
        ((slice(0, 5), slice(0, 100)), 200),
        ((slice(90, 97), slice(5, 95)), 200),
    ],
)
def test_a_frame_may_leave_less_than_a_canonical_pixel(part, diameter):
    image = np.zeros((100, 100))
    image[part] = np.random.default_rng(0).normal(100, 5, image[part].shape)
    assert superdsm_nb.segment(image, diameter=diameter, emit=ignore).shape == image.shape


def test_a_foreground_may_have_any_unit(sample):
    bright = sample.image > np.percentile(sample.image, 80)
    mixed = np.where(np.random.default_rng(0).random(bright.shape) < 0.1, 1.0, 1e-320)
    for foreground in (np.where(bright, mixed, -1.0), np.where(bright, 1e300, -1e300)):
        labels = superdsm_nb.segment(sample.image, foreground=foreground, diameter=40, emit=ignore)
        assert labels.max() >= 1
