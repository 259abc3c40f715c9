"""Why objects do not match: the cause of every loss in average precision at the IoU 0.5."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .overlaps import Labels, count_overlaps


@dataclass(frozen=True)
class Losses:
    """What became of the truth objects, and which predicted objects have nothing to do with them.

    Every truth object counts once: ``matched + missed + merged + split + outline`` is their number.

    Attributes
    ----------
    matched : int
        Truth objects with a predicted object of IoU > 0.5, the true positives of `average_precision`.
    missed : int
        Less than 20 % is covered by predicted objects, all together.
    merged : int
        The predicted object that covers most of it covers at least half of another truth object as well.
    split : int
        Two or more predicted objects, each with most of its pixels inside, together cover at least half.
    outline : int
        None of these: a predicted object is there, but its outline is too far away.
    added : int
        Predicted objects that match nothing and have less than 20 % of their pixels in truth objects.
    """

    matched: int
    missed: int
    merged: int
    split: int
    outline: int
    added: int


def count_losses(predicted: Labels, truth: Labels) -> Losses:
    """Count the truth objects without a match by the reason, and the predicted objects out of place.

    Unlike `missed_count`, `merge_count` and the like, which follow the rule of assignment, this explains
    average precision at the IoU 0.5: only what is lost there is counted, and each loss has one cause. Of
    several causes that apply the first counts, in the order of `Losses`.

    Parameters
    ----------
    predicted, truth : ndarray of int, shape (rows, columns)
        Label images of the same shape.

    Returns
    -------
    Losses
        One number per cause. Predicted objects that are neither matched nor added are part of a merge, a
        split or a wrong outline, or lie in a truth object that another one matches.

    Examples
    --------
    >>> count_losses(np.array([[1, 1, 2, 2, 0, 0, 7]]), np.array([[1, 1, 1, 1, 0, 2, 0]]))
    Losses(matched=0, missed=1, merged=0, split=1, outline=0, added=1)
    """
    overlaps = count_overlaps(predicted, truth)
    rows, columns, shared = overlaps.rows, overlaps.columns, overlaps.shared
    predicted_sizes, truth_sizes = overlaps.predicted_sizes, overlaps.truth_sizes
    predicted_count, truth_count = predicted_sizes.size, truth_sizes.size
    matches = overlaps.iou > 0.5

    is_found = np.isin(np.arange(truth_count), columns[matches])
    covered = np.bincount(columns, shared, truth_count)
    is_missed = 5 * covered < truth_sizes

    # Pairs sorted so that the first of each truth object is the predicted one that covers most of it.
    order = np.lexsort((rows, -shared, columns))
    touched, first = np.unique(columns[order], return_index=True)
    best = np.full(truth_count, -1)
    best[touched] = rows[order][first]
    is_half = 2 * shared >= truth_sizes[columns]
    halves = np.bincount(rows[is_half], minlength=predicted_count)
    covers_best = np.zeros(truth_count, dtype=np.int64)
    own = is_half & (best[columns] == rows)
    covers_best[columns[own]] = 1
    is_merged = np.zeros(truth_count, dtype=np.bool_)
    is_merged[touched] = halves[best[touched]] > covers_best[touched]

    is_inside = 2 * shared > predicted_sizes[rows]
    pieces = np.bincount(columns[is_inside], minlength=truth_count)
    in_pieces = np.bincount(columns[is_inside], shared[is_inside], truth_count)
    is_split = (pieces >= 2) & (2 * in_pieces >= truth_sizes)

    causes = np.select([is_found, is_missed, is_merged, is_split], [0, 1, 2, 3], default=4)
    is_used = np.isin(np.arange(predicted_count), rows[matches])
    is_outside = 5 * np.bincount(rows, shared, predicted_count) < predicted_sizes
    matched, missed, merged, split, outline = map(int, np.bincount(causes, minlength=5))
    added = int(np.count_nonzero(~is_used & is_outside))
    return Losses(matched, missed, merged, split, outline, added)
