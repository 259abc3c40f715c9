"""Time the stages: ``python benchmarks/run.py [IMAGE] [--set KEY=VALUE ...] [--repeats N] [--json]``.

Without an image a generated one is used. The first run compiles and is not counted; the median of the others
is printed, with the number of fits and the peak memory of the process.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
from pathlib import Path

from superdsm_nb.automation import process_image
from superdsm_nb.config import Config
from superdsm_nb.io import imread
from superdsm_nb.parallel import thread_count
from superdsm_nb.pipeline import create_default_pipeline
from superdsm_nb.render import rasterize_labels
from superdsm_nb.synthetic import generate


def main() -> None:
    """Parse the command line, run, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("image", nargs="?", type=Path)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="settings")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    config = Config()
    for setting in arguments.settings:
        key, _, value = setting.partition("=")
        config[key] = json.loads(value)
    if arguments.image is None:
        image = generate(seed=0).image
        config.set_default("AF_scale", 11.3)
    else:
        image = imread(arguments.image)
    pipeline = create_default_pipeline()
    runs = [process_image(pipeline, config, image) for _ in range(arguments.repeats + 1)]
    data = runs[-1][0]
    seconds = {name: statistics.median(run[2][name] for run in runs[1:]) for name in runs[0][2]}
    result = {
        "image": "generated" if arguments.image is None else arguments.image.name,
        "threads": thread_count(),
        "objects": int(rasterize_labels(data).max()),
        "fits": len(data["objects"]),
        "seconds": {**seconds, "total": sum(seconds.values())},
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    if arguments.json:
        print(json.dumps(result, indent=2))
        return
    print(
        f"{result['image']}: {result['objects']} objects, {result['fits']} fits, {result['threads']} threads"
    )
    for name, value in result["seconds"].items():
        print(f"  {name:28}{value:8.3f} s")
    print(f"  {'peak memory':28}{result['peak_memory_mb']:8.0f} MB")


if __name__ == "__main__":
    main()
