"""Every metric by example."""

from __future__ import annotations

import dataclasses
import doctest
import math

import numpy as np
import pytest

from superdsm_nb import metrics
from superdsm_nb.errors import ConfigError, ImageError
from superdsm_nb.metrics import scores

FUNCTIONS = [
    metrics.seg,
    metrics.dice,
    metrics.average_precision,
    metrics.split_count,
    metrics.merge_count,
    metrics.missed_count,
    metrics.added_count,
    metrics.hausdorff,
    metrics.score,
]


def assert_same(one, other):
    assert dataclasses.asdict(one) == pytest.approx(dataclasses.asdict(other), nan_ok=True)


def test_an_object_cut_in_two_is_one_split():
    truth = np.array([[1, 1, 1, 1, 1, 1, 0, 2, 2]])
    predicted = np.array([[1, 1, 1, 1, 3, 3, 0, 2, 2]])

    result = metrics.score(predicted, truth)

    # The larger piece covers 4 of 6 pixels, and the farthest boundary pixel is two pixels away from it.
    assert_same(result, metrics.Score((4 / 6 + 1) / 2, 1.0, 2 / 3, 1 / 4, 1, 0, 0, 0, 1.0, 3, 2))


def test_an_object_in_three_pieces_is_still_one_split():
    assert metrics.split_count(np.array([[1, 2, 3]]), np.array([[1, 1, 1]])) == 1


def test_two_objects_under_one_are_one_merge():
    truth = np.array([[1, 1, 1, 1, 2, 2, 0, 3, 3]])
    predicted = np.array([[5, 5, 5, 5, 5, 5, 0, 6, 6]])

    result = metrics.score(predicted, truth)

    # Object 5 covers both wholly: 4/6 and 2/6; it reaches 2 and 4 pixels beyond them.
    assert_same(result, metrics.Score((4 / 6 + 2 / 6 + 1) / 3, 1.0, 2 / 3, 1 / 4, 0, 1, 0, 0, 2.0, 2, 3))


def test_a_missed_object_costs_seg_but_not_hausdorff():
    truth = np.array([[1, 1, 0, 2, 2]])
    predicted = np.array([[1, 1, 0, 0, 0]])

    result = metrics.score(predicted, truth)

    assert_same(result, metrics.Score(0.5, 2 / 3, 0.5, 0.5, 0, 0, 1, 0, 0.0, 1, 2))


def test_an_added_object_costs_average_precision_but_not_seg():
    truth = np.array([[1, 1, 0, 0, 0]])
    predicted = np.array([[1, 1, 0, 2, 2]])

    result = metrics.score(predicted, truth)

    assert_same(result, metrics.Score(1.0, 2 / 3, 0.5, 0.5, 0, 0, 0, 1, 0.0, 2, 1))


def test_an_object_covered_by_exactly_half_is_not_matched():
    truth = np.array([[1, 1, 1, 1]])
    predicted = np.array([[1, 1, 0, 0]])

    result = metrics.score(predicted, truth)

    # Background covers the other half and wins the tie, so that the object is missed as well.
    assert_same(result, metrics.Score(0.0, 2 / 3, 0.0, 0.0, 0, 0, 1, 0, math.nan, 1, 1))


def test_an_iou_of_three_quarters_counts_at_one_half_but_not_at_three_quarters():
    result = metrics.score(np.array([[1, 1, 1, 0]]), np.array([[1, 1, 1, 1]]))

    assert_same(result, metrics.Score(0.75, 6 / 7, 1.0, 0.0, 0, 0, 0, 0, 1.0, 1, 1))


def test_of_two_equal_overlaps_the_smaller_label_is_assigned():
    predicted = np.array([[0, 9, 9, 0, 0, 0, 0]])
    truth = np.array([[0, 7, 4, 4, 4, 4, 4]])
    # Object 9 goes to truth 4, the smaller label, to which object 2 goes as well: a split, or not if renamed.
    predicted[0, 4:] = 2

    assert metrics.split_count(predicted, truth) == 1
    assert metrics.split_count(predicted, np.where(truth == 7, 3, truth)) == 0


@pytest.mark.parametrize(("threshold", "expected"), [(0.59, 1.0), (0.6, 0.0), (0.61, 0.0)])
def test_an_iou_equal_to_the_threshold_is_not_enough(threshold, expected):
    predicted, truth = np.array([[1, 1, 1, 1, 0]]), np.array([[0, 1, 1, 1, 1]])  # IoU 3/5

    assert metrics.average_precision(predicted, truth, threshold) == expected


def test_at_threshold_one_only_identical_objects_match():
    predicted, truth = np.array([[1, 1, 0, 2, 2]]), np.array([[1, 1, 0, 2, 0]])

    assert metrics.average_precision(predicted, truth, 1.0) == 1 / 3


def test_below_one_half_the_matching_with_most_pairs_is_found():
    # Predicted 1 overlaps both truth objects and 1 most, which alone is left to predicted 2.
    predicted = np.array([[1, 1, 1, 1, 2, 2]])
    truth = np.array([[2, 2, 1, 1, 1, 1]])

    # IoU: (1, 1) 2/6, (1, 2) 2/4, (2, 1) 2/4.
    assert metrics.average_precision(predicted, truth, 0.3) == 1.0
    assert metrics.average_precision(predicted, truth, 0.5) == 0.0


def test_the_distance_is_of_boundaries_and_notices_a_hole():
    truth = np.ones((7, 7), dtype=np.uint8)
    predicted = truth.copy()
    predicted[3, 3] = 0

    # The pixels round the hole are two away from the outer boundary, though but one from a missing pixel.
    assert metrics.hausdorff(predicted, truth) == 2.0


def test_a_pixel_that_touches_the_outside_by_a_corner_only_is_not_boundary():
    truth = np.ones((11, 11), dtype=np.uint8)
    predicted = truth.copy()
    predicted[2, 2] = 0

    # Pixel (3, 3) is three away from the outer boundary, but (3, 2) and (2, 3) are only two.
    assert metrics.hausdorff(predicted, truth) == 2.0


def test_an_object_shifted_by_three_pixels_is_at_distance_three():
    truth = np.zeros((30, 30), dtype=np.uint8)
    truth[10:20, 10:20] = 1

    assert metrics.hausdorff(np.roll(truth, 3, axis=0), truth) == 3.0
    assert metrics.hausdorff(np.roll(truth, 3, axis=1), truth) == 3.0


def test_far_parts_of_an_object_count_in_its_distance():
    truth = np.zeros((40, 50), dtype=np.int16)
    truth[:3, :3] = 1
    predicted = truth.copy()
    predicted[32, 42] = 1

    assert metrics.hausdorff(predicted, truth) == 50.0


@pytest.mark.parametrize("shape", [(3, 4), (0, 5), (0, 0)])
def test_two_empty_images_agree_perfectly(shape):
    empty = np.zeros(shape, dtype=np.int32)

    assert_same(metrics.score(empty, empty), metrics.Score(1.0, 1.0, 1.0, 1.0, 0, 0, 0, 0, math.nan, 0, 0))
    assert metrics.average_precision(empty, empty, 0.2) == 1.0


def test_an_empty_prediction_misses_everything():
    truth = np.array([[1, 0, 2]])

    result = metrics.score(np.zeros_like(truth), truth)

    assert_same(result, metrics.Score(0.0, 0.0, 0.0, 0.0, 0, 0, 2, 0, math.nan, 0, 2))
    assert metrics.average_precision(np.zeros_like(truth), truth, 0.2) == 0.0


def test_objects_without_any_truth_are_all_added():
    predicted = np.array([[1, 0, 2]])

    result = metrics.score(predicted, np.zeros_like(predicted))

    assert_same(result, metrics.Score(0.0, 0.0, 0.0, 0.0, 0, 0, 0, 2, math.nan, 2, 0))


def test_more_objects_than_sixteen_bits_can_number_are_kept_apart():
    labels = np.arange(1, 90_001).reshape(300, 300)

    assert metrics.seg(labels, labels) == 1.0
    assert metrics.average_precision(labels, labels) == 1.0
    assert metrics.split_count(labels, np.ones_like(labels)) == 1
    assert metrics.merge_count(labels, labels) == 0


def test_negative_labels_are_background():
    labels = np.array([[-1, -1, 3]])

    assert metrics.score(labels, labels).truth_count == 1
    assert metrics.score(-np.abs(labels), labels).predicted_count == 0


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.uint16, np.int32, np.uint32, np.int64, np.uint64])
def test_every_integer_type_takes_its_largest_label(dtype):
    labels = np.array([[0, 1, np.iinfo(dtype).max]], dtype=dtype)

    assert_same(metrics.score(labels, labels), metrics.Score(1.0, 1.0, 1.0, 1.0, 0, 0, 0, 0, 0.0, 2, 2))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_different_shapes_are_refused_naming_both(function):
    with pytest.raises(ImageError, match=r"same shape, but they have \(2, 3\) and \(3, 2\)\.$"):
        function(np.zeros((2, 3), dtype=int), np.zeros((3, 2), dtype=int))


@pytest.mark.parametrize("shape", [(), (4,), (2, 2, 2)])
def test_images_that_are_not_two_dimensional_are_refused(shape):
    with pytest.raises(ImageError, match=r"predicted label image must have two dimensions"):
        metrics.score(np.zeros(shape, dtype=int), np.zeros(shape, dtype=int))


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.bool_, np.complex128, object])
def test_images_that_are_not_of_an_integer_type_are_refused(dtype):
    with pytest.raises(ImageError, match=rf"truth label image must hold integers, .* {np.dtype(dtype)}\.$"):
        metrics.score(np.zeros((2, 2), dtype=int), np.ones((2, 2), dtype=dtype))


@pytest.mark.parametrize("threshold", [0.0, -0.5, 1.001, math.nan, math.inf])
def test_thresholds_outside_of_zero_to_one_are_refused(threshold):
    labels = np.zeros((2, 2), dtype=int)
    with pytest.raises(ConfigError, match="IoU threshold"):
        metrics.average_precision(labels, labels, threshold)


def test_the_score_cannot_be_changed():
    result = metrics.score(np.array([[1]]), np.array([[1]]))
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.seg = 0.5


def test_the_examples_in_the_docstrings_hold():
    result = doctest.testmod(scores)

    assert result.failed == 0
    assert result.attempted >= len(FUNCTIONS)
