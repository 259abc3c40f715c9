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

LAPLACIAN_STRIP = 2**16  # pixels whose Laplacian is calculated together
OVERLAP = 4  # ratio of the height of a strip to its overlap, which is read twice


def blurred(image: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    """Filter with a Gaussian of standard deviation `sigma` (pixels), the image mirrored at its borders."""
    if sigma <= 0:
        return image
    if sigma > WIDE:
        grid = Grid(image.shape, sigma)
        return kernels.interpolated(grid.means(image), grid.rows, grid.cols)
    return convolved(image, sigma)


def convolved(image: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    """Filter as `blurred`, but without its approximation: only pixels up to `reach_of` have an influence."""
    if sigma <= 0:
        return image
    weights = _gaussian(sigma)
    return _filtered(image, weights, weights)


def reach_of(sigma: float) -> int:
    """How far the Gaussian of `convolved` reaches (pixels)."""
    return int(TRUNCATE * sigma + 0.5) if sigma > 0 else 0


def laplacian(image: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    """Return the Laplacian of the image filtered with a Gaussian of standard deviation `sigma` (pixels).

    Second derivatives are differences of neighbours: good to 2 % for what passes a Gaussian of 2 pixels.
    """
    smooth = blurred(image, sigma)
    if smooth is image:
        smooth = image.copy()
    height, width = image.shape
    step = max(1, LAPLACIAN_STRIP // width)
    above = None
    for first in range(0, height, step):  # in its own place: a second copy takes memory, and time
        result = smooth[first : first + step]
        own, stop = result.copy(), first + len(result)
        result *= -4
        if above is not None:
            result[0] += above
        result[1:] += own[:-1]
        result[:-1] += own[1:]
        if stop < height:
            result[-1] += smooth[stop]
        result[:, 1:] += own[:, :-1]
        result[:, :-1] += own[:, 1:]
        if first == 0:
            result[0] += own[0]  # mirrored
        if stop == height:
            result[-1] += own[-1]
        result[:, 0] += own[:, 0]
        result[:, -1] += own[:, -1]
        above = own[-1]
    return smooth


def _gaussian(sigma: float) -> NDArray[np.float64]:
    """Weights at distances 0, 1, ..."""
    weights = np.exp(-0.5 * (np.arange(reach_of(sigma) + 1) / sigma) ** 2)
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


def coarse_means(image: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return an image at a lower resolution: means over blocks."""
    rows, cols = (kernels.axis(size, count) for size, count in zip(image.shape, shape, strict=True))
    scale = (shape[0] / image.shape[0]) * (shape[1] / image.shape[1])
    means: NDArray[np.float64] = kernels.block_means(
        np.ascontiguousarray(image), rows, cols, (shape[0], shape[1]), scale
    )
    return means


class Grid:
    """Blocks of an image over which local means hardly change.

    Parameters
    ----------
    shape : (int, int)
        Shape of the image.
    sigma : float
        Standard deviation of the Gaussian that weights the pixels of a local mean (pixels).
    window : (slice, slice), optional
        The part of the image that is looked at; by default all of it. The blocks are the same ones, but those
        on the sides of the window do not know what is beyond: see `reach`.

    Attributes
    ----------
    shape : (int, int)
        Number of blocks in the window.
    rows, cols : tuple of arrays
        Where its rows and columns lie among these, see `superdsm_nb.kernels.smoothing.axis`.
    scale : float
        Blocks per pixel.
    """

    def __init__(
        self, shape: tuple[int, ...], sigma: float, window: tuple[slice, slice] | None = None
    ) -> None:
        counts = _block_counts(shape, sigma)
        window = window or (slice(0, shape[0]), slice(0, shape[1]))
        self.scale = (counts[0] / shape[0]) * (counts[1] / shape[1])
        (height, self.rows), (width, self.cols) = (
            _window_axis(size, count, part) for size, count, part in zip(shape, counts, window, strict=True)
        )
        self.shape = height, width
        self._down, self._along = (
            _block_gaussian(size, count, sigma) for size, count in zip(shape, counts, strict=True)
        )

    @staticmethod
    def reach(shape: tuple[int, ...], sigma: float, rounds: int) -> int:
        """How far values of the blocks depend on others (pixels).

        Parameters
        ----------
        shape : (int, int)
            Shape of the image.
        sigma : float
            As for the grid.
        rounds : int
            How often they are smoothed, and interpolated in between.
        """
        return max(
            math.ceil((rounds * _block_gaussian(size, count, sigma).size + 2) * size / count)
            for size, count in zip(shape, _block_counts(shape, sigma), strict=True)
        )

    def means(self, image: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the local mean of an image at each block."""
        image = np.ascontiguousarray(image)
        return self.smoothed(kernels.block_means(image, self.rows, self.cols, self.shape, self.scale))

    def smoothed(self, blocks: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the local means from means over blocks."""
        return _filtered(blocks, self._down, self._along)

    def at(self, blocks: NDArray[np.float64], rows: slice, cols: slice) -> NDArray[np.float64]:
        """Interpolate values of the blocks at some of the pixels."""
        for part, axis, count in zip((rows, cols), (self.rows, self.cols), self.shape, strict=True):
            below, weight = axis[2][part], axis[3][part]
            after = np.minimum(below + 1, count - 1)
            blocks = blocks[below].T * (1 - weight) + blocks[after].T * weight  # the other axis comes first
        return blocks


def _block_counts(shape: tuple[int, ...], sigma: float) -> tuple[int, ...]:
    return tuple(max(1, math.ceil(size / max(1.0, sigma / BLOCKS))) for size in shape)


def _block_gaussian(size: int, count: int, sigma: float) -> NDArray[np.float64]:
    return _gaussian(math.sqrt(max((sigma * count / size) ** 2 - BLOCK_VARIANCE, 0.01)))


def _window_axis(
    size: int, count: int, part: slice
) -> tuple[int, tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]]:
    """Return the number of blocks along a part of a side, and where its pixels lie among them."""
    block, share, below, weight = (each[part] for each in kernels.axis(size, count))
    first, stop = max(int(block[0]) - 1, 0), min(int(block[-1]) + 2, count)
    return stop - first, (block - first, share, below - first, weight)
