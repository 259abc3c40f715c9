"""Helpers for pixels and regions."""

from __future__ import annotations

import numpy as np

from ._jit import jit


@jit
def group_pixels(labels, mask, count):
    """Group the pixels of a label image by label.

    Parameters
    ----------
    labels : (H, W) int32
        Label of each pixel, in 0 .. count.
    mask : (H, W) bool
        Pixels that are grouped.
    count : int
        Largest label.

    Returns
    -------
    pixels : (P,) int64
        Flat indices of the pixels in the mask with a label above 0, grouped by label, ascending within each.
    start : (count + 2,) int64
        Where the pixels of each label begin; those of label L end where those of L + 1 begin.
    """
    height, width = labels.shape
    size = np.zeros(count + 2, np.int64)
    for r in range(height):
        row, inside = labels[r], mask[r]
        for c in range(width):
            if inside[c] and row[c] > 0:
                size[row[c] + 1] += 1
    start = np.cumsum(size)
    position = start.copy()
    pixels = np.empty(start[-1], np.int64)
    for r in range(height):
        row, inside = labels[r], mask[r]
        for c in range(width):
            if inside[c] and row[c] > 0:
                pixels[position[row[c]]] = r * width + c
                position[row[c]] += 1
    return pixels, start


@jit
def masked_sizes(labels, mask, count):
    """Number of pixels of a mask with each label of 0 .. count; (H, W) int32, bool -> (count + 1,) int64."""
    size = np.zeros(count + 1, np.int64)
    height, width = labels.shape
    for r in range(height):
        row, inside = labels[r], mask[r]
        for c in range(width):
            size[row[c]] += inside[c]
    return size


@jit
def component_sizes(components, count):
    """Pixels and boundary pixels of labelled components.

    Parameters
    ----------
    components : (H, W) int32
        Labels; 0 belongs to none.
    count : int
        Largest label.

    Returns
    -------
    size, boundary : (count + 1,) int64
        By label: its pixels, and those of them with a 4-neighbour that belongs to no component.
    """
    height, width = components.shape
    size, boundary = np.zeros(count + 1, np.int64), np.zeros(count + 1, np.int64)
    for r in range(height):
        row = components[r]
        above, below = components[max(r - 1, 0)], components[min(r + 1, height - 1)]
        for c in range(width):
            label = row[c]
            if label == 0:
                continue
            size[label] += 1
            if above[c] == 0 or below[c] == 0 or row[max(c - 1, 0)] == 0 or row[min(c + 1, width - 1)] == 0:
                boundary[label] += 1
    return size, boundary


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
        By label, from 1; -1 if there is no such atom.
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
        Label images; only pairs within one cluster count.
    foreground : (H, W) bool
        Pixels with a positive offset intensity.

    Returns
    -------
    (K, 2) int64
        Pairs a < b, with repetitions.
    """
    height, width = atoms.shape
    pairs = np.empty((0, 2), np.int64)
    for fill in range(2):  # count first, then write: there are few pairs and many pixels
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
    # Along a side the surface is a parabola: positive somewhere iff it is at an end or next to its vertex.
    for r in (-1, height):
        u = r / max(height - 1, 1)
        offset = theta[0] * u * u + 2 * theta[3] * u + theta[5]
        if _positive_between(theta[1], theta[2] * u + theta[4], offset, width):
            return True
    for c in (-1, width):
        v = c / max(width - 1, 1)
        offset = theta[1] * v * v + 2 * theta[4] * v + theta[5]
        if _positive_between(theta[0], theta[2] * v + theta[3], offset, height):
            return True
    return False


@jit
def _positive_between(a, b, c, size):
    """Whether a x^2 + 2 b x + c is positive for x = t / (size - 1), t any of -1 .. size."""
    step = 1.0 / max(size - 1, 1)
    top = min(max(-b / (a * step), -1.0), float(size)) if a < 0 else -1.0
    below = int(top) if top >= -1.0 else -1  # NaN is no integer
    for t in (-1, below - 1, below, below + 1, size):
        x = t * step
        if -1 <= t <= size and (a * x + 2 * b) * x + c > 0:
            return True
    return False


@jit
def percentiles_by_label(values, labels, count, percent):
    """Percentile of the values of each label, interpolated linearly.

    Parameters
    ----------
    values : (H, W) float64
        Values.
    labels : (H, W) int32
        Label of each pixel, in 0 .. count.
    count : int
        Largest label.
    percent : float
        From 0 to 100.

    Returns
    -------
    (count + 1,) float64
        0 for label 0 and labels without a pixel.
    """
    pixels, start = group_pixels(labels, np.ones(labels.shape, np.bool_), count)
    width = labels.shape[1]
    grouped = np.empty(pixels.size)
    for i in range(pixels.size):
        grouped[i] = values[pixels[i] // width, pixels[i] % width]
    out = np.zeros(count + 1)
    for label in range(1, count + 1):
        part = grouped[start[label] : start[label + 1]]
        if part.size:
            part.sort()
            place = percent / 100 * (part.size - 1)
            below = int(place)
            above = min(below + 1, part.size - 1)
            out[label] = part[below] + (place - below) * (part[above] - part[below])
    return out


@jit
def moments_by_label(labels, count):
    """Sums of 1, row, col, row^2, col^2 and row * col over the pixels of each label.

    Parameters
    ----------
    labels : (H, W) int32
        Label of each pixel, in 0 .. count.
    count : int
        Largest label.

    Returns
    -------
    (count + 1, 6) int64
        0 for label 0.
    """
    out = np.zeros((count + 1, 6), np.int64)
    for r in range(labels.shape[0]):
        for c in range(labels.shape[1]):
            if labels[r, c] > 0:
                own = out[labels[r, c]]
                own[0] += 1
                own[1] += r
                own[2] += c
                own[3] += r * r
                own[4] += c * c
                own[5] += r * c
    return out


@jit
def joined_labels(labels, parts, is_joined):
    """Give each of some parts of a label map a label of its own, instead of those inside it.

    Parameters
    ----------
    labels, parts : (H, W) int32
        Labels from 1, in the same pixels; those of a part are only inside it.
    is_joined : (P + 1,) bool
        Which parts.

    Returns
    -------
    (H, W) int32
        Labels from 1, in the order of their first pixels.
    """
    height, width = labels.shape
    of_part = np.zeros(is_joined.size, np.int32)
    of_label = np.zeros(labels.max() + 1, np.int32)
    out = np.zeros((height, width), np.int32)
    count = np.int32(0)
    for r in range(height):
        for c in range(width):
            label, part = labels[r, c], parts[r, c]
            if label == 0:
                continue
            number = of_part[part] if is_joined[part] else of_label[label]
            if number == 0:
                count += np.int32(1)
                number = count
                of_part[part] = number
                of_label[label] = number
            out[r, c] = number
    return out


@jit
def highest_pixels(values, labels, count):
    """First of the pixels with the highest value of each label.

    Parameters
    ----------
    values : (H, W) float64
        Values.
    labels : (H, W) int32
        Label of each pixel, in 0 .. count; every label has a pixel.
    count : int
        Largest label.

    Returns
    -------
    (count, 2) int64
        Row and column for each label from 1.
    """
    places = np.zeros((count, 2), np.int64)
    highest = np.empty(count)
    for k in range(count):
        highest[k] = -np.inf
    for r in range(labels.shape[0]):
        for c in range(labels.shape[1]):
            k = labels[r, c] - 1
            if k >= 0 and values[r, c] > highest[k]:
                highest[k] = values[r, c]
                places[k, 0], places[k, 1] = r, c
    return places
