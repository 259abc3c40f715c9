"""Runs in processes of their own."""

from __future__ import annotations

import subprocess
import sys

from support import naive

COMMAND = [sys.executable, "-m", "superdsm_nb.batch"]
KILLS, IMAGES, NAMES = (20, 200, "abcdef") if naive.COMPILED else (5, 25, "abcd")


def start(root, *options, **arguments):
    """Start a run in a process group of its own."""
    return subprocess.Popen(
        [*COMMAND, str(root), "--run", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **arguments,
    )


def finish(process):
    out, err = process.communicate(timeout=120 if naive.COMPILED else 600)
    return process.returncode, out, err


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:  # noqa: PTH123 - not a file of ours
        return [int(text) for text in file.read().split()]
