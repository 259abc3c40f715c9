"""Slow and obvious NumPy and SciPy statements of every kernel: the oracles of the kernel tests.

They follow the specification word by word and share no code with the package. `settings_for` gives the
number of hypothesis examples that the compiled and the interpreted (NUMBA_DISABLE_JIT=1) run can afford; the
quick run takes a quarter of them (see `conftest`).
"""

from __future__ import annotations

import heapq

import numba
import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from scipy import ndimage
from scipy.special import expit

COMPILED = not numba.config.DISABLE_JIT
compiled_only = pytest.mark.skipif(not COMPILED, reason="kernels are not compiled")
HUGE = np.iinfo(np.int64).max


def settings_for(compiled, interpreted=None):
    """Choose the number of examples by whether the kernels are compiled, and by the profile."""
    few = max(5, compiled // 5) if interpreted is None else interpreted
    examples = compiled if COMPILED else few
    return settings(
        deadline=None,
        max_examples=max(1, examples * settings.default.max_examples // 100),
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )


# --- the deformation basis ------------------------------------------------------------------------------


def pixels_of(mask):
    """Rows and columns of the pixels of a mask, row-major; contiguous, as the package's own."""
    return tuple(np.ascontiguousarray(coordinates) for coordinates in np.nonzero(mask))


def compact_grid(rows, cols):
    """Rank of each coordinate among the used ones, and how many of them there are."""
    used_rows, compact_rows = np.unique(rows, return_inverse=True)
    used_cols, compact_cols = np.unique(cols, return_inverse=True)
    return compact_rows, compact_cols, used_rows.size, used_cols.size


def compact_mask(mask):
    """The mask without its empty rows and columns."""
    return mask[mask.any(axis=1)][:, mask.any(axis=0)]


def chessboard_distance(points):
    """Distance of every pixel of the rectangle to the nearest point; huge if there is none."""
    if not points.any():
        return np.full(points.shape, HUGE)
    return ndimage.distance_transform_cdt(~points, metric="chessboard").astype(np.int64)


def column_points(mask, subsample):
    """Mask of the column points in a compacted mask."""
    points = np.zeros(mask.shape, bool)
    points[::subsample, ::subsample] = mask[::subsample, ::subsample]
    while True:
        distance = chessboard_distance(points) * mask
        out_of_reach = distance >= subsample
        if not out_of_reach.any():
            return points
        nearest = distance[out_of_reach].min()
        row, col = np.argwhere(out_of_reach & (distance == nearest))[0]
        points[row, col] = True


def gaussian_kernel(smooth_amount, shape_multiplier=2.0):
    """The window of the deformation basis, single precision."""
    side = round(1 + 4 * smooth_amount * shape_multiplier)
    impulse = np.zeros((side, side))
    impulse[side // 2, side // 2] = 1
    return ndimage.gaussian_filter(impulse, smooth_amount).astype(np.float32)


def deformation_matrix(mask, smooth_amount, subsample, shape_multiplier=2.0, always=False):
    """G, shape (N, M); `always` gives small regions columns, too."""
    compact = compact_mask(mask)
    pixels = np.argwhere(compact)
    if not np.isfinite(smooth_amount):
        return np.zeros((len(pixels), 0))
    kernel = gaussian_kernel(smooth_amount, shape_multiplier)
    side = len(kernel)
    if min(compact.shape) <= side // 2 and not always:
        return np.zeros((len(pixels), 0))
    points = np.argwhere(column_points(compact, subsample))
    G = np.zeros((len(pixels), len(points)), np.float32)
    for i, pixel in enumerate(pixels):
        for j, point in enumerate(points):
            row, col = pixel - point + side // 2
            if 0 <= row < side and 0 <= col < side:
                G[i, j] = kernel[row, col]
    total = G.sum(axis=1, keepdims=True)
    return (G / np.where(total == 0, np.float32(1), total)).astype(np.float64)


def polynomial_matrix(x1, x2):
    """F, shape (N, 6)."""
    return np.stack([x1**2, x2**2, 2 * x1 * x2, 2 * x1, 2 * x2, np.ones(x1.size)], axis=1)


def dense(blocks):
    """The matrix that `Blocks` stand for, its rows in the order of the tiles."""
    A = np.zeros((blocks.pixel_start[-1], blocks.size))
    for t in range(len(blocks.pixel_start) - 1):
        columns = blocks.columns[blocks.column_start[t] : blocks.column_start[t + 1]]
        values = blocks.values[blocks.value_start[t] : blocks.value_start[t + 1]]
        block = values.reshape(columns.size, -1)
        for column, row in zip(columns, block, strict=True):
            A[blocks.pixel_start[t] : blocks.pixel_start[t + 1], column] = row
    return A


# --- the energy -----------------------------------------------------------------------------------------


def logistic_loss(y, s):
    """Sum of ln(1 + exp(-y s))."""
    return np.logaddexp(0, -y * s).sum()


def logistic_derivatives(y, s):
    """First and second derivative of each summand by s."""
    return -y * expit(-y * s), y**2 * expit(y * s) * expit(-y * s)


def regularizer(xi, alpha, epsilon):
    """The smoothed absolute norm, weighted."""
    return alpha * (np.sqrt(xi**2 + epsilon) - np.sqrt(epsilon)).sum()


def energy(A, y, p, alpha, epsilon):
    """psi(p) for the dense design matrix A = [F | G]."""
    return logistic_loss(y, A @ p) + regularizer(p[6:], alpha, epsilon)


def energy_gradient(A, y, p, alpha, epsilon):
    """Gradient of psi."""
    first, _ = logistic_derivatives(y, A @ p)
    slope = np.zeros(p.size)
    slope[6:] = alpha * p[6:] / np.sqrt(p[6:] ** 2 + epsilon)
    return A.T @ first + slope


def energy_hessian(A, y, p, alpha, epsilon):
    """Hessian of psi."""
    _, second = logistic_derivatives(y, A @ p)
    curvature = np.zeros(p.size)
    curvature[6:] = alpha * epsilon / (p[6:] ** 2 + epsilon) ** 1.5
    return A.T @ np.diag(second) @ A + np.diag(curvature)


# --- regions and watershed ------------------------------------------------------------------------------


def group_pixels(labels, mask, count):
    """One list of flat pixel indices per label from 1 on."""
    return [np.flatnonzero((labels == wanted) & mask).tolist() for wanted in range(1, count + 1)]


def component_sizes(components, count):
    """Pixels per label, and those with a neighbour of label 0; nothing for label 0."""
    sizes, boundaries = [0] * (count + 1), [0] * (count + 1)
    for pixel, label in np.ndenumerate(components):
        if label > 0:
            sizes[label] += 1
            boundaries[label] += any(components[other] == 0 for other in neighbors(pixel, components.shape))
    return sizes, boundaries


def neighbors(pixel, shape):
    """The 4-neighbours inside an image: up, left, right, down."""
    row, col = pixel
    around = [(row - 1, col), (row, col - 1), (row, col + 1), (row + 1, col)]
    return [(r, c) for r, c in around if 0 <= r < shape[0] and 0 <= c < shape[1]]


def touching_pairs(atoms, clusters, foreground):
    """Pairs a < b of atoms: a foreground pixel of one lies next to the other, in the same cluster."""
    pairs = set()
    for pixel, a in np.ndenumerate(atoms):
        for other in neighbors(pixel, atoms.shape):
            b = atoms[other]
            if 0 not in (a, b) and a != b and foreground[other] and clusters[other] == clusters[pixel]:
                pairs.add((min(int(a), int(b)), max(int(a), int(b))))
    return pairs


def surface_on_frame(theta, height, width):
    """The polynomial at every pixel of the frame of one pixel around the image."""
    rows, cols = np.mgrid[-1 : height + 1, -1 : width + 1]
    inside = (rows >= 0) & (rows < height) & (cols >= 0) & (cols < width)
    x1 = rows[~inside] / max(height - 1, 1)
    x2 = cols[~inside] / max(width - 1, 1)
    return polynomial_matrix(x1, x2) @ theta


def flood(relief, markers, mask):
    """Watershed: the least value goes first, among equals what was reached first; markers before all."""
    labels = np.where(mask, markers, 0)
    heap = [(relief[pixel], 0, pixel) for pixel in zip(*np.nonzero(labels), strict=True)]
    heapq.heapify(heap)
    age = 0
    while heap:
        _, _, pixel = heapq.heappop(heap)
        for reached in neighbors(pixel, relief.shape):
            if mask[reached] and labels[reached] == 0:
                age += 1
                labels[reached] = labels[pixel]
                heapq.heappush(heap, (relief[reached], age, reached))
    return labels


class Level:
    """Waits in a heap by value and age; where both are equal neither comes first."""

    def __init__(self, value, age, pixel):
        self.key, self.pixel = (value, age), pixel

    def __lt__(self, other):
        return self.key < other.key


def heap_flood(relief, markers, mask):
    """`flood` where level markers, of one age, leave a binary heap in the order that its structure gives."""
    labels = np.where(mask, markers, 0)
    heap = []
    for pixel in zip(*np.nonzero(labels), strict=True):
        push(heap, Level(relief[pixel], 0, pixel))
    age = 0
    while heap:
        first = heap[0]
        last = heap.pop()
        if heap:
            heap[0] = last
            sink(heap)
        for reached in neighbors(first.pixel, relief.shape):
            if mask[reached] and labels[reached] == 0:
                age += 1
                labels[reached] = labels[first.pixel]
                push(heap, Level(relief[reached], age, reached))
    return labels


def push(heap, item):
    """Add at the end and swap with its parent while that is greater."""
    heap.append(item)
    i = len(heap) - 1
    while i > 0 and item < heap[(i - 1) // 2]:
        heap[i], heap[(i - 1) // 2] = heap[(i - 1) // 2], heap[i]
        i = (i - 1) // 2


def sink(heap):
    """Swap the first with its lesser child, the left one of equals, while that is less."""
    i = 0
    while 2 * i + 1 < len(heap):
        child = 2 * i + 1
        if child + 1 < len(heap) and heap[child + 1] < heap[child]:
            child += 1
        if not heap[child] < heap[i]:
            return
        heap[i], heap[child] = heap[child], heap[i]
        i = child
