"""Seeded watershed with the published flooding order.

Pixels are flooded in the order of their own value, and among equal values in the order in which they were
reached. Since scikit-image 0.25, its `watershed` instead floods a pixel no earlier than the one it was
reached from, so that dips beyond a plateau no longer count. The published atoms were computed with the former
rule and differ under the latter, which is why it is implemented here.
"""

from __future__ import annotations

import numpy as np

from ._jit import jit

OPEN, CLOSED = np.int32(0), np.int32(-1)  # instead of a label
PREFETCH = 32  # pixels
AGE_MASK = 2**32 - 1  # the bits of a key that hold the age

_PRIME = np.uint64(67)  # the powers of two below 2**64 differ modulo it
_POSITION = np.zeros(67, np.int64)
for _bit in range(64):
    _POSITION[2**_bit % 67] = _bit


@jit
def lowest_bit(word):
    """Position of the lowest set bit of a uint64 that is not 0; nothing overflows, as NumPy would report."""
    return _POSITION[(word & (~word + np.uint64(1))) % _PRIME]


@jit
def watershed(levels, markers, mask):
    """Flood a relief from labelled markers, through 4-neighbours.

    Reached pixels wait in one first-in, first-out queue per level; a tree of bit sets finds the lowest level
    with a pixel. Only while several markers of the same level are waiting, whose order is undefined, the
    binary heap of the publication decides.

    Parameters
    ----------
    levels : (H, W) int32
        Zero-based rank of each pixel's value among all values; low levels are flooded first.
    markers : (H, W) int32
        Labels of the markers; 0 where there is none.
    mask : (H, W) bool
        Pixels to be labelled.

    Returns
    -------
    (H, W) int32
        Labels; 0 outside the mask and where no marker reaches.
    """
    height, width = levels.shape
    stride = width + 2
    cells, sources, count = _padded_cells(levels, markers, mask)
    labels, level = cells[:, 0], cells[:, 1]
    head, queue = _empty_queues(levels, mask, count)
    tail = head.copy()
    bits, start, depth = _bit_tree(count)
    waiting = _flood_level_markers(sources, level, labels, stride, count)
    for pixel in waiting:
        _enqueue(pixel, level[pixel], bits, start, depth, queue, head, tail)
    left = waiting.size
    lowest = -1
    touched = 0
    while left > 0:
        if lowest < 0:
            lowest = _lowest_level(bits, start, depth)
        place = head[lowest]
        if place % PREFETCH == 0:
            touched |= _prefetched(queue[place : min(place + PREFETCH, tail[lowest])], cells, stride)
        pixel = int(queue[place])
        head[lowest] += 1
        left -= 1
        label = labels[pixel]
        # Pixels of the same level wait behind this one; those of lower levels come before them.
        lower = lowest
        for step in (-stride, -1, 1, stride):
            reached = pixel + step
            if labels[reached] == OPEN:
                labels[reached] = label
                own = int(level[reached])
                left += 1
                if own == lowest:
                    queue[tail[own]] = reached
                    tail[own] += 1
                else:
                    _enqueue(reached, own, bits, start, depth, queue, head, tail)
                    lower = min(lower, own)
        if head[lowest] < tail[lowest]:
            lowest = lower
            continue
        _mark_empty(lowest, bits, start, depth)
        lowest = lower if lower < lowest else -1
    labels[0] = min(
        touched, CLOSED
    )  # a corner of the frame; otherwise the prefetching would be optimised away
    out = np.empty((height, width), np.int32)
    for r in range(height):
        own_label, row = labels[(r + 1) * stride + 1 :], out[r]
        for c in range(width):
            row[c] = max(own_label[c], 0)
    return out


@jit
def _padded_cells(levels, markers, mask):
    """Lay out an image with a frame of closed pixels, so that no test for the border is needed.

    Returns
    -------
    cells : ((H + 2) * (W + 2), 2) int32
        Label and level of each pixel, side by side, for fast memory access.
    sources : (K,) int64
        The pixels of the markers.
    count : int
        Number of levels.
    """
    height, width = levels.shape
    stride = width + 2
    cells = np.full(((height + 2) * stride, 2), CLOSED, np.int32)
    labels, level = cells[:, 0], cells[:, 1]
    sources = np.empty(64, np.int64)
    used = 0
    count = 1
    for r in range(height):
        first = (r + 1) * stride + 1
        own_level, own_label = level[first : first + width], labels[first : first + width]
        row, inside, marked = levels[r], mask[r], markers[r]
        largest = CLOSED
        for c in range(width):
            own_level[c] = row[c]
            own_label[c] = marked[c] if inside[c] else CLOSED
            largest = max(largest, own_label[c])
            count = max(count, row[c] + 1 if inside[c] else 0)
        if largest <= OPEN:
            continue
        for c in range(width):
            if own_label[c] > 0:
                if used == sources.size:
                    sources = np.append(sources, sources)
                sources[used] = first + c
                used += 1
    return cells, sources[:used], count


@jit
def _empty_queues(levels, mask, count):
    """Queues of all levels, one after the other: where each begins, and memory for its pixels."""
    size = np.zeros(count + 1, np.int64)
    for r in range(levels.shape[0]):
        row, inside = levels[r], mask[r]
        for c in range(levels.shape[1]):
            if inside[c]:
                size[row[c] + 1] += 1
    head = np.cumsum(size)
    return head, np.empty(head[count], np.int32)


@jit
def _bit_tree(count):
    """Bit sets: the first marks the levels with pixels, each next one the non-zero words of the previous one.

    Returns
    -------
    bits : (W,) uint64
        The words of all sets, one after the other.
    start : (12,) int64
        Where each set begins.
    depth : int
        Number of sets.
    """
    start = np.zeros(12, np.int64)
    depth = 0
    words = count
    while True:
        words = (words + 63) // 64
        start[depth + 1] = start[depth] + words
        depth += 1
        if words == 1:
            break
    return np.zeros(start[depth], np.uint64), start, depth


@jit
def _lowest_level(bits, start, depth):
    """Lowest level with a pixel."""
    lowest = 0
    for d in range(depth - 1, -1, -1):
        lowest = lowest * 64 + lowest_bit(bits[start[d] + lowest])
    return lowest


@jit
def _mark_empty(level, bits, start, depth):
    """Mark a level as empty."""
    place = level
    for d in range(depth):
        word = start[d] + (place >> 6)
        bits[word] &= ~(np.uint64(1) << np.uint64(place & 63))
        if bits[word] != 0:
            break
        place >>= 6


@jit
def _prefetched(pixels, cells, stride):
    """Prefetch the neighbourhoods of several pixels together, which is faster than one by one."""
    touched = 0
    for pixel in pixels:
        for step in (-stride, 0, stride):
            touched |= cells[pixel + step, 0] | cells[pixel + step, 1]
    return touched


@jit
def _enqueue(pixel, level, bits, start, depth, queue, head, tail):
    """Put a pixel at the end of the queue of its level."""
    was_empty = head[level] == tail[level]
    queue[tail[level]] = pixel
    tail[level] += 1
    if not was_empty:
        return
    place = level
    for d in range(depth):
        word = start[d] + (place >> 6)
        before = bits[word]
        bits[word] = before | (np.uint64(1) << np.uint64(place & 63))
        if before != 0:
            break
        place >>= 6


@jit
def _flood_level_markers(sources, level, labels, stride, count):
    """Flood while markers of equal level are waiting, with a heap in which all markers have the same age.

    Returns
    -------
    (K,) int64
        The pixels then waiting, in the order in which they were reached; all markers, if no two have equal
        levels.
    """
    taken = np.zeros(count, np.bool_)
    has_level_markers = False
    for pixel in sources:
        has_level_markers = has_level_markers or taken[level[pixel]]
        taken[level[pixel]] = True
    if not has_level_markers:
        return sources
    # A heap entry is one number for level and age, and the pixel.
    keys = np.empty(labels.size, np.int64)
    pixels = np.empty(labels.size, np.int32)
    used = 0
    for pixel in sources:
        used = _push(keys, pixels, used, np.int64(level[pixel]) << 32, pixel)
    left = used
    age = 0
    while left > 0:
        pixel = int(pixels[0])
        left -= keys[0] & AGE_MASK == 0
        used = _drop_first(keys, pixels, used)
        for step in (-stride, -1, 1, stride):
            reached = pixel + step
            if labels[reached] == OPEN:
                labels[reached] = labels[pixel]
                age += 1
                used = _push(keys, pixels, used, np.int64(level[reached]) << 32 | age, reached)
    return pixels[:used][np.argsort(keys[:used] & AGE_MASK)].astype(np.int64)


@jit
def _push(keys, pixels, used, key, pixel):
    # Only a lower level moves up: a later entry never precedes its equals.
    value = key >> 32
    i = used
    while i > 0 and value < keys[(i - 1) // 2] >> 32:
        keys[i], pixels[i] = keys[(i - 1) // 2], pixels[(i - 1) // 2]
        i = (i - 1) // 2
    keys[i], pixels[i] = key, pixel
    return used + 1


@jit
def _drop_first(keys, pixels, used):
    used -= 1
    key, pixel = keys[used], pixels[used]
    i = 0
    while True:
        child = 2 * i + 1
        if child >= used:
            break
        if child + 1 < used and keys[child + 1] < keys[child]:
            child += 1
        if key <= keys[child]:
            break
        keys[i], pixels[i] = keys[child], pixels[child]
        i = child
    keys[i], pixels[i] = key, pixel
    return used
