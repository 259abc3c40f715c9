"""Pixels and their eight neighbours."""

import numpy as np

from ._jit import jit


@jit
def outliers(image, tolerance, most, first, last):
    """Pixels beyond the range of their eight neighbours by more than that range and a tolerance.

    Parameters
    ----------
    image : (H, W) float64
        Intensities; beyond the border is what is one pixel inside it.
    tolerance : float
        In units of the image.
    most : int
        One more than this number of outliers is enough.
    first, last : int
        Rows to look at.

    Returns
    -------
    places : (K, 2) int64
        Row and column of each.
    middle : (K,) float64
        The middle of the range of its neighbours.
    """
    height, width = image.shape
    places = np.empty((most + 1, 2), np.int64)
    middle = np.empty(most + 1)
    count = 0
    high, low = np.empty(width + 2), np.empty(width + 2)  # of three pixels in a column
    vertical = np.empty((2, width))  # highest and lowest of the pixels above and below
    for row in range(first, last):
        up = image[row - 1 if row > 0 else min(1, height - 1)]
        down = image[row + 1 if row < height - 1 else max(height - 2, 0)]
        own = image[row]
        for col in range(width):
            above, below, value = up[col], down[col], own[col]
            higher, lower = (above, below) if above > below else (below, above)
            vertical[0, col], vertical[1, col] = higher, lower
            high[col + 1] = value if value > higher else higher
            low[col + 1] = value if value < lower else lower
        inner = min(2, width)
        high[0], low[0] = high[inner], low[inner]
        inner = max(width - 1, 1)
        high[width + 1], low[width + 1] = high[inner], low[inner]
        found = 0
        for col in range(width):
            highest, lowest = _range(high, low, vertical, col)
            limit = (highest - lowest) + tolerance
            found += (own[col] > highest + limit) | (own[col] < lowest - limit)
        if found == 0:
            continue
        for col in range(width):
            highest, lowest = _range(high, low, vertical, col)
            limit = (highest - lowest) + tolerance
            if own[col] > highest + limit or own[col] < lowest - limit:
                places[count, 0], places[count, 1] = row, col
                middle[count] = 0.5 * (highest + lowest)
                count += 1
                if count > most:
                    return places, middle
    return places[:count], middle[:count]


@jit
def _range(high, low, vertical, col):
    """Highest and lowest of the eight neighbours of a pixel."""
    most, least = vertical[0, col], vertical[1, col]
    most = high[col] if high[col] > most else most
    most = high[col + 2] if high[col + 2] > most else most
    least = low[col] if low[col] < least else least
    least = low[col + 2] if low[col + 2] < least else least
    return most, least


@jit
def local_maxima(image, reach, least):
    """Pixels above `least` that no pixel of the square around them exceeds.

    Parameters
    ----------
    image : (H, W) float64
        Values.
    reach : int
        Half the side of the square (pixels).
    least : float
        Maxima must be higher.

    Returns
    -------
    (K, 2) int64
        Row and column of each.
    """
    height, width = image.shape
    places = np.empty((image.size, 2), np.int64)  # memory is taken only where it is written
    count = 0
    for row in range(height):
        for col in range(width):
            value = image[row, col]
            if value <= least or _is_exceeded(image, row, col, 1) or _is_exceeded(image, row, col, reach):
                continue
            places[count, 0], places[count, 1] = row, col
            count += 1
    return places[:count]


@jit
def _is_exceeded(image, row, col, reach):
    for r in range(max(row - reach, 0), min(row + reach + 1, image.shape[0])):
        for c in range(max(col - reach, 0), min(col + reach + 1, image.shape[1])):
            if image[r, c] > image[row, col]:
                return True
    return False
