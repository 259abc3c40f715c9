"""Filters of whole images: Gaussians of any width, and distance maps.

Under SciPy's boundary rule "reflect" an image continues as its own mirror image, so every symmetric filter is
diagonal in the type-II cosine transform. Filtering there gives the same result as `scipy.ndimage`, including
the truncation of the kernel, up to rounding, in a time that does not depend on the width.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from .kernels import distance as kernels
from .parallel import strips

FARTHEST = 2**62
MAX_DIRECT_SIGMA = 8.0  # below this standard deviation (pixels) direct convolution is faster
OVERLAP = 10  # ratio of the height of a strip to its overlap, which is computed twice


class LowFrequencies:
    """An image prepared for Laplacians of wide Gaussians, in single precision.

    Only frequencies that pass the narrowest filter are kept, so that each Laplacian takes only a few products
    of small matrices.

    Parameters
    ----------
    image : (H, W) array
        Intensities.
    sigma : float
        Smallest standard deviation that will be used (pixels).
    """

    def __init__(self, image: NDArray[np.float64], sigma: float) -> None:
        self._rows, self._cols = (_cosines(size, _passing_frequencies(size, sigma)) for size in image.shape)
        self._shape = image.shape
        self._spectrum = self._rows.T @ image.astype(np.float32) @ self._cols

    def gaussian_laplace(self, sigma: float) -> Laplacian:
        """``scipy.ndimage.gaussian_laplace(image, sigma)``, row by row.

        The truncated kernel has a small response to a constant, which is kept because the sign may depend on
        it.
        """
        kept = [_passing_frequencies(size, sigma) for size in self._shape]
        (rows, rows2), (cols, cols2) = (
            (_response(size, sigma, 0)[:count], _response(size, sigma, 2)[:count])
            for size, count in zip(self._shape, kept, strict=True)
        )
        response = np.multiply.outer(rows2, cols) + np.multiply.outer(rows, cols2)
        spectrum = self._spectrum[: kept[0], : kept[1]] * response.astype(np.float32)
        right = spectrum @ self._cols[:, : kept[1]].T
        return Laplacian(self._rows[:, : kept[0]], right.astype(np.float32, copy=False))


class Laplacian(NamedTuple):
    """A filtered image as the product of two factors."""

    left: NDArray[np.float32]
    right: NDArray[np.float32]

    def rows(self, first: int, last: int) -> NDArray[np.float32]:
        """Return the rows from `first` up to, but not including, `last`."""
        result: NDArray[np.float32] = self.left[first:last] @ self.right
        return result


def squared_distance(objects: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Squared Euclidean distance of every pixel to the nearest object pixel; a huge value if none."""
    if not objects.any():
        return np.full(objects.shape, FARTHEST)
    out = np.empty(objects.shape, np.int64)
    along = _distance_along_columns(objects)
    strips(lambda part: kernels.squared_distance(along[part], out[part]), *objects.shape)
    return out


def distance(objects: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Euclidean distance of every pixel to the nearest object pixel."""
    out = np.full(objects.shape, math.sqrt(FARTHEST))
    measure(objects, lambda part, squared: np.sqrt(squared, out=out[part]))
    return out


def within_distance(objects: NDArray[np.bool_], radius: float) -> NDArray[np.bool_]:
    """Whether the nearest object pixel is at most `radius` pixels away, for every pixel."""
    out = np.full(objects.shape, math.sqrt(FARTHEST) <= radius)
    measure(objects, lambda part, squared: np.less_equal(np.sqrt(squared), radius, out=out[part]))
    return out


def dilated(mask: NDArray[np.bool_], radius: float) -> NDArray[np.bool_]:
    """Dilate a mask by a disk of this radius (pixels), as `scipy.ndimage.binary_dilation` would."""
    return within_distance(mask, radius)


def eroded(mask: NDArray[np.bool_], radius: float) -> NDArray[np.bool_]:
    """Erode a mask by a disk of this radius (pixels); the border of the image does not erode it."""
    return ~within_distance(~mask, radius)


def measure(objects: NDArray[np.bool_], take: Callable[[slice, NDArray[np.int64]], object]) -> None:
    """Compute the squared distance of every pixel to the nearest object pixel, strip by strip.

    Parameters
    ----------
    objects : (H, W) bool
        If all are false, nothing is computed.
    take : callable
        Called with rows and their (h, W) int64 squared distances, on several threads.
    """
    if not objects.any():
        return
    along = _distance_along_columns(objects)

    def take_strip(part: slice) -> None:
        squared = np.empty(objects[part].shape, np.int64)
        kernels.squared_distance(along[part], squared)
        take(part, squared)

    strips(take_strip, *objects.shape)


def _distance_along_columns(objects: NDArray[np.bool_]) -> NDArray[np.int32]:
    objects, along = np.ascontiguousarray(objects), np.empty(objects.shape, np.int32)
    strips(
        lambda part: kernels.distance_along_columns(objects, part.start, part.stop, along),
        *objects.shape[::-1],
    )
    return along


def standard_deviation(image: NDArray[np.float64]) -> float:
    """Standard deviation of all pixels, without a copy of the image."""
    mean = image.mean()
    squares = np.empty(image.shape[0])

    def add(part: slice) -> None:
        away = image[part] - mean
        np.square(away, out=away).sum(axis=1, out=squares[part])

    strips(add, *image.shape)
    return math.sqrt(squares.sum() / image.size)


def maximum_filter(image: NDArray[np.float64], connectivity: int) -> NDArray[np.float64]:
    """Largest value among each pixel and its 4 or 8 neighbours.

    The same as `scipy.ndimage.maximum_filter`, in a fraction of the time.
    """
    down = image.copy()
    np.maximum(down[1:], image[:-1], out=down[1:])
    np.maximum(down[:-1], image[1:], out=down[:-1])
    horizontal_input = down if connectivity == 8 else image
    out = down.copy()
    np.maximum(out[:, 1:], horizontal_input[:, :-1], out=out[:, 1:])
    np.maximum(out[:, :-1], horizontal_input[:, 1:], out=out[:, :-1])
    return out


def dense_rank(values: NDArray[Any]) -> NDArray[np.int32]:
    """Zero-based rank of each value among the distinct values."""
    ranks = np.unique(values, return_inverse=True)[1]
    return ranks.reshape(values.shape).astype(np.int32)


def dense_rank_of_distance(squared: NDArray[np.int64]) -> NDArray[np.int32]:
    """`dense_rank` of squared distances, by counting unless they far exceed the number of pixels."""
    if squared.max(initial=0) > 4 * squared.size:
        return dense_rank(squared)
    present = np.bincount(squared.ravel()) > 0
    ranks: NDArray[np.int32] = (np.cumsum(present) - 1).astype(np.int32)[squared]
    return ranks


def _passing_frequencies(size: int, sigma: float) -> int:
    """Number of cosine frequencies that pass a Gaussian in single precision: exp(-6.2^2 / 2) is 5e-9."""
    return min(size, int(6.2 / sigma * size / np.pi) + 2)


def _cosines(size: int, count: int) -> NDArray[np.float32]:
    """First columns of the orthonormal type-II cosine transform; shape (size, count)."""
    waves = np.cos(np.multiply.outer(np.arange(size) + 0.5, np.pi / size * np.arange(count)))
    waves *= np.sqrt(2 / size)
    waves[:, 0] = np.sqrt(1 / size)
    return waves.astype(np.float32)


def gaussian(image: NDArray[np.float64], sigma: float, highest: float = math.inf) -> NDArray[np.float64]:
    """Filter with a Gaussian of `sigma` pixels, truncated at 4 sigma, the image mirrored at its borders.

    Intensities above `highest` are clipped to it.
    """
    if sigma >= MAX_DIRECT_SIGMA:
        return wide_gaussian(image, sigma, highest)
    out = np.empty(image.shape)
    reach = int(4 * sigma + 0.5)

    def filtered(part: slice) -> None:
        first = max(part.start - reach, 0)
        result = ndimage.gaussian_filter(np.minimum(image[first : part.stop + reach], highest), sigma)
        out[part] = result[part.start - first : part.stop - first]

    strips(filtered, image.shape[0], image.shape[1], OVERLAP * reach)
    return out


def wide_gaussian(image: NDArray[np.float64], sigma: float, highest: float = math.inf) -> NDArray[np.float64]:
    """Filter in the type-II cosine transform."""
    height, width = image.shape
    sizes = [_fast_size(size, int(4 * sigma + 0.5)) for size in image.shape]
    longer = np.pad(image, ((0, sizes[0] - height), (0, sizes[1] - width)), mode="symmetric")
    np.minimum(longer, highest, out=longer)
    spectrum = fft.dctn(longer, type=2, overwrite_x=True)
    rows, cols = (_response(size, sigma, 0) for size in sizes)
    for row, factor in enumerate(rows):
        spectrum[row] *= factor * cols
    filtered: NDArray[np.float64] = fft.idctn(spectrum, type=2, overwrite_x=True)
    return np.ascontiguousarray(filtered[:height, :width])  # which frees the padding


def _fast_size(size: int, reach: int) -> int:
    """Length for the cosine transform: the size, or a longer one that is faster.

    The signal is mirrored at its end, and a filter with that `reach` must give the same result there.
    """
    longer = fft.next_fast_len(size + reach, real=True)
    return size if fft.next_fast_len(size, real=True) == size or longer > 2 * size else longer


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
