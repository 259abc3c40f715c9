"""The clusters of one window of the canonical image, segmented as in the whole image."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..automatic.choice import find_unions
from ..automatic.defects import Box
from ..automatic.division import score_reach
from ..automatic.energy import with_masks
from ..automatic.outlines import RING_REACH, find_outlines, outline_smoothing, side_places, zone_width
from ..automatic.postprocess import height_of_outlines
from ..automatic.regions import atoms_of
from ..automatic.smoothing import WIDE, reach_of
from ..automatic.window import Canvas, Measures
from ..config import (
    AutomaticEnergySettings,
    AutomaticPostprocessSettings,
    AutomaticPreprocessSettings,
    AutomaticRegionSettings,
    Config,
)
from ..errors import ConfigError
from ..objects import Object
from .foreground import Foreground, Pixel


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


class Divided(NamedTuple):
    """Clusters whose nuclei are known, but not yet their outlines.

    Attributes
    ----------
    window : (slice, slice)
        Of the canonical image.
    clusters : list of FoundCluster
        Those that were wanted.
    objects : list of Object
        Theirs, in canonical pixels of the window.
    brightness : list of float
        Of each object, see `FoundObject`.
    foreground : (h, w) bool
        All clusters of the window.
    """

    window: Box
    clusters: list[FoundCluster]
    objects: list[Object]
    brightness: list[float]
    foreground: NDArray[np.bool_]


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


def divide_clusters(
    found: Foreground, is_wanted: Sequence[bool], measures: Measures, settings: Settings, zoom: float
) -> Divided:
    """Find the nuclei of some of the clusters of a window.

    Parameters
    ----------
    found : Foreground
        The foreground of the window.
    is_wanted : sequence of bool
        Which of its clusters; at least one, and those that are must fit.
    measures : Measures
        Of the image.
    settings : Settings
        The hyperparameters.
    zoom : float
        Canonical pixels per pixel of the image.

    Returns
    -------
    Divided
        The same as in the whole image.
    """
    radius = measures.radius * zoom
    chosen = np.concatenate([[False], is_wanted])[found.clusters]
    atoms = atoms_of(found.y, radius, settings.regions, chosen)[0]
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
    brightness = [float(found.y[item.box][item.fg_fragment].mean()) for item in items]
    return Divided(found.window, clusters, items, brightness, found.clusters > 0)


def outline_objects(canvas: Canvas, divided: Divided, measures: Measures, settings: Settings) -> Piece:
    """Find the outlines of nuclei on the pixels of the image.

    Parameters
    ----------
    canvas : Canvas
        The image.
    divided : Divided
        The clusters.
    measures : Measures
        Of the image.
    settings : Settings
        The hyperparameters.

    Returns
    -------
    Piece
        The same as in the whole image.
    """
    area = _image_of(canvas, divided.window)
    small, large = canvas.canonical_shape, canvas.shape
    places = tuple(
        (below[pixels] - part.start, weight[pixels])
        for (below, weight), part, pixels in zip(
            (side_places(*sides) for sides in zip(small, large, strict=True)),
            divided.window,
            area,
            strict=True,
        )
    )
    outlines = find_outlines(
        divided.objects,
        divided.foreground.shape,
        canvas.pixels(area),
        measures.radius,
        canvas.zoom,
        height=height_of_outlines(measures.radius, settings.postprocess),
        reach=settings.postprocess.outline_reach,
        background=measures.background,
        others=divided.foreground,
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
            brightness,
            item.on_boundary,
            item.energy,
        )
        for item, brightness, outline in zip(divided.objects, divided.brightness, outlines, strict=True)
    ]
    return Piece(divided.clusters, objects)


def _image_of(canvas: Canvas, window: Box) -> Box:
    """Return the pixels of the content that lie between canonical pixels of a window."""
    parts = []
    for part, small, large in zip(window, canvas.canonical_shape, canvas.shape, strict=True):
        below, _ = side_places(small, large)
        start = 0 if part.start == 0 else int(np.searchsorted(below, part.start))
        stop = large if part.stop == small else int(np.searchsorted(below, part.stop - 1))
        parts.append(slice(start, stop))
    return parts[0], parts[1]
