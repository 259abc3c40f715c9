"""What looks like a foreground, but is noise or shading: images without nuclei are empty."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .threshold import Foreground, local_foreground

DISTINCT = 2.2  # dips; the contrast of photon noise is up to 1.8
SMOOTH_NOISE = 1.45  # dips; the contrast of noise, however smooth, is 1.0 to 1.35, of dense crowds above 1.6
FAINT = 2.0  # of the least height of a threshold; the contrast of noise of single pixels is lower
SAFE = 2.4  # dips; noise hardly rises higher
SURE = 10.0  # dips; with more contrast, shading need not be looked at
SHADE_SIDE = 64  # pixels along a side that are enough to fit the shading
SHADE_ROUNDS = 4
SHADE_SPREADS = 1.5  # pixels higher above the surface than this are left out of the next fit
LOW_PERCENTILE = 16  # of the differences to the surface; their spread is that from here to the median
POWERS = ((0, 0), (1, 0), (0, 1), (2, 0), (0, 2), (1, 1))  # of row and column


def foreground_or_nothing(
    image: NDArray[np.float64],
    *,
    height: float,
    least_height: float,
    is_shaded: bool = True,
    **widths: float,
) -> Foreground:
    """Return the local foreground, without what is there only because of noise or shading.

    An image without nuclei is noise on a smooth background, and of noise about half is foreground for any
    threshold in units of the contrast. But its foreground is hardly brighter than its background has dips. If
    that is so, without the shading of the image, the threshold is raised to where noise does not reach. Dense
    crowds have deep dips as well, but more contrast.
    Where nuclei stand out more clearly without the shading, it is left out as well.

    Parameters
    ----------
    image : (h, w) float64
        Intensities.
    height, least_height : float
        Height of the threshold, see `local_foreground`.
    is_shaded : bool
        Whether the image may be shaded as a whole.
    **widths : float
        Its other parameters.

    Returns
    -------
    Foreground
        Intensities relative to the threshold, and how much the foreground stands out.
    """
    found = local_foreground(image, height=height, least_height=least_height, **widths)
    if found.levels.distinctness >= SURE:
        return found
    flat, again = image, found
    if is_shaded:
        flat = without_shading(image)
        again = local_foreground(flat, height=height, least_height=least_height, **widths)
    is_faint = again.levels.distinctness * again.levels.dip < FAINT * least_height
    if again.levels.distinctness > (DISTINCT if is_faint else SMOOTH_NOISE):
        return max(found, again, key=lambda each: each.levels.distinctness)
    least_height = max(least_height, SAFE * again.levels.dip)
    return local_foreground(flat, height=height, least_height=least_height, **widths)


def without_shading(image: NDArray[np.float64]) -> NDArray[np.float64]:
    """Subtract the quadratic surface that fits the background best (rows and columns up to power 2)."""
    rows, cols = (np.linspace(-1, 1, size) for size in image.shape)
    part = tuple(slice(0, size, max(1, size // SHADE_SIDE)) for size in image.shape)
    values = image[part].ravel()
    terms = np.stack([np.outer(rows[part[0]] ** a, cols[part[1]] ** b).ravel() for a, b in POWERS], axis=1)
    kept = np.ones(values.size, bool)
    for _ in range(SHADE_ROUNDS):
        weights = np.linalg.lstsq(terms[kept], values[kept], rcond=None)[0]
        left = values - terms @ weights
        middle = float(np.median(left))
        kept = left <= middle + SHADE_SPREADS * (middle - float(np.percentile(left, LOW_PERCENTILE)))
    surface = np.zeros((3, 3))
    surface[tuple(zip(*POWERS, strict=True))] = weights
    result: NDArray[np.float64] = (
        image - np.vander(rows, 3, increasing=True) @ surface @ np.vander(cols, 3, increasing=True).T
    )
    return result
