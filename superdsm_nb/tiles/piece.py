"""The clusters of one window of the canonical image, segmented as in the whole image."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..automatic.choice import find_unions
from ..automatic.defects import Box
from ..automatic.division import score_reach
from ..automatic.energy import with_masks
from ..automatic.outlines import RING_REACH, find_outlines, outline_smoothing, side_places, zone_width
from ..automatic.postprocess import height_of_outlines
from ..automatic.regions import atoms_of
from ..automatic.smoothing import WIDE, reach_of
from ..automatic.window import Canvas, Measures, inner, padded
from ..config import (
    AutomaticEnergySettings,
    AutomaticPostprocessSettings,
    AutomaticPreprocessSettings,
    AutomaticRegionSettings,
    Config,
)
from ..errors import ConfigError

Pixel = tuple[int, int]


class Settings(NamedTuple):
    """The hyperparameters of the automatic method, by stage."""

    preprocess: AutomaticPreprocessSettings
    regions: AutomaticRegionSettings
    energy: AutomaticEnergySettings
    postprocess: AutomaticPostprocessSettings

    @classmethod
    def of(cls, config: Config) -> Settings:
        """Return those of a configuration.

        Raises
        ------
        ConfigError
            If a stage is disabled, or looks farther than a tile.
        """
        found = cls(
            AutomaticPreprocessSettings.of(config),
            AutomaticRegionSettings.of(config),
            AutomaticEnergySettings.of(config),
            AutomaticPostprocessSettings.of(config),
        )
        for each in found:
            if not each.enabled:
                raise ConfigError(f"The stage {each.section} is disabled, which tiles do not allow.")
        widest = WIDE / found.preprocess.canonical_radius
        for name, value in (
            ("c2f-region-analysis/seed_smoothing", found.regions.seed_smoothing),
            ("c2f-region-analysis/blob_size", found.regions.blob_size / math.sqrt(2)),
            ("global-energy-minimization/border_smoothing", found.energy.border_smoothing),
        ):
            if value > widest:
                raise ConfigError(f"{name} is too large for tiles: smoothing would reach too far.")
        return found


@dataclass(frozen=True)
class FoundObject:
    """An object on the pixels of the content of the image, before it is judged.

    Attributes
    ----------
    offset : (int, int)
        Row and column of its crop.
    mask : (H, W) bool
        Its pixels in the crop.
    low, high, mean : float
        Intensity of the background around it, of its core, and its mean.
    brightness : float
        Mean intensity above the threshold, in units of the local contrast.
    on_boundary : bool
        Whether the image cuts it off.
    energy : float
        Of the union of atoms.
    """

    offset: Pixel
    mask: NDArray[np.bool_]
    low: float
    high: float
    mean: float
    brightness: float
    on_boundary: bool
    energy: float


@dataclass(frozen=True)
class FoundCluster:
    """A cluster that is done.

    Attributes
    ----------
    first : (int, int)
        Its first pixel in the order of rows and columns, in the canonical image.
    atoms, objects : int
        How many of them it has.
    cost, bound : float
        Of its best choice of objects, and what no choice undercuts.
    """

    first: Pixel
    atoms: int
    objects: int
    cost: float
    bound: float


@dataclass(frozen=True)
class Piece:
    """What a window holds.

    Attributes
    ----------
    clusters : sequence of FoundCluster
        Those that were wanted.
    objects : sequence of FoundObject
        Their objects.
    """

    clusters: Sequence[FoundCluster]
    objects: Sequence[FoundObject]


class Foreground(NamedTuple):
    """The foreground of a window.

    Attributes
    ----------
    window : (slice, slice)
        Of the canonical image.
    y : (h, w) float64
        Intensities relative to the local threshold.
    clusters : (h, w) int32
        Connected components of what is positive.
    firsts : list of (int, int)
        The first pixel of each, in the canonical image; exact unless the window cuts it off.
    boxes : list of (slice, slice)
        The rows and columns of each, in the canonical image; likewise.
    """

    window: Box
    y: NDArray[np.float64]
    clusters: NDArray[np.int32]
    firsts: list[Pixel]
    boxes: list[Box]


def reach_of_clusters(measures: Measures, settings: Settings, zoom: float) -> int:
    """Return how far around a cluster the image has an influence on it, once its foreground is known.

    Parameters
    ----------
    measures : Measures
        Of the image.
    settings : Settings
        The hyperparameters.
    zoom : float
        Canonical pixels per pixel of the image.

    Returns
    -------
    int
        In canonical pixels.
    """
    radius = measures.radius * zoom
    seeds = score_reach(radius, settings.regions.seed_smoothing, settings.regions.blob_size)
    borders = reach_of(settings.energy.border_smoothing * radius)
    ring = math.ceil(RING_REACH * zone_width(measures.radius, zoom, settings.postprocess.outline_reach))
    smoothing = math.ceil(reach_of(outline_smoothing(measures.radius)) * zoom)
    return max(seeds, borders, 2 * ring + smoothing) + 3


def find_foreground(canvas: Canvas, window: Box) -> Foreground:
    """Find the foreground of a window of the canonical image, and its connected components."""
    y = canvas.foreground(window)
    clusters, _ = ndimage.label(y > 0, output=np.int32)
    top, left = (part.start for part in window)
    firsts, boxes = [], []
    for number, (rows, cols) in enumerate(ndimage.find_objects(clusters), 1):
        col = cols.start + int((clusters[rows.start, cols] == number).argmax())
        firsts.append((top + rows.start, left + col))
        boxes.append((slice(top + rows.start, top + rows.stop), slice(left + cols.start, left + cols.stop)))
    return Foreground(window, y, clusters, firsts, boxes)


def fits(box: Box, reach: int, window: Box, shape: tuple[int, ...]) -> bool:
    """Whether a cluster in a box can be segmented in a window of an image of this shape."""
    return all(
        whole.start <= part.start and part.stop <= whole.stop
        for part, whole in zip(padded(box, reach, shape), window, strict=True)
    )


def segment_piece(
    canvas: Canvas,
    found: Foreground,
    wanted: Callable[[Pixel, Box], bool],
    measures: Measures,
    settings: Settings,
) -> Piece:
    """Segment some of the clusters of a window.

    Parameters
    ----------
    canvas : Canvas
        The image.
    found : Foreground
        The foreground of the window.
    wanted : callable
        Tells for the first pixel and the box of a cluster whether it is wanted; those that are must fit.
    measures : Measures
        Of the image.
    settings : Settings
        The hyperparameters.

    Returns
    -------
    Piece
        The same as in the whole image.
    """
    is_wanted = [wanted(first, box) for first, box in zip(found.firsts, found.boxes, strict=True)]
    if not any(is_wanted):
        return Piece((), ())
    radius = measures.radius * canvas.zoom
    found = _around(found, is_wanted, reach_of_clusters(measures, settings, canvas.zoom), canvas)
    chosen = np.concatenate([[False], is_wanted])[found.clusters]
    atoms, _ = atoms_of(found.y, radius, settings.regions, chosen)
    unions = find_unions(found.y, atoms, found.clusters, radius, settings.energy)
    cost = settings.energy.object_cost
    partition = unions.least(cost)
    items = with_masks(unions, partition.chosen, atoms)
    groups = unions.groups[partition.chosen]
    lone = [len(union) == 1 for union in unions.unions]
    atom_count = np.bincount(unions.groups[lone], minlength=len(is_wanted) + 1)
    energies = unions.energies[partition.chosen] + cost
    clusters = [
        FoundCluster(
            found.firsts[group - 1],
            int(atom_count[group]),
            int((groups == group).sum()),
            float(energies[groups == group].sum()),
            partition.bounds[group],
        )
        for group in np.unique(groups).tolist()
    ]

    area = _image_of(canvas, found.window)
    small, large = canvas.canonical_shape, canvas.shape
    places = tuple(
        (below[pixels] - part.start, weight[pixels])
        for (below, weight), part, pixels in zip(
            (side_places(*sides) for sides in zip(small, large, strict=True)), found.window, area, strict=True
        )
    )
    outlines = find_outlines(
        items,
        found.y.shape,
        canvas.pixels(area),
        measures.radius,
        canvas.zoom,
        height=height_of_outlines(measures.radius, settings.postprocess),
        reach=settings.postprocess.outline_reach,
        background=measures.background,
        others=found.clusters > 0,
        places=(places[0], places[1]),
    ).outlines
    top, left = (part.start for part in area)
    objects = [
        FoundObject(
            (outline.offset[0] + top, outline.offset[1] + left),
            outline.mask,
            outline.low,
            outline.high,
            outline.mean,
            float(found.y[item.box][item.fg_fragment].mean()),
            item.on_boundary,
            item.energy,
        )
        for item, outline in zip(items, outlines, strict=True)
    ]
    return Piece(clusters, objects)


def _around(found: Foreground, is_wanted: Sequence[bool], reach: int, canvas: Canvas) -> Foreground:
    """Return the part of a window that has an influence on the clusters that are wanted."""
    boxes = [box for box, each in zip(found.boxes, is_wanted, strict=True) if each]
    rows, cols = (
        slice(min(box[axis].start for box in boxes), max(box[axis].stop for box in boxes)) for axis in (0, 1)
    )
    window = padded((rows, cols), reach, canvas.canonical_shape)
    part = inner(window, found.window)
    return found._replace(
        window=window,
        y=np.ascontiguousarray(found.y[part]),
        clusters=np.ascontiguousarray(found.clusters[part]),
    )


def _image_of(canvas: Canvas, window: Box) -> Box:
    """Return the pixels of the content that lie between canonical pixels of a window."""
    parts = []
    for part, small, large in zip(window, canvas.canonical_shape, canvas.shape, strict=True):
        below, _ = side_places(small, large)
        start = 0 if part.start == 0 else int(np.searchsorted(below, part.start))
        stop = large if part.stop == small else int(np.searchsorted(below, part.stop - 1))
        parts.append(slice(start, stop))
    return parts[0], parts[1]
