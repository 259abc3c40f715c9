"""The sets of images with hand-made truth, in the folder that ``SUPERDSM_NB_DATA`` names."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

SETS = ("BBBC039", "U2OS", "NIH3T3", "DSB2018", "HepG2", "Huh7")


@dataclass(frozen=True)
class Sample:
    """An image file and its truth."""

    dataset: str
    name: str
    image: Path
    truth: Path


def samples(dataset: str, every: int = 1) -> list[Sample]:
    """List each `every`-th image of a set, by name."""
    folder = Path(os.environ["SUPERDSM_NB_DATA"]) / dataset
    truths = {path.stem: path for path in (folder / "truth").iterdir()}
    images = sorted(path for path in (folder / "images").iterdir() if path.stem in truths)
    return [Sample(dataset, path.stem, path, truths[path.stem]) for path in images[::every]]
