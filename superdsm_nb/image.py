"""Intensity images and the pixels of regions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import ImageError
from .kernels.regions import group_pixels


def intensities(image: ArrayLike, histological: bool = False) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Check an image and reduce it to one intensity per pixel.

    Parameters
    ----------
    image : (H, W) or, if `histological`, (H, W, 3) array
        Any integer, boolean or floating-point type.
    histological : bool
        The image is a bright-field colour image of stained nuclei: intensity is the inverted mean over
        the channels.

    Returns
    -------
    g : (H, W) array
        Intensities (float64 if histological, else the values given).
    g_rgb : (H, W, 3) array or None
        The colour image, if histological.

    Raises
    ------
    ImageError
        If it is empty, constant, a single pixel, masked, holds NaN or infinite values, does not hold
        numbers, or has too many dimensions.
    """
    g = unmasked(image)
    if g.dtype.kind not in "biuf":
        raise ImageError(f"The image holds values of type {g.dtype}, but must hold numbers.")
    if g.size == 0:
        raise ImageError("The image is empty: it has no pixels.")
    g_rgb = None
    if histological:
        if g.ndim != 3 or g.shape[2] < 3:
            raise ImageError(f"A histological image must be a colour image (H, W, 3), but it is {_shape(g)}.")
        g_rgb = g[:, :, :3]
        _check_finite(g_rgb)
        # Divided first: the sum of float64 values can exceed the largest float64.
        mean = (g_rgb.astype(np.float64) / 8).mean(axis=2)
        with np.errstate(over="ignore"):
            g = (mean.max() - mean) * 8
        if g.size and not np.isfinite(g).all():
            raise ImageError("The range of the values of the image is too large.")
    if g.ndim != 2:
        raise ImageError(
            f"The image has {g.ndim} dimensions ({_shape(g)}), but must have 2: choose a plane or a channel."
        )
    if g.size == 1:
        raise ImageError("The image is a single pixel: there is nothing to segment.")
    _check_finite(g)
    if g.min() == g.max():
        raise ImageError(f"The image is constant (every pixel is {g.flat[0]}): there is nothing to segment.")
    return g, g_rgb


def unmasked(image: ArrayLike) -> NDArray[Any]:
    """Return an image as a plain array.

    Raises
    ------
    ImageError
        If it is a masked array with masked pixels: nothing is known about these.
    """
    masked = np.ma.count_masked(image) if np.ma.isMaskedArray(image) else 0
    if masked:
        pixels = "pixel" if masked == 1 else "pixels"
        raise ImageError(
            f"The image is a masked array with {masked} masked {pixels}, which is not supported: fill them "
            "with values of the background (its method filled)."
        )
    return np.asarray(image)


def _check_finite(g: NDArray[Any]) -> None:
    if g.dtype.kind == "f" and not np.isfinite(g).all():
        raise ImageError("The image holds NaN or infinite values: replace them before segmenting.")


def normalized(g: NDArray[Any]) -> NDArray[np.float64]:
    """Return (g - min) / (max - min) as float64; a constant image gives 0."""
    # Halved first: the range of float64 values can exceed the largest float64.
    half = g.astype(np.float64)
    half /= 2
    low = half.min()
    spread = half.max() - low
    half -= low
    half /= spread if spread > 0 else 1.0
    return half


def _shape(g: NDArray[Any]) -> str:
    return " x ".join(map(str, g.shape))


class Region(NamedTuple):
    """The pixels used by a fit, in row-major order.

    Attributes
    ----------
    rows, cols : (N,) int64
        Coordinates in the whole image.
    y : (N,) float64
        Offset intensities.
    shape : (int, int)
        Shape of the whole image.
    """

    rows: NDArray[np.int64]
    cols: NDArray[np.int64]
    y: NDArray[np.float64]
    shape: tuple[int, int]


@dataclass(frozen=True)
class Image:
    """Offset intensities together with the pixels that may be used.

    Attributes
    ----------
    model : (H, W) float64
        Offset intensities y.
    mask : (H, W) bool
        Pixels that regions may contain.

    Examples
    --------
    >>> image = Image.create_from_array([[0.0, 2.0], [1.0, -1.0]])
    >>> image.get_region([[True, False], [True, True]]).y
    array([ 0.,  1., -1.])
    """

    model: NDArray[np.float64]
    mask: NDArray[np.bool_]

    @classmethod
    def create_from_array(
        cls, image: ArrayLike, mask: ArrayLike | None = None, normalize: bool = False
    ) -> Image:
        """Wrap an array; without a mask every pixel may be used; `normalize` scales it to [0, 1]."""
        model = np.array(unmasked(image), dtype=np.float64)
        if normalize:
            model = normalized(model)
        usable = np.ones(model.shape, bool) if mask is None else np.array(mask, dtype=bool)
        return cls(model, usable)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.model.shape[0], self.model.shape[1]

    def get_region(self, mask: ArrayLike) -> Region:
        """Return the usable pixels inside a mask of the shape of the image."""
        return self.region_of(np.flatnonzero(self.mask & np.asarray(mask, dtype=bool)))

    def region_at(self, rows: NDArray[np.int64], cols: NDArray[np.int64]) -> Region:
        """Return the region of pixel coordinates, which must be in row-major order."""
        return Region(rows, cols, self.model[rows, cols], self.shape)

    def region_of(self, pixels: NDArray[np.int64]) -> Region:
        """Return the region of flat pixel indices, which must be ascending."""
        rows, cols = np.divmod(pixels, self.shape[1])
        return Region(rows, cols, self.model.ravel()[pixels], self.shape)


class AtomRegions:
    """The usable pixels of every atom, found once per image; the regions of unions are assembled from them.

    Parameters
    ----------
    image : Image
        Offset intensities; its mask holds the pixels that regions may contain.
    atoms : (H, W) int array
        Label of the atom of each pixel, from 1; 0 belongs to none.
    """

    def __init__(self, image: Image, atoms: NDArray[Any]) -> None:
        self.image = image
        labels = np.ascontiguousarray(atoms, np.int32)
        self._pixels, self._start = group_pixels(labels, image.mask, int(atoms.max()))

    def region(self, footprint: Iterable[int]) -> Region:
        """Return the region of the union of the atoms in `footprint`."""
        parts = [self._pixels[self._start[label] : self._start[label + 1]] for label in sorted(footprint)]
        return self.image.region_of(np.sort(np.concatenate(parts), kind="stable"))
