"""What of earlier results is used again, and when none is."""

from __future__ import annotations

import json

import numpy as np
import pytest

from superdsm_nb.batch.outcome import Mode
from superdsm_nb.c2freganal import C2F_RegionAnalysis
from superdsm_nb.events import StageStarted
from superdsm_nb.io import imread, imsave
from superdsm_nb.synthetic import generate

from support import naive
from support.runs import edit_task, forbid_fits, log_of
from support.trees import contents, run_tree, write_task, write_tree

FRESH = Mode(debug=True, fresh=True)


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
    monkeypatch.setattr(C2F_RegionAnalysis, "fit", None)
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
    edit_task(root, seg_border=5)
    forbid_fits(monkeypatch)
    _, witness = run_tree(root)
    assert witness.results["default", "a"].picked_up == (root / "default", 5)
    stages = {event.name for event in witness.events if isinstance(event, StageStarted)}
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
    from superdsm_nb.automation import automation

    root = write_tree(tmp_path, names=("a",), config={"preset": "published"})
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
    root = write_tree(tmp_path, names=("a",), config={"preset": "published"})
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
    root = write_tree(tmp_path, names=("a",), config={"preset": "published"})
    sample = of_an_unknown_scale()
    imsave(root / "images" / "a.tif", sample.image)
    run_tree(root)
    made = json.loads((root / "default" / "provenance.json").read_text())
    edit_task(root, config={"AF_scale": made["images"]["a"]["scale"]})
    _, witness = run_tree(root)
    assert witness.results["default", "a"].picked_up is None
    assert "(given)" in log_of(root / "default")


def test_a_given_scale_does_not_start_from_an_estimated_one(tmp_path):
    root = write_tree(tmp_path, names=("a",), config={"preset": "published"})
    sample = of_an_unknown_scale()
    imsave(root / "images" / "a.tif", sample.image)
    run_tree(root)
    edit_task(root, config={"AF_scale": 19.5})
    _, witness = run_tree(root)
    assert witness.results["default", "a"].picked_up is None
