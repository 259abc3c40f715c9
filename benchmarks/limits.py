"""Start-up cost, and growth of cost: ``python benchmarks/limits.py startup|growth|throughput ...``.

``startup IMAGE``: seconds of the first process after installation, of the second one, and of the import.
``growth IMAGE[,KEY=VALUE]``: seconds and memory per tile of mosaics of 1, 4, 16 and 64 tiles of the image.
``throughput FOLDER[,KEY=VALUE]...``: images per minute with 1 and with 2 workers, one thread each.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from run import layout
from yardstick import yardstick

import superdsm_nb
from superdsm_nb.io import imread

TILES = (1, 2, 4, 8)  # per side
SCRIPT = """
import sys
import superdsm_nb
from superdsm_nb.io import imread
superdsm_nb.segment(imread(sys.argv[1]))
"""


def seconds_of(command: list[str], environment: dict[str, str]) -> float:
    """Run a process and return how long it took."""
    start = time.perf_counter()
    subprocess.run(command, check=True, env={**os.environ, **environment}, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def startup(image: str) -> None:
    """Print the time of a first and a second process, and of an import."""
    with tempfile.TemporaryDirectory() as cache:
        environment = {"NUMBA_CACHE_DIR": cache}
        command = [sys.executable, "-c", SCRIPT, image]
        first = seconds_of(command, environment)
        later = sorted(seconds_of(command, environment) for _ in range(5))
    bare = sorted(seconds_of([sys.executable, "-c", "pass"], {}) for _ in range(5))
    imported = sorted(seconds_of([sys.executable, "-c", "import superdsm_nb"], {}) for _ in range(5))
    print(f"first process, compilation included   {first:6.2f} s")
    print(f"second process                        {later[2]:6.2f} s (median of 5)")
    print(f"import superdsm_nb                    {imported[2] - bare[2]:6.2f} s (beyond an empty process)")


def settings_of(what: str) -> tuple[str, dict[str, Any]]:
    """Split NAME,KEY=VALUE,... into the name and the configuration."""
    name, *settings = what.split(",")
    return name, {key: json.loads(value) for key, _, value in (text.partition("=") for text in settings)}


def growth(what: str) -> None:
    """Print time and memory per tile of larger and larger mosaics, each in its own process."""
    rows: list[list[str]] = []
    first = 0.0
    for side in TILES:
        command = [sys.executable, __file__, "mosaic", what, str(side)]
        result = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        per_tile = result["yardsticks"] / side**2
        first = first or per_tile
        rows.append(
            [
                str(side * side),
                f"{result['seconds']:.2f}",
                f"{result['seconds'] / side**2:.3f}",
                f"{per_tile:.3f}",
                f"{per_tile / first:.3f}",
                str(result["objects"]),
                f"{result['memory_mb']:.0f}",
                f"{result['memory_mb'] / result['megapixels']:.0f}",
            ]
        )
        print("  ".join(rows[-1]), file=sys.stderr, flush=True)
    columns = [
        "tiles",
        "seconds",
        "per tile",
        "yardsticks per tile",
        "to one tile",
        "objects",
        "MB",
        "MB per Mpx",
    ]
    print(layout(columns, rows))


def mosaic(what: str, side: str) -> None:
    """Segment a mosaic of side * side tiles, mirrored so that they match; print the measurements as JSON."""
    name, config = settings_of(what)
    tile = imread(Path(name))
    superdsm_nb.segment(tile, config)  # loads the kernels
    image = np.pad(tile, [(0, size * (int(side) - 1)) for size in tile.shape], mode="symmetric")
    before = yardstick()
    times = []
    for _ in range(5 if int(side) < 4 else 3):
        start = time.perf_counter()
        labels = superdsm_nb.segment(image, config)
        times.append(time.perf_counter() - start)
    seconds = sorted(times)[len(times) // 2]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    measurements = {
        "seconds": seconds,
        "yardsticks": seconds / ((before + yardstick()) / 2),
        "objects": int(labels.max()),
        "memory_mb": memory,
        "megapixels": image.size / 1e6,
    }
    print(json.dumps(measurements))


def work(path: str, config: dict[str, Any]) -> float:
    """Segment an image file in a worker; return the seconds."""
    start = time.perf_counter()
    superdsm_nb.segment(imread(Path(path)), config)
    return time.perf_counter() - start


def throughput(*folders: str) -> None:
    """Print how many images per minute one worker and two workers segment."""
    os.environ["SUPERDSM_NB_NUM_THREADS"] = "1"
    jobs = []
    for folder in folders:
        name, config = settings_of(folder)
        jobs += [(str(path), config) for path in sorted(Path(name).iterdir()) if path.is_file()]
    paths, configs = [path for path, _ in jobs], [config for _, config in jobs]
    unit = yardstick()
    seconds = {}
    for workers in (1, 2):
        with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
            list(pool.map(work, paths[:1] * 4 * workers, configs[:1] * 4 * workers))  # loads the kernels
            start = time.perf_counter()
            list(pool.map(work, paths, configs))
            seconds[workers] = time.perf_counter() - start
    unit = (unit + yardstick()) / 2
    rows = [
        [
            str(n),
            f"{s:.2f}",
            f"{60 * len(paths) / s:.1f}",
            f"{s / len(paths) / unit:.2f}",
            f"{seconds[1] / s:.2f}",
        ]
        for n, s in seconds.items()
    ]
    print(layout(["workers", "seconds", "images per minute", "yardsticks per image", "to one worker"], rows))


COMMANDS: dict[str, Callable[..., None]] = {
    "startup": startup,
    "growth": growth,
    "throughput": throughput,
    "mosaic": mosaic,
}

if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] not in COMMANDS:
        sys.exit(__doc__)
    COMMANDS[sys.argv[1]](*sys.argv[2:])
