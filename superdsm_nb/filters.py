"""Gaussian filters of any width at the cost of one cosine transform.

Under SciPy's boundary rule "reflect" an image continues as its own mirror image, so every symmetric filter
is diagonal in the type-II cosine transform. Filtering there gives what `scipy.ndimage` gives, truncation
of the kernel included, up to rounding, in a time that does not grow with the width.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

DIRECT = 8.0  # below this standard deviation (pixels) direct convolution is faster


class CosineImage:
    """An image prepared for repeated Gaussian filtering.

    Parameters
    ----------
    image : (H, W) array
        Intensities.
    """

    def __init__(self, image: NDArray[np.float64]) -> None:
        self.shape = image.shape
        self._spectrum = fft.dctn(image.astype(np.float64), type=2)

    def gaussian(self, sigma: float) -> NDArray[np.float64]:
        """Equal to ``scipy.ndimage.gaussian_filter(image, sigma)``."""
        rows, cols = (_response(size, sigma, 0) for size in self.shape)
        return self._inverse(np.multiply.outer(rows, cols))

    def gaussian_laplace(self, sigma: float) -> NDArray[np.float64]:
        """Equal to ``scipy.ndimage.gaussian_laplace(image, sigma)``."""
        (rows, rows2), (cols, cols2) = (
            (_response(size, sigma, 0), _response(size, sigma, 2)) for size in self.shape
        )
        return self._inverse(np.multiply.outer(rows2, cols) + np.multiply.outer(rows, cols2))

    def _inverse(self, response: NDArray[np.float64]) -> NDArray[np.float64]:
        result: NDArray[np.float64] = fft.idctn(self._spectrum * response, type=2, overwrite_x=True)
        return result


def gaussian(image: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    """Filter with a Gaussian of `sigma` pixels, truncated at 4 sigma, the image mirrored at its borders."""
    if sigma < DIRECT:
        filtered: NDArray[np.float64] = ndimage.gaussian_filter(image, sigma)
        return filtered
    return CosineImage(image).gaussian(sigma)


def _response(size: int, sigma: float, order: int) -> NDArray[np.float64]:
    """Frequency response of SciPy's sampled Gaussian (derivative) at the `size` cosine frequencies."""
    radius = int(4 * sigma + 0.5)
    x = np.arange(-radius, radius + 1)
    kernel = np.exp(-0.5 * (x / sigma) ** 2)
    kernel /= kernel.sum()
    if order == 2:
        kernel *= ((x / sigma) ** 2 - 1) / sigma**2
    # Folded onto the period 2 * size of the mirrored signal, a real even filter has a real spectrum.
    folded = np.bincount(x % (2 * size), kernel, 2 * size)
    response: NDArray[np.float64] = fft.rfft(folded).real[:size]
    return response
