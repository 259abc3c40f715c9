"""Division of a foreground among the peaks of a relief, by flooding from above."""

import numpy as np

from ._jit import jit

LEVELS = 2**16  # of the relief; pixels of the same level are taken in the order of rows and columns


@jit
def peaks(relief, foreground, min_depth, lowest, highest):
    """Divide a foreground among the peaks of a relief that are separated deeply enough.

    Pixels are taken from the highest to the lowest. One without a 4-neighbour that was taken is a peak,
    others go to the peak of their highest 4-neighbour. Where two peaks meet, the lower one becomes part of
    the higher one, unless it rises above the meeting point by more than `min_depth`. They also meet at
    corners if the foreground is wider there than the corner: otherwise slanted ridges had many peaks.

    Parameters
    ----------
    relief : (H, W) float64
        Heights.
    foreground : (H, W) bool
        Pixels to divide.
    min_depth : float
        In units of the relief.
    lowest, highest : float
        Between them, pixels are taken from the highest to the lowest; beyond, in no such order. What is taken
        first depends on nothing else than the pixels, so a part of an image is divided as in the whole.

    Returns
    -------
    (H, W) int32
        Labels from 1 in the order of the first pixels; 0 outside the foreground.
    """
    height, width = relief.shape
    stride = width + 2  # a frame around, so that no test for the border is needed
    labels = np.zeros((height + 2) * stride, np.int32)
    heights, order = _descending(relief, foreground, lowest, highest)
    parent = np.empty(order.size + 1, np.int32)  # memory is taken only where it is written
    top = np.empty(order.size + 1)
    count = 1
    for place in order:
        own = heights[place]
        best, highest = np.int32(0), -np.inf
        for step in (-stride, -1, 1, stride):
            if labels[place + step] and heights[place + step] > highest:
                best, highest = labels[place + step], heights[place + step]
        if best == 0:
            parent[count], top[count] = count, own
            best = np.int32(count)
            count += 1
        labels[place] = best
        for side in (-1, 0, 1):
            for step in (side - stride, side, side + stride):
                label = labels[place + step]
                is_corner = side != 0 and step != side
                if (
                    label == 0
                    or label == best
                    or (
                        is_corner
                        and np.isinf(heights[place + side])
                        and np.isinf(heights[place + step - side])
                    )
                ):
                    continue
                one, other = _root(parent, best), _root(parent, label)
                if one != other:
                    low, high = (one, other) if top[one] < top[other] else (other, one)
                    if top[low] - own <= min_depth:
                        parent[low] = high
    return _renumbered(labels, parent, count, height, width)


@jit
def _root(parent, label):
    while parent[label] != label:
        parent[label] = parent[parent[label]]
        label = parent[label]
    return label


@jit
def _renumbered(labels, parent, count, height, width):
    """Labels of the roots without the frame, numbered in the order of their first pixels."""
    new = np.zeros(count, np.int32)
    out = np.zeros((height, width), np.int32)
    used = 0
    for row in range(height):
        own = labels[(row + 1) * (width + 2) + 1 :]
        for col in range(width):
            if own[col]:
                root = _root(parent, own[col])
                if new[root] == 0:
                    used += 1
                    new[root] = used
                out[row, col] = new[root]
    return out


@jit
def _descending(relief, foreground, lowest, highest):
    """Heights of the foreground with a frame around, and its flat indices from the highest down."""
    height, width = relief.shape
    heights = np.empty((height + 2) * (width + 2))
    for place in range(heights.size):
        heights[place] = -np.inf
    places = np.empty(relief.size, np.int64)
    count = 0
    for row in range(height):
        for col in range(width):
            if foreground[row, col]:
                value = relief[row, col]
                place = (row + 1) * (width + 2) + col + 1
                heights[place] = value
                places[count] = place
                count += 1
    scale = (LEVELS - 1) / (highest - lowest) if highest > lowest else 0.0
    start = np.zeros(LEVELS + 1, np.int64)
    for place in places[:count]:
        start[_level(highest - heights[place], scale) + 1] += 1
    for level in range(LEVELS):
        start[level + 1] += start[level]
    order = np.empty(count, np.int64)
    for place in places[:count]:
        level = _level(highest - heights[place], scale)
        order[start[level]] = place
        start[level] += 1
    return heights, order


@jit
def _level(below, scale):
    """Level at a height below the highest one; nothing is beyond the levels, whatever overflows."""
    level = below * scale
    if not level > 0:
        return 0
    return int(min(level, LEVELS - 1))


@jit
def blob_brightness(y, weight, lowest, highest, log_weight, offset, dimmest):
    """Add clipped brightness and its logarithm.

    Parameters
    ----------
    y : (H, W) float64
        Intensities relative to the threshold.
    weight, log_weight : float
        Weights of the two.
    lowest, highest : float
        Brightness is clipped to this range.
    offset, dimmest : float
        The logarithm is that of y + offset, but at least `dimmest`.

    Returns
    -------
    (H, W) float64
        The weighted sum.
    """
    height, width = y.shape
    out = np.empty((height, width))
    least = np.log(dimmest)
    for r in range(height):
        for c in range(width):
            value = y[r, c]
            logarithm = np.log(value + offset) if value + offset > dimmest else least
            out[r, c] = weight * min(max(value, lowest), highest) + log_weight * logarithm
    return out
