"""Objects: unions of atoms with the model fitted to them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .config import FitParameters
from .dsm import Fit, fit
from .image import AtomRegions, Region
from .kernels.regions import positive_on_frame
from .parallel import ordered_map
from .timelimit import check

EMPTY_MASK = np.zeros((1, 1), bool)


@dataclass
class BaseObject:
    """A set of pixels, stored as a crop.

    Attributes
    ----------
    fg_offset : (int, int)
        Row and column of the crop in the image.
    fg_fragment : (h, w) bool
        The object's pixels within the crop.
    """

    fg_offset: tuple[int, int] = (0, 0)
    fg_fragment: NDArray[np.bool_] = field(default_factory=lambda: EMPTY_MASK)

    @property
    def box(self) -> tuple[slice, slice]:
        """The crop, as slices of the image."""
        (row, col), (height, width) = self.fg_offset, self.fg_fragment.shape
        return slice(row, row + height), slice(col, col + width)

    @property
    def area(self) -> int:
        """Number of pixels."""
        return int(np.count_nonzero(self.fg_fragment))

    def fill_foreground(self, out: NDArray[Any], value: float = True) -> None:
        """Set the object's pixels in the image `out` to `value`."""
        out[self.box][self.fg_fragment] = value

    def get_mask(self, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """Return the mask of the object in an image of the given shape."""
        mask = np.zeros(shape, bool)
        self.fill_foreground(mask)
        return mask

    def crop(self, shape: tuple[int, ...], margin: float) -> tuple[tuple[slice, slice], NDArray[np.bool_]]:
        """Bounding box widened by `margin` pixels within an image of `shape`, and the mask there (a copy)."""
        width = math.ceil(margin)
        rows, cols = (
            slice(max(0, part.start - width), min(size, part.stop + width))
            for part, size in zip(self.box, shape, strict=True)
        )
        mask = np.zeros((rows.stop - rows.start, cols.stop - cols.start), bool)
        top, left = self.fg_offset[0] - rows.start, self.fg_offset[1] - cols.start
        height, length = self.fg_fragment.shape
        mask[top : top + height, left : left + length] = self.fg_fragment
        return (rows, cols), mask

    def set_pixels(self, rows: NDArray[np.int64], cols: NDArray[np.int64]) -> None:
        """Make the pixels at these coordinates the object's pixels."""
        if rows.size == 0:
            self.fg_offset, self.fg_fragment = (0, 0), EMPTY_MASK
            return
        top, left = int(rows.min()), int(cols.min())
        self.fg_offset = (top, left)
        self.fg_fragment = np.zeros((int(rows.max()) - top + 1, int(cols.max()) - left + 1), bool)
        self.fg_fragment[rows - top, cols - left] = True


@dataclass
class Object(BaseObject):
    """A union of atoms and the energy of the model fitted to it.

    Attributes
    ----------
    footprint : frozenset of int
        Labels of the atoms.
    energy : float
        nu, the minimum energy of a model of the region; NaN before it is computed.
    on_boundary : bool
        Whether the model's surface is positive beyond the border of the image.
    is_optimal : bool
        Whether the energy is the minimum (false where a fit fell back to the best ellipse).
    fallback : {"", "time", "iterations", "size"}
        Why the fit fell back, as in `FitResult.reason`.
    pixels : int
        Number of pixels of the region.
    """

    footprint: frozenset[int] = frozenset()
    energy: float = np.nan
    on_boundary: bool = False
    is_optimal: bool = False
    fallback: str = ""
    pixels: int = 0

    def compute(self, region: Region, parameters: FitParameters, fit: Fit = fit) -> None:
        """Fit a model to the region and store its energy and mask."""
        check()
        self.pixels = region.y.size
        if np.count_nonzero(region.y > 0) == 1:
            # A single bright pixel is not an object: the reference gives it no mask and no energy.
            self.energy, self.is_optimal = 0.0, False
        else:
            result = fit(region, parameters)
            inside = result.surface > 0
            self.set_pixels(region.rows[inside], region.cols[inside])
            self.energy, self.is_optimal, self.fallback = result.energy, result.is_optimal, result.reason
            self.on_boundary = bool(positive_on_frame(result.model.theta, *region.shape))

    def drop_mask(self) -> None:
        """Drop the pixels, keep the measurements."""
        self.fg_offset, self.fg_fragment = (0, 0), EMPTY_MASK


@dataclass
class PostprocessedObject(BaseObject):
    """An object of the final result.

    Attributes
    ----------
    original : Object
        The object of the cover it was made from.
    norm_energy : float
        Energy per pixel of its region.
    contrast : float
        Mean intensity inside over mean intensity around.
    eccentricity : float
        Of the mask before refinement.
    is_glare : bool
        Whether it looks like a glare.
    """

    original: Object | None = None
    norm_energy: float = math.nan
    contrast: float = math.nan
    eccentricity: float = 0.0
    is_glare: bool = False


def compute_objects(
    footprints: Iterable[Iterable[int]],
    regions: AtomRegions,
    parameters: FitParameters,
    report: Callable[[int, int], None] | None = None,
    fit: Fit = fit,
) -> list[Object]:
    """Fit a model to each union of atoms, on several threads.

    Parameters
    ----------
    footprints : iterable of iterables of int
        Labels of the atoms of each object.
    regions : AtomRegions
        Pixels of the atoms.
    parameters : FitParameters
        Regularisation, deformation basis, solver.
    report : callable, optional
        Called as ``report(done, total)``.
    fit : callable, optional
        Fits a model to a region.

    Returns
    -------
    list of Object
        In the order of the footprints.
    """

    def compute(footprint: frozenset[int]) -> Object:
        result = Object(footprint=footprint)
        result.compute(regions.region(footprint), parameters, fit)
        return result

    return ordered_map(compute, [frozenset(footprint) for footprint in footprints], report)


def sum_of_energies(objects: Sequence[Object]) -> float:
    """Sum of the energies of objects."""
    return float(sum(item.energy for item in objects))
