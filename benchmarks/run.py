"""Time the stages: ``python benchmarks/run.py [IMAGE[,KEY=VALUE]... ...] [--repeats N] [--json FILE]``.

Each image is segmented in a process of its own, with the kernels compiled and loaded; the medians of the
repeats are printed, in seconds and in yardsticks (see ``yardstick.py``). Where the cost of the original is
known for an image, its ratio to ours is given. ``--compare OLD NEW`` compares files that ``--json`` wrote.

Without images, the three of known cost are taken from the folder that SUPERDSM_NB_DATA names, or else a
generated one.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from yardstick import multiply_adds_per_second, yardstick

from superdsm_nb.automation import process_image
from superdsm_nb.config import Config
from superdsm_nb.dsm import FitParameters, FitResult
from superdsm_nb.globalenergymin import GlobalEnergyMinimization
from superdsm_nb.image import Region
from superdsm_nb.io import imread
from superdsm_nb.parallel import thread_count
from superdsm_nb.pipeline import create_default_pipeline
from superdsm_nb.render import rasterize_labels
from superdsm_nb.synthetic import generate

# Cost of the original (library versions of its publication) with two workers on two idle cores, in
# yardsticks, by the first digits of the SHA-256 digest of the image file.
REFERENCE = {"634243b28821": 561, "e39cbaafd407": 264, "f9a51ae558e5": 205}
IMAGES = (
    "U2OS/images/dna-0.png",
    "NIH3T3/images/dna-1.png",
    "BBBC039/images/A06_s6_w1B9577918-4973-4A87-BA73-A168AA755527.tif,AF_scale=10",
)
GENERATED = "generated,AF_scale=11.3"
STAGES = {
    "scale": "scale",
    "preprocess": "preprocess",
    "c2f-region-analysis": "regions",
    "global-energy-minimization": "energies",
    "postprocess": "postprocess",
    "labels": "labels",
    "total": "total",
}
NEWTON_STEPS = 3  # the minimum for a fit


def measure(what: str, repeats: int) -> dict[str, Any]:
    """Segment one image repeatedly in this process."""
    name, *settings = what.split(",")
    config = Config()
    for setting in settings:
        key, _, value = setting.partition("=")
        config[key] = json.loads(value)
    image = generate(seed=0).image if name == "generated" else imread(Path(name))
    pipeline = create_default_pipeline()

    sizes: list[tuple[int, int]] = []
    fit = GlobalEnergyMinimization.fit

    def counting_fit(region: Region, parameters: FitParameters) -> FitResult:
        result = fit(region, parameters)
        sizes.append((region.y.size, 6 + result.model.xi.size))
        return result

    GlobalEnergyMinimization.fit = staticmethod(counting_fit)
    labels = rasterize_labels(process_image(pipeline, config, image)[0])
    GlobalEnergyMinimization.fit = staticmethod(fit)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    before = yardstick()
    runs = []
    for _ in range(repeats):
        start = time.perf_counter()
        data, _, seconds = process_image(pipeline, config, image)
        middle = time.perf_counter()
        rasterize_labels(data)
        end = time.perf_counter()
        runs.append({**seconds, "labels": end - middle, "total": end - start})
    unit = (before + yardstick()) / 2
    median = {stage: statistics.median(run[stage] for run in runs) for stage in STAGES}
    limit = NEWTON_STEPS * sum(n * m * m for n, m in sizes) / multiply_adds_per_second() / thread_count()
    digest = "" if name == "generated" else hashlib.sha256(Path(name).read_bytes()).hexdigest()[:12]
    yardsticks = median["total"] / unit
    return {
        "image": Path(name).stem if len(Path(name).stem) < 12 else Path(name).stem[:6],
        "settings": settings,
        "shape": list(image.shape),
        "threads": thread_count(),
        "objects": int(labels.max()),
        "fits": len(sizes),
        "repeats": repeats,
        "seconds": median,
        "fastest": min(run["total"] for run in runs),
        "yardstick_seconds": unit,
        "yardsticks": yardsticks,
        "times_faster": REFERENCE[digest] / yardsticks if digest in REFERENCE else None,
        "peak_memory_mb": peak,
        "flop_limit_seconds": limit,
        "times_flop_limit": median["total"] / limit if limit > 0 else None,
    }


def in_process(what: str, repeats: int) -> dict[str, Any]:
    """Measure in a separate process, so that its peak memory is that of one image."""
    command = [sys.executable, __file__, "--measure", what, "--repeats", str(repeats)]
    result: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return result


def table(results: list[dict[str, Any]]) -> str:
    """Format the measurements as text."""
    columns = ["image", *STAGES.values(), "fits", "yardsticks", "x reference", "peak MB", "x flop limit"]
    rows = [
        [
            result["image"],
            *(f"{result['seconds'][stage]:.3f}" for stage in STAGES),
            str(result["fits"]),
            f"{result['yardsticks']:.2f}",
            "-" if result["times_faster"] is None else f"{result['times_faster']:.0f}",
            f"{result['peak_memory_mb']:.0f}",
            "-" if result["times_flop_limit"] is None else f"{result['times_flop_limit']:.1f}",
        ]
        for result in results
    ]
    return layout(columns, rows)


def layout(columns: list[str], rows: list[list[str]]) -> str:
    """Align a table: names to the left, numbers to the right."""
    widths = [max(len(row[index]) for row in [columns, *rows]) for index in range(len(columns))]
    lines = [
        "  ".join(
            [
                row[0].ljust(widths[0]),
                *(text.rjust(width) for text, width in zip(row[1:], widths[1:], strict=True)),
            ]
        )
        for row in [columns, *rows]
    ]
    return "\n".join(lines)


def comparison(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> str:
    """Ratios new / old of the costs in yardsticks, for the images measured in both."""
    before = {(result["image"], *result["settings"]): result for result in old}
    rows = []
    for after in new:
        match = before.get((after["image"], *after["settings"]))
        if match is None:
            continue
        unit = after["yardstick_seconds"] / match["yardstick_seconds"]
        ratios = [
            after["seconds"][stage] / match["seconds"][stage] / unit
            if match["seconds"][stage] > 1e-3
            else None
            for stage in STAGES
        ]
        rows.append(
            [
                after["image"],
                *("-" if ratio is None else f"{ratio:.2f}" for ratio in ratios),
                f"{match['yardsticks']:.2f} -> {after['yardsticks']:.2f}",
                f"{match['peak_memory_mb']:.0f} -> {after['peak_memory_mb']:.0f}",
            ]
        )
    return layout(["image (new / old)", *STAGES.values(), "yardsticks", "peak MB"], rows)


def main() -> None:
    """Parse the command line, run, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("images", nargs="*", metavar="IMAGE[,KEY=VALUE]")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the measurements to FILE")
    parser.add_argument(
        "--compare", nargs=2, type=Path, metavar=("OLD", "NEW"), help="compare two such files"
    )
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure is not None:
        print(json.dumps(measure(arguments.measure, arguments.repeats)))
        return
    if arguments.compare is not None:
        print(comparison(*(json.loads(path.read_text()) for path in arguments.compare)))
        return
    folder = os.environ.get("SUPERDSM_NB_DATA")
    defaults = [f"{folder}/{name}" for name in IMAGES] if folder else [GENERATED]
    images = arguments.images or defaults
    in_process(images[0], 1)  # compiles kernels that are not cached yet, so that their memory is not measured
    results = [in_process(what, arguments.repeats) for what in images]
    print(table(results))
    threads, unit = results[0]["threads"], statistics.median(r["yardstick_seconds"] for r in results)
    print(f"\nseconds: medians of {arguments.repeats} warm runs on {threads} threads; yardstick {unit:.3f} s")
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
