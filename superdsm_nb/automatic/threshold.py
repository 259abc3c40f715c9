"""The foreground: intensities relative to a local threshold, in units of the local contrast."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..filters import gaussian
from .defects import NO_NOISE

WIDE = 6.0  # pixels; Gaussians from here on are computed by frequencies, which is faster
CLIP = 2.0  # of the contrast of the foreground; brighter pixels are debris, mitoses or glare
CLIP_ROUNDS = 3
SEPARATE = 0.8  # share of the variance that two classes explain; of normally distributed values 0.64
FEW = 0.1  # of the class below
FAINT = 0.2  # of the square root of the highest contrast; less is no class of nuclei
HIGHEST, LOWEST = 99.9, 1.0  # percentiles between which intensities are believed
PRIOR = 0.02  # weight of the image-wide means where no foreground or no background is near
ROUNDS = 5
DIP_PERCENTILE = 95


class Foreground(NamedTuple):
    """Where nuclei are.

    Attributes
    ----------
    y : (h, w) float64
        Intensity above the local threshold, in units of the local contrast: positive in the foreground.
    dip : float
        How far the background falls below its own local mean, in units of the image: the 95th percentile of
        the pixels below it. Noise rises as far above its mean as it falls below.
    distinctness : float
        Local contrast of the foreground (median), in dips; 0 if there is no foreground.
    """

    y: NDArray[np.float64]
    dip: float
    distinctness: float


def local_foreground(
    image: NDArray[np.float64],
    inside: tuple[slice, slice],
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
    inside : (slice, slice)
        The part whose intensities count for the image-wide statistics.
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
    smooth = blurred(image, smoothing)
    part = smooth[inside]
    e = np.clip(smooth, np.percentile(part, LOWEST), clipped(part).max())
    threshold, middle = otsu(e[inside]), float(np.median(e[inside]))
    tau = np.full(image.shape, 0.5 * (threshold + middle) if threshold > middle else threshold)
    contrast = np.ones(image.shape)
    for _ in range(ROUNDS):
        bright = e > tau
        bright_mean, dark_mean = _mean(e[inside], bright[inside]), _mean(e[inside], ~bright[inside])
        f = bright.astype(np.float64)
        near_bright, near_all, share = blurred(e * f, reach), blurred(e, reach), blurred(f, reach)
        high = (near_bright + PRIOR * bright_mean) / (share + PRIOR)
        low = (near_all - near_bright + PRIOR * dark_mean) / (1 - share + PRIOR)
        least = max(min_contrast * (bright_mean - dark_mean), least_height / height, NO_NOISE)
        contrast = np.maximum(high - low, least)
        tau = low + height * contrast
    bright = (e > tau)[inside]
    below = (low - smooth)[inside][~bright]
    below = below[below > 0]
    dip = float(np.percentile(below, DIP_PERCENTILE)) if below.size else 0.0
    typical = float(np.median((high - low)[inside][bright])) if bright.any() else 0.0
    return Foreground(np.ascontiguousarray((smooth - tau) / contrast), dip, typical / max(dip, NO_NOISE))


def clipped(smooth: NDArray[np.float64]) -> NDArray[np.float64]:
    """Clip what is much brighter than the foreground of an image usually is.

    Otherwise a few bright pixels would decide where the threshold of all others lies. Square roots make the
    step from background to nuclei larger than that from nuclei to debris.
    """
    darkest = float(np.percentile(smooth, LOWEST))
    root = np.sqrt(np.maximum(smooth - darkest, 0))
    highest = float(np.percentile(root, HIGHEST))
    for _ in range(CLIP_ROUNDS):
        root = np.minimum(root, highest)
        bright = root > _lowest_step(root)
        if not bright.any():
            break
        low, high = np.median(root[~bright]), np.median(root[bright])
        highest = float(low + CLIP * (high - low))
    return np.minimum(smooth, darkest + min(highest, float(root.max())) ** 2)


def _lowest_step(values: NDArray[np.float64]) -> float:
    """Return Otsu's threshold, or that of the values below it if they fall into two classes as well.

    A few pixels that are brighter than nuclei by far make a class of their own, above that of the nuclei.
    """
    threshold = otsu(values)
    rest = values[values <= threshold]
    if 0 < rest.size < values.size:
        second = otsu(rest)
        above = rest > second
        share = float(above.mean())
        step = _mean(rest, above) - _mean(rest, ~above)
        if (
            share * (1 - share) * step**2 > SEPARATE * float(rest.var())
            and step > FAINT * (_mean(values, values > threshold) - _mean(rest, ~above))
            and values.size - rest.size < FEW * np.count_nonzero(above)
        ):
            return second
    return threshold


def smoothed_noise(noise: float, sigma: float) -> float:
    """Return the standard deviation that is left of pixel noise after smoothing (Gaussian, pixels)."""
    return noise / max(1.0, 2 * math.sqrt(math.pi) * sigma)


def blurred(image: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    """Filter with a Gaussian of standard deviation `sigma` (pixels)."""
    if sigma <= 0:
        return image
    result: NDArray[np.float64] = (
        gaussian(np.ascontiguousarray(image), sigma)
        if sigma > WIDE
        else ndimage.gaussian_filter(image, sigma)
    )
    return result


def otsu(image: NDArray[np.float64]) -> float:
    """Return Otsu's threshold; for a constant image its value, above which nothing is."""
    from skimage.filters import threshold_otsu  # noqa: PLC0415 - takes 0.1 s; the published method needs none

    return float(threshold_otsu(image))


def _mean(values: NDArray[np.float64], where: NDArray[np.bool_]) -> float:
    return float(values[where].mean()) if where.any() else 0.0
