"""Drawing nuclei one by one, and placing them apart or so that they touch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from ..kernels.placing import first_fit

MIN_PIXELS = 30  # smaller remnants at the border are not objects that would be annotated
GAP = 4.0  # free margin in px around a nucleus outside clusters: more than the reach of the default blur
TRIES = 200  # positions tried per nucleus before it is left out
EDGE_POWER = 8  # nuclei are flat with a rounded rim; 8 puts half of the light 3.5 % inside the outline


@dataclass(frozen=True)
class Nucleus:
    """A nucleus on its own square box; ``rho`` is 0 at the centre, 1 on the outline and grows outwards."""

    rho: NDArray[np.float64]
    light: NDArray[np.float64]
    row: int = 0
    col: int = 0

    @cached_property
    def inside(self) -> NDArray[np.bool_]:
        """Which pixels of the box are in the nucleus."""
        return self.rho < 1

    @cached_property
    def area(self) -> int:
        """Number of its pixels."""
        return int(np.count_nonzero(self.inside))

    @property
    def half(self) -> int:
        """Pixels from the centre of the box to its border."""
        return self.rho.shape[0] // 2

    def window(self) -> tuple[slice, slice]:
        """Rows and columns of the box in the canvas."""
        side = self.rho.shape[0]
        return slice(self.row, self.row + side), slice(self.col, self.col + side)

    def centred_at(self, row: float, col: float) -> Nucleus:
        """Return the same nucleus in another place of the canvas."""
        return self.at(round(row) - self.half, round(col) - self.half)

    def at(self, row: int, col: int) -> Nucleus:
        """Return the same nucleus with its box in another place of the canvas."""
        placed = Nucleus(self.rho, self.light, row, col)
        placed.__dict__.update(inside=self.inside, area=self.area)  # do not depend on the place
        return placed


class Canvas:
    """The image with a margin, so that nuclei cut by the border are handled like all others."""

    def __init__(self, shape: tuple[int, int], margin: int) -> None:
        self.shape, self.margin = shape, margin
        padded = (shape[0] + 2 * margin, shape[1] + 2 * margin)
        self.owner = np.zeros(padded, np.int32)
        self.coverage = np.zeros(padded, np.int32)
        self.rho = np.full(padded, np.inf)
        self.nuclei: list[Nucleus] = []

    def crop(self) -> tuple[slice, slice]:
        """Rows and columns of the image in the canvas."""
        return tuple(slice(self.margin, self.margin + n) for n in self.shape)  # type: ignore[return-value]

    def add(self, nucleus: Nucleus) -> None:
        """Draw a nucleus; each pixel belongs to the one in which it lies deepest."""
        window = nucleus.window()
        self.nuclei.append(nucleus)
        self.coverage[window] += nucleus.inside
        deeper = nucleus.inside & (nucleus.rho < self.rho[window])
        self.rho[window][deeper] = nucleus.rho[deeper]
        self.owner[window][deeper] = len(self.nuclei)

    def holds(self, nucleus: Nucleus) -> bool:
        """Whether the centre is in the image and enough of the nucleus is visible."""
        row, col = (p + nucleus.half - self.margin for p in (nucleus.row, nucleus.col))
        if not (0 <= row < self.shape[0] and 0 <= col < self.shape[1]):
            return False
        rows, cols = (
            slice(max(0, self.margin - start), max(0, self.margin + size - start))
            for start, size in zip((nucleus.row, nucleus.col), self.shape, strict=True)
        )
        return bool(np.count_nonzero(nucleus.inside[rows, cols]) >= MIN_PIXELS)


def _chromatin(rng: np.random.Generator, side: int, grain: float) -> NDArray[np.float64]:
    """Return band-limited noise of zero mean and unit variance with structures of about ``grain`` px."""
    white = rng.standard_normal((side, side))
    band = ndi.gaussian_filter(white, grain) - ndi.gaussian_filter(white, 3 * grain)
    return (band - band.mean()) / band.std()


def draw_nucleus(
    rng: np.random.Generator,
    radius: float,
    axis_ratio: float,
    deformation: float,
    texture: float,
    nucleoli: float,
) -> Nucleus:
    """Draw outline, chromatin and nucleoli of one nucleus of unit mean brightness."""
    stretch = math.sqrt(rng.uniform(1.0, axis_ratio))
    orders = np.arange(2, 6)
    amplitudes = (deformation * rng.standard_normal(orders.size) / (orders - 1)).clip(-0.15, 0.15)
    phases = rng.uniform(0, 2 * np.pi, orders.size)
    half = math.ceil(radius * stretch * (1 + np.abs(amplitudes).sum()) + 2 * GAP)

    dy, dx = rng.uniform(-0.5, 0.5, 2)  # sub-pixel position
    angle = rng.uniform(0, np.pi)
    y, x = np.mgrid[-half : half + 1, -half : half + 1].astype(float)
    y, x = y - dy, x - dx
    u = (np.cos(angle) * x + np.sin(angle) * y) / (radius * stretch)
    v = (np.cos(angle) * y - np.sin(angle) * x) / (radius / stretch)
    theta = np.arctan2(v, u)
    outline = np.ones_like(u)
    for order, amplitude, phase in zip(orders, amplitudes, phases, strict=True):
        outline += amplitude * np.cos(order * theta + phase)
    rho = np.hypot(u, v) / outline

    light = np.sqrt(np.clip(1 - rho**EDGE_POWER, 0, None))
    light *= np.clip(1 + texture * _chromatin(rng, light.shape[0], grain=0.08 * radius), 0.1, None)
    for _ in range(rng.poisson(nucleoli)):
        distance, direction = 0.6 * math.sqrt(rng.random()), rng.uniform(0, 2 * np.pi)
        spot = np.hypot(u - distance * np.cos(direction), v - distance * np.sin(direction))
        light *= 1 - rng.uniform(0.2, 0.5) * np.exp(-0.5 * (spot / rng.uniform(0.08, 0.15)) ** 2)
    return Nucleus(rho, light)


def place_free(rng: np.random.Generator, canvas: Canvas, nucleus: Nucleus, gap: float) -> Nucleus | None:
    """Find a random position whose surroundings (``gap`` in units of ``rho``) are empty."""
    for _ in range(TRIES):
        row, col = (canvas.margin + rng.uniform(0, n - 1) for n in canvas.shape)
        placed = nucleus.centred_at(row, col)
        if canvas.holds(placed) and not canvas.owner[placed.window()][placed.rho < 1 + gap].any():
            return placed
    return None


def place_touching(
    rng: np.random.Generator, canvas: Canvas, nucleus: Nucleus, overlap: float
) -> Nucleus | None:
    """Move away from an earlier nucleus until the overlap is small enough, so that the two touch."""
    for _ in range(TRIES):
        partner = canvas.nuclei[rng.integers(len(canvas.nuclei))]
        angle, allowed = rng.uniform(0, 2 * np.pi), overlap * rng.random()
        distances = np.arange(1, partner.half + nucleus.half)
        tops, lefts = (
            np.rint(start + partner.half + distances * step).astype(np.int64) - nucleus.half
            for start, step in ((partner.row, math.sin(angle)), (partner.col, math.cos(angle)))
        )
        place = first_fit(
            canvas.owner,
            canvas.coverage,
            nucleus.inside,
            tops,
            lefts,
            np.array([each.area for each in canvas.nuclei]),
            allowed,
            canvas.margin,
            MIN_PIXELS,
        )
        if place >= 0:
            return nucleus.at(int(tops[place]), int(lefts[place]))
    return None


def keep_largest_components(owner: NDArray[np.int32]) -> NDArray[np.int32]:
    """Keep the largest 4-connected component of every label; reassign the others to their surroundings."""
    whole = np.zeros_like(owner)
    for label, window in enumerate(ndi.find_objects(owner), start=1):
        if window is not None:
            pieces, _ = ndi.label(owner[window] == label)
            whole[window][pieces == np.bincount(pieces.ravel())[1:].argmax() + 1] = label
    fragments, count = ndi.label((owner > 0) & (whole == 0))
    kept = whole.copy()  # a fragment may only join a kept piece, never another fragment
    for fragment in range(1, count + 1):
        piece = fragments == fragment
        ring = ndi.binary_dilation(piece) & ~piece
        whole[piece] = np.bincount(kept[ring]).argmax()
    return whole


def truth(canvas: Canvas) -> tuple[Canvas, NDArray[np.int32]]:
    """Return the labels and the canvas with only those nuclei that have a label."""
    while True:
        labels = keep_largest_components(canvas.owner[canvas.crop()])
        sizes = np.bincount(labels.ravel(), minlength=len(canvas.nuclei) + 1)[1:]
        if (sizes >= MIN_PIXELS).all():
            return canvas, labels
        # A nucleus without a label must not be in the image either; its pixels belong to its neighbours.
        remaining = Canvas(canvas.shape, canvas.margin)
        for nucleus, size in zip(canvas.nuclei, sizes, strict=True):
            if size >= MIN_PIXELS:
                remaining.add(nucleus)
        canvas = remaining
