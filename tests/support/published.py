"""The published results and the stage-by-stage output of the reference, as tests use them.

They are found through the environment variable ``SUPERDSM_NB_DATA``, which names the folder of images; the
reference lies beside it. Tests that need them have the marker ``published``, and are skipped without it.
"""

from __future__ import annotations

import csv
import functools
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from superdsm_nb.automation import process_image
from superdsm_nb.config import Config
from superdsm_nb.io import imread
from superdsm_nb.pipeline import create_default_pipeline
from superdsm_nb.render import rasterize_labels

VARIABLE = "SUPERDSM_NB_DATA"
DATA = Path(os.environ.get(VARIABLE, ""))
REFERENCE = DATA.parent / "reference"

U2OS_ADAPTED = {
    "global-energy-minimization": {"AF_beta": 0.3},
    "dsm": {"AF_alpha": 7.5e-5},
    "postprocess": {"mask_max_distance": 2, "mask_stdamp": 3},
}
NIH3T3_ADAPTED = {
    "preprocess": {"sigma2": 40},
    "global-energy-minimization": {"beta": 1200},
    "dsm": {"alpha": 0.6},
    "postprocess": {
        "min_glare_radius": 50,
        "min_object_radius": 22,
        "mask_stdamp": 3,
        "max_norm_energy": 0.35,
        "min_contrast": 1.325,
    },
}
BBBC039 = {"AF_scale": 10, "dsm": {"AF_alpha": 0.00033}, "global-energy-minimization": {"AF_beta": 1.5}}
GREEDY = {"global-energy-minimization": {"solver": "greedy"}}
ISBI24 = {"global-energy-minimization": {"pruning": "isbi24"}}
CONFIGS = {
    ("U2OS", "default"): Config(),
    ("U2OS", "adapted"): Config(U2OS_ADAPTED),
    ("U2OS", "isbi24"): Config(U2OS_ADAPTED).merge(ISBI24),
    ("NIH3T3", "default"): Config(),
    ("NIH3T3", "adapted"): Config(NIH3T3_ADAPTED),
    ("NIH3T3", "isbi24"): Config(NIH3T3_ADAPTED).merge(ISBI24),
    ("BBBC039", "default"): Config(BBBC039),
    ("BBBC039", "isbi24"): Config(BBBC039).merge(ISBI24),
}


def image_path(dataset: str, name: str) -> Path:
    """The image `name` (without suffix) of a data set."""
    (path,) = (DATA / dataset / "images").glob(f"{name}.*")
    return path


def image_names(dataset: str) -> list[str]:
    """Names of all images of a data set."""
    return sorted(path.stem for path in (DATA / dataset / "images").glob("*.*"))


def scales() -> dict[str, float | None]:
    """Scale that the reference estimates, by ``DATASET/NAME``."""
    return json.loads((DATA / "scales.json").read_text())


@dataclass(frozen=True)
class Reference:
    """What the reference computed for one image and configuration."""

    dataset: str
    config_name: str
    name: str

    @property
    def _base(self) -> Path:
        return REFERENCE / self.dataset / self.config_name / self.name

    @functools.cached_property
    def record(self) -> dict[str, Any]:
        return json.loads(self._base.with_suffix(".json").read_text())

    @functools.cached_property
    def arrays(self) -> dict[str, np.ndarray]:
        with np.load(self._base.with_suffix(".npz")) as file:
            return dict(file)

    @property
    def config(self) -> Config:
        """Every hyperparameter as used, the scale pinned, the cover found as published."""
        return Config(self.record["config"]).merge({"AF_scale": self.record["estimated_scale"], **GREEDY})

    @property
    def labels(self) -> np.ndarray:
        return imread(self._base.with_suffix(".png"))

    def __str__(self) -> str:
        return f"{self.dataset}-{self.config_name}-{self.name[:7]}"


def references() -> list[Reference]:
    """All runs of the reference."""
    return [
        Reference(path.parts[-3], path.parts[-2], path.stem) for path in sorted(REFERENCE.glob("*/*/*.json"))
    ]


@functools.lru_cache(maxsize=2)
def run(reference: Reference) -> dict[str, Any]:
    """Our pipeline data object for an image and the configuration of a run of the reference."""
    image = imread(image_path(reference.dataset, reference.name))
    return process_image(create_default_pipeline(), reference.config, image)[0]


def segment_published(dataset: str, config_name: str, name: str) -> dict[str, Any]:
    """Our pipeline data object for a published configuration, the scale pinned to the published one."""
    config = CONFIGS[dataset, config_name].derive(GREEDY)
    config.set_default("AF_scale", scales().get(f"{dataset}/{name}"))
    data, used, _ = process_image(create_default_pipeline(), config, imread(image_path(dataset, name)))
    return {**data, "config": used}


Row = tuple[int, float, float]


def published_rows(dataset: str, config_name: str, name: str, machine: str) -> list[Row]:
    """Size and centre (x, y) of every published object."""
    path = DATA / dataset / "expected" / config_name / f"machine-{machine}" / f"{name}.csv"
    with path.open() as file:
        return [(int(size), float(x), float(y)) for size, x, y in list(csv.reader(file))[1:]]


def rows_of(data: dict[str, Any]) -> list[Row]:
    """Size and centre (x, y), rounded as published, of every object of our label map."""
    labels = rasterize_labels(data)
    numbers = range(1, int(labels.max()) + 1)
    sizes = np.bincount(labels.ravel(), minlength=len(numbers) + 1)[1:]
    centers = ndimage.center_of_mass(labels > 0, labels, numbers)
    return [
        (int(size), round(x, 1), round(y, 1)) for size, (y, x) in zip(sizes, centers, strict=True) if size > 0
    ]


def is_same(a: Row, b: Row) -> bool:
    """Same size, and centre within the rounding of the published tables."""
    return a[0] == b[0] and abs(a[1] - b[1]) < 0.101 and abs(a[2] - b[2]) < 0.101


def is_near(a: Row, b: Row) -> bool:
    """Centre within 2 px and size within 5 %."""
    return np.hypot(a[1] - b[1], a[2] - b[2]) <= 2 and abs(a[0] - b[0]) <= 0.05 * b[0]
