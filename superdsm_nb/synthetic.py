"""Synthetic fluorescence images of clustered cell nuclei together with their true labels.

Tests, examples and benchmarks get data of any size without a download.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from superdsm_nb.errors import ConfigError

__all__ = ["Sample", "generate"]

_MIN_PIXELS = 30  # smaller remnants at the border are not objects that would be annotated
_GAP = 4.0  # free margin in px around a nucleus outside clusters: more than the reach of the default blur
_TRIES = 200  # positions tried per nucleus before it is left out
_EDGE_POWER = 8  # nuclei are flat with a rounded rim; 8 puts half of the light 3.5 % inside the outline

# A radius of 4 px keeps a typical nucleus above _MIN_PIXELS; the bounds on counts keep Poisson means finite.
_LIMITS = {
    "radius": (4.0, math.inf),
    "radius_spread": (0.0, 0.5),
    "axis_ratio": (1.0, 3.0),
    "deformation": (0.0, 0.15),
    "clustering": (0.0, 1.0),
    "overlap": (0.0, 0.4),
    "brightness": (1.0, 1e6),
    "brightness_spread": (0.0, 1.0),
    "texture": (0.0, 1.0),
    "nucleoli": (0.0, 10.0),
    "blur": (0.0, 20.0),
    "glow": (0.0, 1.0),
    "background": (0.0, 1e6),
    "unevenness": (0.0, 1.0),
    "illumination": (0.0, 0.9),
    "gain": (1e-3, 1e6),
    "read_noise": (0.0, 1e4),
    "offset": (0.0, 6e4),
}


class Sample(NamedTuple):
    """A synthetic image and its truth.

    Attributes
    ----------
    image : ndarray of uint16, shape (height, width)
        What the camera recorded, in counts.
    labels : ndarray of int32, shape (height, width)
        0 for background, ``1..n`` for the nuclei. Every label is one 4-connected region of at least 30 px.
    """

    image: NDArray[np.uint16]
    labels: NDArray[np.int32]


@dataclass(frozen=True)
class _Nucleus:
    """A nucleus on its own square box; ``rho`` is 0 at the centre, 1 on the outline and grows outwards."""

    rho: NDArray[np.float64]
    light: NDArray[np.float64]
    row: int = 0
    col: int = 0

    @cached_property
    def inside(self) -> NDArray[np.bool_]:
        return self.rho < 1

    @cached_property
    def area(self) -> int:
        return int(np.count_nonzero(self.inside))

    @property
    def half(self) -> int:
        return self.rho.shape[0] // 2

    def window(self) -> tuple[slice, slice]:
        side = self.rho.shape[0]
        return slice(self.row, self.row + side), slice(self.col, self.col + side)

    def centred_at(self, row: float, col: float) -> _Nucleus:
        placed = _Nucleus(self.rho, self.light, round(row) - self.half, round(col) - self.half)
        placed.__dict__.update(inside=self.inside, area=self.area)  # do not depend on the place
        return placed


class _Canvas:
    """The image with a margin, so that nuclei cut by the border are handled like all others."""

    def __init__(self, shape: tuple[int, int], margin: int) -> None:
        self.shape, self.margin = shape, margin
        padded = (shape[0] + 2 * margin, shape[1] + 2 * margin)
        self.owner = np.zeros(padded, np.int32)
        self.coverage = np.zeros(padded, np.int32)
        self.rho = np.full(padded, np.inf)
        self.nuclei: list[_Nucleus] = []

    def crop(self) -> tuple[slice, slice]:
        return tuple(slice(self.margin, self.margin + n) for n in self.shape)  # type: ignore[return-value]

    def add(self, nucleus: _Nucleus) -> None:
        window = nucleus.window()
        self.nuclei.append(nucleus)
        self.coverage[window] += nucleus.inside
        deeper = nucleus.inside & (nucleus.rho < self.rho[window])
        self.rho[window][deeper] = nucleus.rho[deeper]
        self.owner[window][deeper] = len(self.nuclei)

    def holds(self, nucleus: _Nucleus) -> bool:
        """Whether the centre is in the image and enough of the nucleus is visible."""
        row, col = (p + nucleus.half - self.margin for p in (nucleus.row, nucleus.col))
        if not (0 <= row < self.shape[0] and 0 <= col < self.shape[1]):
            return False
        rows, cols = (
            slice(max(0, self.margin - start), max(0, self.margin + size - start))
            for start, size in zip((nucleus.row, nucleus.col), self.shape, strict=True)
        )
        return bool(np.count_nonzero(nucleus.inside[rows, cols]) >= _MIN_PIXELS)

    def overlaps_at_most(self, nucleus: _Nucleus, fraction: float) -> bool:
        """Whether no earlier nucleus shares more than ``fraction`` of the smaller area of the two."""
        window, inside = nucleus.window(), nucleus.inside
        if ((self.coverage[window] > 1) & inside).any():  # three layers: the truth would be ambiguous
            return False
        shared = np.bincount(self.owner[window][inside])
        return all(
            shared[k] <= fraction * min(nucleus.area, self.nuclei[k - 1].area)
            for k in np.flatnonzero(shared)
            if k > 0
        )


def _smooth_field(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Return a random mixture of the lowest cosine waves (mostly a gradient), scaled to [-1, 1]."""
    y, x = ((np.arange(n)[:, None] + 0.5) / n * np.pi * np.arange(3) for n in shape)
    field = np.zeros(shape)
    for i in range(3):
        for j in range(3):
            if i or j:
                weight = rng.standard_normal() / (i * i + j * j)
                field += weight * np.cos(y[:, i])[:, None] * np.cos(x[:, j])
    return field / np.abs(field).max()


def _chromatin(rng: np.random.Generator, side: int, grain: float) -> NDArray[np.float64]:
    """Return band-limited noise of zero mean and unit variance with structures of about ``grain`` px."""
    white = rng.standard_normal((side, side))
    band = ndi.gaussian_filter(white, grain) - ndi.gaussian_filter(white, 3 * grain)
    return (band - band.mean()) / band.std()


def _draw_nucleus(
    rng: np.random.Generator,
    radius: float,
    axis_ratio: float,
    deformation: float,
    texture: float,
    nucleoli: float,
) -> _Nucleus:
    """Draw outline, chromatin and nucleoli of one nucleus of unit mean brightness."""
    stretch = math.sqrt(rng.uniform(1.0, axis_ratio))
    orders = np.arange(2, 6)
    amplitudes = (deformation * rng.standard_normal(orders.size) / (orders - 1)).clip(-0.15, 0.15)
    phases = rng.uniform(0, 2 * np.pi, orders.size)
    half = math.ceil(radius * stretch * (1 + np.abs(amplitudes).sum()) + 2 * _GAP)

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

    light = np.sqrt(np.clip(1 - rho**_EDGE_POWER, 0, None))
    light *= np.clip(1 + texture * _chromatin(rng, light.shape[0], grain=0.08 * radius), 0.1, None)
    for _ in range(rng.poisson(nucleoli)):
        distance, direction = 0.6 * math.sqrt(rng.random()), rng.uniform(0, 2 * np.pi)
        spot = np.hypot(u - distance * np.cos(direction), v - distance * np.sin(direction))
        light *= 1 - rng.uniform(0.2, 0.5) * np.exp(-0.5 * (spot / rng.uniform(0.08, 0.15)) ** 2)
    return _Nucleus(rho, light)


def _place_free(rng: np.random.Generator, canvas: _Canvas, nucleus: _Nucleus, gap: float) -> _Nucleus | None:
    """Find a random position whose surroundings (``gap`` in units of ``rho``) are empty."""
    for _ in range(_TRIES):
        row, col = (canvas.margin + rng.uniform(0, n - 1) for n in canvas.shape)
        placed = nucleus.centred_at(row, col)
        if canvas.holds(placed) and not canvas.owner[placed.window()][placed.rho < 1 + gap].any():
            return placed
    return None


def _place_touching(
    rng: np.random.Generator, canvas: _Canvas, nucleus: _Nucleus, overlap: float
) -> _Nucleus | None:
    """Move away from an earlier nucleus until the overlap is small enough, so that the two touch."""
    for _ in range(_TRIES):
        partner = canvas.nuclei[rng.integers(len(canvas.nuclei))]
        angle, allowed = rng.uniform(0, 2 * np.pi), overlap * rng.random()
        for distance in range(1, partner.half + nucleus.half):
            placed = nucleus.centred_at(
                partner.row + partner.half + distance * math.sin(angle),
                partner.col + partner.half + distance * math.cos(angle),
            )
            if not canvas.holds(placed):
                break
            if canvas.overlaps_at_most(placed, allowed):
                return placed
    return None


def _keep_largest_components(owner: NDArray[np.int32]) -> NDArray[np.int32]:
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


def _truth(canvas: _Canvas) -> tuple[_Canvas, NDArray[np.int32]]:
    """Return the labels and the canvas with only those nuclei that have a label."""
    while True:
        labels = _keep_largest_components(canvas.owner[canvas.crop()])
        sizes = np.bincount(labels.ravel(), minlength=len(canvas.nuclei) + 1)[1:]
        if (sizes >= _MIN_PIXELS).all():
            return canvas, labels
        # A nucleus without a label must not be in the image either; its pixels belong to its neighbours.
        remaining = _Canvas(canvas.shape, canvas.margin)
        for nucleus, size in zip(canvas.nuclei, sizes, strict=True):
            if size >= _MIN_PIXELS:
                remaining.add(nucleus)
        canvas = remaining


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def _is_integer(value: object, low: int) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and bool(value >= low)


def _validate(arguments: Mapping[str, object]) -> None:
    """Refuse arguments that are of the wrong type or out of their range."""
    for name in ("seed", "nuclei"):
        if not _is_integer(arguments[name], 0):
            raise ConfigError(f"{name} must be an integer of at least 0, got {arguments[name]!r}.")
    shape = arguments["shape"]
    if not (isinstance(shape, tuple | list) and len(shape) == 2 and all(_is_integer(n, 16) for n in shape)):
        raise ConfigError(f"shape must be two integers (height, width) of at least 16 px, got {shape!r}.")
    for name, (low, high) in {**_LIMITS, "radius": (_LIMITS["radius"][0], min(shape) / 2)}.items():
        value = arguments[name]
        if not (_is_number(value) and low <= value <= high):  # type: ignore[operator]
            raise ConfigError(f"{name} must be a number from {low:g} to {high:g}, got {value!r}.")


def generate(
    seed: int = 0,
    shape: tuple[int, int] = (512, 512),
    nuclei: int = 40,
    radius: float = 16.0,
    clustering: float = 0.5,
    *,
    overlap: float = 0.1,
    radius_spread: float = 0.15,
    axis_ratio: float = 1.7,
    deformation: float = 0.07,
    brightness: float = 2000.0,
    brightness_spread: float = 0.3,
    texture: float = 0.2,
    nucleoli: float = 1.0,
    blur: float = 1.5,
    glow: float = 0.05,
    background: float = 300.0,
    unevenness: float = 0.4,
    illumination: float = 0.1,
    gain: float = 4.0,
    read_noise: float = 10.0,
    offset: float = 100.0,
) -> Sample:
    """Generate a widefield fluorescence image of cell nuclei (DAPI-like) and its true labels.

    Nuclei are deformed ellipses with chromatin texture and dark nucleoli. Where two overlap, their light adds
    up, and the pixel is labelled as the nucleus in which it lies deeper, relative to the outline.

    Parameters
    ----------
    seed : int
        Seed of the random numbers: the same arguments give the same bytes on the same platform and versions.
    shape : tuple of int
        Height and width in px, each at least 16.
    nuclei : int
        Requested number of nuclei. In a crowded image, nuclei that do not fit are left out.
    radius : float
        Median radius in px of the circle with the area of a nucleus, 4 to half the shorter side.
    clustering : float
        Fraction (0 to 1) of the nuclei that are placed in contact with an earlier one; the others stay
        separate.
    overlap : float
        Largest area two nuclei may share, as a fraction (0 to 0.4) of the smaller one.
    radius_spread : float
        Standard deviation of the logarithm of the radius.
    axis_ratio : float
        Largest ratio of the long to the short axis; drawn evenly from 1 to this.
    deformation : float
        Standard deviation of the second Fourier coefficient of the outline, relative to the radius.
    brightness : float
        Mean signal of a nucleus above the background, in camera counts.
    brightness_spread : float
        Standard deviation of the logarithm of the brightness; 0.3 makes a factor of about 2 between nuclei.
    texture : float
        Relative standard deviation of the chromatin texture before the blur.
    nucleoli : float
        Mean number of dark spots per nucleus.
    blur : float
        Standard deviation in px of the Gaussian point spread function.
    glow : float
        Out-of-focus light around the nuclei, as a fraction of their light.
    background : float
        Mean background in counts, without the camera offset.
    unevenness : float
        Relative amplitude (0 to 1) of the slow variation of the background.
    illumination : float
        Relative amplitude (0 to 0.9) of the slow variation of the illumination, which scales all light.
    gain : float
        Camera counts per detected photon; the larger, the fewer photons and the stronger the shot noise.
    read_noise : float
        Standard deviation of the Gaussian read noise in counts.
    offset : float
        Camera offset in counts.

    Returns
    -------
    Sample
        ``image`` (uint16, counts) and ``labels`` (int32), both of ``shape``.

    Raises
    ------
    ConfigError
        If an argument is of the wrong type or out of its range.

    Examples
    --------
    >>> from superdsm_nb.synthetic import generate
    >>> image, labels = generate(seed=1, shape=(128, 160), nuclei=8)
    >>> image.shape, image.dtype, labels.dtype
    ((128, 160), dtype('uint16'), dtype('int32'))
    >>> int(labels.max())
    8
    """
    _validate(locals())
    rng = np.random.default_rng(seed)
    height, width = (int(n) for n in shape)
    drawn = [
        _draw_nucleus(rng, radius * r, axis_ratio, deformation, texture, nucleoli)
        for r in np.exp(radius_spread * rng.standard_normal(nuclei))
    ]
    gains = brightness * np.exp(brightness_spread * (rng.standard_normal(nuclei) - brightness_spread / 2))

    canvas = _Canvas((height, width), margin=max((n.half for n in drawn), default=0))
    for index, touches in enumerate(rng.permutation(nuclei) < round(clustering * nuclei)):
        nucleus = _Nucleus(drawn[index].rho, gains[index] * drawn[index].light)
        placed = (
            _place_touching(rng, canvas, nucleus, overlap)
            if touches and canvas.nuclei
            else _place_free(rng, canvas, nucleus, _GAP / radius)
        )
        if placed is not None:
            canvas.add(placed)
    canvas, labels = _truth(canvas)

    light = np.zeros_like(canvas.rho)
    for nucleus in canvas.nuclei:
        light[nucleus.window()] += nucleus.light
    haze = ndi.gaussian_filter(light, 1.5 * radius, truncate=2.5)
    light = (ndi.gaussian_filter(light, blur) + glow * haze)[canvas.crop()]
    light += background * (1 + unevenness * _smooth_field(rng, (height, width)))
    light *= 1 + illumination * _smooth_field(rng, (height, width))

    counts = gain * rng.poisson(light / gain) + offset + read_noise * rng.standard_normal(light.shape)
    return Sample(np.clip(np.rint(counts), 0, 65535).astype(np.uint16), labels)
