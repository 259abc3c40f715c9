"""Separable symmetric filters of images that continue as their own mirror images, and means over blocks."""

import numpy as np

from ._jit import jit


@jit
def mirrored(index, size):
    """Pixel at which an image that continues as its mirror image (d c b a | a b c d | d c b a) is read."""
    index = index % (2 * size)
    return index if index < size else 2 * size - 1 - index


@jit
def separable(image, down, along, first, last, out):
    """Correlate rows of an image with a symmetric separable filter.

    Parameters
    ----------
    image : (H, W) float64
        The image.
    down, along : (R + 1,) and (S + 1,) float64
        Weights at distances 0, 1, ... along columns and along rows.
    first, last : int
        Rows to compute.
    out : (last - first, W) float64
        Receives them.
    """
    height, width = image.shape
    reach = along.size - 1
    line = np.empty(width + 2 * reach)
    middle = line[reach : reach + width]
    for row in range(first, last):
        own = image[row]
        for col in range(width):
            middle[col] = down[0] * own[col]
        for k in range(1, down.size):
            above, below = image[mirrored(row - k, height)], image[mirrored(row + k, height)]
            weight = down[k]
            for col in range(width):
                middle[col] += weight * (above[col] + below[col])
        for k in range(reach):
            line[reach - 1 - k] = middle[mirrored(-1 - k, width)]
            line[reach + width + k] = middle[mirrored(width + k, width)]
        result = out[row - first]
        for col in range(width):
            result[col] = along[0] * middle[col]
        for k in range(1, reach + 1):
            before, after = line[reach - k : reach - k + width], line[reach + k : reach + k + width]
            weight = along[k]
            for col in range(width):
                result[col] += weight * (before[col] + after[col])


@jit
def block_of(size, count):
    """Divide `size` pixels into `count` blocks of the same, usually broken, length.

    Returns
    -------
    block : (size,) int64
        Block in which each pixel begins.
    share : (size,) float64
        Part of the pixel that is in that block; the rest is in the next one.
    """
    length = size / count
    block = np.empty(size, np.int64)
    share = np.empty(size)
    for i in range(size):
        k = min(int(i / length), count - 1)
        end = (k + 1) * length
        if i >= end and k < count - 1:
            k, end = k + 1, end + length
        block[i] = k
        share[i] = min(1.0, end - i) if k < count - 1 else 1.0
    return block, share


@jit
def place_of(size, count):
    """Positions of `size` pixels among the centres of `count` blocks, for linear interpolation.

    Returns
    -------
    below : (size,) int64
        Block whose centre is before the pixel.
    weight : (size,) float64
        Weight of the next block.
    """
    below = np.zeros(size, np.int64)
    weight = np.zeros(size)
    for i in range(size):
        position = min(max((i + 0.5) * count / size - 0.5, 0.0), count - 1.0)
        below[i] = max(min(int(position), count - 2), 0)
        weight[i] = position - below[i]
    return below, weight


@jit
def axis(size, count):
    """Where the pixels of a side lie among its blocks: what `block_of` and `place_of` say, four arrays."""
    block, share = block_of(size, count)
    below, weight = place_of(size, count)
    return block, share, below, weight


@jit
def block_means(image, rows, cols, shape, scale):
    """Means over blocks; pixels on their borders count for both in part.

    Parameters
    ----------
    image : (H, W) float64
        An image, or a window of one.
    rows, cols : tuples of four (H,) and (W,) arrays
        Where its rows and columns lie among the blocks, see `axis`.
    shape : (int, int)
        Numbers of blocks.
    scale : float
        Blocks per pixel. The blocks at the sides of a window may be there in part; then so are their means.

    Returns
    -------
    (m, n) float64
        Means.
    """
    row_block, row_share = rows[0], rows[1]
    col_block, col_share = cols[0], cols[1]
    height, width = image.shape
    out = np.zeros(shape)
    line = np.empty(shape[1] + 1)
    for row in range(height):
        _clear(line)
        own = image[row]
        for col in range(width):
            k = col_block[col]
            line[k] += col_share[col] * own[col]
            line[k + 1] += (1 - col_share[col]) * own[col]
        _add_line(line, row_block[row], row_share[row], out)
    _scale(out, scale)
    return out


@jit
def _clear(line):
    for k in range(line.size):
        line[k] = 0.0


@jit
def _scale(blocks, factor):
    for row in range(blocks.shape[0]):
        for col in range(blocks.shape[1]):
            blocks[row, col] *= factor


@jit
def _add_line(line, block, share, out):
    """Add sums along a row of pixels to the blocks that the row is in."""
    for k in range(out.shape[1]):
        out[block, k] += share * line[k]
    if share < 1:
        for k in range(out.shape[1]):
            out[block + 1, k] += (1 - share) * line[k]


@jit
def interpolated(blocks, rows, cols):
    """Enlarge block values to pixels by linear interpolation; rows and columns as for `block_means`."""
    row_below, row_weight = rows[2], rows[3]
    col_below, col_weight = cols[2], cols[3]
    height, width = row_below.size, col_below.size
    out = np.empty((height, width))
    line = np.empty(blocks.shape[1] + 1)
    for row in range(height):
        interpolated_line(blocks, row_below[row], row_weight[row], line)
        result = out[row]
        for col in range(width):
            k = col_below[col]
            result[col] = line[k] + col_weight[col] * (line[k + 1] - line[k])
    return out


@jit
def relative(image, thresholds, units, rows, cols):
    """Subtract thresholds from an image, and divide by units; both are interpolated between blocks.

    Parameters
    ----------
    image : (H, W) float64
        Intensities.
    thresholds, units : (m, n) float64
        For each block; units are not 0.
    rows, cols : tuples of four (H,) and (W,) arrays
        As for `block_means`.

    Returns
    -------
    (H, W) float64
        Intensities relative to the threshold.
    """
    height, width = image.shape
    row_below, row_weight = rows[2], rows[3]
    col_below, col_weight = cols[2], cols[3]
    out = np.empty((height, width))
    line, unit = np.empty(thresholds.shape[1] + 1), np.empty(thresholds.shape[1] + 1)
    for row in range(height):
        interpolated_line(thresholds, row_below[row], row_weight[row], line)
        interpolated_line(units, row_below[row], row_weight[row], unit)
        own, result = image[row], out[row]
        for col in range(width):
            k, weight = col_below[col], col_weight[col]
            value = own[col] - (line[k] + weight * (line[k + 1] - line[k]))
            result[col] = value / (unit[k] + weight * (unit[k + 1] - unit[k]))
    return out


@jit
def interpolated_line(blocks, below, weight, line):
    """Interpolate between two rows of blocks; the last entry of `line` repeats the one before."""
    rows, cols = blocks.shape
    after = min(below + 1, rows - 1)
    for k in range(cols):
        line[k] = blocks[below, k] + weight * (blocks[after, k] - blocks[below, k])
    line[cols] = line[cols - 1]


@jit
def bright_blocks(image, lowest, highest, thresholds, rows, cols, scale):
    """Means over blocks of what is brighter than interpolated thresholds.

    Parameters
    ----------
    image : (H, W) float64
        Intensities.
    lowest, highest : float
        They are clipped to this range.
    thresholds : (m, n) float64
        For each block.
    rows, cols, scale
        As for `block_means`.

    Returns
    -------
    brightness, share : (m, n) float64
        Means over blocks of the intensity, 0 where it is not above the threshold; and of the share of pixels
        that are above it.
    total, count : float
        Sum and number of the bright intensities.
    """
    height, width = image.shape
    row_block, row_share, row_below, row_weight = rows
    col_block, col_share, col_below, col_weight = cols
    brightness, share = np.zeros(thresholds.shape), np.zeros(thresholds.shape)
    line = np.empty(thresholds.shape[1] + 1)
    sums, counts = np.empty(line.size), np.empty(line.size)
    total = count = 0.0
    for row in range(height):
        interpolated_line(thresholds, row_below[row], row_weight[row], line)
        _clear(sums)
        _clear(counts)
        own = image[row]
        for col in range(width):
            k = col_below[col]
            value = min(max(own[col], lowest), highest)
            if value > line[k] + col_weight[col] * (line[k + 1] - line[k]):
                k = col_block[col]
                part = col_share[col]
                sums[k] += part * value
                counts[k] += part
                sums[k + 1] += (1 - part) * value
                counts[k + 1] += 1 - part
                total += value
                count += 1
        _add_line(sums, row_block[row], row_share[row], brightness)
        _add_line(counts, row_block[row], row_share[row], share)
    _scale(brightness, scale)
    _scale(share, scale)
    return brightness, share, total, count
