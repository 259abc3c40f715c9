"""How a large image is divided into tiles, and what each of them has to know."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from .._version import __version__
from ..automatic.defects import Box
from ..automatic.threshold import Levels
from ..automatic.window import Measures, canonical_shape, padded, zoom_of
from ..config import Config
from ..io import Place, Source
from .piece import Settings, reach_of_clusters

OVERHANG = 8.0  # radii; how far a cluster may reach beyond its tile before it is segmented on its own


class Range(NamedTuple):
    """The range of the intensities of an image.

    Attributes
    ----------
    low : float
        Half of the lowest one, as `superdsm_nb.image.normalized` calculates.
    spread : float
        Half of the highest one, minus `low`.
    """

    low: float
    spread: float


@dataclass(frozen=True)
class Plan:
    """All that a tile depends on besides its pixels.

    Attributes
    ----------
    source : Source
        The image.
    shape : (int, int)
        Its height and width.
    digest : str or None
        SHA-256 of the file (hexadecimal); None for an address.
    config : str
        The hyperparameters, as JSON.
    values : Range
        Of the intensities.
    content : ((int, int), (int, int))
        First and last (exclusive) row and column of the content.
    measures : Measures
        What was measured in the image.
    tile : int
        Height and width of a tile (pixels of the image).
    """

    source: Source
    shape: tuple[int, int]
    digest: str | None
    config: str
    values: Range
    content: tuple[tuple[int, int], tuple[int, int]]
    measures: Measures
    tile: int

    @property
    def content_box(self) -> Box:
        """Rows and columns of the content."""
        return slice(*self.content[0]), slice(*self.content[1])

    @property
    def content_shape(self) -> tuple[int, int]:
        """Height and width of the content."""
        (top, bottom), (left, right) = self.content
        return bottom - top, right - left

    @property
    def settings(self) -> Settings:
        """The hyperparameters by stage."""
        return _settings(self.config)

    @property
    def zoom(self) -> float:
        """Canonical pixels per pixel of the image."""
        return zoom_of(self.measures.radius, self.settings.preprocess)

    @property
    def canonical_shape(self) -> tuple[int, int]:
        """Height and width of the canonical image."""
        return canonical_shape(self.content_shape, self.zoom)

    @property
    def reach(self) -> int:
        """How far around a cluster the image has an influence on it (canonical pixels)."""
        return reach_of_clusters(self.measures, self.settings, self.zoom)

    @property
    def step(self) -> int:
        """Height and width of a tile in canonical pixels; no more than it has pixels of the image."""
        return max(1, round(self.tile * min(self.zoom, 1.0)))

    @property
    def grid(self) -> tuple[int, int]:
        """Number of rows and columns of tiles."""
        height, width = self.canonical_shape
        return -(-height // self.step), -(-width // self.step)

    @property
    def tiles(self) -> Iterator[tuple[int, int]]:
        """Row and column of each tile."""
        rows, cols = self.grid
        return ((row, col) for row in range(rows) for col in range(cols))

    def core(self, tile: tuple[int, int]) -> Box:
        """Return the canonical pixels that belong to a tile."""
        rows, cols = (
            slice(number * self.step, min((number + 1) * self.step, size))
            for number, size in zip(tile, self.canonical_shape, strict=True)
        )
        return rows, cols

    def window(self, tile: tuple[int, int]) -> Box:
        """Return the canonical pixels that a tile looks at."""
        margin = self.reach + round(OVERHANG * self.measures.radius * self.zoom)
        return padded(self.core(tile), margin, self.canonical_shape)

    def owner(self, first: tuple[int, int]) -> tuple[int, int]:
        """Return the tile that a cluster belongs to, by its first pixel."""
        return first[0] // self.step, first[1] // self.step

    def to_plain(self) -> dict[str, Any]:
        """Return the plan as JSON values; the path of the image, which may move, is not among them."""
        plain = asdict(self) | {"source": self.source.part, "software": __version__}
        plain["measures"] = {**self.measures._asdict(), "levels": self.measures.levels._asdict()}
        plain["values"] = self.values._asdict()
        return plain

    @classmethod
    def from_plain(cls, plain: dict[str, Any], path: Place) -> Plan:
        """Return the plan that `to_plain` described, of an image at a path."""
        measures = plain["measures"]
        levels = measures["levels"]
        return cls(
            Source(path, **plain["source"]),
            tuple(plain["shape"]),
            plain["digest"],
            plain["config"],
            Range(**plain["values"]),
            _pairs(plain["content"]),
            Measures(
                **{
                    **measures,
                    "levels": Levels(**{**levels, "means": tuple(tuple(each) for each in levels["means"])}),
                }
            ),
            plain["tile"],
        )


@lru_cache(maxsize=8)
def _settings(config: str) -> Settings:
    return Settings.of(Config(json.loads(config)))


def _pairs(plain: list[list[int]]) -> tuple[tuple[int, int], tuple[int, int]]:
    (top, bottom), (left, right) = plain
    return (top, bottom), (left, right)
