"""Images that nobody would give on purpose, drawn at random."""

from __future__ import annotations

import warnings

import numpy as np

DTYPES = ("?", "u1", "i1", "u2", "i2", ">u2", "u4", "i4", "u8", "i8", "f2", "f4", "f8", ">f8", "g")
REFUSED = ("c8", "O", "U4", "M8[s]")


def blobs(rng, shape):
    """Bright disks on a dark ground."""
    rows, cols = np.ogrid[: shape[0], : shape[1]]
    image = np.zeros(shape)
    for _ in range(rng.integers(1, 6)):
        row, col, radius = rng.integers(shape[0]), rng.integers(shape[1]), rng.uniform(1, 9)
        image += np.exp(-((((rows - row) ** 2 + (cols - col) ** 2) / radius**2) ** 2))
    return image


def constant(rng, shape):
    """One value everywhere."""
    return np.full(shape, rng.choice([0.0, 1.0, -3.0]))


def two_valued(rng, shape):
    """Black and white."""
    return (blobs(rng, shape) > 0.5).astype(float)


def saturated(rng, shape):
    """Blobs clipped at half their height, on noise."""
    return np.minimum(blobs(rng, shape), 0.5) + 0.01 * rng.random(shape)


def inverted(rng, shape):
    """Dark disks on a bright ground."""
    return -blobs(rng, shape) + 0.01 * rng.random(shape)


def noise(rng, shape):
    """Nothing but noise."""
    return rng.choice([rng.random, rng.standard_normal])(shape)


def salt(rng, shape):
    """Single bright pixels."""
    return (rng.random(shape) < rng.choice([0.002, 0.05])) * rng.random(shape)


def single_pixel(rng, shape):
    """One bright pixel."""
    image = np.zeros(shape)
    image[rng.integers(shape[0]), rng.integers(shape[1])] = 1
    return image


def stripes(rng, shape):
    """Bright rows or columns, which collapse in the compacted grid."""
    image = blobs(rng, shape)
    image[:: rng.integers(2, 5)] = 0
    return image if rng.random() < 0.5 else np.ascontiguousarray(image.T[: shape[0], : shape[1]])


def ramp(rng, shape):
    """A gradient."""
    return np.add.outer(np.arange(shape[0]) * rng.random(), np.arange(shape[1]) * 1.0)


def huge_range(rng, shape):
    """Values over hundreds of orders of magnitude."""
    return blobs(rng, shape) * 10.0 ** rng.uniform(-300, 300, shape)


def extremes(rng, shape):
    """The largest and the smallest numbers there are."""
    finite = np.finfo(float)
    return rng.choice([finite.max, -finite.max, finite.tiny, 5e-324, 0.0, 1.0], shape)


def with_nan(rng, shape):
    """Blobs with a NaN or an infinity in them."""
    image = blobs(rng, shape)
    image[rng.integers(shape[0]), rng.integers(shape[1])] = rng.choice([np.nan, np.inf, -np.inf])
    return image


PATTERNS = (
    *(blobs, blobs, constant, two_valued, saturated, inverted, noise, salt, single_pixel, stripes, ramp),
    *(huge_range, extremes, with_nan),
)


def image_of(rng):
    """Draw an image of any type, shape and layout in memory."""
    shape = tuple(int(size) for size in rng.integers(1, rng.choice([3, 12, 48]), 2))
    if rng.random() < 0.02:
        shape = ((0, 5), (5, 0), (7,), (), (3, 6, 6), (1, 6, 6), (6, 6, 3), (6, 6, 1))[rng.integers(8)]
        return rng.random(shape)
    image = PATTERNS[rng.integers(len(PATTERNS))](rng, shape)
    if rng.random() < 0.02:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return np.nan_to_num(image).astype("i8").astype(REFUSED[rng.integers(len(REFUSED))])
    dtype = np.dtype(DTYPES[rng.integers(len(DTYPES))])
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if dtype.kind in "iu":
            spread = np.ptp(np.nan_to_num(image, posinf=1e300, neginf=-1e300) / 4) or 1.0
            info = np.iinfo(dtype)
            image = (np.nan_to_num(image) / 4 - np.nan_to_num(image).min() / 4) / spread
            top = info.max if rng.random() < 0.5 else min(200, info.max)
            image = image * float(top)
        image = image.astype(dtype)
    layout = rng.integers(5)
    if layout == 1:
        image = np.asfortranarray(image)
    elif layout == 2:
        image = np.repeat(image, 2, axis=0)[::2]
    elif layout == 3:
        image = image[::-1, ::-1].copy()[::-1, ::-1]
    elif layout == 4:
        image.setflags(write=False)
    return image
