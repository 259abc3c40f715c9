"""The pixels that objects of two label images share, the basis of all metrics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..errors import ImageError

Labels = NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Overlaps:
    """Contingency table of two label images whose objects are renumbered 1, 2, …, without gaps."""

    predicted: NDArray[np.int32]  # the renumbered images
    truth: NDArray[np.int32]
    predicted_sizes: NDArray[np.int64]  # pixels of object 1, 2, …
    truth_sizes: NDArray[np.int64]
    rows: NDArray[np.int64]  # predicted and truth object (zero-based) of each overlapping pair,
    columns: NDArray[np.int64]
    shared: NDArray[np.int64]  # and the number of pixels they share
    truth_of_predicted: NDArray[np.int64]  # what object 1, 2, … is assigned to, 0 for background
    predicted_of_truth: NDArray[np.int64]

    @property
    def iou(self) -> NDArray[np.float64]:
        """Shared pixels of each overlapping pair per pixel of either of them."""
        sizes = self.predicted_sizes[self.rows] + self.truth_sizes[self.columns]
        # A single division of integers is correctly rounded, so an IoU of 3/5 equals the threshold 0.6.
        return self.shared / (sizes - self.shared)


def count_overlaps(predicted: Labels, truth: Labels) -> Overlaps:
    """Count the pixels that objects of two label images share."""
    predicted, truth = _checked(predicted, "predicted"), _checked(truth, "truth")
    if predicted.shape != truth.shape:
        raise ImageError(
            f"The predicted and the truth label image must have the same shape, "
            f"but they have {predicted.shape} and {truth.shape}."
        )
    predicted, predicted_sizes = _renumbered(predicted)
    truth, truth_sizes = _renumbered(truth)
    # Sparse, because few pairs of objects overlap; the conversion adds up the ones of equal pairs.
    ones = np.ones(predicted.size, dtype=np.int64)
    shape = (predicted_sizes.size + 1, truth_sizes.size + 1)
    table = sparse.coo_array((ones, (predicted.ravel(), truth.ravel())), shape=shape).tocsr().tocoo()
    rows, columns, pixels = table.row.astype(np.int64), table.col.astype(np.int64), table.data
    objects = (rows > 0) & (columns > 0)
    return Overlaps(
        predicted=predicted,
        truth=truth,
        predicted_sizes=predicted_sizes,
        truth_sizes=truth_sizes,
        rows=rows[objects] - 1,
        columns=columns[objects] - 1,
        shared=pixels[objects],
        truth_of_predicted=_assigned(rows, columns, pixels),
        predicted_of_truth=_assigned(columns, rows, pixels),
    )


def _checked(labels: Labels, name: str) -> Labels:
    if np.ma.isMaskedArray(labels) and np.ma.count_masked(labels):
        raise ImageError(f"The {name} label image is a masked array with masked pixels: fill them first.")
    labels = np.asarray(labels)
    if labels.ndim != 2:
        raise ImageError(f"The {name} label image must have two dimensions, but its shape is {labels.shape}.")
    if not np.issubdtype(labels.dtype, np.integer):
        raise ImageError(f"The {name} label image must hold integers, but its type is {labels.dtype}.")
    return labels


def _renumbered(labels: Labels) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Copy ``labels`` with the objects numbered 1, 2, … in the order of their labels; and their sizes."""
    foreground = labels > 0  # only the foreground: sorting is slow, and most of an image is background
    _, inverse, sizes = np.unique(labels[foreground], return_inverse=True, return_counts=True)
    renumbered = np.zeros(labels.shape, dtype=np.int32)
    renumbered[foreground] = inverse + 1
    return renumbered, sizes


def _assigned(of: NDArray[np.int64], to: NDArray[np.int64], pixels: NDArray[np.int64]) -> NDArray[np.int64]:
    """For every number > 0 in ``of``, find the partner in ``to`` with most pixels; the smallest of equals."""
    order = np.lexsort((to, -pixels, of))
    numbers, first = np.unique(of[order], return_index=True)
    return to[order][first[numbers > 0]]
