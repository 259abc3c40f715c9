"""Compare the estimators of the scale: ``python benchmarks/scales.py``.

Needs the images and hand segmentations that the variable ``SUPERDSM_NB_DATA`` names. The first table
tells by how many per cent an estimate moves (median and worst) where the image changes little;
the second how good the segmentation is that follows from it, with everything else at its default.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from run import layout

import superdsm_nb
from superdsm_nb.automation.scale import ESTIMATORS
from superdsm_nb.errors import ScaleEstimationError
from superdsm_nb.io import imread
from superdsm_nb.metrics import score

Image = NDArray[Any]


def changes(image: Image) -> Iterator[tuple[str, Image]]:
    """Variants of an image that should give the same scale, or nearly."""
    rng = np.random.default_rng(0)
    image = image.astype(np.float64)
    height, width = image.shape
    yield "upside down", image[::-1]
    yield "mirrored", image[:, ::-1]
    yield "transposed", image.T
    yield "0.37 x + 5", 0.37 * image + 5
    yield "last bit of float32", image * (1 + 1e-7 * rng.standard_normal(image.shape))
    for part in (0.01, 0.05, 0.2):
        yield (
            f"noise, {100 * part:g} % of the deviation",
            image + rng.normal(0, part * image.std(), image.shape),
        )
    yield "without the first row and column", image[1:, 1:]
    yield "the middle 80 %", image[height // 10 : height * 9 // 10, width // 10 : width * 9 // 10]


def estimated(name: str, image: Image) -> float:
    """Return the estimate; NaN if there is none."""
    try:
        return ESTIMATORS[name](image)
    except ScaleEstimationError:
        return np.nan


def main() -> None:
    """Print both tables."""
    data = Path(os.environ["SUPERDSM_NB_DATA"])
    moves: dict[tuple[str, str], list[float]] = {}
    scores: dict[tuple[str, str], list[list[float]]] = {}
    for path in sorted(data.glob("*/images/*")):
        truths = list(path.parent.with_name("truth").glob(f"{path.stem}.*"))
        if not truths:
            continue
        image, truth = imread(path), imread(truths[0])
        for name in ESTIMATORS:
            before = estimated(name, image)
            for change, changed in changes(image):
                moved = abs(estimated(name, np.ascontiguousarray(changed)) / before - 1)
                moves.setdefault((change, name), []).append(100 * moved)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                labels = superdsm_nb.segment(image, {"automation": {"estimator": name}})
            found = score(labels, truth)
            figures = [found.dice, found.seg, found.ap50, found.ap75]
            scores.setdefault((path.parent.parent.name, name), []).append(figures)
    rows = [
        [change, name, f"{np.nanmedian(found):.2f}", f"{np.nanmax(found):.2f}"]
        for (change, name), found in moves.items()
    ]
    print(layout(["change", "estimator", "median %", "worst %"], sorted(rows)))
    print()
    rows = [
        [folder, name, str(len(found)), *(f"{figure:.4f}" for figure in np.mean(found, axis=0))]
        for (folder, name), found in scores.items()
    ]
    print(layout(["images", "estimator", "number", "Dice", "SEG", "AP50", "AP75"], rows))


if __name__ == "__main__":
    main()
