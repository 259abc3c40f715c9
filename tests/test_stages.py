"""Filters, offset, scale, clusters: each stage on images small enough to be checked by hand or by SciPy."""

from __future__ import annotations

import dataclasses
import math

import naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage.feature import hessian_matrix_det, peak_local_max

import superdsm_nb
from superdsm_nb import c2freganal, filters, parallel, scale
from superdsm_nb.automation import create_config, process_image
from superdsm_nb.c2freganal import check_work, find_clusters
from superdsm_nb.config import Config
from superdsm_nb.errors import PipelineError, ScaleEstimationError, WorkAmountError
from superdsm_nb.filters import (
    LowFrequencies,
    distance,
    gaussian,
    squared_distance,
    standard_deviation,
    wide_gaussian,
)
from superdsm_nb.kernels.blobs import hessian_determinant, local_maxima
from superdsm_nb.pipeline import Pipeline, create_default_pipeline
from superdsm_nb.preprocess import Preprocessing, local_offset
from superdsm_nb.scale import _peaks, disk_overlap, estimate_scale, prune_blobs
from superdsm_nb.stage import Output, Stage
from superdsm_nb.synthetic import generate


@given(st.integers(1, 40), st.integers(1, 40), st.floats(0.6, 30), st.integers(0, 99))
@settings(deadline=None, max_examples=60)
def test_filters_in_the_cosine_transform_equal_those_of_scipy(height, width, sigma, seed):
    image = np.random.default_rng(seed).random((height, width))

    np.testing.assert_allclose(wide_gaussian(image, sigma), ndimage.gaussian_filter(image, sigma), atol=1e-12)


@given(st.integers(1, 60), st.integers(1, 60), st.floats(3, 30), st.floats(1, 3), st.integers(0, 99))
@settings(deadline=None, max_examples=60)
def test_laplacians_of_low_frequencies_are_those_of_scipy_but_for_what_its_truncation_leaks(
    height, width, narrowest, factor, seed
):
    image = np.random.default_rng(seed).random((height, width))
    sigma = narrowest * factor

    laplacian = LowFrequencies(image, narrowest).gaussian_laplace(sigma).rows(0, height)

    expected = ndimage.gaussian_laplace(image, sigma)
    np.testing.assert_allclose(laplacian, expected, atol=3e-4 / sigma**2)


@given(st.integers(0, 99), st.integers(1, 70), st.integers(1, 70), st.floats(0.7, 40))
@settings(deadline=None, max_examples=100)
def test_the_determinant_of_the_hessian_is_that_of_scikit_image(seed, height, width, sigma):
    image = np.random.default_rng(seed).random((height, width))

    determinant = hessian_determinant(image.cumsum(axis=0).cumsum(axis=1), sigma, 0, height)

    np.testing.assert_allclose(determinant, hessian_matrix_det(image, sigma), atol=1e-11)


@given(st.integers(0, 99), st.integers(1, 4), st.integers(1, 9), st.integers(1, 9))
@settings(deadline=None, max_examples=100)
def test_maxima_over_position_and_scale_are_those_of_scikit_image(seed, scales, height, width):
    stack = np.random.default_rng(seed).integers(0, 5, (scales, height, width)).astype(float)
    if stack.min() == stack.max():
        return  # a constant image has no maxima for scikit-image

    peaks = local_maxima(stack, 1.5)

    expected = peak_local_max(
        np.moveaxis(stack, 0, -1), threshold_abs=1.5, footprint=np.ones((3, 3, 3)), exclude_border=False
    )
    assert np.array_equal(peaks, np.array(sorted(expected.tolist())).reshape(-1, 3))


@pytest.mark.parametrize("sigma", [1.4, 40.0])
@pytest.mark.parametrize("highest", [0.3, 2.0])
def test_the_gaussian_takes_intensities_up_to_a_limit(sigma, highest):
    image = np.random.default_rng(0).random((60, 70))
    expected = ndimage.gaussian_filter(np.minimum(image, highest), sigma)

    np.testing.assert_allclose(gaussian(image, sigma, highest), expected, atol=1e-12)


@given(st.integers(1, 40), st.integers(1, 40), st.floats(1e-3, 1e3), st.integers(0, 99))
@settings(deadline=None, max_examples=60)
def test_the_standard_deviation_is_numpys_and_has_no_seams(height, width, spread, seed):
    image = 5 + spread * np.random.default_rng(seed).random((height, width))
    whole = standard_deviation(image)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parallel, "STRIP", 20)
        assert standard_deviation(image) == whole

    assert whole == pytest.approx(image.std(), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("sigma", [1.4, 40.0])
def test_the_gaussian_is_scipys_whatever_way_it_is_computed(sigma):
    image = np.random.default_rng(0).random((60, 70))

    np.testing.assert_allclose(gaussian(image, sigma), ndimage.gaussian_filter(image, sigma), atol=1e-12)


@given(st.integers(1, 60), st.integers(1, 60), st.floats(0.4, 7.9), st.integers(0, 99))
@settings(deadline=None, max_examples=60)
def test_filters_and_distances_have_no_seams(height, width, sigma, seed):
    rng = np.random.default_rng(seed)
    image = rng.random((height, width))
    objects = rng.random((height, width)) < rng.choice([0.02, 0.3])
    objects[rng.integers(height), rng.integers(width)] = True
    expected = ndimage.distance_transform_edt(~objects)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parallel, "STRIP", 20)
        patch.setattr(filters, "OVERLAP", 0)
        filtered, away, squared = gaussian(image, sigma), distance(objects), squared_distance(objects)

    np.testing.assert_allclose(filtered, ndimage.gaussian_filter(image, sigma), atol=1e-12)
    np.testing.assert_allclose(away, expected, atol=1e-12)
    np.testing.assert_array_equal(squared, np.round(expected**2))


def test_the_preprocessing_has_no_seams(monkeypatch):
    g = np.random.default_rng(3).random((90, 70)) ** 6
    whole = Preprocessing()
    data = {"g_raw": g}
    whole(data, Config())
    monkeypatch.setattr(parallel, "STRIP", 50)
    monkeypatch.setattr(filters, "OVERLAP", 0)
    strips = {"g_raw": g}
    Preprocessing()(strips, Config())

    np.testing.assert_array_equal(strips["y"], data["y"])


@pytest.mark.parametrize("rows", [1, 3, 10**6])
def test_blobs_are_found_the_same_in_strips_of_any_height(rows, monkeypatch):
    image = image_of_disks(30)
    g = image / image.max()
    sigmas = np.array([7.0, 14.1, 21.2, 28.3])
    expected = [values.tolist() for values in _peaks(g, sigmas)]
    assert expected[0]
    monkeypatch.setattr(scale, "STRIP", rows)

    found = [values.tolist() for values in _peaks(g, sigmas)]

    assert found[0] == expected[0]
    assert found[1] == pytest.approx(expected[1], rel=1e-12)


@given(st.integers(1, 60), st.integers(1, 60), st.floats(1, 30), st.data())
@settings(deadline=None, max_examples=60)
def test_rows_of_a_determinant_are_those_of_the_whole(height, width, sigma, data):
    integral = np.random.default_rng(0).random((height, width)).cumsum(axis=0).cumsum(axis=1)
    first = data.draw(st.integers(0, height - 1))
    last = data.draw(st.integers(first, height))

    part = hessian_determinant(integral, sigma, first, last)

    np.testing.assert_array_equal(part, hessian_determinant(integral, sigma, 0, height)[first:last])


def offset_oracle(g, sigma2, clip):
    """The clipped local offset, statement by statement as the method defines it."""
    original = ndimage.gaussian_filter(g, sigma2)
    limit = clip * g.std()
    clipped = ndimage.gaussian_filter(np.clip(g, 0, limit), sigma2)
    distance = ndimage.distance_transform_edt(g <= limit)
    w = np.maximum(0, sigma2 - distance)
    w = (w / w.max()) ** 2
    return (1 - w) * clipped + w * original


def test_the_offset_is_the_clipped_one_except_near_bright_pixels():
    g = np.random.default_rng(1).random((80, 90)) * 0.2
    g[30:34, 40:44] = 1.0

    np.testing.assert_allclose(local_offset(g, 12.0, 3.0), offset_oracle(g, 12.0, 3.0), atol=1e-12)


@pytest.mark.parametrize("clip", [math.inf, 50.0])
def test_without_pixels_above_the_clip_the_offset_is_a_plain_local_mean(clip):
    g = np.random.default_rng(2).random((50, 60))

    np.testing.assert_allclose(local_offset(g, 10.0, clip), ndimage.gaussian_filter(g, 10.0), atol=1e-12)


def test_an_exactly_flat_background_is_no_foreground():
    g = np.zeros((90, 100))
    g[40:60, 30:55] = 1.0
    data = {"g_raw": g}

    Preprocessing()(data, Config({"preprocess": {"sigma2": 11}}))

    flat = ndimage.distance_transform_edt(g == 0) > 4 * (11 + math.sqrt(2)) + 2
    assert flat.any()
    assert not (data["y"][flat] > 0).any()


@pytest.mark.parametrize("sigma", [1e4, 1e5])
def test_filters_much_wider_than_the_image_give_its_mean(sigma):
    image = np.random.default_rng(0).random((30, 40))

    np.testing.assert_allclose(wide_gaussian(image, sigma), image.mean(), rtol=1e-3)


def test_the_offset_is_raised_to_the_mean_if_asked():
    g = np.random.default_rng(3).random((50, 60)) ** 6
    data = {"g_raw": g}

    Preprocessing()(data, Config({"preprocess": {"sigma2": 5, "lower_clip_mean": True}}))

    expected = np.maximum(local_offset(g, 5, 3.0), g.mean())
    np.testing.assert_allclose(data["y"], ndimage.gaussian_filter(g, math.sqrt(2)) - expected, atol=1e-12)


def image_of_disks(radius):
    rows, cols = np.ogrid[:500, :500]
    centers = ((100, 100), (100, 350), (330, 120), (350, 370))
    return sum(((rows - r) ** 2 + (cols - c) ** 2 <= radius**2).astype(float) for r, c in centers)


def test_the_estimated_scale_is_of_the_order_of_the_objects_and_grows_with_them():
    scales = [estimate_scale(image_of_disks(radius)) for radius in (30, 45, 70)]

    assert scales == sorted(scales)
    for estimate, radius in zip(scales, (30, 45, 70), strict=True):
        assert 0.4 < estimate / (radius / math.sqrt(2)) < 2.5


def test_the_estimated_scale_does_not_depend_on_the_unit_of_intensity():
    image = image_of_disks(40)

    assert estimate_scale(image * 1000 + 5) == pytest.approx(estimate_scale(image))


def test_an_image_without_blobs_is_refused_with_advice():
    image = np.zeros((100, 100))
    image[50, 50] = 1

    with pytest.raises(ScaleEstimationError, match="set AF_scale"):
        estimate_scale(image)


@given(st.floats(0.5, 5), st.floats(0.5, 5), st.floats(0, 8))
@settings(deadline=None, max_examples=50)
def test_the_overlap_of_two_disks_is_that_of_their_areas(sigma1, sigma2, distance):
    r1, r2 = sigma1 * math.sqrt(2), sigma2 * math.sqrt(2)
    x, step = np.linspace(-r1, r1, 400_001, retstep=True)
    low = np.maximum(
        -np.sqrt(np.maximum(r1**2 - x**2, 0)), -np.sqrt(np.maximum(r2**2 - (x - distance) ** 2, 0))
    )
    inside = np.abs(x - distance) < r2
    area = -2 * low[inside].sum() * step

    (overlap,) = disk_overlap(np.array([[0, 0, sigma1]]), np.array([[0, distance, sigma2]]))

    assert overlap == pytest.approx(area / (math.pi * min(r1, r2) ** 2), abs=2e-3)


def test_the_smaller_of_two_overlapping_blobs_is_dropped():
    blobs = np.array([[50, 50, 10.0], [52, 50, 6.0], [200, 200, 4.0]])

    assert prune_blobs(blobs, 0.5).tolist() == [[50, 50, 10.0], [200, 200, 4.0]]


def test_of_blobs_at_one_place_one_is_left():
    blobs = np.array([[50, 50, 6.0], [50, 50, 10.0], [90, 90, 5.0], [90, 90, 5.0]])

    assert prune_blobs(blobs, 0.5).tolist() == [[50, 50, 10.0], [90, 90, 5.0]]


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


@pytest.fixture(scope="module")
def sample():
    if naive.COMPILED:
        return generate(seed=3, shape=(160, 160), nuclei=6, radius=15.0)
    return generate(seed=12, shape=(64, 72), nuclei=2, radius=12.0)


@pytest.fixture(scope="module")
def processed(sample):
    pipeline = create_default_pipeline()
    config, _ = create_config(pipeline, Config({"AF_scale": 10.6}), sample.image)
    return pipeline, config, *pipeline.process_image(sample.image, config)


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
    for key in pipeline.declarations:
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

        def process(self, inputs, values, out):
            return {"double_y": 2 * inputs["y"]}

    pipeline = create_default_pipeline()

    position = pipeline.append(Doubling(), after="preprocess")

    assert position == pipeline.find("doubling") == 1
    data, _, _ = pipeline.process_image(np.eye(30), Config(), last_stage="doubling")
    np.testing.assert_array_equal(data["double_y"], 2 * data["y"])


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (lambda p: p.find("postproces"), "There is no stage postproces"),
        (lambda p: p.append(Preprocessing()), "already has a stage preprocess"),
        (lambda p: p.process_image(np.eye(9), Config(), "dsm", "preprocess"), "comes after the last stage"),
        (lambda p: p.process_image(np.eye(9), Config(), "postprocess"), "needs the data of an earlier run"),
        (lambda p: Pipeline([p.stages[2]]).process_image(np.eye(9), Config()), "needs y, dsm_cfg"),
    ],
)
def test_impossible_requests_to_a_pipeline_are_refused(action, message):
    with pytest.raises(PipelineError, match=message):
        action(create_default_pipeline())


def test_a_disabled_stage_is_skipped(sample):
    config = Config({"AF_scale": 10.6, "postprocess": {"enabled": False}})

    data, _, _ = create_default_pipeline().process_image(sample.image, config)

    assert "postprocessed_objects" not in data


def test_too_many_possible_objects_are_refused_with_advice(processed):
    pipeline, config, data, _, _ = processed
    config = config.derive({"global-energy-minimization": {"max_work_amount": 0}})
    assert data["performance"].overall_object_count > len(data["seeds"])

    with pytest.raises(WorkAmountError, match="max_work_amount"):
        pipeline.process_image(None, config, first_stage="global-energy-minimization", data=data)


class Listener(Output):
    """Keeps what is warned of."""

    def __init__(self):
        self.warnings = []

    def warn(self, line):
        self.warnings.append(line)


def test_a_foreground_that_hangs_together_is_warned_of_and_refused_where_it_would_take_hours():
    y = np.full((40, 50), -1.0)
    y[5:35, 5:45] = 1 + np.random.default_rng(0).random((30, 40))
    clusters = np.ones(y.shape, np.int32)
    maxima = int(
        ((y == ndimage.maximum_filter(y, footprint=ndimage.generate_binary_structure(2, 1))) & (y > 0)).sum()
    )
    heard = Listener()
    values = {"seed_connectivity": 4}
    usable = np.ones(y.shape, bool)

    def check(most):
        boxes = ndimage.find_objects(clusters)
        check_work(y, usable, clusters, boxes, {**values, "max_work_amount": most}, heard)

    check(maxima * 1200)
    assert heard.warnings == []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(c2freganal, "MUCH_WORK", maxima * 1200 - 1)
        check(maxima * 1200)
    assert len(heard.warnings) == 1
    assert f"60 % of the image hang together as one bright region with {maxima} maxima" in heard.warnings[0]
    with pytest.raises(
        WorkAmountError, match=r"nuclei bright on a dark ground.*c2f-region-analysis/max_work"
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
    data, _, _ = process_image(create_default_pipeline(), config, image, "c2f-region-analysis", heard)

    assert data["clusters"].max() == 2
    assert heard.warnings == []


def test_an_image_of_dark_nuclei_is_not_tried_for_hours():
    sample = generate(seed=2, shape=(160, 160), nuclei=6)
    inverted = sample.image.max() - sample.image

    with pytest.raises(WorkAmountError, match="one bright region"):
        superdsm_nb.segment(inverted, {"AF_scale": 11, "c2f-region-analysis/max_work_amount": 10**6})
    superdsm_nb.segment(sample.image, {"AF_scale": 11, "c2f-region-analysis/max_work_amount": 10**6})


def test_fits_of_the_region_analysis_that_found_no_minimum_are_told(monkeypatch):
    sample = generate(seed=2, shape=(160, 160), nuclei=6)
    heard = Listener()
    fit = c2freganal.fit
    monkeypatch.setattr(
        c2freganal, "fit", lambda *args: dataclasses.replace(fit(*args), status="fallback", reason="time")
    )

    data, _, _ = process_image(
        create_default_pipeline(), Config({"AF_scale": 11}), sample.image, "c2f-region-analysis", heard
    )

    # Without an energy nothing is divided.
    assert len(data["seeds"]) == data["clusters"].max()
    assert [
        line for line in heard.warnings if f"{len(data['seeds'])} fits of ellipses found no minimum" in line
    ]
