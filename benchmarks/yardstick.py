"""A fixed job as a unit of time: speeds of machines differ and drift, ratios to a job in the same run do not.

Half of the job is dense algebra, half image filtering, in proportions near those of a segmentation.
"""

from __future__ import annotations

import statistics
import time

import numpy as np
from scipy import ndimage
from threadpoolctl import threadpool_limits

SIZE = 900


def yardstick(repeats: int = 5) -> float:
    """Median seconds of the job on one thread: six products of matrices, one Gaussian, one exponential."""
    rng = np.random.default_rng(0)
    matrix, image = rng.random((SIZE, SIZE)), rng.random((SIZE, SIZE))
    times = []
    with threadpool_limits(1):
        for _ in range(repeats + 1):
            start = time.perf_counter()
            for _ in range(6):
                matrix @ matrix
            ndimage.gaussian_filter(image, 12)
            np.exp(-image).sum()
            times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


def multiply_adds_per_second() -> float:
    """Rate of a product of float64 matrices on one thread."""
    matrix = np.random.default_rng(0).random((SIZE, SIZE))
    times = []
    with threadpool_limits(1):
        for _ in range(6):
            start = time.perf_counter()
            matrix @ matrix
            times.append(time.perf_counter() - start)
    return SIZE**3 / min(times)
