"""Every metric against a slow oracle that loops over objects, and against invariants."""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import cdist

from superdsm_nb import metrics

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
