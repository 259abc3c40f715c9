"""Tasks of both methods."""

from __future__ import annotations

import json

import numpy as np
import pytest

from superdsm_nb.automatic import AutomaticEnergyMinimization
from superdsm_nb.batch import store
from superdsm_nb.batch.export import Style, export
from superdsm_nb.batch.jobs import expand_jobs
from superdsm_nb.batch.outcome import Mode
from superdsm_nb.batch.spec import find_tasks
from superdsm_nb.diameter import scale_of_diameter
from superdsm_nb.io import imread

from support.runs import edit_task, log_of
from support.specs import complaints, configs, write
from support.trees import contents, run_tree, write_task, write_tree

AUTOMATIC = {"preset": "automatic", "diameter": 40}
CHANGED = {"postprocess": {"min_area": 0.12}}


@pytest.fixture(scope="module")
def automatic_tree(tmp_path_factory):
    root = write_tree(tmp_path_factory.mktemp("automatic"), ("a",), AUTOMATIC)
    write_task(root / "default" / "adapted", runnable=True, config=CHANGED)
    failures, witness = run_tree(root)
    assert failures == 0, witness.results
    return root, witness


def digest_of(folder, config, **fields):
    (task,) = find_tasks(write(folder, config=config, **fields))
    return expand_jobs(task, folder)[0].digest


def test_a_task_runs_the_method_that_it_names(automatic_tree):
    root, witness = automatic_tree

    assert {result.preset for result in witness.results.values()} == {"automatic"}
    assert {result.is_scale_given for result in witness.results.values()} == {True}
    assert json.loads((root / "default" / "cfg" / "a.json").read_text())["preset"] == "automatic"
    assert "preset automatic\n" in log_of(root / "default")
    assert json.loads((root / "default" / "provenance.json").read_text())["preset"] == "automatic"
    assert "<dd>automatic</dd>" in (root / "default" / "report.html").read_text()
    assert imread(root / "default" / "seg" / "a.png").max() > 0


def test_the_published_method_is_named_as_well(finished_tree):
    assert json.loads((finished_tree / "default" / "cfg" / "a.json").read_text())["preset"] == "published"
    assert "preset published\n" in log_of(finished_tree / "default")
    assert "<dd>published</dd>" in (finished_tree / "default" / "report.html").read_text()


def test_a_derived_task_starts_from_the_result_of_its_ancestor(automatic_tree):
    root, witness = automatic_tree

    assert witness.results["adapted", "a"].picked_up == (root / "default", 4)


def test_results_are_the_same_however_they_were_reached(automatic_tree):
    root, _ = automatic_tree
    before = contents(root)

    run_tree(root, Mode(debug=True, fresh=True), force=True)

    assert contents(root) == before


def test_what_is_stored_is_read_again_at_both_sizes(automatic_tree):
    root, _ = automatic_tree
    (job,) = expand_jobs(find_tasks(root)[1], root)
    image = imread(job.image)
    small = tuple(round(size * 0.8) for size in image.shape)

    data = store.read(job.stored, small, None, image.shape)

    assert data["atoms"].shape == small
    masks = [item.get_mask(image.shape) for item in data["postprocessed_objects"]]
    np.testing.assert_array_equal(np.any(masks, 0), imread(job.outputs["seg"]) > 0)


def test_nothing_is_chosen_again_if_only_the_post_processing_changes(automatic_tree, monkeypatch, tmp_path):
    root = write_tree(tmp_path, ("a",), AUTOMATIC)
    write_task(root / "default" / "adapted", runnable=True, config=CHANGED)
    run_tree(root)

    def refuse(*_):
        raise AssertionError("objects are chosen")

    monkeypatch.setattr(AutomaticEnergyMinimization, "process", refuse)
    edit_task(root / "default" / "adapted", config={"postprocess": {"min_area": 0.2}})
    assert run_tree(root)[0] == 0


@pytest.mark.parametrize("mode", ["seg", "img", "fgc", "adj", "atm"])
def test_pictures_of_stored_results_have_the_size_of_the_image(automatic_tree, tmp_path, mode):
    root, _ = automatic_tree
    ((_, path),) = export(root, "default", Style(mode), tmp_path)

    assert imread(path, histological=True).shape[:2] == imread(root / "images" / "a.tif").shape


def test_another_method_starts_from_the_beginning(automatic_tree, tmp_path):
    root = write_tree(tmp_path, ("a",), {"diameter": 40})
    write_task(root / "default" / "adapted", runnable=True, config={"preset": "automatic"})
    write_task(root / "default", runnable=True, config={"preset": "published"})
    failures, witness = run_tree(root)

    assert failures == 0
    assert witness.results["default", "a"].preset == "published"
    assert witness.results["adapted", "a"].preset == "automatic"
    assert witness.results["adapted", "a"].picked_up is None


def test_naming_the_published_method_leaves_its_results_up_to_date(tmp_path):
    plain = digest_of(tmp_path, {"AF_scale": 11})

    assert digest_of(tmp_path, {"AF_scale": 11, "preset": "published"}) == plain
    assert digest_of(tmp_path, {"preset": "published"}, diameter=31) == digest_of(
        tmp_path, {"AF_scale": scale_of_diameter(31)}
    )
    assert digest_of(tmp_path, {"preset": "automatic"}) != digest_of(tmp_path, {"preset": "published"})


def test_a_task_with_hyperparameters_of_both_methods_is_refused(tmp_path):
    write(tmp_path, config={"preset": "automatic"})
    write_task(tmp_path / "derived", runnable=True, config={"dsm": {"alpha": 1}})
    write_task(tmp_path / "derived" / "again", runnable=True)

    (complaint,) = complaints(tmp_path)

    assert complaint.startswith(
        f"{tmp_path / 'derived' / 'task.json'}: The preset is automatic, but dsm/alpha"
    )


def test_a_size_replaces_the_inherited_one(tmp_path):
    write(tmp_path, diameter=30, config={"preset": "published"})
    write_task(tmp_path / "a", runnable=True, config={"AF_scale": 12})
    write_task(tmp_path / "a" / "b", runnable=True, config={"diameter": 40})
    write_task(tmp_path / "c", runnable=True, config={"preset": "automatic"})
    write_task(tmp_path / "d", runnable=True, config={"AF_scale": None})

    sizes = [
        {key: config[key] for key in ("AF_scale", "diameter") if key in config}
        for config in configs(tmp_path)
    ]

    assert sizes == [
        {"AF_scale": pytest.approx(15 / 2**0.5)},
        {"AF_scale": 12},
        {"AF_scale": pytest.approx(20 / 2**0.5)},
        {"diameter": 30},
        {"AF_scale": None},
    ]


def test_a_diameter_is_given_once(tmp_path):
    write(tmp_path, diameter=30, config={"diameter": 31})

    (complaint,) = complaints(tmp_path)

    assert "diameter is given twice" in complaint
