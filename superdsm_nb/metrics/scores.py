"""The metrics; the conventions for all of them are described in the package."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.optimize import linear_sum_assignment
from scipy.spatial import cKDTree

from ..errors import ConfigError
from .overlaps import Labels, Overlaps, count_overlaps


@dataclass(frozen=True)
class Score:
    """All metrics of this module for one image.

    Attributes
    ----------
    seg : float
        SEG of the Cell Tracking Challenge, see `seg`.
    dice : float
        Dice coefficient of the two foregrounds, see `dice`.
    ap50, ap75 : float
        Average precision at the IoU thresholds 0.5 and 0.75, see `average_precision`.
    splits, merges, missed, added : int
        Numbers of wrong objects, see `split_count`, `merge_count`, `missed_count` and `added_count`.
    hausdorff : float
        Hausdorff distance in pixels, NaN if no objects are matched, see `hausdorff`.
    predicted_count, truth_count : int
        Number of objects in the prediction and in the truth.
    """

    seg: float
    dice: float
    ap50: float
    ap75: float
    splits: int
    merges: int
    missed: int
    added: int
    hausdorff: float
    predicted_count: int
    truth_count: int


def score(predicted: Labels, truth: Labels) -> Score:
    """Compute every metric of this module, counting the overlaps only once.

    Parameters
    ----------
    predicted, truth : ndarray of int, shape (rows, columns)
        Label images of the same shape.

    Returns
    -------
    Score
        One number per metric, and the number of objects in each image.

    Examples
    --------
    >>> score(np.array([[5, 5, 0, 0, 7]]), np.array([[1, 1, 0, 2, 2]]))  # doctest: +NORMALIZE_WHITESPACE
    Score(seg=0.5, dice=0.8571428571428571, ap50=0.3333333333333333, ap75=0.3333333333333333,
          splits=0, merges=0, missed=1, added=0, hausdorff=0.0, predicted_count=2, truth_count=2)
    """
    overlaps = count_overlaps(predicted, truth)
    return Score(
        seg=_seg(overlaps),
        dice=_dice(overlaps),
        ap50=_average_precision(overlaps, 0.5),
        ap75=_average_precision(overlaps, 0.75),
        splits=_repeated(overlaps.truth_of_predicted),
        merges=_repeated(overlaps.predicted_of_truth),
        missed=_unassigned(overlaps.predicted_of_truth),
        added=_unassigned(overlaps.truth_of_predicted),
        hausdorff=_hausdorff(overlaps),
        predicted_count=overlaps.predicted_sizes.size,
        truth_count=overlaps.truth_sizes.size,
    )


def seg(predicted: Labels, truth: Labels) -> float:
    """SEG, the segmentation measure of the Cell Tracking Challenge.

    Parameters
    ----------
    predicted, truth : ndarray of int, shape (rows, columns)
        Label images of the same shape.

    Returns
    -------
    float
        Mean over the truth objects R of |R ∩ S| / |R ∪ S|, where S is the one predicted object with
        |R ∩ S| > |R| / 2, and of 0 if there is none: covering exactly half is not enough. Added objects
        cost nothing, unless there is no truth object, where SEG is undefined and taken as 0 (1 if both images
        are empty).

    References
    ----------
    M. Maška et al.: A benchmark for comparison of cell tracking algorithms. Bioinformatics 30 (2014),
    1609-1617, [doi:10.1093/bioinformatics/btu080](https://doi.org/10.1093/bioinformatics/btu080).

    Examples
    --------
    >>> seg(np.array([[1, 1, 1, 0]]), np.array([[1, 1, 1, 1]]))
    0.75
    >>> seg(np.array([[1, 1, 0, 0]]), np.array([[1, 1, 1, 1]]))
    0.0
    """
    return _seg(count_overlaps(predicted, truth))


def dice(predicted: Labels, truth: Labels) -> float:
    """Dice coefficient of the two foregrounds, regardless of objects.

    Parameters
    ----------
    predicted, truth : ndarray of int, shape (rows, columns)
        Label images of the same shape.

    Returns
    -------
    float
        2 |P ∩ T| / (|P| + |T|) with P and T the pixels of all predicted and of all truth objects.

    References
    ----------
    L. R. Dice: Measures of the amount of ecologic association between species. Ecology 26 (1945), 297-302,
    [doi:10.2307/1932409](https://doi.org/10.2307/1932409).

    Examples
    --------
    >>> dice(np.array([[1, 2, 2, 0]]), np.array([[0, 1, 1, 0]]))
    0.8
    """
    return _dice(count_overlaps(predicted, truth))


def average_precision(predicted: Labels, truth: Labels, threshold: float = 0.5) -> float:
    """Average precision at one IoU threshold, TP / (TP + FP + FN).

    Parameters
    ----------
    predicted, truth : ndarray of int, shape (rows, columns)
        Label images of the same shape.
    threshold : float in (0, 1]
        Objects P and T may be matched if |P ∩ T| / |P ∪ T| > ``threshold``, strictly, as in the Data Science
        Bowl 2018 (StarDist admits equality). Identical objects may be
        matched at every threshold, so 1 requires identical objects.

    Returns
    -------
    float
        TP is the number of matched pairs, FP and FN are the numbers of unmatched predicted and truth objects.
        No object is matched twice. For ``threshold`` >= 0.5 this is automatic, because IoU > 1/2 requires
        more than half of both objects; below, a matching with the most pairs is used.

    Raises
    ------
    ConfigError
        If ``threshold`` is not in (0, 1].

    References
    ----------
    J. C. Caicedo et al.: Nucleus segmentation across imaging experiments: the 2018 Data Science Bowl. Nature
    Methods 16 (2019), 1247-1253,
    [doi:10.1038/s41592-019-0612-7](https://doi.org/10.1038/s41592-019-0612-7).

    U. Schmidt et al.: Cell detection with star-convex polygons. MICCAI 2018, 265-273,
    [doi:10.1007/978-3-030-00934-2_30](https://doi.org/10.1007/978-3-030-00934-2_30).

    Examples
    --------
    >>> average_precision(np.array([[1, 1, 0, 2]]), np.array([[1, 1, 0, 0]]))
    0.5
    """
    return _average_precision(count_overlaps(predicted, truth), threshold)


def split_count(predicted: Labels, truth: Labels) -> int:
    """Count the truth objects to which more than one predicted object is assigned.

    Parameters
    ----------
    predicted, truth : ndarray of int, shape (rows, columns)
        Label images of the same shape.

    Returns
    -------
    int
        Each predicted object is assigned to the truth object sharing most pixels with it, or to background if
        that shares as many or more. A truth object in many pieces counts once; background is never split.

    Examples
    --------
    >>> split_count(np.array([[1, 1, 2, 2]]), np.array([[1, 1, 1, 1]]))
    1
    """
    return _repeated(count_overlaps(predicted, truth).truth_of_predicted)


def merge_count(predicted: Labels, truth: Labels) -> int:
    """Count the predicted objects to which more than one truth object is assigned.

    Parameters
    ----------
    predicted, truth : ndarray of int, shape (rows, columns)
        Label images of the same shape.

    Returns
    -------
    int
        Each truth object is assigned to the predicted object sharing most pixels with it, or to background if
        that shares as many or more. A predicted object holding many truth objects counts once.

    Examples
    --------
    >>> merge_count(np.array([[1, 1, 1, 1]]), np.array([[1, 1, 2, 2]]))
    1
    """
    return _repeated(count_overlaps(predicted, truth).predicted_of_truth)


def missed_count(predicted: Labels, truth: Labels) -> int:
    """Count the truth objects that are assigned to background.

    Parameters
    ----------
    predicted, truth : ndarray of int, shape (rows, columns)
        Label images of the same shape.

    Returns
    -------
    int
        Number of truth objects sharing at least as many pixels with background as with any predicted object.

    Examples
    --------
    >>> missed_count(np.array([[1, 0, 0, 0]]), np.array([[1, 0, 2, 2]]))
    1
    """
    return _unassigned(count_overlaps(predicted, truth).predicted_of_truth)


def added_count(predicted: Labels, truth: Labels) -> int:
    """Count the predicted objects that are assigned to background, the spurious ones.

    Parameters
    ----------
    predicted, truth : ndarray of int, shape (rows, columns)
        Label images of the same shape.

    Returns
    -------
    int
        Number of predicted objects sharing at least as many pixels with background as with any truth object.

    Examples
    --------
    >>> added_count(np.array([[1, 0, 2, 2]]), np.array([[1, 0, 0, 0]]))
    1
    """
    return _unassigned(count_overlaps(predicted, truth).truth_of_predicted)


def hausdorff(predicted: Labels, truth: Labels) -> float:
    """Hausdorff distance of object boundaries, on average over the matched truth objects.

    Parameters
    ----------
    predicted, truth : ndarray of int, shape (rows, columns)
        Label images of the same shape.

    Returns
    -------
    float
        Mean, in pixels, of max(max_{r ∈ ∂R} d(r, ∂S), max_{s ∈ ∂S} d(s, ∂R)) over the truth objects R that
        are assigned to a predicted object S, as for `merge_count`. Truth objects assigned to background
        are left out; NaN if none remains. The boundary ∂ of an object is made of those of its pixels that
        have one of their four neighbours outside it, and beyond the edge of the image counts as outside; d is
        Euclidean between pixel centres. The code of Coelho et al. differs: it averages over predicted objects
        the largest distance of a differing pixel from the truth boundary.

    Examples
    --------
    >>> hausdorff(np.array([[1, 1, 1, 0, 0]]), np.array([[1, 1, 1, 1, 1]]))
    2.0
    """
    return _hausdorff(count_overlaps(predicted, truth))


def _repeated(assigned: NDArray[np.int64]) -> int:
    return int(np.count_nonzero(np.bincount(assigned)[1:] > 1))


def _unassigned(assigned: NDArray[np.int64]) -> int:
    return int(np.count_nonzero(assigned == 0))


def _seg(overlaps: Overlaps) -> float:
    if overlaps.truth_sizes.size == 0:
        return float(overlaps.predicted_sizes.size == 0)
    matches = 2 * overlaps.shared > overlaps.truth_sizes[overlaps.columns]
    return float(overlaps.iou[matches].sum() / overlaps.truth_sizes.size)


def _dice(overlaps: Overlaps) -> float:
    sizes = overlaps.predicted_sizes.sum() + overlaps.truth_sizes.sum()
    return float(2 * overlaps.shared.sum() / sizes) if sizes else 1.0


def _average_precision(overlaps: Overlaps, threshold: float) -> float:
    if not 0 < threshold <= 1:
        raise ConfigError(f"The IoU threshold must be greater than 0 and at most 1, but it is {threshold}.")
    predicted_count, truth_count = overlaps.predicted_sizes.size, overlaps.truth_sizes.size
    if predicted_count == truth_count == 0:
        return 1.0
    iou = overlaps.iou
    matches = (iou > threshold) | (iou == 1)
    if threshold >= 0.5:
        true_positives = int(np.count_nonzero(matches))
    else:
        admitted = np.zeros((predicted_count, truth_count), dtype=np.int64)
        admitted[overlaps.rows[matches], overlaps.columns[matches]] = 1
        true_positives = int(admitted[linear_sum_assignment(admitted, maximize=True)].sum())
    return true_positives / (predicted_count + truth_count - true_positives)


def _hausdorff(overlaps: Overlaps) -> float:
    if not overlaps.predicted_of_truth.any():
        return float("nan")
    predicted_boxes, truth_boxes = map(ndimage.find_objects, (overlaps.predicted, overlaps.truth))
    distances = []
    for truth_number, predicted_number in enumerate(overlaps.predicted_of_truth, start=1):
        if predicted_number > 0:
            r = _boundary(overlaps.truth, truth_number, truth_boxes[truth_number - 1])
            s = _boundary(overlaps.predicted, predicted_number, predicted_boxes[predicted_number - 1])
            distances.append(max(cKDTree(s).query(r)[0].max(), cKDTree(r).query(s)[0].max()))
    return float(np.mean(distances))


def _boundary(labels: NDArray[np.int32], number: int, box: tuple[slice, slice]) -> NDArray[np.int64]:
    """Find the boundary pixels of an object, shape (n, 2), whose bounding box is ``box``."""
    mask = labels[box] == number
    # Cropping to the bounding box is safe: erosion treats everything beyond its edge as outside.
    boundary = mask & ~ndimage.binary_erosion(mask)
    return np.argwhere(boundary) + np.array([box[0].start, box[1].start])
