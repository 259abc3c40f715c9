"""What tiles cost: ``python benchmarks/tiles.py [--tile PIXELS] [--rounds N]``.

For each density of nuclei, the tile in the middle of a generated image of 3 x 3 parts, whose surroundings are
read as well, and the same part segmented as an image of its own, in turns in one process with one thread:
processor seconds, and their ratio per megapixel. Then the peak memory of a process that does only this tile.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ["SUPERDSM_NB_NUM_THREADS"] = "1"

import numpy as np

from superdsm_nb import analyze
from superdsm_nb.config import Config, with_preset
from superdsm_nb.events import ignore
from superdsm_nb.io import Source, save_zarr
from superdsm_nb.synthetic import generate
from superdsm_nb.tiles import run
from superdsm_nb.tiles.crew import alone
from superdsm_nb.tiles.plan import Plan
from superdsm_nb.tiles.work import opened, segment_tile

DENSITIES = {"crowded": 430, "sparse": 60, "empty": 0}  # nuclei per megapixel
RADIUS = 16.0  # pixels, so that tiles and images have the same resolution


def part_of(tile: int, per_megapixel: int) -> np.ndarray:
    """Return an image of the size of a tile."""
    if per_megapixel == 0:
        return np.random.default_rng(0).poisson(400, (tile, tile)).astype(np.uint16)
    nuclei = int(per_megapixel * tile**2 / 1e6)
    return generate(seed=1, shape=(tile, tile), nuclei=nuclei, radius=RADIUS, clustering=0.6).image


def plan_of(folder: Path, part: np.ndarray) -> Plan:
    """Write an image of 3 x 3 parts, and plan its tiles."""
    save_zarr(folder / "image.zarr", np.tile(part, (3, 3)))
    config = with_preset(Config({}), None)
    source = Source(folder / "image.zarr")
    plan, _ = run._plan(source, folder, config, 2 * RADIUS, part.shape[0], alone, ignore)
    return plan


def seconds(function: Callable[[], object]) -> float:
    """Processor seconds of a call."""
    start = time.process_time()
    function()
    return time.process_time() - start


def do_middle(plan: Plan) -> None:
    """Segment the tile in the middle."""
    with opened(plan) as canvas:
        segment_tile(canvas, plan, (1, 1))


def peak_megabytes(folder: Path) -> float:
    """Peak memory of a process that segments the tile in the middle."""
    script = [sys.executable, __file__, "--only", str(folder)]
    told = subprocess.run(script, check=True, capture_output=True, text=True).stdout
    return int(told) / 1024


def main(tile: int, rounds: int) -> None:
    """Print a row for each density."""
    print(f"{'nuclei':8} {'image':>8} {'given':>8} {'tile':>8}   tile / image, tile / given   peak")
    for name, per_megapixel in DENSITIES.items():
        part = part_of(tile, per_megapixel)
        with tempfile.TemporaryDirectory() as folder:
            plan = plan_of(Path(folder), part)
            share = math.prod(part.stop - part.start for part in plan.core((1, 1))) / plan.zoom**2 / part.size
            ways = (
                lambda part=part: analyze(part, emit=ignore),
                lambda part=part: analyze(part, diameter=2 * RADIUS, emit=ignore),
                lambda plan=plan: do_middle(plan),
            )
            ways[2]()  # kernels are loaded
            taken = [[seconds(way) for way in ways] for _ in range(rounds)]
            image, given, one = (statistics.median(each) for each in zip(*taken, strict=True))
            one /= share
            peak = peak_megabytes(Path(folder))
        print(
            f"{name:8} {image:6.2f} s {given:6.2f} s {one:6.2f} s   "
            f"{one / image:12.2f}, {one / given:12.2f}   {peak:.0f} MB",
            flush=True,
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tile", type=int, default=2048)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only is None:
        main(options.tile, options.rounds)
    else:
        plain = json.loads((options.only / run.PLAN_FILE).read_text(encoding="utf-8"))
        do_middle(Plan.from_plain(plain, options.only / "image.zarr"))
        # Of this process alone: getrusage counts the one that started it as well.
        status = Path("/proc/self/status").read_text()
        print(re.search(r"VmHWM:\s*(\d+) kB", status)[1])
