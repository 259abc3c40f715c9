"""Splitting of a cluster into atoms, coarse to fine."""

from __future__ import annotations

import math
from collections import deque
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..config import FitParameters, RegionAnalysisSettings
from ..dsm import Fit, fit
from ..filters import dense_rank, maximum_filter, within_distance
from ..image import Image
from ..kernels.watershed import watershed

UNDEFINED = math.nan


class Pixels(NamedTuple):
    """A set of pixels within the bounding box of a cluster, as a crop.

    Attributes
    ----------
    row, col : int
        Corner of the crop in that box.
    mask : (h, w) bool
        The pixels; every row and column of the crop has at least one.
    size : int
        Number of pixels.
    """

    row: int
    col: int
    mask: NDArray[np.bool_]
    size: int

    @classmethod
    def of(cls, mask: NDArray[np.bool_], row: int = 0, col: int = 0) -> Pixels:
        """Crop a mask whose corner is at (row, col)."""
        rows, cols = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        if not rows.size:
            return cls(row, col, mask[:0, :0], 0)
        crop = mask[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1]
        return cls(row + int(rows[0]), col + int(cols[0]), crop, int(np.count_nonzero(crop)))

    @property
    def box(self) -> tuple[slice, slice]:
        """The crop, as slices of the cluster's box."""
        height, width = self.mask.shape
        return slice(self.row, self.row + height), slice(self.col, self.col + width)

    def holds(self, rows: NDArray[np.int64], cols: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether pixels of the cluster's box belong to the set."""
        height, width = self.mask.shape
        rows, cols = rows - self.row, cols - self.col
        inside = (rows >= 0) & (rows < height) & (cols >= 0) & (cols < width)
        inside[inside] = self.mask[rows[inside], cols[inside]]
        return inside


class Atom(NamedTuple):
    """A region on its way to becoming an atom, within the bounding box of its cluster.

    Attributes
    ----------
    pixels : Pixels
        Its pixels.
    seed : (K,) int64
        Its seed: indices among the maxima of its cluster.
    energy : float
        Energy per pixel of the best ellipse; NaN if undefined.
    """

    pixels: Pixels
    seed: NDArray[np.int64]
    energy: float


class ClusterSplitter:
    """Splits one cluster into atoms, on its bounding box.

    Parameters
    ----------
    label : int
        The cluster.
    box : (slice, slice)
        Its bounding box.
    y, y_mask, clusters : (H, W) arrays
        Offset intensities, usable pixels, cluster labels.
    parameters : FitParameters
        Hyperparameters of the ellipse-only fits.
    settings : RegionAnalysisSettings
        Hyperparameters of the stage.
    fit : callable
        Fits an ellipse to a region.

    Attributes
    ----------
    failed_fits : list of str
        Why fits found no minimum (`FitResult.reason`); their energies are undefined.
    """

    def __init__(
        self,
        label: int,
        box: tuple[slice, slice],
        y: NDArray[np.float64],
        y_mask: NDArray[np.bool_],
        clusters: NDArray[np.int32],
        parameters: FitParameters,
        settings: RegionAnalysisSettings,
        fit: Fit = fit,
    ) -> None:
        self._y = np.ascontiguousarray(y[box])
        self._cluster = clusters[box] == label
        self._parameters = parameters
        self._settings = settings
        self._fit = fit
        self._smallest = math.pi * settings.min_atom_radius**2
        usable = y_mask[box]
        near = within_distance(self._y > 0, parameters.background_margin)
        self._image = Image(self._y, usable & near)
        # Relief: the brightest pixel is lowest, and all background is at the highest level.
        highest = self._y.max()
        self._levels = np.empty(self._y.shape, np.int32)
        foreground = self._y > 0
        ranks = dense_rank(np.append(highest - self._y[foreground], highest))
        self._levels[foreground], self._levels[~foreground] = ranks[:-1], ranks[-1]
        maxima = self._y == maximum_filter(self._y, settings.seed_connectivity)
        inside = self._cluster & usable & (self._y > 0)
        maxima &= inside
        if not maxima.any():  # the brightest pixel touches a brighter one of another cluster diagonally
            maxima = inside & (self._y == self._y[inside].max())
        self._rows, self._cols = np.nonzero(maxima)
        self._indices = self._rows * self._y.shape[1] + self._cols
        # Squared distance of each maximum from the seeds chosen so far.
        self._distance = np.full(self._rows.size, np.iinfo(np.int64).max)
        self._energies: dict[tuple[int, int, tuple[int, ...], bytes], float] = {}
        self.failed_fits: list[str] = []

    def run(self) -> list[Atom]:
        """Split the cluster until no part needs splitting; return the parts in the order of their labels."""
        whole = Pixels.of(self._cluster)
        atoms = [Atom(whole, self._first_seed(), self._energy(whole))]
        queue = deque([0] if self._needs_split(atoms[0]) else [])
        while queue:
            number = queue.popleft()
            atom = atoms[number]
            if atom.pixels.size < 2 * self._smallest:
                continue
            seed = self._next_seed(atom)
            if seed is None:
                continue
            atoms[number], *rest = parts = self._split(atom, seed)
            numbers = (number, len(atoms))
            atoms += rest
            queue += [at for at, part in zip(numbers, parts, strict=False) if self._needs_split(part)]
        return atoms

    def seed_position(self, atom: Atom) -> tuple[float, float]:
        """Rounded centre of mass of the seed's pixels in the cluster's box."""
        return float(np.round(self._rows[atom.seed].mean())), float(np.round(self._cols[atom.seed].mean()))

    def _needs_split(self, atom: Atom) -> bool:
        # Comparisons with an undefined energy are false: such an atom is not split.
        return atom.energy > self._settings.max_atom_norm_energy

    def _split(self, atom: Atom, seed: NDArray[np.int64]) -> tuple[Atom, ...]:
        """Try to split `atom` between its seed and `seed`; return the atoms that replace it.

        These are two parts, or the atom itself if the parts are no improvement. It gets the other seed if
        only the part around that seed could be an atom.
        """
        first, last = self._parts(atom, seed)
        energy1 = energy2 = UNDEFINED
        small1, small2 = first.size < self._smallest, last.size < self._smallest
        if not (small1 or small2):
            energy1 = self._energy(first)
            if self._is_no_improvement(energy1, atom):  # regardless of the other part
                return (atom,)
            energy2 = self._energy(last)
        if small1 or (not small2 and math.isnan(energy1) and not math.isnan(energy2)):
            return (atom._replace(seed=seed),)
        if small2 or math.isnan(energy2) or self._is_no_improvement(energy2, atom):
            return (atom,)
        return Atom(first, atom.seed, energy1), Atom(last, seed, energy2)

    def _parts(self, atom: Atom, seed: NDArray[np.int64]) -> tuple[Pixels, Pixels]:
        """Divide the pixels of `atom` between its seed and `seed`."""
        pixels = atom.pixels
        markers = np.zeros(pixels.mask.shape, np.int32)
        for number, indices in ((1, atom.seed), (2, seed)):
            markers[self._rows[indices] - pixels.row, self._cols[indices] - pixels.col] = number
        # Contiguous, as everywhere else: the kernel is compiled once per layout.
        relief, mask = np.ascontiguousarray(self._levels[pixels.box]), np.ascontiguousarray(pixels.mask)
        labels = watershed(relief, markers, mask)
        first, last = (Pixels.of(labels == number, pixels.row, pixels.col) for number in (1, 2))
        return first, last

    def _is_no_improvement(self, energy: float, atom: Atom) -> bool:
        """Whether a part with this energy is hardly better than the whole; false if it is undefined."""
        return 1 - energy / atom.energy < self._settings.min_norm_energy_improvement

    def _first_seed(self) -> NDArray[np.int64]:
        seed = self._best_seed(np.arange(self._rows.size), self._y[self._rows, self._cols])
        assert seed is not None, "a cluster holds its marker, which is usable foreground"
        return seed

    def _next_seed(self, atom: Atom) -> NDArray[np.int64] | None:
        inside = atom.pixels.holds(self._rows, self._cols) & (self._distance > 0)
        return self._best_seed(np.flatnonzero(inside), self._distance)

    def _best_seed(self, candidates: NDArray[np.int64], score: NDArray[Any]) -> NDArray[np.int64] | None:
        """Connected maxima among the candidates with the highest score, the first of equals."""
        if not candidates.size:
            return None
        scores = score[candidates]
        seed = min(
            (self._connected(candidates, start) for start in candidates[scores == scores.max()].tolist()),
            key=lambda indices: indices[0],
        )
        rows, cols = self._rows[seed], self._cols[seed]
        for row, col in zip(rows.tolist(), cols.tolist(), strict=True):
            np.minimum(self._distance, (self._rows - row) ** 2 + (self._cols - col) ** 2, out=self._distance)
        return seed

    def _connected(self, candidates: NDArray[np.int64], start: int) -> NDArray[np.int64]:
        """Candidates 4-connected to the one at `start`, ascending."""
        width = self._y.shape[1]
        indices = self._indices[candidates]
        found, todo = {start}, [start]
        while todo:
            index, col = int(self._indices[todo[-1]]), int(self._cols[todo.pop()])
            steps = (-width, width, *((-1,) if col > 0 else ()), *((1,) if col < width - 1 else ()))
            for step in steps:
                at = int(np.searchsorted(indices, index + step))
                if at < indices.size and indices[at] == index + step and int(candidates[at]) not in found:
                    found.add(int(candidates[at]))
                    todo.append(int(candidates[at]))
        return np.array(sorted(found), np.int64)

    def _energy(self, pixels: Pixels) -> float:
        key = (pixels.row, pixels.col, pixels.mask.shape, np.packbits(pixels.mask).tobytes())
        if key not in self._energies:
            self._energies[key] = self._compute_energy(pixels)
        return self._energies[key]

    def _compute_energy(self, pixels: Pixels) -> float:
        inside = np.flatnonzero(self._image.mask[pixels.box] & pixels.mask)
        rows, cols = np.divmod(inside, pixels.mask.shape[1])
        region = self._image.region_at(rows + pixels.row, cols + pixels.col)
        if region.y.size == 0 or (region.y > 0).all() or (region.y < 0).all():
            return UNDEFINED
        result = self._fit(region, self._parameters)
        if not result.is_optimal:
            self.failed_fits.append(result.reason)
        return result.energy / region.y.size if result.is_optimal else UNDEFINED
