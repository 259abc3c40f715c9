"""How cost grows: ``python benchmarks/scaling.py [area] [apart] [clump] [empty] [--picture FILE]``.

``area``: mosaics of 1 to 64 tiles of a generated image. ``apart``: 10 to 10,000 separate nuclei. ``clump``:
one clump of 10 to 10,000 touching nuclei. ``empty``: noise, and one nucleus in noise, 1500 pixels square. The
automatic method runs twice on each image, in a process of its own; the second time counts. The columns are
seconds, yardsticks (see ``yardstick.py``), and megabytes beyond those of the process before. The last line
of a curve is its slope on logarithmic scales over its upper half. ``--picture`` draws the curves (SVG).
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from yardstick import yardstick

import superdsm_nb
from superdsm_nb.synthetic import generate

RADIUS = 10.0
TITLES = {"area": "area", "apart": "nuclei apart", "clump": "one clump of touching nuclei"}
Image = NDArray[Any]


def nuclei_at(centers: NDArray[np.float64], side: int, seed: int = 0) -> Image:
    """Draw a disk at each place, as far as no other centre is nearer."""
    rng = np.random.default_rng(seed)
    rows, cols = np.indices((side, side))
    distance, index = cKDTree(centers).query(
        np.stack([rows.ravel(), cols.ravel()], axis=1), distance_upper_bound=RADIUS
    )
    inside = np.isfinite(distance)
    depth = np.zeros(side * side)
    depth[inside] = np.minimum(1, (RADIUS - distance[inside]) / 3)
    brightness = np.append(rng.uniform(600, 1400, len(centers)), 0)
    return rng.poisson(100 + depth * brightness[index]).reshape(side, side)


def lattice(count: int, spacing: float, side: int, seed: int = 0) -> NDArray[np.float64]:
    """Return the `count` places of a shaken hexagonal lattice that are nearest to the middle of the field."""
    rng = np.random.default_rng(seed)
    number = math.ceil(1.2 * math.sqrt(count)) + 3
    row, col = np.indices((number, number))
    places = spacing * np.stack([row * math.sqrt(3) / 2, col + row % 2 / 2], axis=2).reshape(-1, 2)
    places -= places.mean(axis=0)
    nearest = places[np.argsort(np.hypot(*places.T), kind="stable")[:count]]
    return nearest + side / 2 + rng.normal(0, 0.06 * spacing, nearest.shape)


def cases(name: str) -> Iterator[tuple[float, Image, int | None]]:
    """Size, image, and number of nuclei of each point of a curve."""
    if name == "area":
        tile = generate(seed=0, shape=(256, 256), nuclei=12, radius=RADIUS).image
        for count in (1, 2, 4, 8):
            yield count**2, np.tile(tile, (count, count)), None
    for count in (10, 100, 1000, 10_000):
        if name in ("apart", "clump"):  # with a margin as wide as a quarter of them
            spacing = (3.0 if name == "apart" else 1.8) * RADIUS
            side = math.ceil(1.5 * spacing * math.sqrt(count) + 4 * RADIUS)
            yield count, nuclei_at(lattice(count, spacing, side), side), count
    if name == "empty":
        noise = np.random.default_rng(0).normal(100, 10, (1500, 1500))
        yield 0, noise, 0
        yield 1, noise + 200 * (np.hypot(*(np.indices(noise.shape) - 700)) < 20), 1


def measured(image: Image) -> tuple[float, float, int, float]:
    """Seconds, yardsticks, objects and megabytes of a second segmentation."""
    warnings.simplefilter("ignore")
    superdsm_nb.segment(image[:200, :200], preset="automatic")
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew (Linux)
    before = memory_of("VmRSS")
    superdsm_nb.segment(image)
    unit = yardstick(3)
    start = time.perf_counter()
    labels = superdsm_nb.segment(image)
    seconds = time.perf_counter() - start
    return seconds, seconds / unit, int(labels.max()), memory_of("VmHWM") - before


def memory_of(name: str) -> float:
    """Memory of this process: VmRSS, what it has now, or VmHWM, its peak (megabytes)."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(float(line.split()[1]) / 1024 for line in lines if line.startswith(name))


def draw(curves: dict[str, NDArray[np.float64]], path: Path) -> None:
    """Draw time and memory over the size, on logarithmic scales, beside lines of slope 1."""
    import matplotlib as mpl  # noqa: PLC0415 - only for pictures
    from matplotlib.figure import Figure  # noqa: PLC0415

    mpl.rcParams["svg.fonttype"] = "none"
    figure = Figure(figsize=(9, 5.4), layout="constrained")
    axes = figure.subplots(2, len(curves), squeeze=False, sharex="col")
    for column, (name, points) in zip(axes.T, curves.items(), strict=True):
        for axis, index, unit in zip(column, (2, 3), ("yardsticks", "megabytes"), strict=True):
            size, values = points[:, 0], points[:, index]
            axis.loglog(size, values[-1] * size / size[-1], color="0.75", linewidth=1, label="slope 1")
            axis.loglog(size, values, "o-", color="tab:blue", label=unit)
            axis.grid(color="0.93")
            axis.set_ylabel(unit)
        column[0].set_title(TITLES[name], fontsize="medium")
        column[0].legend(frameon=False)
        column[1].set_xlabel("tiles" if name == "area" else "nuclei")
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    """Print the curves that are asked for, or all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="CURVE", help="area, apart, clump or empty; default: all")
    parser.add_argument("--picture", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    curves: dict[str, NDArray[np.float64]] = {}
    for name in arguments.names or [*TITLES, "empty"]:
        print(f"{name:>8s}  megapixels  seconds  yardsticks  megabytes  objects  of")
        points = []
        for size, image, count in cases(name):
            with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
                seconds, unit, found, memory = pool.submit(measured, image).result()
            points.append((size, seconds, unit, memory))
            expected = "" if count is None else count
            print(
                f"{size:8g}  {image.size / 1e6:10.2f}  {seconds:7.3f}  {unit:10.2f}  {memory:9.0f}  "
                f"{found:7d}  {expected}",
                flush=True,
            )
        if name != "empty":
            upper = np.log(np.maximum(np.array(points[len(points) // 2 - 1 :]), 1e-9))
            time_slope, memory_slope = (np.polyfit(upper[:, 0], upper[:, k], 1)[0] for k in (1, 3))
            print(f"   slope  of time {time_slope:.2f}, of memory {memory_slope:.2f}\n")
            curves[name] = np.array(points)
    if arguments.picture is not None:
        draw(curves, arguments.picture)


if __name__ == "__main__":
    main()
