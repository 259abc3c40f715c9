"""Runs that are interrupted, killed, or started twice."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from superdsm_nb.batch.lock import exclusive

from support import naive
from support.commands import KILLS, NAMES, children, finish, start
from support.trees import contents, unfinished, write_images, write_tree

pytestmark = pytest.mark.slow
HOLD = """
import sys, time, pathlib
from superdsm_nb.batch.lock import exclusive
with exclusive([pathlib.Path(sys.argv[1])]):
    print("held", flush=True)
    time.sleep(60)
"""


def stored(root):
    """How many images are done."""
    return len(list(root.rglob("*.npz")))


def test_a_run_that_is_killed_at_any_moment_continues_to_the_same_files(finished_tree, root):
    rng = np.random.default_rng(0)
    expected, total = contents(finished_tree), stored(finished_tree)
    counts = []
    for kill in range(KILLS):
        if stored(root) >= total - 2:  # from the beginning again, or there would be nothing left to kill
            shutil.rmtree(root)
            write_tree(root, names=NAMES, num_cpus=2)
        goal = stored(root) + rng.integers(0, 4)
        process = start(root)
        while stored(root) < goal and process.poll() is None:
            time.sleep(0.001)
        time.sleep(rng.uniform(0, 0.2))
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        found = contents(root)
        counts.append(len(found))
        # Tables are of what is there; everything else is as it will be, or not there at all.
        wrong = {name for name in found if found[name] != expected[name] and not name.endswith(".csv")}
        assert not wrong, f"after kill {kill}"
    assert len(set(counts)) > KILLS // 4  # the moments were different ones
    code, out, err = finish(start(root))
    assert code == 0, out + err
    assert contents(root) == expected
    assert not unfinished(root)


def test_an_interrupt_ends_the_run_soon_and_loses_no_finished_image(finished_tree, root):
    process = start(root)
    first = next(line for line in process.stdout if "objects" in line)
    begin = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    code, _, err = finish(process)
    assert time.monotonic() - begin < (5 if naive.COMPILED else 20)
    assert code == 130
    assert err == "Interrupted: finished results are kept.\n"
    assert not unfinished(root)
    name = re.match(r"\s+(\w): ", first)[1]
    stored = root / "default" / "results" / f"{name}.npz"
    before = stored.stat().st_mtime_ns
    code, out, _ = finish(start(root))
    assert code == 0
    assert stored.stat().st_mtime_ns == before
    assert "of them up to date" in out
    assert contents(root) == contents(finished_tree)


def test_of_two_runs_the_second_says_who_holds_the_folder_and_stops(root):
    with exclusive([root]):
        code, out, err = finish(start(root))
    assert (code, out) == (2, "")
    assert err.startswith(f"Error: {root} is in use by another run (process {os.getpid()} on ")
    assert not (root / "default" / "seg").exists()
    assert finish(start(root))[0] == 0


def test_a_run_on_a_part_of_the_tree_is_held_up_as_well(tmp_path):
    part = write_tree(tmp_path / "whole" / "part", names=("a",))
    with exclusive([tmp_path / "whole", part, part / "default"]):
        code, _, err = finish(start(part))
    assert code == 2
    assert f"{part} is in use by another run" in err


def test_a_folder_is_free_again_after_a_crash(root):
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            HOLD,
            str(root),
        ],
        stdout=subprocess.PIPE,
    )
    assert holder.stdout.readline() == b"held\n"
    assert finish(start(root))[0] == 2
    holder.kill()
    holder.communicate()
    assert finish(start(root))[0] == 0


def workers_of(process):
    return [pid for pid in children(process.pid) if "spawn_main" in command_of(pid)]


def command_of(pid):
    try:
        with open(f"/proc/{pid}/cmdline") as file:  # noqa: PTH123 - not a file of ours
            return file.read()
    except FileNotFoundError:
        return ""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_workers_end_with_the_process_that_started_them(finished_tree, root, number):
    process = start(root)
    next(line for line in process.stdout if "objects" in line)
    workers = workers_of(process)
    assert workers
    os.kill(process.pid, number)
    process.wait(timeout=10)
    deadline = time.monotonic() + 5
    while any(command_of(pid) for pid in workers):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.communicate()
    assert finish(start(root))[0] == 0
    assert contents(root) == contents(finished_tree)


def test_a_rerun_of_complete_tasks_that_is_killed_continues_to_the_same_files(finished_tree, tmp_path):
    root = tmp_path / "tree"
    shutil.copytree(finished_tree, root)
    write_images(root / "images", NAMES[::-1])
    undisturbed = tmp_path / "undisturbed"
    shutil.copytree(root, undisturbed)
    assert finish(start(undisturbed))[0] == 0
    rng = np.random.default_rng(1)
    for _ in range(4):
        process = start(root)
        first = next((line for line in process.stdout if "objects" in line), None)
        time.sleep(rng.uniform(0, 0.3))
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        if first is None:
            break
    assert finish(start(root))[0] == 0
    assert contents(root) == contents(undisturbed)
    assert contents(root) != contents(finished_tree)
