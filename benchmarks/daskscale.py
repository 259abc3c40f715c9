"""Runs on a Dask cluster: ``python benchmarks/daskscale.py [workers] [kills] [many]``.

``workers``: the same images with one worker and with two, and how many times as fast two are; in seconds, and
in processor seconds of the workers per image, which tell what other programs on the computer take. ``kills``:
kill -9 of a worker, the client or the scheduler at N moments (20) spread over a run, then the same run again;
the files must be those of a run without Dask. ``many``: N small images (5000), with their rate, and the
memory and the processor seconds of client, scheduler and workers. A scheduler and two workers run as
processes of this computer.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from superdsm_nb.io import imsave
from superdsm_nb.synthetic import generate

from support.commands import start
from support.daskcluster import Cluster
from support.trees import contents, write_task, write_tree

NAMES = "abcd"
TICKS = os.sysconf("SC_CLK_TCK")


def descendants(pid: int) -> list[int]:
    """A process and those that it has started."""
    found = [pid]
    for each in found:
        for thread in Path(f"/proc/{each}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                found += map(int, thread.read_text().split())
    return found


def used(pid: int) -> tuple[float, float]:
    """Processor seconds, and megabytes at most, of a process and those that it has started."""
    seconds = peak = 0.0
    for each in descendants(pid):
        try:
            fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
            lines = Path(f"/proc/{each}/status").read_text().splitlines()
        except OSError:
            continue
        seconds += (int(fields[11]) + int(fields[12])) / TICKS
        peak = max([peak, *(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))])
    return seconds, peak


def tree_of(root: Path, count: int, side: int, nuclei: int) -> Path:
    """Make a folder of generated images with one task."""
    for number in range(count):
        sample = generate(number, (side, side), nuclei, 8.0)
        imsave(root / "images" / f"{number:05d}.tif", sample.image)
    write_task(
        root / "task",
        runnable=True,
        img_pathpattern="{ROOTDIR}/images/%s.tif",
        file_ids="*",
        seg_pathpattern="seg/%s.png",
        config={"diameter": 16},
    )
    return root


def timed(cluster: Cluster, root: Path) -> tuple[float, float, subprocess.Popen[str]]:
    """Run, and return the seconds from the first result to the last, and those of the workers' processors."""
    before = sum(used(each.pid)[0] for each in cluster.workers)
    process = start(root, "--scheduler", cluster.address)
    assert process.stdout is not None
    moments = [time.perf_counter() for line in process.stdout if " object" in line]
    assert process.wait() == 0, process.stderr and process.stderr.read()
    after = sum(used(each.pid)[0] for each in cluster.workers)
    return moments[-1] - moments[0], after - before, process


def workers(folder: Path, images: int) -> None:
    """Compare one worker with two, twice each, and take the faster ones."""
    root = tree_of(folder / "tree", images, 256, 40)
    best: dict[int, tuple[float, float]] = {}
    for count in (1, 2, 2, 1):
        cluster = Cluster(folder / f"cluster-{time.monotonic_ns()}")
        try:
            for _ in range(count):
                cluster.start_worker()
            cluster.wait_for(count)
            warm = tree_of(folder / f"warm-{time.monotonic_ns()}", 4 * count, 256, 40)
            timed(cluster, warm)
            shutil.rmtree(root / "task" / "results", ignore_errors=True)
            found = timed(cluster, root)[:2]
        finally:
            cluster.close()
        print(
            f"{count} worker(s): {found[0]:.1f} s, {found[1] / images:.3f} processor seconds per image",
            flush=True,
        )
        best[count] = min(best.get(count, found), found)
    ratio, cost = best[1][0] / best[2][0], best[2][1] / best[1][1]
    print(f"two workers are {ratio:.2f} times as fast; an image costs {cost:.2f} times the processor seconds")


def kills(folder: Path, moments: int) -> None:
    """Kill something at many moments, and continue."""
    expected = write_tree(folder / "expected", names=NAMES)
    process = start(expected)
    begin = time.perf_counter()
    process.communicate()
    whole = time.perf_counter() - begin
    known = contents(expected)
    cluster = Cluster(folder / "cluster")
    rng = np.random.default_rng(0)
    try:
        for number in range(moments):
            tree = write_tree(folder / f"tree-{number}", names=NAMES)
            victim = ("worker", "client", "scheduler")[number % 3]
            while len(cluster.workers) < 2:
                cluster.start_worker()
            cluster.wait_for(2)
            process = start(tree, "--scheduler", cluster.address)
            moment = whole * (number + rng.uniform()) / moments
            time.sleep(moment)
            if victim == "worker":
                cluster.kill(cluster.workers.pop(0))
                cluster.start_worker()
            elif victim == "client":
                os.killpg(process.pid, signal.SIGKILL)
            else:
                cluster.kill(cluster.scheduler)
            _, err = process.communicate()
            first = process.returncode
            assert "Traceback" not in err, err
            assert first in (0, 2, -signal.SIGKILL), err
            if victim == "scheduler":
                cluster.clear()
                for _ in range(2):
                    cluster.start_worker()
                cluster.wait_for(2)
            process = start(tree, "--scheduler", cluster.address)
            _, err = process.communicate()
            assert process.returncode == 0, err
            same = contents(tree) == known
            print(f"{number}: {victim} killed after {moment:.1f} s (code {first}): same {same}", flush=True)
            assert same
            shutil.rmtree(tree)
    finally:
        cluster.close()


def many(folder: Path, images: int) -> None:
    """Segment many small images."""
    root = tree_of(folder / "tree", images, 64, 3)
    cluster = Cluster(folder / "cluster")
    try:
        for _ in range(2):
            cluster.start_worker()
        cluster.wait_for(2)
        timed(cluster, tree_of(folder / "warm", 8, 64, 3))
        known = {"scheduler": cluster.scheduler.pid}
        known |= {f"worker {number}": each.pid for number, each in enumerate(cluster.workers)}
        before = {name: used(pid)[0] for name, pid in known.items()}
        begin = time.perf_counter()
        process = start(root, "--scheduler", cluster.address)
        known["client"], before["client"] = process.pid, 0.0
        done, told = 0, begin
        assert process.stdout is not None
        last: dict[str, tuple[float, float]] = {}
        first = 0.0
        for line in process.stdout:
            if " object" not in line:
                continue
            done += 1
            first = first or time.perf_counter()
            if time.perf_counter() - told > 10 or done == images:
                told = time.perf_counter()
                last = {name: used(pid) for name, pid in known.items()}
                text = ", ".join(f"{name} {peak:.0f} MB" for name, (_, peak) in last.items())
                print(f"{done} of {images} after {told - begin:.0f} s: {text}", flush=True)
        end = time.perf_counter()
        assert process.wait() == 0, process.stderr and process.stderr.read()
        print(f"{(images - 1) / (told - first):.2f} images per second; until the tables {end - begin:.0f} s")
        for name, (seconds, peak) in last.items():
            print(
                f"{name}: {1000 * (seconds - before[name]) / images:.1f} processor ms an image, {peak:.0f} MB"
            )
    finally:
        cluster.close()


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "what", nargs="*", choices=["workers", "kills", "many"], default=["workers", "kills", "many"]
    )
    parser.add_argument("--moments", type=int, default=20)
    parser.add_argument("--images", type=int)
    given = parser.parse_args()
    for what in given.what:
        with tempfile.TemporaryDirectory(prefix="daskscale-") as name:
            if what == "kills":
                kills(Path(name), given.moments)
            elif what == "many":
                many(Path(name), given.images or 5000)
            else:
                workers(Path(name), given.images or 60)


if __name__ == "__main__":
    main()
