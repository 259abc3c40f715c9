"""Bookkeeping of pixels and regions."""

from __future__ import annotations

import numpy as np

from ._jit import jit


@jit
def group_pixels(labels, count):
    """Group pixels by label.

    Parameters
    ----------
    labels : (P,) int64
        Label of each pixel, in 0 .. count - 1.
    count : int
        Number of labels, 0 included.

    Returns
    -------
    pixels : (P,) int64
        Pixel indices, grouped by label, ascending within each.
    start : (count + 1,) int64
        Where the pixels of each label begin.
    """
    start = np.zeros(count + 1, np.int64)
    for i in range(labels.size):
        start[labels[i] + 1] += 1
    start = np.cumsum(start)
    position = start[:-1].copy()
    pixels = np.empty(labels.size, np.int64)
    for i in range(labels.size):
        pixels[position[labels[i]]] = i
        position[labels[i]] += 1
    return pixels, start


@jit
def clusters_of_atoms(atoms, clusters, count):
    """Cluster that each atom lies in.

    Parameters
    ----------
    atoms, clusters : (H, W) int32
        Label images; every atom lies in one cluster.
    count : int
        Largest label of an atom.

    Returns
    -------
    (count,) int64
        By label, from 1 on; -1 where there is no such atom.
    """
    found = np.full(count + 1, -1, np.int64)
    height, width = atoms.shape
    for r in range(height):
        row, cluster = atoms[r], clusters[r]
        for c in range(width):
            found[row[c]] = cluster[c]
    return found[1:]


@jit
def touching_pairs(atoms, clusters, foreground):
    """Pairs of labels (a, b) such that a pixel of b in the foreground is a 4-neighbour of a pixel of a.

    Parameters
    ----------
    atoms, clusters : (H, W) int32
        Label images; pairs within one cluster count only.
    foreground : (H, W) bool
        Pixels with a positive offset intensity.

    Returns
    -------
    (K, 2) int64
        Pairs a < b, with repetitions.
    """
    height, width = atoms.shape
    pairs = np.empty((0, 2), np.int64)
    for fill in range(2):  # counted first, then written: the pairs are few, the pixels many
        count = 0
        for r in range(height):
            for c in range(width):
                for axis in range(2):
                    r2, c2 = r + 1 - axis, c + axis
                    if r2 == height or c2 == width:
                        continue
                    a, b = atoms[r, c], atoms[r2, c2]
                    if a == b or a == 0 or b == 0 or clusters[r, c] != clusters[r2, c2]:
                        continue
                    if foreground[r, c] or foreground[r2, c2]:
                        if fill:
                            pairs[count, 0] = min(a, b)
                            pairs[count, 1] = max(a, b)
                        count += 1
        if not fill:
            pairs = np.empty((count, 2), np.int64)
    return pairs


@jit
def positive_on_frame(theta, height, width):
    """Whether the polynomial surface is positive anywhere on the frame of one pixel around the image.

    Parameters
    ----------
    theta : (6,) float64
        Polynomial in the coordinates row / (height - 1), col / (width - 1).
    height, width : int
        Size of the image in pixels; its frame has rows -1 and `height`, columns -1 and `width`.

    Returns
    -------
    bool
    """
    down, across = 1.0 / max(height - 1, 1), 1.0 / max(width - 1, 1)
    for r in range(-1, height + 1):
        step = 1 if r in (-1, height) else width + 1
        for c in range(-1, width + 1, step):
            u, v = r * down, c * across
            s = theta[0] * u * u + theta[1] * v * v + 2 * theta[2] * u * v
            s += 2 * theta[3] * u + 2 * theta[4] * v + theta[5]
            if s > 0:
                return True
    return False
