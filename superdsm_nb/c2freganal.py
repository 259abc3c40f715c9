"""Third stage: clusters of foreground, split coarse to fine into atomic regions."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .atoms import AtomAdjacencyGraph
from .dsm import FitParameters, fit
from .errors import WorkAmountError
from .filters import highest_around, is_near, levels, levels_of_distance, squared_distance
from .hyperparameters import Hyperparameter, Scaling
from .image import Image
from .kernels.regions import component_sizes, masked_sizes
from .kernels.watershed import flood
from .parallel import ordered_map
from .stage import Output, Stage

UNDEFINED = math.nan
MUCH_WORK = (
    3 * 10**8
)  # pixels flooded, at most; half a minute or more. Of nuclei on a ground it is below 10^8


class C2F_RegionAnalysis(Stage):  # noqa: N801 - the documented name
    """Coarse-to-fine region analysis (TPAMI 2023).

    The image is divided into clusters around the connected components of the foreground (y > 0), and each
    cluster into atoms: regions that an ellipse describes well enough, or that are too small to split.

    Reads ``y`` and ``dsm_cfg``; adds ``y_mask`` (H, W) bool, false on discarded foreground; ``clusters``
    and ``atoms`` (H, W) int32, labelled from 1 over the whole image; ``adjacencies``, the graph of the
    atoms; and ``seeds``, a (row, col) per atom.
    """

    name = "c2f-region-analysis"
    inputs = ("y", "dsm_cfg")
    outputs = ("y_mask", "atoms", "adjacencies", "seeds", "clusters")
    hyperparameters = (
        Hyperparameter(
            *("seed_connectivity", 8, "int"), "neighbourhood in which seeds are maximal", choices=(4, 8)
        ),
        Hyperparameter(
            *("min_atom_radius", 15, "int"),
            "no atom is smaller than a disk of this radius (pixels)",
            minimum=0,
            maximum=1e5,
            scaling=Scaling("radius", 0.33),
        ),
        Hyperparameter(
            *("max_atom_norm_energy", 0.05, "float"),
            "regions with at most this energy per pixel are not split",
            minimum=0,
        ),
        Hyperparameter(
            *("min_norm_energy_improvement", 0.1, "float"),
            "a split must lower the energy per pixel by at least this fraction",
            maximum=1,
        ),
        Hyperparameter(
            *("max_cluster_marker_irregularity", 0.2, "float"),
            "foreground whose share of boundary pixels is larger is discarded as noise",
            minimum=0,
        ),
        Hyperparameter(
            *("max_work_amount", 10**10, "float"),
            "a cluster whose pixels times maxima are more is refused with an error, since dividing it takes "
            "hours",
            minimum=0,
        ),
    )

    def process(self, inputs: Mapping[str, Any], values: dict[str, Any], out: Output) -> dict[str, Any]:
        """Compute clusters and atoms."""
        y = inputs["y"]
        y_mask, clusters = find_clusters(y, values["max_cluster_marker_irregularity"])
        boxes = ndimage.find_objects(clusters)
        check_work(y, y_mask, clusters, boxes, values, out)
        parameters = FitParameters.from_config(inputs["dsm_cfg"]).without_deformations()
        margin = inputs["dsm_cfg"]["background_margin"]

        def split(label: int) -> tuple[list[tuple[Pixels, tuple[float, float]]], list[str]]:
            splitter = ClusterSplitter(
                label, boxes[label - 1], y, y_mask, clusters, parameters, margin, values
            )
            atoms = [(atom.pixels, splitter.seed_position(atom)) for atom in splitter.run()]
            return atoms, splitter.failed_fits

        atoms = np.zeros(y.shape, np.int32)
        seeds: list[tuple[float, float]] = []
        results = ordered_map(
            split,
            range(1, len(boxes) + 1),
            lambda done, total: out.progress(done, total, "clusters"),
        )
        for box, (parts, _) in zip(boxes, results, strict=True):
            for pixels, (row, col) in parts:
                seeds.append((row + box[0].start, col + box[1].start))
                atoms[box][pixels.box][pixels.mask] = len(seeds)
        out.log(f"{len(boxes)} clusters of {len(seeds)} atoms")
        failed = [reason for _, reasons in results for reason in reasons]
        if failed:
            out.warn(
                f"{len(failed)} fits of ellipses found no minimum ({failed.count('time')} of them within "
                "dsm/cp_timeout), so that regions may be divided less than they should be"
            )
        adjacencies = AtomAdjacencyGraph(atoms, clusters, y > 0, seeds)
        return {
            "y_mask": y_mask,
            "atoms": atoms,
            "adjacencies": adjacencies,
            "seeds": seeds,
            "clusters": clusters,
        }


def find_clusters(
    y: NDArray[np.float64], max_irregularity: float
) -> tuple[NDArray[np.bool_], NDArray[np.int32]]:
    """Discard irregular foreground and divide the image among the connected components of the rest.

    Parameters
    ----------
    y : (H, W) float64
        Offset intensities.
    max_irregularity : float
        Components with a larger share of boundary pixels are discarded.

    Returns
    -------
    y_mask : (H, W) bool
        False on discarded components.
    clusters : (H, W) int32
        Labels from 1, covering the image; all 0 if nothing is left.
    """
    foreground = y > 0
    components, count = ndimage.label(foreground)
    sizes, boundary_sizes = component_sizes(components, count)
    regular = boundary_sizes <= min(max_irregularity, 1.0) * sizes
    regular[0] = False
    y_mask = ~foreground | regular[components]
    markers = (np.cumsum(regular) * regular).astype(np.int32)[components]
    if not regular.any():
        return y_mask, markers
    levels = levels_of_distance(squared_distance(markers > 0))
    clusters: NDArray[np.int32] = flood(levels, markers, np.ones(y.shape, bool))
    return y_mask, clusters


def check_work(
    y: NDArray[np.float64],
    y_mask: NDArray[np.bool_],
    clusters: NDArray[np.int32],
    boxes: Sequence[tuple[slice, slice]],
    values: Mapping[str, Any],
    out: Output,
) -> None:
    """Say so before hours are spent on an image whose foreground hangs together.

    A cluster is flooded anew from each of its maxima, so the work is its area times their number.

    Parameters
    ----------
    y, y_mask, clusters : (H, W) arrays
        Offset intensities, usable pixels, cluster labels.
    boxes : sequence of (slice, slice)
        Bounding box of each cluster.
    values : dict
        Hyperparameters of the stage.
    out : Output
        Takes a warning.

    Raises
    ------
    WorkAmountError
        If a cluster needs more than ``max_work_amount``.
    """
    most = values["max_work_amount"]
    areas = masked_sizes(clusters, (y > 0) & y_mask, len(boxes))
    worst, worst_area, worst_count = 0, 0, 0
    for label in np.flatnonzero(areas.astype(np.float64) ** 2 > min(most, MUCH_WORK)).tolist():
        box, area = boxes[label - 1], int(areas[label])
        maxima = y[box] == highest_around(y[box], values["seed_connectivity"])
        count = int(np.count_nonzero(maxima & (clusters[box] == label) & (y[box] > 0) & y_mask[box]))
        if area * count > worst:
            worst, worst_area, worst_count = area * count, area, count
    share = f"{100 * worst_area / y.size:.0f} %"
    what = f"{share} of the image hang together as one bright region with {worst_count} maxima, which"
    ask = "are nuclei bright on a dark ground, and is the scale right?"
    if worst > most:
        raise WorkAmountError(
            f"{what} takes hours to divide: {ask} If so, raise c2f-region-analysis/max_work_amount."
        )
    if worst > MUCH_WORK:
        out.warn(f"{what} takes long to divide: {ask}")


class Pixels(NamedTuple):
    """Pixels within the bounding box of a cluster, as a crop of it.

    Attributes
    ----------
    row, col : int
        Corner of the crop in that box.
    mask : (h, w) bool
        The pixels, in every row and column of the crop.
    size : int
        How many they are.
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
        """Which of some pixels of the cluster's box are among these."""
        height, width = self.mask.shape
        rows, cols = rows - self.row, cols - self.col
        inside = (rows >= 0) & (rows < height) & (cols >= 0) & (cols < width)
        inside[inside] = self.mask[rows[inside], cols[inside]]
        return inside


@dataclass
class Atom:
    """A region on its way to becoming an atom, within the bounding box of its cluster.

    Attributes
    ----------
    pixels : Pixels
        Where it is.
    seed : (K,) int64
        Its seed: indices of maxima of its cluster.
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
        Of the ellipse-only fits.
    margin : float
        Background within this distance of the foreground of the box enters the fits (pixels).
    values : dict
        Hyperparameters of the stage.

    Attributes
    ----------
    failed_fits : list of str
        Why fits found no minimum (`FitResult.reason`); an energy they should have given is undefined.
    """

    def __init__(
        self,
        label: int,
        box: tuple[slice, slice],
        y: NDArray[np.float64],
        y_mask: NDArray[np.bool_],
        clusters: NDArray[np.int32],
        parameters: FitParameters,
        margin: float,
        values: Mapping[str, Any],
    ) -> None:
        self._y = np.ascontiguousarray(y[box])
        self._cluster = clusters[box] == label
        self._parameters = parameters
        self._values = values
        usable = y_mask[box]
        near = is_near(self._y > 0, margin)
        self._image = Image(self._y, usable & near)
        # Relief: the brightest is lowest, and all background is on the highest level.
        highest = self._y.max()
        self._levels = np.empty(self._y.shape, np.int32)
        foreground = self._y > 0
        ranks = levels(np.append(highest - self._y[foreground], highest))
        self._levels[foreground], self._levels[~foreground] = ranks[:-1], ranks[-1]
        maxima = self._y == highest_around(self._y, values["seed_connectivity"])
        inside = self._cluster & usable & (self._y > 0)
        maxima &= inside
        if not maxima.any():  # its brightest pixel lies diagonally beside a brighter one of another cluster
            maxima = inside & (self._y == self._y[inside].max())
        self._rows, self._cols = np.nonzero(maxima)
        self._places = self._rows * self._y.shape[1] + self._cols
        # Squared distance of each maximum from the seeds chosen so far.
        self._distance = np.full(self._rows.size, np.iinfo(np.int64).max)
        self._energies: dict[tuple[int, int, tuple[int, ...], bytes], float] = {}
        self.failed_fits: list[str] = []

    def run(self) -> list[Atom]:
        """Split the cluster until no part is to be split any more; parts in the order of their labels."""
        whole = Pixels.of(self._cluster)
        root = Atom(whole, self._first_seed(), self._energy(whole))
        atoms = [root]
        queue: deque[Atom] = deque()
        self._enqueue(queue, root)
        while queue:
            atom = queue.popleft()
            if atom.pixels.size < 2 * math.pi * self._values["min_atom_radius"] ** 2:
                continue
            seed = self._next_seed(atom)
            if seed is None:
                continue
            second = self._split(atom, seed, queue)
            if second is not None:
                atoms.append(second)
        return atoms

    def seed_position(self, atom: Atom) -> tuple[float, float]:
        """Rounded centre of mass of the seed's pixels in the cluster's box."""
        return float(np.round(self._rows[atom.seed].mean())), float(np.round(self._cols[atom.seed].mean()))

    def _enqueue(self, queue: deque[Atom], atom: Atom) -> None:
        # An undefined energy compares false: such an atom is not split.
        if atom.energy > self._values["max_atom_norm_energy"]:
            queue.append(atom)

    def _split(self, atom: Atom, seed: NDArray[np.int64], queue: deque[Atom]) -> Atom | None:
        """Try to split `atom` between its seed and `seed`; return the new part, or None."""
        pixels = atom.pixels
        markers = np.zeros(pixels.mask.shape, np.int32)
        for number, indices in ((1, atom.seed), (2, seed)):
            markers[self._rows[indices] - pixels.row, self._cols[indices] - pixels.col] = number
        # Contiguous, as the kernel gets them elsewhere: it is compiled once per layout.
        relief, mask = np.ascontiguousarray(self._levels[pixels.box]), np.ascontiguousarray(pixels.mask)
        parts = flood(relief, markers, mask)
        first = Pixels.of(parts == 1, pixels.row, pixels.col)
        last = Pixels.of(parts == 2, pixels.row, pixels.col)
        smallest = math.pi * self._values["min_atom_radius"] ** 2
        energy1 = energy2 = UNDEFINED
        small1, small2 = first.size < smallest, last.size < smallest
        if not (small1 or small2):
            energy1 = self._energy(first)
            if self._is_no_improvement(energy1, atom):  # whatever the other part is like
                queue.append(atom)
                return None
            energy2 = self._energy(last)
        if small1 or (not small2 and math.isnan(energy1) and not math.isnan(energy2)):
            atom.seed = seed
            queue.append(atom)
            return None
        if small2 or math.isnan(energy2):
            queue.append(atom)
            return None
        if self._is_no_improvement(energy2, atom):
            queue.append(atom)
            return None
        atom.pixels, atom.energy = first, energy1
        second = Atom(last, seed, energy2)
        self._enqueue(queue, atom)
        self._enqueue(queue, second)
        return second

    def _is_no_improvement(self, energy: float, atom: Atom) -> bool:
        """Whether a part of this energy is too little better than the whole; false if it is undefined."""
        return 1 - energy / atom.energy < self._values["min_norm_energy_improvement"]

    def _first_seed(self) -> NDArray[np.int64]:
        seed = self._best_seed(np.arange(self._rows.size), self._y[self._rows, self._cols])
        assert seed is not None, "a cluster holds its marker, which is usable foreground"
        return seed

    def _next_seed(self, atom: Atom) -> NDArray[np.int64] | None:
        inside = atom.pixels.holds(self._rows, self._cols) & (self._distance > 0)
        return self._best_seed(np.flatnonzero(inside), self._distance)

    def _best_seed(self, candidates: NDArray[np.int64], score: NDArray[Any]) -> NDArray[np.int64] | None:
        """Connected maxima among the candidates that hold the highest score, the first of equals."""
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
        places = self._places[candidates]
        found, todo = {start}, [start]
        while todo:
            place, col = int(self._places[todo[-1]]), int(self._cols[todo.pop()])
            steps = (-width, width, *((-1,) if col > 0 else ()), *((1,) if col < width - 1 else ()))
            for step in steps:
                at = int(np.searchsorted(places, place + step))
                if at < places.size and places[at] == place + step and int(candidates[at]) not in found:
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
        result = fit(region, self._parameters)
        if not result.is_optimal:
            self.failed_fits.append(result.reason)
        return result.energy / region.y.size if result.is_optimal else UNDEFINED
