"""The foreground: intensities relative to a local threshold, in units of the local contrast."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..kernels import smoothing as kernels
from .defects import NO_NOISE, Box
from .distribution import otsu, percentile, sample_of, sorted_sample
from .smoothing import Grid, blurred

CLIP = 2.0  # of the contrast of the foreground; brighter pixels are debris, mitoses or glare
CLIP_ROUNDS = 3
SEPARATE = 0.8  # share of the variance that two classes explain; of normally distributed values 0.64
FEW = 0.1  # of the class below
FAINT = 0.2  # of the square root of the highest contrast; less is no class of nuclei
HIGHEST, LOWEST = 99.9, 1.0  # percentiles between which intensities are believed
PRIOR = 0.02  # weight of the image-wide means where no foreground or no background is near
ROUNDS = 5
DIP_PERCENTILE = 95
STRIP = 2**16  # pixels that are compared with their thresholds together
NOWHERE = -1e300  # a threshold that every intensity exceeds


class Levels(NamedTuple):
    """What the foreground of a pixel depends on besides its surroundings.

    Attributes
    ----------
    lowest, highest : float
        Intensities are believed in between.
    threshold : float
        The threshold to begin with.
    means : tuple of (float, float)
        For each round, the mean of all that is bright, and of all that is dark.
    least_height : float
        Height of the threshold above the background, at least.
    dip : float
        How far the background falls below its own local mean, in units of the image: the 95th percentile of
        the pixels below it. Noise rises as far above its mean as it falls below.
    distinctness : float
        Local contrast of the foreground (median), in dips; 0 if there is no foreground.
    """

    lowest: float
    highest: float
    threshold: float
    means: tuple[tuple[float, float], ...]
    least_height: float
    dip: float
    distinctness: float


class Foreground(NamedTuple):
    """Where nuclei are.

    Attributes
    ----------
    smooth : (h, w) float64
        Intensities without noise.
    threshold, contrast : (m, n) float64
        Local threshold and local contrast on blocks of pixels, in units of the image.
    grid : Grid
        The blocks.
    levels : Levels
        What else was measured, or known before.
    """

    smooth: NDArray[np.float64]
    threshold: NDArray[np.float64]
    contrast: NDArray[np.float64]
    grid: Grid
    levels: Levels

    def y(self, window: Box | None = None) -> NDArray[np.float64]:
        """Intensity above the local threshold, in units of the local contrast: positive in the foreground.

        Everywhere, or in a window only.
        """
        rows, cols = window or tuple(slice(0, size) for size in self.smooth.shape)
        result = np.empty((rows.stop - rows.start, cols.stop - cols.start))
        along = tuple(each[cols] for each in self.grid.cols)
        step = max(1, STRIP // result.shape[1])
        for first in range(0, len(result), step):
            stop = min(first + step, len(result))
            part = slice(rows.start + first, rows.start + stop)
            result[first:stop] = kernels.relative(
                np.ascontiguousarray(self.smooth[part, cols]),
                self.threshold,
                self.contrast,
                tuple(each[part] for each in self.grid.rows),
                along,
            )
        return result


def local_foreground(
    image: NDArray[np.float64],
    *,
    smoothing: float,
    reach: float,
    height: float,
    min_contrast: float,
    least_height: float,
) -> Foreground:
    """Compare each pixel with the mean background and the mean foreground around it.

    Parameters
    ----------
    image : (h, w) float64
        Intensities.
    smoothing, reach : float
        Widths of the Gaussians against noise, and of the local means (pixels).
    height : float
        Where the threshold lies between background (0) and foreground (1).
    min_contrast : float
        Lowest local contrast, relative to that of the whole image.
    least_height : float
        Height of the threshold above the background, at least, in units of the image.

    Returns
    -------
    Foreground
        Intensities relative to the threshold, and how much the foreground stands out.
    """
    smooth = np.ascontiguousarray(blurred(image, smoothing))
    values = sorted_sample(smooth)
    highest = highest_of_nuclei(values)
    lowest = min(percentile(values, LOWEST), highest)
    values = np.clip(values, lowest, highest)
    threshold, middle = otsu(values), percentile(values, 50)
    levels = Levels(
        lowest,
        highest,
        0.5 * (threshold + middle) if threshold > middle else threshold,
        (),
        least_height,
        0,
        0,
    )
    grid = Grid(image.shape, reach)
    low, high, tau, contrast, means = _settled(smooth, grid, levels, height, min_contrast)
    rows, cols = sample_of(tuple(slice(0, size) for size in image.shape))
    low, step, limit = (grid.at(each, rows, cols) for each in (low, high - low, tau))
    is_bright = smooth[rows, cols] > limit
    below = (low - smooth[rows, cols])[~is_bright]
    below = below[below > 0]
    dip = float(np.percentile(below, DIP_PERCENTILE)) if below.size else 0.0
    typical = float(np.median(step[is_bright])) if is_bright.any() else 0.0
    levels = levels._replace(means=means, dip=dip, distinctness=typical / max(dip, NO_NOISE))
    return Foreground(smooth, tau, contrast, grid, levels)


def known_foreground(
    smooth: NDArray[np.float64], grid: Grid, levels: Levels, *, height: float, min_contrast: float
) -> Foreground:
    """Return the foreground of an image, or of a window of it, whose levels are known.

    Parameters
    ----------
    smooth : (h, w) float64
        Intensities without noise, of the window.
    grid : Grid
        Its blocks.
    levels : Levels
        Of the image.
    height, min_contrast : float
        As for `local_foreground`.

    Returns
    -------
    Foreground
        Correct farther than ``Grid.reach(..., ROUNDS)`` from the sides of the window that are not
        those of the image.
    """
    _, _, tau, contrast, _ = _settled(smooth, grid, levels, height, min_contrast)
    return Foreground(smooth, tau, contrast, grid, levels)


Blocks = NDArray[np.float64]


def _settled(
    smooth: NDArray[np.float64], grid: Grid, levels: Levels, height: float, min_contrast: float
) -> tuple[Blocks, Blocks, Blocks, Blocks, tuple[tuple[float, float], ...]]:
    """Local background and foreground, threshold and contrast on blocks after some rounds, and the means."""
    tau = np.full(grid.shape, levels.threshold)
    clipped_image, places = (smooth, levels.lowest, levels.highest), (grid.rows, grid.cols, grid.scale)
    near_all, _, whole, size = kernels.bright_blocks(*clipped_image, np.full(grid.shape, NOWHERE), *places)
    near_all = grid.smoothed(near_all)
    means: list[tuple[float, float]] = []
    for number in range(ROUNDS):
        bright, share, total, count = kernels.bright_blocks(*clipped_image, tau, *places)
        if levels.means:
            bright_mean, dark_mean = levels.means[number]
        else:
            bright_mean = total / count if count else 0.0
            dark_mean = (whole - total) / (size - count) if count < size else 0.0
        means.append((bright_mean, dark_mean))
        near_bright, share = grid.smoothed(bright), grid.smoothed(share)
        high = (near_bright + PRIOR * bright_mean) / (share + PRIOR)
        low = (near_all - near_bright + PRIOR * dark_mean) / (1 - share + PRIOR)
        least = max(min_contrast * (bright_mean - dark_mean), levels.least_height / height, NO_NOISE)
        contrast = np.maximum(high - low, least)
        tau = low + height * contrast
    return low, high, tau, contrast, tuple(means)


def highest_of_nuclei(values: NDArray[np.float64]) -> float:
    """Return the intensity above which pixels are much brighter than the foreground of an image usually is.

    Otherwise a few bright pixels would decide where the threshold of all others lies. Square roots make the
    step from background to nuclei larger than that from nuclei to debris.

    Parameters
    ----------
    values : (N,) float64
        Intensities in ascending order.

    Returns
    -------
    float
        At most the highest of them.
    """
    darkest = percentile(values, LOWEST)
    root = np.sqrt(np.maximum(values - darkest, 0))
    highest = percentile(root, HIGHEST)
    for _ in range(CLIP_ROUNDS):
        root = np.minimum(root, highest)
        dark = int(np.searchsorted(root, _lowest_step(root), side="right"))
        if dark in (0, root.size):
            break
        low, high = percentile(root[:dark], 50), percentile(root[dark:], 50)
        highest = low + CLIP * (high - low)
    return min(float(values[-1]), darkest + min(highest, float(root[-1])) ** 2)


def _lowest_step(values: NDArray[np.float64]) -> float:
    """Return Otsu's threshold, or that of the values below it if they fall into two classes as well.

    A few pixels that are brighter than nuclei by far make a class of their own, above that of the nuclei.
    The values are in ascending order.
    """
    threshold = otsu(values)
    count = int(np.searchsorted(values, threshold, side="right"))
    rest, top = values[:count], values[count:]
    if rest.size and top.size:
        second = otsu(rest)
        start = int(np.searchsorted(rest, second, side="right"))
        dark, bright = rest[:start], rest[start:]
        if dark.size and bright.size:
            share = bright.size / rest.size
            step = float(bright.mean() - dark.mean())
            if (
                share * (1 - share) * step**2 > SEPARATE * float(rest.var())
                and step > FAINT * float(top.mean() - dark.mean())
                and top.size < FEW * bright.size
            ):
                return second
    return threshold


def smoothed_noise(noise: float, sigma: float) -> float:
    """Return the standard deviation that is left of pixel noise after smoothing (Gaussian, pixels)."""
    return noise / max(1.0, 2 * math.sqrt(math.pi) * sigma)
