"""Areas of convex hulls of unions of labelled regions."""

import numpy as np

from ._jit import jit


@jit
def run_corners(labels, count):
    """Corners of the horizontal runs of each label, in half pixels.

    Parameters
    ----------
    labels : (H, W) int32
        Regions, from 1 to `count`; 0 belongs to none.
    count : int
        Number of regions.

    Returns
    -------
    points : (P, 2) int64
        Corners (row, col), twice their coordinates; those of a label are contiguous.
    start : (count + 2,) int64
        The points of label k are start[k]:start[k + 1].
    """
    height, width = labels.shape
    sizes = np.zeros(count + 2, np.int64)
    for row in range(height):
        for col in range(width):
            label = labels[row, col]
            if label and (col == 0 or labels[row, col - 1] != label):
                sizes[label + 1] += 4
    start = np.cumsum(sizes)
    used = start.copy()
    points = np.empty((start[-1], 2), np.int64)
    for row in range(height):
        col = 0
        while col < width:
            label = labels[row, col]
            first = col
            while col < width and labels[row, col] == label:
                col += 1
            if label:
                for corner in range(4):
                    points[used[label], 0] = 2 * row - 1 + 2 * (corner & 1)
                    points[used[label], 1] = 2 * first - 1 if corner < 2 else 2 * col - 1
                    used[label] += 1
    return points, start


@jit
def hull(points, order, out):
    """Convex hull by Andrew's monotone chain.

    Parameters
    ----------
    points : (P, 2) int64
        Points.
    order : (P,) int64
        Their order by row, then by column.
    out : (>= 2 P + 2, 2) int64
        Receives the vertices.

    Returns
    -------
    int
        Number of vertices; the first one is not repeated.
    """
    size = order.size
    used = 0
    for turn in range(2):
        least = used + 1 if turn else 2
        for step in range(1 if turn else 0, size):
            index = order[size - 1 - step] if turn else order[step]
            row, col = points[index, 0], points[index, 1]
            while used >= least:
                up, along = out[used - 1, 0] - out[used - 2, 0], out[used - 1, 1] - out[used - 2, 1]
                if up * (col - out[used - 2, 1]) - along * (row - out[used - 2, 0]) > 0:
                    break
                used -= 1
            out[used, 0], out[used, 1] = row, col
            used += 1
    return max(used - 1, 1)


@jit
def hull_points(points, start):
    """Keep of the points of each label only the vertices of their convex hull.

    Parameters
    ----------
    points : (P, 2) int64
        Points, those of a label contiguous.
    start : (n + 2,) int64
        The points of label k are start[k]:start[k + 1].

    Returns
    -------
    points : (Q, 2) int64
        Vertices.
    start : (n + 2,) int64
        The vertices of label k are start[k]:start[k + 1].
    """
    count = start.size - 2
    kept = np.empty(points.shape, np.int64)
    out = np.empty((2 * points.shape[0] + 2, 2), np.int64)
    new_start = np.zeros(start.size, np.int64)
    used = 0
    for label in range(1, count + 1):
        new_start[label] = used
        part = points[start[label] : start[label + 1]]
        if part.shape[0]:
            size = hull(part, _sorted(part), out)
            for vertex in range(size):
                kept[used, 0], kept[used, 1] = out[vertex, 0], out[vertex, 1]
                used += 1
    new_start[count + 1] = used
    return kept[:used], new_start


@jit
def hull_areas(points, start, members, first):
    """Areas of the convex hulls of unions of regions.

    Parameters
    ----------
    points : (P, 2) int64
        Vertices of the regions in half pixels, those of a label contiguous.
    start : (n + 2,) int64
        The vertices of label k are start[k]:start[k + 1].
    members : (K,) int64
        Labels of the unions.
    first : (U + 1,) int64
        Union u holds members[first[u]:first[u + 1]].

    Returns
    -------
    (U,) float64
        Areas in pixels.
    """
    areas = np.zeros(first.size - 1)
    for union in range(areas.size):
        size = 0
        for index in range(first[union], first[union + 1]):
            size += start[members[index] + 1] - start[members[index]]
        part = np.empty((size, 2), np.int64)
        used = 0
        for index in range(first[union], first[union + 1]):
            for point in range(start[members[index]], start[members[index] + 1]):
                part[used, 0], part[used, 1] = points[point, 0], points[point, 1]
                used += 1
        out = np.empty((2 * size + 2, 2), np.int64)
        vertices = hull(part, _sorted(part), out)
        twice = 0
        for vertex in range(vertices):
            after = (vertex + 1) % vertices
            twice += out[vertex, 0] * out[after, 1] - out[after, 0] * out[vertex, 1]
        areas[union] = abs(twice) / 8  # half pixels in both directions
    return areas


@jit
def _sorted(points):
    """Order of points by row, then by column."""
    low = high = points[0, 1]
    for point in range(points.shape[0]):
        low, high = min(low, points[point, 1]), max(high, points[point, 1])
    keys = np.empty(points.shape[0], np.int64)
    for point in range(points.shape[0]):
        keys[point] = points[point, 0] * (high - low + 1) + points[point, 1] - low
    return np.argsort(keys)


@jit
def borders(labels, values, steps):
    """Pairs of 4-neighbours with different labels, with what lies between them.

    Parameters
    ----------
    labels : (H, W) int32
        Regions, from 1; 0 belongs to none.
    values : (H, W) float64
        Averaged over the two pixels of each pair.
    steps : int
        Number of pairs at most, see `border_count`.

    Returns
    -------
    pairs : (B, 2) int32
        Labels, the smaller one first.
    between : (B,) float64
        Mean of the values of the two pixels.
    """
    pairs = np.empty((steps, 2), np.int32)
    between = np.empty(steps)
    used = 0
    height, width = labels.shape
    for row in range(height):
        for col in range(width):
            label = labels[row, col]
            if label:
                for down in range(2):
                    below, beside = row + down, col + 1 - down
                    if below < height and beside < width:
                        other = labels[below, beside]
                        if other and other != label:
                            pairs[used, 0], pairs[used, 1] = min(label, other), max(label, other)
                            between[used] = 0.5 * (values[row, col] + values[below, beside])
                            used += 1
    return pairs[:used], between[:used]


@jit
def border_count(labels):
    """Number of pairs of 4-neighbours with different labels other than 0."""
    height, width = labels.shape
    count = 0
    for row in range(height):
        for col in range(width):
            label = labels[row, col]
            if label:
                if row + 1 < height and labels[row + 1, col] and labels[row + 1, col] != label:
                    count += 1
                if col + 1 < width and labels[row, col + 1] and labels[row, col + 1] != label:
                    count += 1
    return count
