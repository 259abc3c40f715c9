"""The metrics on label maps of many nuclei, against a dense table of all IoUs.

The oracles in `test_oracles` search all matchings of a few pixels. Here the objects are many and large, and
wrong in the ways segmentations are: moved, grown, eroded, merged, cut, missed and added.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.optimize import linear_sum_assignment

from superdsm_nb import metrics

SIDE = 96


def draw_disk(labels, label, y, x, radius):
    rows, columns = np.ogrid[: labels.shape[0], : labels.shape[1]]
    labels[(rows - y) ** 2 + (columns - x) ** 2 <= radius**2] = label


def drawn_nuclei(seed):
    """Draw up to 30 disks, some of which overlap earlier ones."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((SIDE, SIDE), dtype=np.int32)
    for label in rng.permutation(np.arange(1, 200))[: rng.integers(0, 30)]:
        draw_disk(labels, label, *rng.uniform(0, SIDE, 2), rng.uniform(1, 12))
    return labels


def segmented(truth, seed):
    """Make a prediction from the truth, each nucleus wrong in a way of its own."""
    rng = np.random.default_rng(seed)
    predicted = np.zeros_like(truth)
    previous = 0
    for number, label in enumerate(np.unique(truth[truth > 0]), start=1000):
        mask = truth == label
        match rng.integers(7):
            case 0:
                continue
            case 1:
                mask = ndimage.binary_dilation(mask, iterations=int(rng.integers(1, 4)))
            case 2:
                mask = ndimage.binary_erosion(mask, iterations=int(rng.integers(1, 4)))
            case 3:
                mask = np.roll(mask, rng.integers(-6, 7, 2), axis=(0, 1))
        predicted[mask] = number
        match rng.integers(4):
            case 0 if previous:
                predicted[mask] = previous
            case 1:
                predicted[mask & (np.arange(SIDE) % 20 < rng.integers(1, 20))] = number + 1000
        previous = number
    for added in range(rng.integers(0, 4)):
        draw_disk(predicted, 5000 + added, *rng.uniform(0, SIDE, 2), rng.uniform(1, 8))
    return predicted


def masks_of(labels):
    return [labels == label for label in np.unique(labels) if label > 0]


def dense_iou(predicted, truth):
    """Tabulate the IoU of every predicted object with every truth object."""
    p, t = masks_of(predicted), masks_of(truth)
    table = np.zeros((len(p), len(t)))
    for row, a in enumerate(p):
        for column, b in enumerate(t):
            table[row, column] = np.sum(a & b) / np.sum(a | b)
    return table


def dense_average_precision(table, threshold):
    """Match by the Hungarian method at the most total IoU, as in the code of StarDist."""
    if not sum(table.shape):
        return 1.0
    admitted = (table > threshold) | (table == 1)
    pairs = linear_sum_assignment(admitted + table / (2 * min(table.shape) + 1), maximize=True)
    tp = np.count_nonzero(admitted[pairs])
    return tp / (tp + (table.shape[0] - tp) + (table.shape[1] - tp))


def dense_seg(predicted, truth):
    jaccards = []
    for r in masks_of(truth):
        names, pixels = np.unique(predicted[r & (predicted > 0)], return_counts=True)
        if pixels.size and 2 * pixels.max() > r.sum():
            s = predicted == names[pixels.argmax()]
            jaccards.append(np.sum(r & s) / np.sum(r | s))
        else:
            jaccards.append(0.0)
    return np.mean(jaccards) if jaccards else float(not masks_of(predicted))


@given(seed=st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_the_metrics_of_many_nuclei_agree_with_a_dense_table(seed):
    truth = drawn_nuclei(seed)
    predicted = segmented(truth, seed)

    table = dense_iou(predicted, truth)
    result = metrics.score(predicted, truth)

    assert (result.predicted_count, result.truth_count) == table.shape
    assert result.seg == pytest.approx(dense_seg(predicted, truth))
    assert result.ap50 == dense_average_precision(table, 0.5)
    assert result.ap75 == dense_average_precision(table, 0.75)
    assert metrics.average_precision(predicted, truth, 0.3) == dense_average_precision(table, 0.3)
    assert metrics.count_losses(predicted, truth).matched == np.count_nonzero(table > 0.5)
    foreground = np.sum(predicted > 0) + np.sum(truth > 0)
    shared = np.sum((predicted > 0) & (truth > 0))
    assert result.dice == pytest.approx(2 * shared / foreground if foreground else 1.0)


@given(seed=st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_a_stricter_threshold_never_matches_more_nuclei(seed):
    truth = drawn_nuclei(seed)
    predicted = segmented(truth, seed)

    precisions = [metrics.average_precision(predicted, truth, t) for t in np.arange(0.05, 1.0, 0.05)]

    assert precisions == sorted(precisions, reverse=True)
