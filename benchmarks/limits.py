"""Start-up cost and throughput: ``python benchmarks/limits.py startup IMAGE`` or ``throughput FOLDER``.

``startup IMAGE``: seconds of the first command after installation, of the second one, and of the import.
``throughput FOLDER [REPEATS]``: images per minute of a batch that writes all outputs, by workers. Each image
of the folder is there 5 times, or as often as given. The time includes the start of workers and the tables.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from run import layout
from yardstick import yardstick

COMMAND = str(Path(sys.executable).with_name("superdsm-nb"))
OUTPUTS = {
    "seg": "png",
    "overlay": "png",
    "atoms": "png",
    "adj": "png",
    "cfg": "json",
    "rois": "zip",
    "geojson": "geojson",
    "csv": "csv",
    "log": "",
}


def seconds_of(command: list[str], environment: dict[str, str]) -> float:
    """Run a process and return how long it took."""
    start = time.perf_counter()
    subprocess.run(command, check=True, env={**os.environ, **environment}, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def startup(image: str) -> None:
    """Print the time of a first and a second command, and of an import."""
    with tempfile.TemporaryDirectory() as cache:
        environment = {"NUMBA_CACHE_DIR": cache}
        command = [COMMAND, "segment", image, "-o", str(Path(cache) / "labels.png"), "--quiet"]
        first = seconds_of(command, environment)
        later = sorted(seconds_of(command, environment) for _ in range(5))
    bare = sorted(seconds_of([sys.executable, "-c", "pass"], {}) for _ in range(5))
    imported = sorted(seconds_of([sys.executable, "-c", "import superdsm_nb"], {}) for _ in range(5))
    print(f"first command, compilation included   {first:6.2f} s")
    print(f"second command                        {later[2]:6.2f} s (median of 5)")
    print(f"import superdsm_nb                    {imported[2] - bare[2]:6.2f} s (beyond an empty process)")


def throughput(folder: str, repeats: str = "5") -> None:
    """Print how many images per minute a batch of one worker and of two workers segments."""
    unit = yardstick()
    rows: list[list[str]] = []
    for workers in (1, 2):
        with tempfile.TemporaryDirectory() as root:
            count = write_task(Path(root), Path(folder), int(repeats), workers)
            seconds = seconds_of([COMMAND, "batch", root, "--run"], {})
        per_image = seconds / count
        rows.append([str(workers), str(count), f"{seconds:.2f}", f"{60 / per_image:.0f}"])
        rows[-1].append(f"{per_image / unit:.2f}")
    print(layout(["workers", "images", "seconds", "images per minute", "yardsticks per image"], rows))


def write_task(root: Path, folder: Path, repeats: int, workers: int) -> int:
    """Write a task of copies of the images in a folder, with all outputs; return their number."""
    (root / "images").mkdir()
    names = []
    for path in sorted(each for each in folder.iterdir() if each.is_file()):
        for number in range(repeats):
            names.append(f"{path.stem}-{number}{path.suffix}")
            shutil.copy(path, root / "images" / names[-1])
    task = {
        "runnable": True,
        "img_pathpattern": "{ROOTDIR}/images/%s",
        "file_ids": names,
        "num_cpus": workers,
        **{f"{kind}_pathpattern": f"{kind}/%s.{suffix}".rstrip(".") for kind, suffix in OUTPUTS.items()},
    }
    (root / "task.json").write_text(json.dumps(task), encoding="utf-8")
    return len(names)


COMMANDS: dict[str, Callable[..., None]] = {"startup": startup, "throughput": throughput}

if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] not in COMMANDS:
        sys.exit(__doc__)
    COMMANDS[sys.argv[1]](*sys.argv[2:])
