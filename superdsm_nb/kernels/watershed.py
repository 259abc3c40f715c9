"""Seeded watershed in the published rule.

Pixels are flooded in the order of their own value, and among equal values in the order in which they were
reached. Since scikit-image 0.25 its `watershed` instead floods a pixel no earlier than the one it was
reached from, so that dips beyond a plateau no longer count; the published atoms were made with the former
rule and come out differently under the latter, which is why this one is here.
"""

from __future__ import annotations

import numpy as np

from ._jit import jit


@jit
def flood(relief, markers, mask):
    """Flood `relief` from labelled markers, through 4-neighbours.

    Parameters
    ----------
    relief : (H, W) float64
        Low values are flooded first.
    markers : (H, W) int32
        Labels of the markers; 0 where there is none.
    mask : (H, W) bool
        Pixels to be labelled.

    Returns
    -------
    (H, W) int32
        Labels; 0 outside the mask and where no marker reaches.
    """
    height, width = relief.shape
    labels = np.where(mask, markers, 0).astype(np.int32)
    # A binary heap of the pixels in reach; a pixel enters once, when it is labelled.
    heap_value = np.empty(relief.size + 1, np.float64)
    heap_age = np.empty(relief.size + 1, np.int64)
    heap_pixel = np.empty(relief.size + 1, np.int64)
    used = 0
    age = 0
    for start in range(2):
        # First every marker enters, then the flood runs: one body, so that the heap stands here once.
        scan = -1
        while True:
            entering = 0
            pixel = 0
            if start == 0:
                scan += 1
                if scan == relief.size:
                    break
                if labels[scan // width, scan % width] == 0:
                    continue
                entering = 1
            else:
                if used == 0:
                    break
                pixel = heap_pixel[0]
                used -= 1
                value, own_age, moved = heap_value[used], heap_age[used], heap_pixel[used]
                i = 0
                while True:
                    child = 2 * i + 1
                    if child >= used:
                        break
                    if child + 1 < used and (
                        heap_value[child + 1] < heap_value[child]
                        or (
                            heap_value[child + 1] == heap_value[child]
                            and heap_age[child + 1] < heap_age[child]
                        )
                    ):
                        child += 1
                    if value < heap_value[child] or (
                        value == heap_value[child] and own_age <= heap_age[child]
                    ):
                        break
                    heap_value[i] = heap_value[child]
                    heap_age[i] = heap_age[child]
                    heap_pixel[i] = heap_pixel[child]
                    i = child
                heap_value[i] = value
                heap_age[i] = own_age
                heap_pixel[i] = moved
                entering = 4
            r, c = pixel // width, pixel % width
            for k in range(entering):
                reached = scan
                if start == 1:
                    r2 = r - 1 if k == 0 else (r + 1 if k == 3 else r)
                    c2 = c - 1 if k == 1 else (c + 1 if k == 2 else c)
                    if r2 < 0 or r2 == height or c2 < 0 or c2 == width:
                        continue
                    if not mask[r2, c2] or labels[r2, c2] != 0:
                        continue
                    labels[r2, c2] = labels[r, c]
                    reached = r2 * width + c2
                value = relief[reached // width, reached % width]
                i = used
                used += 1
                while i > 0 and value < heap_value[(i - 1) // 2]:
                    parent = (i - 1) // 2
                    heap_value[i] = heap_value[parent]
                    heap_age[i] = heap_age[parent]
                    heap_pixel[i] = heap_pixel[parent]
                    i = parent
                heap_value[i] = value
                # Markers are all of age 0, and the heap decides among equals: as published.
                age += start
                heap_age[i] = age
                heap_pixel[i] = reached
    return labels
