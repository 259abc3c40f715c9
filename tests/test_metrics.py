"""Every metric against a slow oracle that loops over objects, against invariants and by example."""

from __future__ import annotations

import dataclasses
import doctest
import itertools
import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import cdist

from superdsm_nb import metrics
from superdsm_nb.errors import ConfigError, ImageError

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
# Negative numbers and gaps on purpose. Of few labels in few pixels come many ties, splits and merges.
LABELS = st.sampled_from([-3, 0, 0, 1, 2, 7, 300])
# The thresholds include IoUs that small objects do have, and on both sides of the change of method at 0.5.
THRESHOLDS = st.sampled_from([0.1, 0.2, 0.25, 1 / 3, 0.4, 0.499, 0.5, 0.6, 2 / 3, 0.75, 0.9, 1.0])


@st.composite
def label_images(draw, max_side=6):
    """Draw a predicted and a truth image of the same shape; the predicted one resembles the truth or not."""
    shape = draw(st.tuples(st.integers(1, max_side), st.integers(1, max_side)))
    truth = draw(arrays(np.int64, shape, elements=LABELS))
    predicted = draw(arrays(np.int64, shape, elements=LABELS))
    is_kept = draw(arrays(np.bool_, shape))
    return draw(st.sampled_from([predicted, np.where(is_kept, truth, predicted)])), truth


def objects_of(labels):
    """List the objects in the order of their labels, each as a set of pixels."""
    names = sorted({int(label) for label in labels.flat if label > 0})
    return [{pixel for pixel, label in np.ndenumerate(labels) if label == name} for name in names]


def partner_of(pixels, others):
    """Index of the object sharing most of the pixels, None if background does; the first of equals."""
    overlaps = [len(pixels & other) for other in others]
    background = len(pixels) - sum(overlaps)
    most = max([background, *overlaps])
    return None if background == most else overlaps.index(most)


def is_tied(pixels, others):
    overlaps = sorted(len(pixels & other) for other in others)
    background = len(pixels) - sum(overlaps)
    return len(overlaps) > 1 and overlaps[-1] == overlaps[-2] > background


def has_ties(predicted, truth):
    p, t = objects_of(predicted), objects_of(truth)
    return any(is_tied(pixels, t) for pixels in p) or any(is_tied(pixels, p) for pixels in t)


def slow_seg(predicted, truth):
    p, t = objects_of(predicted), objects_of(truth)
    if not t:
        return 0.0 if p else 1.0
    jaccards = []
    for r in t:
        covering = [s for s in p if len(r & s) > len(r) / 2]
        jaccards.append(len(r & covering[0]) / len(r | covering[0]) if covering else 0.0)
    return sum(jaccards) / len(jaccards)


def slow_dice(predicted, truth):
    p, t = set().union(*objects_of(predicted)), set().union(*objects_of(truth))
    return 2 * len(p & t) / (len(p) + len(t)) if p or t else 1.0


def slow_average_precision(predicted, truth, threshold):
    p, t = objects_of(predicted), objects_of(truth)
    if not p and not t:
        return 1.0
    few, many = sorted([p, t], key=len)

    def matches(a, b):
        return len(a & b) / len(a | b) > threshold or a == b

    # Every way to give each of the fewer objects its own partner; the best one counts.
    ways = itertools.permutations(many, len(few))
    tp = max(sum(matches(a, b) for a, b in zip(few, way, strict=True)) for way in ways)
    fp, fn = len(p) - tp, len(t) - tp
    return tp / (tp + fp + fn)


def slow_split_count(predicted, truth):
    t = objects_of(truth)
    partners = [partner_of(s, t) for s in objects_of(predicted)]
    return sum(partners.count(number) > 1 for number in range(len(t)))


def slow_missed_count(predicted, truth):
    p = objects_of(predicted)
    return sum(partner_of(r, p) is None for r in objects_of(truth))


def boundary_of(pixels):
    steps = [(1, 0), (-1, 0), (0, 1), (0, -1)]
    return [(y, x) for y, x in pixels if any((y + dy, x + dx) not in pixels for dy, dx in steps)]


def slow_hausdorff(predicted, truth):
    p = objects_of(predicted)
    distances = []
    for r in objects_of(truth):
        partner = partner_of(r, p)
        if partner is not None:
            table = cdist(boundary_of(r), boundary_of(p[partner]))
            distances.append(max(table.min(axis=0).max(), table.min(axis=1).max()))
    return sum(distances) / len(distances) if distances else math.nan


@given(images=label_images())
@settings(deadline=None)
def test_seg_agrees_with_a_loop_over_the_truth_objects(images):
    assert metrics.seg(*images) == pytest.approx(slow_seg(*images))


@given(images=label_images())
@settings(deadline=None)
def test_dice_agrees_with_sets_of_pixels(images):
    assert metrics.dice(*images) == pytest.approx(slow_dice(*images))


@given(images=label_images(), threshold=THRESHOLDS)
@settings(deadline=None, max_examples=300)
def test_average_precision_agrees_with_the_best_of_all_matchings(images, threshold):
    assert metrics.average_precision(*images, threshold) == slow_average_precision(*images, threshold)


@given(images=label_images())
@settings(deadline=None)
def test_splits_and_merges_agree_with_a_loop_over_the_objects(images):
    predicted, truth = images
    assert metrics.split_count(predicted, truth) == slow_split_count(predicted, truth)
    assert metrics.merge_count(predicted, truth) == slow_split_count(truth, predicted)


@given(images=label_images())
@settings(deadline=None)
def test_missed_and_added_agree_with_a_loop_over_the_objects(images):
    predicted, truth = images
    assert metrics.missed_count(predicted, truth) == slow_missed_count(predicted, truth)
    assert metrics.added_count(predicted, truth) == slow_missed_count(truth, predicted)


@given(images=label_images(max_side=9))
@settings(deadline=None)
def test_hausdorff_agrees_with_all_pairs_of_boundary_pixels(images):
    assert metrics.hausdorff(*images) == pytest.approx(slow_hausdorff(*images), nan_ok=True)


@given(images=label_images())
@settings(deadline=None)
def test_the_score_is_made_of_the_single_metrics(images):
    result = metrics.score(*images)

    expected = metrics.Score(
        seg=metrics.seg(*images),
        dice=metrics.dice(*images),
        ap50=metrics.average_precision(*images, 0.5),
        ap75=metrics.average_precision(*images, 0.75),
        splits=metrics.split_count(*images),
        merges=metrics.merge_count(*images),
        missed=metrics.missed_count(*images),
        added=metrics.added_count(*images),
        hausdorff=metrics.hausdorff(*images),
        predicted_count=len(objects_of(images[0])),
        truth_count=len(objects_of(images[1])),
    )
    assert_same(result, expected)


def assert_same(one, other):
    assert dataclasses.asdict(one) == pytest.approx(dataclasses.asdict(other), nan_ok=True)


@given(images=label_images())
@settings(deadline=None)
def test_a_perfect_prediction_has_the_best_score(images):
    truth = images[1]
    count = len(objects_of(truth))

    result = metrics.score(truth.copy(), truth)

    distance = 0.0 if count else math.nan
    assert_same(result, metrics.Score(1.0, 1.0, 1.0, 1.0, 0, 0, 0, 0, distance, count, count))


@given(images=label_images(), seed=st.integers(0, 1000))
@settings(deadline=None)
def test_the_numbering_of_objects_does_not_matter_unless_overlaps_are_tied(images, seed):
    predicted, truth = images
    assume(not has_ties(predicted, truth))
    names = np.random.default_rng(seed).permutation(np.arange(1, 301))

    renamed = [np.where(labels > 0, names[labels - 1], labels) for labels in images]

    assert_same(metrics.score(*renamed), metrics.score(predicted, truth))


@given(images=label_images())
@settings(deadline=None)
def test_large_labels_with_gaps_give_the_same_score_as_small_ones(images):
    spread = [np.where(labels > 0, 2**32 - 1 - 10**6 * (300 - labels), 0) for labels in images]

    result = metrics.score(*(labels.astype(np.uint32) for labels in spread))

    assert_same(result, metrics.score(*images))


@given(images=label_images())
@settings(deadline=None)
def test_transposed_images_have_the_same_score(images):
    predicted, truth = images
    assert_same(metrics.score(predicted.T, truth.T), metrics.score(predicted, truth))


@given(images=label_images(), threshold=THRESHOLDS)
@settings(deadline=None)
def test_dice_and_average_precision_are_symmetric_and_the_counts_change_places(images, threshold):
    predicted, truth = images

    there, back = metrics.score(predicted, truth), metrics.score(truth, predicted)

    assert there.dice == back.dice
    ap = metrics.average_precision
    assert ap(predicted, truth, threshold) == ap(truth, predicted, threshold)
    assert (there.splits, there.added, there.predicted_count) == (back.merges, back.missed, back.truth_count)


@given(images=label_images())
@settings(deadline=None)
def test_the_images_are_not_changed(images):
    copies = [labels.copy() for labels in images]
    for labels in images:
        labels.flags.writeable = False

    metrics.score(*images)

    assert all(np.array_equal(labels, copy) for labels, copy in zip(images, copies, strict=True))


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
    result = doctest.testmod(metrics)

    assert result.failed == 0
    assert result.attempted >= len(FUNCTIONS)
