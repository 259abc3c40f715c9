"""Seeded watershed in the published rule.

Pixels are flooded in the order of their own value, and among equal values in the order in which they were
reached. Since scikit-image 0.25 its `watershed` instead floods a pixel no earlier than the one it was
reached from, so that dips beyond a plateau no longer count; the published atoms were made with the former
rule and come out differently under the latter, which is why this one is here.
"""

from __future__ import annotations

import numpy as np

from ._jit import jit

_SEQUENCE = np.uint64(0x03F79D71B4CB0A89)  # de Bruijn: every group of six bits occurs once
_POSITION = np.zeros(64, np.int64)
for _bit in range(64):
    _POSITION[((int(_SEQUENCE) << _bit) % 2**64) >> 58] = _bit


@jit
def lowest_bit(word):
    """Position of the lowest set bit of a uint64 that is not 0."""
    return _POSITION[((word & (~word + np.uint64(1))) * _SEQUENCE) >> np.uint64(58)]


@jit
def flood(levels, markers, mask):
    """Flood a relief from labelled markers, through 4-neighbours.

    Pixels in reach wait in a queue per level, first come, first served; a tree of bit sets finds the lowest
    level with a pixel. Only while level markers wait, of which none came first, the binary heap of the
    publication decides.

    Parameters
    ----------
    levels : (H, W) int64
        Rank of each pixel's value among all values, from 0 on; low levels are flooded first.
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
    # A frame of closed pixels spares every test for the border.
    stride = width + 2
    level = np.zeros((height + 2) * stride, np.int32)
    labels = np.zeros(level.size, np.int32)
    is_open = np.zeros(level.size, np.bool_)
    count = 1
    for r in range(height):
        for c in range(width):
            if mask[r, c]:
                pixel = (r + 1) * stride + c + 1
                level[pixel] = levels[r, c]
                labels[pixel] = markers[r, c]
                is_open[pixel] = markers[r, c] == 0
                count = max(count, levels[r, c] + 1)
    # Bit sets: the first says which levels have pixels, each next one which words of the last are not 0.
    start = np.zeros(12, np.int64)
    depth = 0
    words = count
    while True:
        words = (words + 63) // 64
        start[depth + 1] = start[depth] + words
        depth += 1
        if words == 1:
            break
    bits = np.zeros(start[depth], np.uint64)
    head = np.empty(count, np.int32)
    tail = np.empty(count, np.int32)
    following = np.empty(level.size, np.int32)
    waiting = _first_in_wait(level, labels, is_open, stride, count)
    for pixel in waiting:
        _enter(pixel, level[pixel], bits, start, depth, head, tail, following)
    left = waiting.size
    lowest = -1
    while left > 0:
        if lowest < 0:
            lowest = 0
            for d in range(depth - 1, -1, -1):
                lowest = lowest * 64 + lowest_bit(bits[start[d] + lowest])
        pixel = int(head[lowest])
        last = pixel == tail[lowest]
        if last:
            place = lowest
            for d in range(depth):
                word = start[d] + (place >> 6)
                bits[word] &= ~(np.uint64(1) << np.uint64(place & 63))
                if bits[word] != 0:
                    break
                place >>= 6
        else:
            head[lowest] = following[pixel]
        left -= 1
        following_lowest = -1 if last else lowest
        for step in (-stride, -1, 1, stride):
            reached = pixel + step
            if is_open[reached]:
                is_open[reached] = False
                labels[reached] = labels[pixel]
                own = int(level[reached])
                _enter(reached, own, bits, start, depth, head, tail, following)
                left += 1
                if own <= lowest:
                    following_lowest = own if following_lowest < 0 else min(own, following_lowest)
        lowest = following_lowest
    return labels.reshape(height + 2, stride)[1:-1, 1:-1].copy()


@jit
def _enter(pixel, level, bits, start, depth, head, tail, following):
    """Put a pixel at the end of the queue of its level."""
    word = start[0] + (level >> 6)
    bit = np.uint64(1) << np.uint64(level & 63)
    if bits[word] & bit != 0:
        following[tail[level]] = pixel
        tail[level] = pixel
        return
    head[level] = pixel
    tail[level] = pixel
    place = level
    for d in range(depth):
        word = start[d] + (place >> 6)
        before = bits[word]
        bits[word] = before | (np.uint64(1) << np.uint64(place & 63))
        if before != 0:
            break
        place >>= 6


@jit
def _first_in_wait(level, labels, is_open, stride, count):
    """Flood as long as level markers wait, by a binary heap in which all markers have the same age.

    Returns
    -------
    (K,) int64
        The pixels that wait then, in the order in which they were reached; all markers, if no two are level.
    """
    taken = np.zeros(count, np.bool_)
    level_markers = False
    markers = 0
    for pixel in range(level.size):
        if labels[pixel] != 0:
            markers += 1
            level_markers = level_markers or taken[level[pixel]]
            taken[level[pixel]] = True
    capacity = level.size if level_markers else markers
    heap = np.empty(capacity, np.int64)
    ages = np.empty(capacity, np.int64)
    used = 0
    for pixel in range(level.size):
        if labels[pixel] != 0:
            used = _push(heap, ages, used, pixel, 0, level) if level_markers else used + 1
            if not level_markers:
                heap[used - 1] = pixel
    if not level_markers:
        return heap
    left = used
    age = 0
    while left > 0:
        pixel = heap[0]
        left -= ages[0] == 0
        used = _drop_first(heap, ages, used, level)
        for step in (-stride, -1, 1, stride):
            reached = pixel + step
            if is_open[reached]:
                is_open[reached] = False
                labels[reached] = labels[pixel]
                age += 1
                used = _push(heap, ages, used, reached, age, level)
    return heap[:used][np.argsort(ages[:used])]


@jit
def _push(heap, ages, used, pixel, age, level):
    value = level[pixel]
    i = used
    while i > 0 and value < level[heap[(i - 1) // 2]]:
        heap[i], ages[i] = heap[(i - 1) // 2], ages[(i - 1) // 2]
        i = (i - 1) // 2
    heap[i], ages[i] = pixel, age
    return used + 1


@jit
def _drop_first(heap, ages, used, level):
    used -= 1
    moved, age = heap[used], ages[used]
    value = level[moved]
    i = 0
    while True:
        child = 2 * i + 1
        if child >= used:
            break
        lower = level[heap[child]]
        if child + 1 < used:
            other = level[heap[child + 1]]
            if other < lower or (other == lower and ages[child + 1] < ages[child]):
                child += 1
                lower = other
        if value < lower or (value == lower and age <= ages[child]):
            break
        heap[i], ages[i] = heap[child], ages[child]
        i = child
    heap[i], ages[i] = moved, age
    return used
