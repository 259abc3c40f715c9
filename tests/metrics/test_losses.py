"""Causes of losses by example, and against an oracle that states the rules with sets of pixels."""

from __future__ import annotations

import dataclasses
import doctest

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from superdsm_nb import metrics
from superdsm_nb.errors import ImageError
from superdsm_nb.metrics import Losses, count_losses, losses

LABELS = st.sampled_from([-3, 0, 0, 1, 2, 7, 300])


@st.composite
def label_images(draw):
    """Draw images of stripes and noise, so that objects cover large and small parts of each other."""
    shape = draw(st.tuples(st.integers(1, 4), st.integers(1, 12)))
    truth = draw(arrays(np.int64, shape, elements=LABELS))
    predicted = draw(arrays(np.int64, shape, elements=LABELS))
    stripes = draw(arrays(np.int64, (1, shape[1]), elements=LABELS))
    is_kept = draw(arrays(np.bool_, shape))
    truth = draw(st.sampled_from([truth, np.broadcast_to(stripes, shape), np.sort(truth, axis=1)]))
    return draw(st.sampled_from([predicted, np.where(is_kept, truth, predicted), np.sort(predicted)])), truth


def objects_of(labels):
    """List the objects in the order of their labels, each as a set of pixels."""
    names = sorted({int(label) for label in labels.flat if label > 0})
    return [{pixel for pixel, label in np.ndenumerate(labels) if label == name} for name in names]


def is_match(a, b):
    return len(a & b) / len(a | b) > 0.5


def slow_cause(nucleus, nuclei, objects):
    """Return the first rule that applies to a nucleus."""
    if any(is_match(nucleus, found) for found in objects):
        return "matched"
    if len(nucleus & set().union(*objects)) < len(nucleus) / 5:
        return "missed"
    best = max(objects, key=lambda found: len(found & nucleus))
    others = [other for other in nuclei if other is not nucleus]
    if any(len(best & other) >= len(other) / 2 for other in others):
        return "merged"
    pieces = [found for found in objects if len(found & nucleus) > len(found) / 2]
    if len(pieces) >= 2 and len(nucleus & set().union(*pieces)) >= len(nucleus) / 2:
        return "split"
    return "outline"


def slow_losses(predicted, truth):
    nuclei, objects = objects_of(truth), objects_of(predicted)
    causes = [slow_cause(nucleus, nuclei, objects) for nucleus in nuclei]
    unmatched = [found for found in objects if not any(is_match(found, nucleus) for nucleus in nuclei)]
    added = sum(len(found & set().union(*nuclei)) < len(found) / 5 for found in unmatched)
    names = ("matched", "missed", "merged", "split", "outline")
    return Losses(*(causes.count(name) for name in names), added=added)


@given(images=label_images())
@settings(deadline=None, max_examples=300)
def test_the_causes_agree_with_the_rules_stated_with_sets(images):
    assert count_losses(*images) == slow_losses(*images)


@given(images=label_images())
@settings(deadline=None)
def test_every_truth_object_is_counted_once_and_the_matches_are_those_of_average_precision(images):
    result = count_losses(*images)

    score = metrics.score(*images)
    counts = dataclasses.asdict(result)
    assert sum(counts.values()) - result.added == score.truth_count
    union = score.predicted_count + score.truth_count - result.matched
    assert score.ap50 == (result.matched / union if union else 1.0)


@pytest.mark.parametrize(
    ("predicted", "truth", "expected"),
    [
        ([0, 0, 0, 0, 0, 0], [1, 1, 1, 0, 2, 2], Losses(0, 2, 0, 0, 0, 0)),
        ([3, 3, 3, 0, 2, 2], [0, 0, 0, 0, 0, 0], Losses(0, 0, 0, 0, 0, 2)),
        ([0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0], Losses(0, 0, 0, 0, 0, 0)),
        ([1, 1, 1, 1, 1, 1], [1, 1, 1, 2, 2, 2], Losses(0, 0, 2, 0, 0, 0)),
        # The object is a match for the larger one, so that only the smaller one is lost by the merge.
        ([1, 1, 1, 1, 1, 0], [1, 1, 1, 2, 2, 0], Losses(1, 0, 1, 0, 0, 0)),
        ([1, 1, 1, 2, 2, 2], [1, 1, 1, 1, 1, 1], Losses(0, 0, 0, 1, 0, 0)),
        # Two pieces of a third each; a third and a sixth, which is half; a third alone.
        ([1, 1, 0, 0, 2, 2], [1, 1, 1, 1, 1, 1], Losses(0, 0, 0, 1, 0, 0)),
        ([1, 1, 0, 0, 0, 2], [1, 1, 1, 1, 1, 1], Losses(0, 0, 0, 1, 0, 0)),
        ([1, 1, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1], Losses(0, 0, 0, 0, 1, 0)),
        # A fifth is covered: that is enough to be an outline, and not to be added.
        ([1, 0, 0, 0, 0], [1, 1, 1, 1, 1], Losses(0, 0, 0, 0, 1, 0)),
        ([1, 1, 1, 1, 1], [1, 0, 0, 0, 0], Losses(0, 0, 0, 0, 1, 0)),
        ([1, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1], Losses(0, 1, 0, 0, 0, 0)),
        ([1, 1, 1, 1, 1, 1], [1, 0, 0, 0, 0, 0], Losses(0, 0, 0, 0, 1, 1)),
    ],
)
def test_each_cause_by_example(predicted, truth, expected):
    assert count_losses(np.array([predicted]), np.array([truth])) == expected


def test_images_that_cannot_be_compared_are_refused():
    with pytest.raises(ImageError, match="same shape"):
        count_losses(np.zeros((2, 3), dtype=int), np.zeros((3, 2), dtype=int))


def test_the_example_in_the_docstring_holds():
    result = doctest.testmod(losses)

    assert result.failed == 0
    assert result.attempted == 1
