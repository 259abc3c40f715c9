"""Measure what stays when an image changes: ``python benchmarks/invariance.py [--real]``, automatic method.

A row per change and kind of image: how many objects are compared, and how many of them stay, which means that
the changed image has an object of the same outline (IoU of at least 0.9) or at least the same object (0.5).
Objects within 1.5 radii of the border or of what changed are not compared. ``--real`` measures images of the
folder that the variable ``SUPERDSM_NB_DATA`` names instead of generated ones.
"""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from run import layout
from scipy import ndimage
from skimage.transform import resize

import superdsm_nb
from superdsm_nb.events import ignore
from superdsm_nb.io import imread
from superdsm_nb.metrics.overlaps import count_overlaps
from superdsm_nb.synthetic import generate

Image = NDArray[Any]
SAME_OUTLINE, SAME_OBJECT = 0.9, 0.5  # IoU
CLOSE = 1.5  # radii
FRAME = 100  # pixels
MIN_RADIUS = 4.0  # pixels of the nuclei of a smaller image
MAX_PIXELS = 6e6  # of a larger image
GENERATED: tuple[dict[str, Any], ...] = (
    {"seed": 0},
    {"seed": 1, "nuclei": 90, "clustering": 1.0},
    {"seed": 2, "nuclei": 120, "radius": 9, "clustering": 0.7},
    {"seed": 4, "nuclei": 14, "radius": 30, "shape": (512, 640)},
    {"seed": 5, "nuclei": 60, "gain": 30, "read_noise": 60},
    {"seed": 6, "nuclei": 60, "brightness": 400, "unevenness": 0.8},
)
REAL = ("BBBC039", "U2OS", "DSB2018", "Huh7")


class Change(NamedTuple):
    """A changed image, and how to compare its objects with those of the original.

    Attributes
    ----------
    name : str
        What was done.
    image : ndarray
        The changed image.
    back : callable
        Brings a label map of the changed image to the frame of the original.
    touched : (H, W) bool
        Pixels of the original that were replaced or cut off.
    """

    name: str
    image: Image
    back: Callable[[Image], Image]
    touched: NDArray[np.bool_]


def scaled(image: Image, factor: float) -> Image:
    """Return the image, enlarged or made smaller, as float64."""
    shape = [round(size * factor) for size in image.shape]
    return resize(image.astype(np.float64), shape, order=1, anti_aliasing=factor < 1)


def changes(image: Image, radius: float) -> Iterator[Change]:
    """Variants of an image whose objects should be the same."""
    height, width = image.shape
    numbers = image.astype(np.float64)
    low, high = float(np.percentile(image, 5)), float(numbers.max())
    nothing = np.zeros(image.shape, bool)

    def same(labels: Image) -> Image:
        return labels

    for factor in (0.5, 2, 4):
        if radius * factor >= MIN_RADIUS and image.size * factor**2 <= MAX_PIXELS:
            smaller = scaled(image, factor)
            yield Change(
                f"{factor:g} times the size",
                smaller,
                lambda labels: resize(
                    labels, image.shape, order=0, preserve_range=True, anti_aliasing=False
                ).astype(labels.dtype),
                nothing,
            )
    yield Change("+ 0.37 of the maximum", numbers + 0.37 * high, same, nothing)
    yield Change("- 5 times the maximum", numbers - 5 * high, same, nothing)
    if np.issubdtype(image.dtype, np.integer):
        counts, most = image.astype(np.uint16), np.uint16(min(3, 65535 // high))
        yield Change("+ 1000 (16 bit)", counts + np.uint16(1000), same, nothing)
        yield Change("x 3 (16 bit)", counts * most, same, nothing)
    yield Change("x 0.001", 0.001 * numbers, same, nothing)
    yield Change("x 1e6", 1e6 * numbers, same, nothing)
    for name, value in (("10 x the maximum", 10 * high), ("65535", 65535.0), ("0", 0.0)):
        for row, col in ((height // 2, width // 2), (height // 3, width // 5)):
            touched = nothing.copy()
            touched[row, col] = True
            yield Change(f"a pixel of {name}", np.where(touched, value, numbers), same, touched)
    for name, value in (("black", 0.0), ("background", low), ("mid-grey", 0.5 * (numbers.min() + high))):
        yield Change(
            f"a {name} frame",
            np.pad(numbers, FRAME, constant_values=value),
            lambda labels: labels[FRAME:-FRAME, FRAME:-FRAME],
            nothing,
        )
    half = nothing.copy()
    half[:, width // 2 :] = True
    yield Change(
        "the left half",
        image[:, : width // 2],
        lambda labels: np.pad(labels, ((0, 0), (0, width - width // 2))),
        half,
    )
    yield Change("upside down", image[::-1], lambda labels: labels[::-1], nothing)
    yield Change("mirrored", image[:, ::-1], lambda labels: labels[:, ::-1], nothing)
    yield Change("transposed", image.T, lambda labels: labels.T, nothing)
    row, col = np.ogrid[:height, :width]
    center = max(3.0, 2.0 * radius)
    disk = np.hypot(row - (height - center), col - (width - center)) < radius
    light = ndimage.gaussian_filter(disk.astype(np.float64), 1.5)
    pasted = numbers + 10 * (float(np.percentile(image, 99)) - low) * light
    yield Change("a nucleus 10 x as bright", pasted, same, light > 0.001)


def segment(image: Image) -> Image:
    """Segment with no setting."""
    return superdsm_nb.segment(np.ascontiguousarray(image), preset="automatic", emit=ignore)


def typical_radius(labels: Image) -> float:
    """Return the radius of the median area; NaN if there is no object."""
    areas = np.bincount(labels.ravel())[1:]
    return math.sqrt(float(np.median(areas)) / math.pi) if areas.size else math.nan


def overlaps_of_compared(before: Image, change: Change, radius: float) -> NDArray[np.float64]:
    """Best IoU, in the changed image, of each object away from the border and from what changed."""
    after = np.ascontiguousarray(change.back(segment(change.image)))
    away = ndimage.distance_transform_edt(~np.pad(change.touched, 1, constant_values=True))[1:-1, 1:-1]
    numbers = np.arange(1, int(before.max()) + 1)
    compared = ndimage.minimum(away, before, numbers) > CLOSE * radius
    if not after.any():
        return np.zeros(np.count_nonzero(compared))
    found = count_overlaps(before, after)
    best = np.zeros(numbers.size)
    np.maximum.at(best, found.rows, found.iou)
    return best[compared]


def images(is_real: bool) -> Iterator[tuple[str, Image]]:
    """Images and what they are."""
    if not is_real:
        for given in GENERATED:
            yield "generated", generate(**given).image
        return
    for folder in REAL:
        for path in sorted((Path(os.environ["SUPERDSM_NB_DATA"]) / folder / "images").glob("*"))[:2]:
            yield folder, imread(path)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--real", action="store_true", help="measure real images")
    is_real = parser.parse_args().real
    found: dict[tuple[str, str], list[NDArray[np.float64]]] = {}
    for kind, image in images(is_real):
        before = segment(image)
        radius = typical_radius(before)
        for change in changes(image, radius):
            overlaps = overlaps_of_compared(before, change, radius)
            if overlaps.size:
                found.setdefault((change.name, kind), []).append(overlaps)
    rows = []
    for (name, kind), each in found.items():
        iou = np.concatenate(each)
        shares = [f"{100 * np.mean(iou >= least):.1f}" for least in (SAME_OUTLINE, SAME_OBJECT)]
        worst = min(float(np.mean(part >= SAME_OUTLINE)) for part in each)
        rows.append([name, kind, str(iou.size), *shares, f"{100 * worst:.1f}"])
    header = ["change", "images", "objects", "outline stays %", "object stays %", "worst image %"]
    print(layout(header, rows))


if __name__ == "__main__":
    main()
