"""`analyze` and `segment_file`: a segmentation with all that was found on the way."""

from __future__ import annotations

import hashlib
import inspect
import warnings
from pathlib import Path

import numpy as np
import pytest

import superdsm_nb
from superdsm_nb.config import Config
from superdsm_nb.diameter import scale_of_diameter
from superdsm_nb.errors import ImageError, PipelineError
from superdsm_nb.events import ObjectDiscarded, StageStarted, Warned
from superdsm_nb.io import PixelSize, Source, imsave
from superdsm_nb.segmentation import all_discarded, warn


@pytest.mark.parametrize(
    ("preset", "setting", "default"),
    [("automatic", "postprocess/outline_height", 0.35), ("published", "postprocess/min_contrast", 1.35)],
)
def test_a_segmentation_holds_what_segment_returns_and_more(sample, preset, setting, default):
    result = superdsm_nb.analyze(sample.image, diameter=31, preset=preset)
    labels = superdsm_nb.segment(sample.image, diameter=31, preset=preset)
    np.testing.assert_array_equal(result.labels, labels)
    assert [row["label"] for row in result.rows] == list(range(1, result.object_count + 1))
    assert [row["area"] for row in result.rows] == np.bincount(result.labels.ravel())[1:].tolist()
    assert result.scale == result.data["scale"] == pytest.approx(scale_of_diameter(31))
    assert result.config[setting] == default
    assert set(result.timings) > {"preprocess", "postprocess"}
    assert result.performance.proven_cluster_count == len(result.performance.clusters) > 0


def test_an_image_may_be_a_list(tmp_path, sample):
    result = superdsm_nb.analyze(sample.image.tolist(), diameter=31)
    assert superdsm_nb.write_outputs(result, {"overlay": tmp_path / "o.png"}) == ["overlay"]


def test_provenance_says_how_it_was_made(image_path):
    result = superdsm_nb.segment_file(str(image_path), {"AF_scale": 11})
    made = result.provenance
    assert made["image"] == "cells.tif"
    assert made["image_sha256"] == hashlib.sha256(image_path.read_bytes()).hexdigest()
    assert (made["scale"], Config(made["config"]), made["channel"]) == (11, result.config, None)


def test_an_array_has_no_file_to_name(sample):
    made = superdsm_nb.analyze(sample.image, diameter=31).provenance
    assert (made["image"], made["image_sha256"], made["pixel_size_micrometers"]) == ("", None, None)


def test_a_file_is_read_once_with_all_it_tells(tmp_path, sample):
    imsave(
        tmp_path / "a.tif",
        np.stack([sample.image * 0, sample.image], -1)[..., 1],
        pixel_size=PixelSize(0.5, 0.25),
    )
    loaded = Source(tmp_path / "a.tif").load()
    assert loaded.pixel_size == pytest.approx((0.5, 0.25))
    assert loaded.name == "a.tif"
    np.testing.assert_array_equal(loaded.pixels, sample.image)


@pytest.mark.parametrize("preset", ["automatic", "published"])
def test_the_stages_are_told_in_their_order(image_path, preset):
    heard = []
    superdsm_nb.segment_file(image_path, diameter=31, preset=preset, emit=heard.append)
    names = [event.name for event in heard if isinstance(event, StageStarted)]
    assert names[:-5] == (["reading"] if preset == "automatic" else ["reading", "scale"])
    assert names[-5] == "preprocess"
    assert names[-1] == "postprocess"


def test_errors_name_the_file_once(tmp_path):
    imsave(tmp_path / "flat.tif", np.ones((9, 9), np.uint8))
    with pytest.raises(ImageError) as caught:
        superdsm_nb.segment_file(tmp_path / "flat.tif")
    assert str(caught.value).startswith(f"{tmp_path / 'flat.tif'}: The image is constant")
    assert str(caught.value).count("flat.tif") == 1
    assert caught.value.path == tmp_path / "flat.tif"


def test_errors_are_what_other_code_expects(tmp_path):
    with pytest.raises(ValueError, match="constant"):
        superdsm_nb.segment(np.ones((9, 9)))


def test_without_objects_there_is_an_empty_label_map_and_a_warning(sample):
    heard = []
    config = {"AF_scale": 11, "postprocess": {"min_contrast": 1000}}
    result = superdsm_nb.analyze(sample.image, config, emit=heard.append)
    assert (result.object_count, result.rows, result.labels.any()) == (0, [], False)
    (warning,) = [event.text for event in heard if isinstance(event, Warned)]
    assert warning.startswith(f"no object was found: {len(result.discarded)} candidates were discarded (")
    assert "its contrast of" in warning
    assert "is below 1000" in warning


def test_reasons_that_differ_in_a_number_only_are_counted_together():
    discarded = [
        ObjectDiscarded("its area of 3e-05 is below 0.1"),
        ObjectDiscarded("its contrast of 0.2 is below 1"),
        ObjectDiscarded("its area of 2 is below 0.1"),
    ]
    assert all_discarded(discarded) == (
        "no object was found: 3 candidates were discarded (2: its area of 3e-05 is below 0.1; "
        "1: its contrast of 0.2 is below 1)"
    )
    assert all_discarded(discarded[:1]) == (
        "no object was found: 1 candidate was discarded (its area of 3e-05 is below 0.1)"
    )


def test_without_the_search_there_is_no_label_map(sample):
    config = {
        "AF_scale": 11,
        "global-energy-minimization": {"enabled": False},
        "postprocess": {"enabled": False},
    }
    result = superdsm_nb.analyze(sample.image, config)
    assert not result.has_objects
    assert (result.object_count, result.rows) == (0, [])
    with pytest.raises(PipelineError, match="There are no objects to draw"):
        _ = result.labels


def test_a_warning_points_at_the_line_of_the_caller(sample):
    config = {"AF_scale": 11, "postprocess": {"min_contrast": 1000}}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        superdsm_nb.segment(sample.image, config)
        line = inspect.currentframe().f_lineno - 1
    assert [(Path(each.filename).name, each.lineno) for each in caught] == [(Path(__file__).name, line)]
    assert issubclass(caught[0].category, UserWarning)


def test_what_is_no_warning_issues_none():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn(StageStarted("scale"))
