"""Objects that are drawn by hand."""

from __future__ import annotations

import numpy as np

from superdsm_nb.objects import Object

SHAPE = (120, 140)


class Cover:
    """A cover that is given."""

    def __init__(self, solution):
        self.solution = solution


def drawn(mask, energy=1.0, on_boundary=False, label=1):
    """An object of the given mask whose region is twice as large."""
    item = Object(
        footprint=frozenset((label,)), energy=energy, pixels=2 * int(mask.sum()), on_boundary=on_boundary
    )
    item.set_pixels(*np.nonzero(mask))
    return item


def disk_mask(row, col, radius, shape=SHAPE):
    rows, cols = np.ogrid[: shape[0], : shape[1]]
    return (rows - row) ** 2 + (cols - col) ** 2 <= radius**2


def image_of(*masks, background=0.1, foreground=0.8):
    g = np.full(SHAPE, background)
    for mask in masks:
        g[mask] = foreground
    return g + np.random.default_rng(0).normal(0, 0.01, SHAPE)


MASK = disk_mask(60, 70, 15)
