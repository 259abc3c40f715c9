"""Gaussian filters of whole images in a time that does not depend on their width."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..kernels import smoothing as kernels
from ..parallel import strips

TRUNCATE = 4.0  # standard deviations
WIDE = 6.0  # pixels; wider Gaussians are computed on means over blocks
BLOCKS = 4.0  # per standard deviation
BLOCK_VARIANCE = 1 / 12 + 1 / 6  # of the mean over a block and of the linear interpolation, in squared blocks

OVERLAP = 4  # ratio of the height of a strip to its overlap, which is read twice


def blurred(image: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    """Filter with a Gaussian of standard deviation `sigma` (pixels), the image mirrored at its borders."""
    if sigma <= 0:
        return image
    if sigma > WIDE:
        return kernels.interpolated(Grid(image.shape, sigma).means(image), *image.shape)
    weights = _gaussian(sigma)
    return _filtered(image, weights, weights)


def laplacian(image: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    """Return the Laplacian of the image filtered with a Gaussian of standard deviation `sigma` (pixels).

    Second derivatives are differences of neighbours: good to 2 % for what passes a Gaussian of 2 pixels.
    """
    smooth = blurred(image, sigma)
    result = smooth * -4
    result[1:] += smooth[:-1]
    result[:-1] += smooth[1:]
    result[:, 1:] += smooth[:, :-1]
    result[:, :-1] += smooth[:, 1:]
    result[0] += smooth[0]  # mirrored
    result[-1] += smooth[-1]
    result[:, 0] += smooth[:, 0]
    result[:, -1] += smooth[:, -1]
    return result


def _gaussian(sigma: float) -> NDArray[np.float64]:
    """Weights at distances 0, 1, ..."""
    weights = np.exp(-0.5 * (np.arange(int(TRUNCATE * sigma + 0.5) + 1) / sigma) ** 2)
    return weights / (2 * weights.sum() - weights[0])


def _filtered(
    image: NDArray[np.float64], down: NDArray[np.float64], along: NDArray[np.float64]
) -> NDArray[np.float64]:
    image = np.ascontiguousarray(image)
    out = np.empty(image.shape)
    strips(
        lambda part: kernels.separable(image, down, along, part.start, part.stop, out[part]),
        image.shape[0],
        image.shape[1],
        OVERLAP * down.size,
    )
    return out


class Grid:
    """Blocks of an image over which local means hardly change.

    Parameters
    ----------
    shape : (int, int)
        Shape of the image.
    sigma : float
        Standard deviation of the Gaussian that weights the pixels of a local mean (pixels).
    """

    def __init__(self, shape: tuple[int, ...], sigma: float) -> None:
        self._size = shape
        self.shape = tuple(max(1, math.ceil(size / max(1.0, sigma / BLOCKS))) for size in shape)
        self._down, self._along = (
            _gaussian(math.sqrt(max((sigma * blocks / size) ** 2 - BLOCK_VARIANCE, 0.01)))
            for size, blocks in zip(shape, self.shape, strict=True)
        )

    def means(self, image: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the local mean of an image at each block."""
        return self.smoothed(kernels.block_means(np.ascontiguousarray(image), *self.shape))

    def smoothed(self, blocks: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the local means from means over blocks."""
        return _filtered(blocks, self._down, self._along)

    def at(self, blocks: NDArray[np.float64], rows: slice, cols: slice) -> NDArray[np.float64]:
        """Interpolate values of the blocks at some of the pixels."""
        for part, size, count in zip((rows, cols), self._size, self.shape, strict=True):
            below, weight = (each[part] for each in kernels.place_of(size, count))
            after = np.minimum(below + 1, count - 1)
            blocks = blocks[below].T * (1 - weight) + blocks[after].T * weight  # the other axis comes first
        return blocks
