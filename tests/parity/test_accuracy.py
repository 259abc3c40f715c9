"""The accuracy on ten images of six sets, with a preset and no setting, against recorded figures.

``python benchmarks/accuracy.py --guard`` records them anew; ``--method published`` only those of one preset.
"""

from __future__ import annotations

import json
import statistics
from pathlib import Path

import pytest

import superdsm_nb
from superdsm_nb.events import ignore
from superdsm_nb.io import imread
from superdsm_nb.metrics import score

from support.published import DATA, image_path

pytestmark = pytest.mark.published
RECORDED = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
TOLERANCE = 0.02


def scored(dataset, name, preset):
    path = image_path(dataset, name)
    (truth,) = (DATA / dataset / "truth").glob(f"{name}.*")
    return score(superdsm_nb.segment(imread(path), preset=preset, emit=ignore), imread(truth))


@pytest.mark.parametrize("preset", RECORDED["figures"])
def test_the_accuracy_is_not_below_the_recorded_one(preset):
    images = [(dataset, name) for dataset, names in RECORDED["images"].items() for name in names]

    scores = [scored(dataset, name, preset) for dataset, name in images]

    recorded = RECORDED["figures"][preset]
    means = {figure: statistics.fmean(getattr(found, figure) for found in scores) for figure in recorded}
    dropped = {
        figure: (recorded[figure], means[figure])
        for figure in recorded
        if means[figure] < recorded[figure] - TOLERANCE
    }
    assert dropped == {}
