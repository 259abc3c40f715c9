"""Kernels compared with SciPy, scikit-image and NumPy: ``nox -s kernels`` (pytest-benchmark).

Each group holds one task, done by ours and by theirs; compare within a group.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import ndimage
from skimage.feature import hessian_matrix_det
from skimage.segmentation import watershed

from superdsm_nb.dsm import Energy, FitParameters
from superdsm_nb.filters import dense_rank_of_distance, distance, gaussian, squared_distance
from superdsm_nb.image import Image
from superdsm_nb.kernels import energy as kernels
from superdsm_nb.kernels import watershed as watershed_kernels
from superdsm_nb.kernels.blobs import hessian_determinant
from superdsm_nb.synthetic import generate

SAMPLE = generate(seed=0, shape=(700, 800), nuclei=60)
IMAGE = SAMPLE.image.astype(np.float64)
MARKERS = SAMPLE.labels.astype(np.int32)
EVERYWHERE = np.ones(IMAGE.shape, bool)
SIGMA = 40.0


def region_energy() -> tuple[Energy, np.ndarray]:
    """Energy of the brightest square of the image, and its dense design matrix."""
    image = Image.create_from_array(IMAGE[:120, :120] / IMAGE.max() - IMAGE.mean() / IMAGE.max())
    energy = Energy(image.get_region(image.mask), FitParameters(smooth_amount=10, smooth_subsample=20))
    dense = np.column_stack([energy.surface(unit) for unit in np.eye(energy.size)])
    return energy, dense


ENERGY, DENSE = region_energy()
POINT = np.random.default_rng(0).normal(size=ENERGY.size) / 10


def dense_hessian() -> np.ndarray:
    """Product with the dense matrix, by BLAS."""
    return DENSE.T @ (np.full(len(DENSE), 0.25)[:, np.newaxis] * DENSE)


TASKS: dict[str, dict[str, Callable[[], Any]]] = {
    "distance": {
        "ours": lambda: distance(MARKERS > 0),
        "scipy": lambda: ndimage.distance_transform_edt(MARKERS == 0),
    },
    "watershed": {
        "ours": lambda: watershed_kernels.watershed(
            dense_rank_of_distance(squared_distance(MARKERS > 0)), MARKERS, EVERYWHERE
        ),
        "scikit-image": lambda: watershed(ndimage.distance_transform_edt(MARKERS == 0), MARKERS),
    },
    "wide gaussian": {
        "ours": lambda: gaussian(IMAGE, SIGMA),
        "scipy": lambda: ndimage.gaussian_filter(IMAGE, SIGMA),
    },
    "determinant of the hessian": {
        "ours": lambda: hessian_determinant(IMAGE.cumsum(0).cumsum(1), SIGMA, 0, IMAGE.shape[0]),
        "scikit-image": lambda: hessian_matrix_det(IMAGE, SIGMA),
    },
    "hessian of the energy": {
        "ours": lambda: ENERGY.hessian(POINT),
        "numpy": dense_hessian,
    },
    "gradient of the energy": {
        "ours": lambda: ENERGY.grad(POINT),
        "numpy": lambda: DENSE.T @ (DENSE @ POINT),
    },
    "logistic loss": {
        "ours": lambda: kernels.logistic_loss(IMAGE.ravel(), IMAGE.ravel()),
        "numpy": lambda: np.logaddexp(0, -IMAGE.ravel() * IMAGE.ravel()).sum(),
    },
}


@pytest.mark.parametrize(("task", "by"), [(task, by) for task, ways in TASKS.items() for by in ways])
def test_kernel(benchmark: Any, task: str, by: str) -> None:  # noqa: ANN401 - the plugin has no types
    """Time one way to do one task."""
    benchmark.group = task
    benchmark(TASKS[task][by])
