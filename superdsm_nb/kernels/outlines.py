"""Outline of one object on the pixels of the image."""

import numpy as np

from ._jit import jit
from .distance import depth as depth_of

ZONE, CORE, INSIDE, OUTSIDE, BARRED = 1, 2, 4, 8, 16
ENOUGH = 1000  # values for a median


@jit
def outline(
    labels, near, squared, number, box, pixels, rows, row_weights, cols, col_weights, image, settings
):
    """Find the outline of an object between the background around it and its core.

    Parameters
    ----------
    labels : (h, w) int32
        Object of each canonical pixel; 0 where there is none.
    near : (h, w) int32
        Nearest object of each canonical pixel.
    squared : (h, w) int64
        Squared distance to it (canonical pixels).
    number : int
        The object.
    box, pixels : (4,) int64
        First and last row and first and last column (each exclusive at its end) of the surroundings of the
        object in canonical pixels, and of the same in pixels of the image.
    rows, row_weights, cols, col_weights : (H,) and (W,) int64 and float64
        For each row (column) of the image: the canonical one before it, and the weight of the next one. In
        `pixels`, both are in `box`.
    image : (H, W) float64
        Intensities.
    settings : tuple of float
        Width of the zone in which the outline moves, and distance up to which the background is measured
        (canonical pixels); intensity of the general background, least number of pixels in the background
        around, height of the outline between background (0) and core (1), part of the largest depth that is
        core, and the fixed intensity of the outline, which replaces the height if it is finite.

    Returns
    -------
    row, col : int
        First pixel of the box around the object.
    mask : (m, n) bool
        Its pixels in the box.
    low, high, mean : float
        Intensity of the background around, of the core, and of the object.
    """
    width, reach, general, least, part, core_depth, level = settings
    own = np.empty((box[1] - box[0], box[3] - box[2]), np.bool_)
    for row in range(own.shape[0]):
        for col in range(own.shape[1]):
            own[row, col] = labels[box[0] + row, box[2] + col] == number
    deep = depth_of(own)
    near, squared = near[box[0] : box[1], box[2] : box[3]], squared[box[0] : box[1], box[2] : box[3]]
    rows, row_weights = rows[pixels[0] : pixels[1]] - box[0], row_weights[pixels[0] : pixels[1]]
    cols, col_weights = cols[pixels[2] : pixels[3]] - box[2], col_weights[pixels[2] : pixels[3]]
    image = image[pixels[0] : pixels[1], pixels[2] : pixels[3]]
    height, length = image.shape
    maps = np.empty((4, deep.shape[0], deep.shape[1]))  # where zone, surroundings and any zone are; depth
    for row in range(deep.shape[0]):
        for col in range(deep.shape[1]):
            is_own, distance = near[row, col] == number, squared[row, col]
            maps[0, row, col] = is_own and distance <= width * width
            maps[1, row, col] = is_own and distance <= reach * reach
            maps[2, row, col] = distance <= width * width
            maps[3, row, col] = deep[row, col]
    state, depth, ring = _interpolated(maps, rows, row_weights, cols, col_weights, image)
    core = np.empty(image.size)
    core_size = 0
    deepest = 0.0
    for row in range(height):
        for col in range(length):
            deepest = max(deepest, depth[row, col])
    low = _median(ring) if ring.size >= least else general
    is_fixed = np.isfinite(level)
    for r in range(height):
        for c in range(length):
            if state[r, c] and depth[r, c] > core_depth * deepest and not (is_fixed and image[r, c] <= level):
                state[r, c] |= CORE
                core[core_size] = image[r, c]
                core_size += 1
    if core_size == 0:
        return pixels[0], pixels[2], np.zeros((0, 0), np.bool_), low, low, low
    high = _median(core[:core_size])
    threshold = level if is_fixed else low + part * (high - low)
    _flood_inside(state, image, threshold)
    if not is_fixed:
        _fill_holes(state)
    top, bottom, left, right = _box_of(state)
    mask = np.zeros((bottom - top, right - left), np.bool_)
    total, count = 0.0, 0
    for r in range(top, bottom):
        for c in range(left, right):
            if state[r, c] & INSIDE:
                mask[r - top, c - left] = True
                total += image[r, c]
                count += 1
    return pixels[0] + top, pixels[2] + left, mask, low, high, total / count


@jit
def _box_of(state):
    """Rows and columns (each exclusive at its end) of what is marked."""
    top, left = state.shape
    bottom = right = 0
    for r in range(state.shape[0]):
        for c in range(state.shape[1]):
            if state[r, c] & INSIDE:
                top, bottom, left, right = min(top, r), max(bottom, r + 1), min(left, c), max(right, c + 1)
    return top, bottom, left, right


@jit
def _median(values):
    """Median; of many values, of a regular sample."""
    step = max(1, values.size // ENOUGH)
    count = (values.size + step - 1) // step
    chosen = np.empty(count)
    for k in range(count):
        chosen[k] = values[k * step]
    chosen.sort()
    return 0.5 * (chosen[(count - 1) // 2] + chosen[count // 2])


@jit
def _interpolated(maps, rows, row_weights, cols, col_weights, image):
    """Zone and depth on the pixels of the image, and the intensities of the background around."""
    height, width = image.shape
    state = np.zeros((height, width), np.uint8)
    depth = np.zeros((height, width))
    ring = np.empty(image.size)
    size = 0
    lines = np.zeros((4, maps.shape[2] + 1))  # the last column has no weight
    for r in range(height):
        row, after = rows[r], min(rows[r] + 1, maps.shape[1] - 1)
        for k in range(4):
            for c in range(maps.shape[2]):
                lines[k, c] = maps[k, row, c] + row_weights[r] * (maps[k, after, c] - maps[k, row, c])
        for c in range(width):
            k, weight = cols[c], col_weights[c]
            rest = 1 - weight
            if rest * lines[1, k] + weight * lines[1, k + 1] <= 0.5:
                continue
            depth[r, c] = rest * lines[3, k] + weight * lines[3, k + 1]
            if rest * lines[0, k] + weight * lines[0, k + 1] > 0.5:
                state[r, c] = ZONE
            elif rest * lines[2, k] + weight * lines[2, k + 1] < 0.5:
                ring[size] = image[r, c]
                size += 1
    return state, depth, ring[:size]


@jit
def _flood_inside(state, image, threshold):
    """Mark what is connected to the core, in the zone and above the threshold."""
    height, width = state.shape
    for r in range(height):
        for c in range(width):
            if state[r, c] & CORE:
                state[r, c] |= INSIDE
            elif not (state[r, c] & ZONE and image[r, c] > threshold):
                state[r, c] |= BARRED
    _spread(state, INSIDE, BARRED)


@jit
def _fill_holes(state):
    """Mark pixels of the zone that are enclosed by marked ones."""
    top, bottom, left, right = _box_of(state)
    state = state[top:bottom, left:right]
    height, width = state.shape
    for r in range(height):
        for c in range(width):
            on_border = r in (0, height - 1) or c in (0, width - 1)
            if on_border and not state[r, c] & INSIDE:
                state[r, c] |= OUTSIDE
    _spread(state, OUTSIDE, INSIDE)
    for r in range(height):
        for c in range(width):
            if state[r, c] & (ZONE | OUTSIDE) == ZONE:
                state[r, c] |= INSIDE


@jit
def _spread(state, mark, barrier):
    """Spread a mark to all 4-connected pixels without a barrier."""
    height, width = state.shape
    stack = np.empty((state.size, 2), np.int64)
    used = 0
    for r in range(height):
        for c in range(width):
            if state[r, c] & mark:
                stack[used, 0], stack[used, 1] = r, c
                used += 1
    while used:
        used -= 1
        row, col = stack[used, 0], stack[used, 1]
        for r, c in ((row - 1, col), (row + 1, col), (row, col - 1), (row, col + 1)):
            if 0 <= r < height and 0 <= c < width and not state[r, c] & (mark | barrier):
                state[r, c] |= mark
                stack[used, 0], stack[used, 1] = r, c
                used += 1
