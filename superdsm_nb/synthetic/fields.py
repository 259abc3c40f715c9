"""Fields of nuclei as a camera records them, with their true labels."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from ..errors import ConfigError
from .nuclei import GAP, Canvas, Nucleus, draw_nucleus, place_free, place_touching, truth

# A radius of 4 px keeps a typical nucleus above MIN_PIXELS; the bounds on counts keep Poisson means finite.
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
        draw_nucleus(rng, radius * r, axis_ratio, deformation, texture, nucleoli)
        for r in np.exp(radius_spread * rng.standard_normal(nuclei))
    ]
    gains = brightness * np.exp(brightness_spread * (rng.standard_normal(nuclei) - brightness_spread / 2))

    canvas = Canvas((height, width), margin=max((n.half for n in drawn), default=0))
    for index, touches in enumerate(rng.permutation(nuclei) < round(clustering * nuclei)):
        nucleus = Nucleus(drawn[index].rho, gains[index] * drawn[index].light)
        placed = (
            place_touching(rng, canvas, nucleus, overlap)
            if touches and canvas.nuclei
            else place_free(rng, canvas, nucleus, GAP / radius)
        )
        if placed is not None:
            canvas.add(placed)
    canvas, labels = truth(canvas)

    light = np.zeros_like(canvas.rho)
    for nucleus in canvas.nuclei:
        light[nucleus.window()] += nucleus.light
    haze = ndi.gaussian_filter(light, 1.5 * radius, truncate=2.5)
    light = (ndi.gaussian_filter(light, blur) + glow * haze)[canvas.crop()]
    light += background * (1 + unevenness * _smooth_field(rng, (height, width)))
    light *= 1 + illumination * _smooth_field(rng, (height, width))

    counts = gain * rng.poisson(light / gain) + offset + read_noise * rng.standard_normal(light.shape)
    return Sample(np.clip(np.rint(counts), 0, 65535).astype(np.uint16), labels)
