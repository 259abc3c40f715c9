"""The order of stages, and the data that passes through it."""

from __future__ import annotations

import numpy as np
import pytest

from superdsm_nb.config import Config
from superdsm_nb.errors import PipelineError
from superdsm_nb.pipeline import Pipeline, create_default_pipeline
from superdsm_nb.preprocess import Preprocessing
from superdsm_nb.stage import Stage


def test_the_pipeline_data_object_holds_every_documented_entry(processed):
    data = processed[2]

    assert {
        *("g_raw", "g_rgb", "y", "dsm_cfg", "y_mask", "atoms", "adjacencies", "seeds", "clusters", "y_img"),
        *("cover", "objects", "performance", "postprocessed_objects"),
    } <= set(data)


def test_atoms_are_numbered_without_gaps_and_hold_one_seed_each(processed):
    data = processed[2]
    labels = np.unique(data["atoms"][data["atoms"] > 0])

    assert labels.tolist() == list(range(1, len(data["seeds"]) + 1))
    assert [data["atoms"][int(r), int(c)] for r, c in data["seeds"]] == labels.tolist()


def test_every_atom_is_covered_once_or_more_and_every_object_lies_in_one_cluster(processed):
    data = processed[2]
    graph = data["adjacencies"]

    assert set().union(*(item.footprint for item in data["cover"].solution)) == set(graph.atoms)
    for item in data["objects"]:
        assert len({graph.get_cluster_label(atom) for atom in item.footprint}) == 1


def test_the_configuration_used_names_every_default(processed):
    pipeline, _, _, used, timings = processed

    assert set(timings) == {stage.name for stage in pipeline.stages}
    for key in set(pipeline.declarations) - {"preset", "diameter"}:  # which decide what is run, and how
        assert key in used, key


def test_the_last_stages_can_be_repeated_alone(processed):
    pipeline, config, data, _, _ = processed
    stricter = config.derive({"postprocess": {"min_contrast": 1e9}})

    again, _, timings = pipeline.process_image(None, stricter, first_stage="postprocess", data=data)

    assert list(timings) == ["postprocess"]
    assert again["postprocessed_objects"] == []
    assert data["postprocessed_objects"]


def test_a_pipeline_can_end_early(sample):
    data, _, timings = create_default_pipeline().process_image(
        sample.image, Config({"AF_scale": 10.6}), last_stage="preprocess"
    )

    assert list(timings) == ["preprocess"]
    assert "atoms" not in data


def test_a_stage_of_ones_own_can_be_added_and_found():
    class Doubling(Stage):
        name = "doubling"
        inputs = ("y",)
        outputs = ("double_y",)

        def process(self, inputs, settings, emit):
            return {"double_y": 2 * inputs["y"]}

    pipeline = create_default_pipeline()

    position = pipeline.append(Doubling(), after="preprocess")

    assert position == pipeline.find("doubling") == 1
    data, _, _ = pipeline.process_image(np.eye(30), Config(), last_stage="doubling")
    np.testing.assert_array_equal(data["double_y"], 2 * data["y"])


def run(pipeline, **stages):
    return pipeline.process_image(np.eye(9), Config(), **stages)


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (lambda p: p.find("postproces"), "There is no stage postproces"),
        (lambda p: p.append(Preprocessing()), "already has a stage preprocess"),
        (lambda p: run(p, first_stage="dsm", last_stage="preprocess"), "comes after the last stage"),
        (lambda p: run(p, first_stage="postprocess"), "needs the data of an earlier run"),
        (lambda p: run(Pipeline([p.stages[2]])), "needs y, dsm_cfg"),
    ],
)
def test_impossible_requests_to_a_pipeline_are_refused(action, message):
    with pytest.raises(PipelineError, match=message):
        action(create_default_pipeline())


def test_a_disabled_stage_is_skipped(sample):
    config = Config({"AF_scale": 10.6, "postprocess": {"enabled": False}})

    data, _, _ = create_default_pipeline().process_image(sample.image, config)

    assert "postprocessed_objects" not in data
