"""Clusters, and what is refused before it would take hours."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy import ndimage

import superdsm_nb
from superdsm_nb.automation import process_image
from superdsm_nb.c2freganal import check_work, find_clusters
from superdsm_nb.c2freganal import clusters as clusters_module
from superdsm_nb.config import Config, RegionAnalysisSettings
from superdsm_nb.errors import WorkAmountError
from superdsm_nb.events import Warned
from superdsm_nb.pipeline import create_default_pipeline
from superdsm_nb.synthetic import generate


def test_thin_foreground_is_discarded_and_the_image_divided_among_the_rest():
    y = np.full((60, 100), -1.0)
    y[20:40, 10:30] = 1
    y[20:40, 60:80] = 1
    y[5, 5:95] = 1  # all boundary

    y_mask, clusters = find_clusters(y, 0.2)

    assert not y_mask[5, 50]
    assert y_mask.sum() == y.size - 90
    assert set(np.unique(clusters)) == {1, 2}
    assert clusters[30, 20] != clusters[30, 70]
    assert clusters[0, 0] == clusters[30, 20]


def test_no_regular_foreground_means_no_clusters():
    y = np.full((20, 20), -1.0)
    y[3, 3] = 1

    y_mask, clusters = find_clusters(y, 0.2)

    assert not y_mask[3, 3]
    assert not clusters.any()


def test_too_many_possible_objects_are_refused_with_advice(processed):
    pipeline, config, data, _, _ = processed
    config = config.derive({"global-energy-minimization": {"max_work_amount": 0}})
    assert data["performance"].overall_object_count > len(data["seeds"])

    with pytest.raises(WorkAmountError, match="max_work_amount"):
        pipeline.process_image(None, config, first_stage="global-energy-minimization", data=data)


class Listener:
    """Keeps what is warned of."""

    def __init__(self):
        self.warnings = []

    def __call__(self, event):
        if isinstance(event, Warned):
            self.warnings.append(event.text)


def test_a_connected_foreground_is_warned_of_and_refused_where_it_would_take_hours():
    y = np.full((40, 50), -1.0)
    y[5:35, 5:45] = 1 + np.random.default_rng(0).random((30, 40))
    clusters = np.ones(y.shape, np.int32)
    maxima = int(
        ((y == ndimage.maximum_filter(y, footprint=ndimage.generate_binary_structure(2, 1))) & (y > 0)).sum()
    )
    heard = Listener()
    usable = np.ones(y.shape, bool)

    def check(most):
        boxes = ndimage.find_objects(clusters)
        settings = RegionAnalysisSettings(seed_connectivity=4, max_work_amount=most)
        check_work(y, usable, clusters, boxes, settings, heard)

    check(maxima * 1200)
    assert heard.warnings == []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clusters_module, "MIN_WORK_OF_WARNING", maxima * 1200 - 1)
        check(maxima * 1200)
    assert len(heard.warnings) == 1
    assert f"60 % of the image forms one connected bright region with {maxima} maxima" in heard.warnings[0]
    with pytest.raises(
        WorkAmountError, match=r"nuclei bright on a dark background.*c2f-region-analysis/max_work"
    ):
        check(maxima * 1200 - 1)
    usable[:] = False  # what was discarded as noise is no work
    check(0)


def test_noise_around_few_nuclei_is_no_work():
    rows, cols = np.ogrid[:240, :240]
    image = np.random.default_rng(0).normal(0, 0.02, (240, 240))
    image += (rows - 120) ** 2 + (cols - 80) ** 2 < 20**2
    image += (rows - 50) ** 2 + (cols - 190) ** 2 < 20**2
    heard = Listener()

    config = Config({"AF_scale": 14, "c2f-region-analysis/max_work_amount": 10**5})
    data, _, _ = process_image(
        create_default_pipeline(), config, image, last_stage="c2f-region-analysis", emit=heard
    )

    assert data["clusters"].max() == 2
    assert heard.warnings == []


def test_an_image_of_dark_nuclei_is_not_tried_for_hours():
    sample = generate(seed=2, shape=(160, 160), nuclei=6)
    inverted = sample.image.max() - sample.image

    with pytest.raises(WorkAmountError, match="one connected bright region"):
        superdsm_nb.segment(inverted, {"AF_scale": 11, "c2f-region-analysis/max_work_amount": 10**6})
    superdsm_nb.segment(sample.image, {"AF_scale": 11, "c2f-region-analysis/max_work_amount": 10**6})


def test_fits_of_the_region_analysis_that_found_no_minimum_are_told():
    sample = generate(seed=2, shape=(160, 160), nuclei=6)
    heard = Listener()
    pipeline = create_default_pipeline()
    analysis = pipeline.stages[pipeline.find("c2f-region-analysis")]
    fit = analysis.fit
    analysis.fit = lambda *args: dataclasses.replace(fit(*args), status="fallback", reason="time")

    data, _, _ = process_image(
        pipeline, Config({"AF_scale": 11}), sample.image, last_stage="c2f-region-analysis", emit=heard
    )

    # Without an energy nothing is divided.
    assert len(data["seeds"]) == data["clusters"].max()
    assert [line for line in heard.warnings if f"{len(data['seeds'])} ellipse fits found no minimum" in line]
