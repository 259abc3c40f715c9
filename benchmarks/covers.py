"""Compare exact and greedy covers: ``python benchmarks/covers.py IMAGES TRUTH [--set KEY=VALUE ...]``.

IMAGES and TRUTH are folders of images and of true label maps of the same names. Printed are, for both
solvers, the cost of the covers and their gap, the fits beyond atoms and clusters, the seconds of the energy
minimisation and of its integer programmes, the objects, and the agreement with the truth.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import scipy

from superdsm_nb.automation import process_image
from superdsm_nb.config import Config
from superdsm_nb.io import imread
from superdsm_nb.metrics import score
from superdsm_nb.pipeline import create_default_pipeline
from superdsm_nb.render import rasterize_labels

STAGE = "global-energy-minimization"
COLUMNS = ("cost", "gap", "fits", "seconds", "programme", "objects")
SCORES = ("seg", "dice", "ap50", "ap75", "splits", "merges")


P = ParamSpec("P")
R = TypeVar("R")


def timed(function: Callable[P, R], total: list[float]) -> Callable[P, R]:
    """Add the time that `function` takes to `total`."""

    def wrapper(*arguments: P.args, **options: P.kwargs) -> R:
        start = time.perf_counter()
        try:
            return function(*arguments, **options)
        finally:
            total[0] += time.perf_counter() - start

    return wrapper


def measure(data: dict[str, Any], config: Config, truth: Path, repeats: int) -> dict[str, float]:
    """Energy minimisation and post-processing from the data of the stages before."""
    pipeline = create_default_pipeline()
    seconds, programmes = [], []
    solve = scipy.optimize.milp
    for _ in range(repeats):
        programme = [0.0]
        scipy.optimize.milp = timed(solve, programme)
        result, _, timings = pipeline.process_image(data["g_raw"], config, first_stage=STAGE, data=data)
        scipy.optimize.milp = solve
        seconds.append(timings[STAGE])
        programmes.append(programme[0])
    labels = rasterize_labels(result)
    report = result["performance"]
    agreement = score(labels, imread(truth))
    return {
        "cost": report.cost,
        "gap": report.gap,
        "fits": report.iterative_computed_object_count,
        "seconds": statistics.median(seconds),
        "programme": statistics.median(programmes),
        "objects": int(labels.max()),
        **{name: getattr(agreement, name) for name in SCORES},
    }


def main() -> None:
    """Parse the command line, run, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("images", type=Path)
    parser.add_argument("truth", type=Path)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="settings")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    base = Config()
    for setting in arguments.settings:
        key, _, value = setting.partition("=")
        base[key] = json.loads(value)
    names = {path.stem: path for path in sorted(arguments.truth.iterdir())}
    print(f"{'image':10}{'solver':8}" + "".join(f"{name:>11}" for name in (*COLUMNS, *SCORES)))
    rows: dict[str, list[dict[str, float]]] = {"greedy": [], "exact": []}
    for path in sorted(arguments.images.iterdir()):
        if path.stem not in names:
            continue
        image = imread(path)
        data, used, _ = process_image(create_default_pipeline(), base, image)
        for solver, results in rows.items():
            config = used.derive({STAGE: {"solver": solver}})
            results.append(measure(data, config, names[path.stem], arguments.repeats))
            print_row(path.stem[:8], solver, results[-1])
    for solver, results in rows.items():
        mean = {name: statistics.mean(result[name] for result in results) for name in results[0]}
        print_row("mean", solver, mean)


def print_row(name: str, solver: str, row: dict[str, float]) -> None:
    """Print the measurements of one image and solver."""
    print(f"{name:10}{solver:8}" + "".join(f"{value:11.5g}" for value in row.values()))


if __name__ == "__main__":
    main()
