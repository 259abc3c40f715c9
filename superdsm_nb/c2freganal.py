"""Third stage: clusters of foreground, split coarse to fine into atomic regions."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.morphology import disk

from .atoms import AtomAdjacencyGraph
from .dsm import FitParameters, fit
from .hyperparameters import Hyperparameter, Scaling
from .image import Image
from .kernels.watershed import flood
from .parallel import ordered_map
from .stage import Output, Stage

UNDEFINED = math.nan


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
    )

    def process(self, inputs: Mapping[str, Any], values: dict[str, Any], out: Output) -> dict[str, Any]:
        """Compute clusters and atoms."""
        y = inputs["y"]
        y_mask, clusters = find_clusters(y, values["max_cluster_marker_irregularity"])
        boxes = ndimage.find_objects(clusters)
        parameters = FitParameters.from_config(inputs["dsm_cfg"]).without_deformations()
        margin = inputs["dsm_cfg"]["background_margin"]

        def split(label: int) -> list[Atom]:
            return ClusterSplitter(
                label, boxes[label - 1], y, y_mask, clusters, parameters, margin, values
            ).run()

        atoms = np.zeros(y.shape, np.int32)
        seeds: list[tuple[float, float]] = []
        results = ordered_map(
            split,
            range(1, len(boxes) + 1),
            lambda done, total: out.progress(done, total, "clusters"),
        )
        for box, parts in zip(boxes, results, strict=True):
            for part in parts:
                seeds.append(part.seed_position(box))
                atoms[box][part.mask] = len(seeds)
        out.log(f"{len(boxes)} clusters of {len(seeds)} atoms")
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
    boundary = foreground & ~ndimage.binary_erosion(foreground, disk(1), border_value=1)
    components, count = ndimage.label(foreground)
    sizes = np.bincount(components.ravel(), minlength=count + 1)
    boundary_sizes = np.bincount(components[boundary], minlength=count + 1)
    regular = boundary_sizes <= max_irregularity * sizes
    regular[0] = False
    y_mask = ~foreground | regular[components]
    markers = (np.cumsum(regular) * regular)[components].astype(np.int32)
    if not regular.any():
        return y_mask, markers
    distance = ndimage.distance_transform_edt(markers == 0)
    clusters: NDArray[np.int32] = flood(distance, markers, np.ones(y.shape, bool))
    return y_mask, clusters


@dataclass
class Atom:
    """A region on its way to becoming an atom, within the bounding box of its cluster.

    Attributes
    ----------
    mask, seed : (h, w) bool
        Its pixels, and those of its seed.
    energy : float
        Energy per pixel of the best ellipse; NaN if undefined.
    """

    mask: NDArray[np.bool_]
    seed: NDArray[np.bool_]
    energy: float

    def seed_position(self, box: tuple[slice, slice]) -> tuple[float, float]:
        """Rounded centre of mass of the seed's pixels in the whole image."""
        rows, cols = np.nonzero(self.seed)
        return float(np.round(rows.mean() + box[0].start)), float(np.round(cols.mean() + box[1].start))


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
        self.y = y[box]
        self.mask = clusters[box] == label
        self.usable = y_mask[box]
        self.parameters = parameters
        self.values = values
        near = ndimage.distance_transform_edt(self.y <= 0) <= margin
        self._image = Image(self.y, self.usable & near)
        self._relief = self.y.max() - np.maximum(self.y, 0)
        footprint = np.ones((3, 3), bool) if values["seed_connectivity"] == 8 else disk(1).astype(bool)
        self._maxima = self.y == ndimage.maximum_filter(self.y, footprint=footprint)
        self._all_seeds = np.zeros(self.y.shape, bool)
        self._energies: dict[bytes, float] = {}

    def run(self) -> list[Atom]:
        """Split the cluster until no part is to be split any more; parts in the order of their labels."""
        root = Atom(self.mask, self._first_seed(), self._energy(self.mask))
        self._all_seeds |= root.seed
        atoms = [root]
        queue: deque[Atom] = deque()
        self._enqueue(queue, root)
        while queue:
            atom = queue.popleft()
            if np.count_nonzero(atom.mask) < 2 * math.pi * self.values["min_atom_radius"] ** 2:
                continue
            seed = self._next_seed(atom)
            if seed is None:
                continue
            self._all_seeds |= seed
            second = self._split(atom, seed, queue)
            if second is not None:
                atoms.append(second)
        return atoms

    def _enqueue(self, queue: deque[Atom], atom: Atom) -> None:
        # An undefined energy compares false: such an atom is not split.
        if atom.energy > self.values["max_atom_norm_energy"]:
            queue.append(atom)

    def _split(self, atom: Atom, seed: NDArray[np.bool_], queue: deque[Atom]) -> Atom | None:
        """Try to split `atom` between its seed and `seed`; return the new part, or None."""
        markers = atom.seed.astype(np.int32) + 2 * seed.astype(np.int32)
        parts = flood(self._relief, markers, atom.mask)
        mask1, mask2 = parts == 1, parts == 2
        smallest = math.pi * self.values["min_atom_radius"] ** 2
        energy1 = energy2 = UNDEFINED
        small1, small2 = np.count_nonzero(mask1) < smallest, np.count_nonzero(mask2) < smallest
        if not (small1 or small2):
            energy1, energy2 = self._energy(mask1), self._energy(mask2)
        if small1 or (not small2 and math.isnan(energy1) and not math.isnan(energy2)):
            atom.seed = seed
            queue.append(atom)
            return None
        if small2 or math.isnan(energy2):
            queue.append(atom)
            return None
        improvement = 1 - max(energy1, energy2) / atom.energy
        if improvement < self.values["min_norm_energy_improvement"]:
            queue.append(atom)
            return None
        atom.mask, atom.energy = mask1, energy1
        second = Atom(mask2, seed, energy2)
        self._enqueue(queue, atom)
        self._enqueue(queue, second)
        return second

    def _first_seed(self) -> NDArray[np.bool_]:
        seed = self._best_seed(self.mask & self.usable & (self.y > 0), self.y)
        assert seed is not None, "a cluster holds its marker, which is usable foreground"
        return seed

    def _next_seed(self, atom: Atom) -> NDArray[np.bool_] | None:
        distance = ndimage.distance_transform_edt(~self._all_seeds)
        return self._best_seed(atom.mask & self.usable & (self.y > 0) & (distance >= 1), distance)

    def _best_seed(self, where: NDArray[np.bool_], score: NDArray[np.float64]) -> NDArray[np.bool_] | None:
        """Connected local maxima of y inside `where` that hold the highest score, the first of equals."""
        maxima = self._maxima & where
        if not maxima.any():
            return None
        labels, _ = ndimage.label(maxima)
        candidates, scores = labels[maxima], score[maxima]
        seed: NDArray[np.bool_] = labels == candidates[scores == scores.max()].min()
        return seed

    def _energy(self, mask: NDArray[np.bool_]) -> float:
        key = np.packbits(mask).tobytes()
        if key not in self._energies:
            self._energies[key] = self._compute_energy(mask)
        return self._energies[key]

    def _compute_energy(self, mask: NDArray[np.bool_]) -> float:
        region = self._image.get_region(mask)
        if region.y.size == 0 or (region.y > 0).all() or (region.y < 0).all():
            return UNDEFINED
        result = fit(region, self.parameters)
        return result.energy / region.y.size if result.is_optimal else UNDEFINED
