"""The batch system on real images: template, default and adapted derived from it (see `published`)."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from superdsm_nb.batch.outcome import Mode
from superdsm_nb.batch.run import Runner
from superdsm_nb.batch.spec import find_tasks
from superdsm_nb.batch.survey import survey
from superdsm_nb.c2freganal import C2F_RegionAnalysis
from superdsm_nb.globalenergymin import GlobalEnergyMinimization
from superdsm_nb.io import imread

from support.published import CONFIGS, GREEDY, REFERENCE, image_names, image_path
from support.trees import PATTERNS, Witness, contents, run_tree, write_task

pytestmark = pytest.mark.published


def plant(root, dataset, names, changes):
    """Write template -> default -> adapted for images of a data set."""
    folder, suffix = image_path(dataset, names[0]).parent, image_path(dataset, names[0]).suffix
    write_task(
        root,
        img_pathpattern=f"{folder}/%s{suffix}",
        file_ids=list(names),
        config=CONFIGS[dataset, "default"].derive(GREEDY).entries,
        **PATTERNS,
    )
    write_task(root / "default", runnable=True)
    write_task(root / "default" / "adapted", runnable=True, config=changes)
    return root


def run_workers(root, **options):
    witness = Witness()
    assert Runner(root, witness, Mode(**options)).run(survey(find_tasks(root), root)) == 0
    return witness


@pytest.fixture(scope="module")
def nuclei(tmp_path_factory):
    """All images of BBBC039, finished by workers."""
    root = tmp_path_factory.mktemp("BBBC039")
    changes = {"postprocess": {"min_contrast": 2.0}}
    run_workers(plant(root, "BBBC039", image_names("BBBC039"), changes))
    return root


def test_objects_of_a_batch_are_the_published_ones(nuclei):
    same = total = 0
    for path in sorted((REFERENCE / "BBBC039" / "default").glob("*.png")):
        ours, published = imread(nuclei / "default" / "seg" / path.name), imread(path)
        pairs, sizes = np.unique(np.stack([ours.ravel(), published.ravel()]), axis=1, return_counts=True)
        areas = np.bincount(ours.ravel()), np.bincount(published.ravel())
        for (mine, theirs), size in zip(pairs.T, sizes, strict=True):
            same += theirs > 0 and areas[0][mine] == areas[1][theirs] == size
        total += int(published.max())
    assert total > 500
    assert same >= 0.98 * total  # the others are fits that failed in the published run


def test_a_derived_task_discards_more_and_fits_nothing(nuclei, monkeypatch):
    def refuse(*_):
        raise AssertionError("a model is fitted")

    counts = {}
    for task in ("default", "default/adapted"):
        with (nuclei / task / "objects.csv").open(newline="") as file:
            counts[task] = sum(1 for _ in csv.DictReader(file))
    assert 0 < counts["default/adapted"] < counts["default"]
    for stage in (C2F_RegionAnalysis, GlobalEnergyMinimization):
        monkeypatch.setattr(stage, "fit", staticmethod(refuse))
    write_task(nuclei / "default" / "adapted", runnable=True, config={"postprocess": {"min_contrast": 1.8}})
    failures, witness = run_tree(nuclei)
    assert failures == 0
    assert len(witness.results) == 8
    assert {result.fits for result in witness.results.values()} == {0}
    for result in witness.results.values():
        assert result.picked_up is not None


def test_results_are_the_same_however_they_are_reached(nuclei):
    before = contents(nuclei)
    run_workers(nuclei)
    for folder in (nuclei / "default", nuclei / "default" / "adapted"):
        (folder / "provenance.json").unlink()
    witness = Witness()
    plans = survey(find_tasks(nuclei), nuclei)
    assert Runner(nuclei, witness, Mode(fresh=True), force=True).run(plans) == 0
    assert {result.picked_up for result in witness.results.values()} == {None}
    assert contents(nuclei) == before


def test_the_scale_of_large_images_is_estimated_once(tmp_path):
    root = plant(tmp_path, "NIH3T3", ["dna-1"], {"postprocess": {"min_contrast": 1.5}})
    witness = run_workers(root)
    assert witness.results["adapted", "dna-1"].picked_up == (root / "default", 4)
    reference = json.loads((REFERENCE / "NIH3T3" / "default" / "dna-1.json").read_text())
    assert witness.results["adapted", "dna-1"].scale == pytest.approx(reference["estimated_scale"])
