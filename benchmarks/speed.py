"""Time both methods and a script on six sets: ``python benchmarks/speed.py [--images N] [--published]``.

Each image is segmented three times by each method in turn, after a run that does not count; the script is
the pipeline of ten lines of scikit-image in ``watershed.py``. The table has medians over the first N images
of each set (default 5), in yardsticks (see ``yardstick.py``), and the ratio of the automatic method to the
script. Nothing else should run meanwhile. Needs the sets of images that ``SUPERDSM_NB_DATA`` names.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any

import watershed
from datasets import SETS, samples
from numpy.typing import NDArray
from yardstick import yardstick

import superdsm_nb
from superdsm_nb.io import imread

REPEATS = 3
Method = Callable[[NDArray[Any]], NDArray[Any]]


def seconds(methods: dict[str, Method], image: NDArray[Any]) -> dict[str, float]:
    """Median seconds of each method; they take turns, so that a slow moment hits all of them."""
    times: dict[str, list[float]] = {name: [] for name in methods}
    for repeat in range(REPEATS + 1):
        for name, method in methods.items():
            start = time.perf_counter()
            method(image)
            if repeat:
                times[name].append(time.perf_counter() - start)
    return {name: statistics.median(each) for name, each in times.items()}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=5)
    parser.add_argument("--published", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    methods: dict[str, Method] = {"automatic": superdsm_nb.segment, "script": watershed.segment}
    if options.published:
        methods["published"] = lambda image: superdsm_nb.segment(image, preset="published")
    print("set       megapixels  " + "  ".join(f"{name:>9s}" for name in methods) + "  automatic / script")
    for dataset in SETS:
        chosen = samples(dataset)[: options.images]
        images = [imread(sample.image) for sample in chosen]
        unit = yardstick(3)
        times = [seconds(methods, image) for image in images]
        medians = {name: statistics.median(each[name] / unit for each in times) for name in methods}
        ratio = statistics.median(each["automatic"] / each["script"] for each in times)
        size = statistics.median(image.size for image in images) / 1e6
        columns = "  ".join(f"{medians[name]:9.2f}" for name in methods)
        print(f"{dataset:8s}  {size:10.2f}  {columns}  {ratio:18.2f}", flush=True)


if __name__ == "__main__":
    main()
