"""Compare segmentations with the truth: ``python benchmarks/accuracy.py [--set NAME] [--method NAME] ...``.

Needs the sets of images that the variable ``SUPERDSM_NB_DATA`` names. Printed are AP50, AP75 and SEG of every
set and method (means over the images, and the mean over the sets), and what became of the true nuclei at
the IoU 0.5 (see `superdsm_nb.metrics.count_losses`). An image that fails is listed and counts 0.

The methods are ``automatic`` and ``published``, the presets of `superdsm_nb.segment`, and ``script``, ten
lines of scikit-image (see ``watershed.py``). ``--compare OLD NEW`` compares two files that ``--save`` wrote.
``--guard`` records the figures of the presets that ``tests/parity/test_accuracy.py`` holds on to.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import watershed
from accuracy_tables import (
    FIGURES,
    Record,
    comparison,
    failures,
    figures_by_set,
    losses_by_set,
    mean,
    worst_images,
)
from datasets import SETS, Sample, samples
from numpy.typing import NDArray

import superdsm_nb
from superdsm_nb.errors import SuperDSMError
from superdsm_nb.events import ignore
from superdsm_nb.io import imread
from superdsm_nb.metrics import count_losses, score
from superdsm_nb.parallel import THREADS_VARIABLE, thread_count

PRESETS = ("automatic", "published")
METHODS = (*PRESETS, "script")
GUARD = Path(__file__).parents[1] / "tests" / "parity" / "test_accuracy.json"


def segment(method: str, image: NDArray[Any]) -> NDArray[Any]:
    """Segment an image by a method."""
    if method == "script":
        return watershed.segment(image)
    return superdsm_nb.segment(image, preset=method, emit=ignore)


def measure(task: tuple[Sample, str]) -> Record:
    """Segment an image and compare it with the truth."""
    sample, method = task
    image, truth = imread(sample.image), imread(sample.truth)
    error = ""
    start = time.perf_counter()
    try:
        labels = segment(method, image)
    except SuperDSMError as caught:
        error = f"{type(caught).__name__}: {caught}"
        labels = np.zeros_like(truth)
    seconds = time.perf_counter() - start
    found = score(labels, truth)
    return {
        "set": sample.dataset,
        "image": sample.name,
        "method": method,
        **{name: 0.0 if error else getattr(found, name) for name in FIGURES},
        **asdict(count_losses(labels, truth)),
        "seconds": seconds,
        "error": error,
    }


def measure_all(tasks: list[tuple[Sample, str]], jobs: int) -> list[Record]:
    """Measure in as many processes as there are jobs, counting on standard error."""
    if jobs == 1:
        return list(counted(map(measure, tasks), len(tasks)))
    os.environ[THREADS_VARIABLE] = str(max(1, thread_count() // jobs))
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
        return list(counted(pool.map(measure, tasks), len(tasks)))


def counted(records: Iterable[Record], total: int) -> Iterator[Record]:
    """Pass on what comes in, and tell how much did."""
    for number, record in enumerate(records, start=1):
        print(f"\r{number} of {total}", end="", file=sys.stderr, flush=True)
        yield record
    print(file=sys.stderr)


def record_guard(presets: list[str], jobs: int) -> None:
    """Store the mean figures of the images of the test, for these presets."""
    guard = json.loads(GUARD.read_text(encoding="utf-8"))
    chosen = [
        sample
        for dataset, names in guard["images"].items()
        for sample in samples(dataset)
        if sample.name in names
    ]
    for preset in presets:
        records = measure_all([(sample, preset) for sample in chosen], jobs)
        if failed := failures(records):
            raise SystemExit(f"{failed}\nNothing is recorded for the preset {preset}.")
        guard["figures"][preset] = {name: round(mean(records, name), 4) for name in FIGURES}
        print(f"{preset}: {guard['figures'][preset]}")
    GUARD.write_text(json.dumps(guard, indent=2) + "\n", encoding="utf-8")


def report(records: list[Record], worst: int) -> str:
    """Write all tables about some measurements."""
    parts = [figures_by_set(records), losses_by_set(records), failures(records)]
    return "\n\n".join(part for part in [*parts, worst_images(records, worst)] if part)


def parse() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--set", action="append", choices=SETS, dest="sets", help="one set; repeat for more")
    parser.add_argument("--method", action="append", choices=METHODS, dest="methods", help="likewise")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="each N-th image of a set only")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes")
    parser.add_argument("--save", type=Path, metavar="FILE", help="also write the figures per image to FILE")
    parser.add_argument("--worst", type=int, default=0, metavar="N", help="list the N worst images of a set")
    parser.add_argument("--compare", nargs=2, type=Path, metavar=("OLD", "NEW"), help="compare such files")
    parser.add_argument("--guard", action="store_true", help="record what the test holds on to, and no more")
    return parser.parse_args()


def main() -> None:
    """Parse the command line, measure, print."""
    arguments = parse()
    if arguments.compare is not None:
        old, new = (json.loads(path.read_text(encoding="utf-8")) for path in arguments.compare)
        print(comparison(old, new, arguments.worst or 5))
        return
    if arguments.guard:
        presets = [name for name in arguments.methods or PRESETS if name in PRESETS]
        record_guard(presets, arguments.jobs)
        return
    tasks = [
        (sample, method)
        for dataset in arguments.sets or SETS
        for sample in samples(dataset, arguments.every)
        for method in arguments.methods or METHODS
    ]
    records = measure_all(tasks, arguments.jobs)
    if arguments.save is not None:
        arguments.save.write_text(json.dumps(records, indent=1) + "\n", encoding="utf-8")
    print(report(records, arguments.worst))


if __name__ == "__main__":
    main()
