"""Hostile trees of tasks, each a function of its seed, and the promises that they may not break.

A tree has one finished task, which is left alone, and one from a stranger: with links, pipes and devices in
place of files, file ids that lead elsewhere, bytes of other formats, an environment of its own, and JSON that
is none. Beside it is a folder that nothing may change, and programs and pickles that leave a trace if run.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import unicodedata
import warnings
from pathlib import Path

import numpy as np

from superdsm_nb.batch.pool import Finished
from superdsm_nb.batch.run import WorkerPool
from superdsm_nb.batch.work import process
from superdsm_nb.cli import main
from superdsm_nb.cli.console import INTERMEDIATE_VARIABLE
from superdsm_nb.events import ImageStarted
from superdsm_nb.io import imread, imsave

from support.deeds import DEEDS

SECONDS = 20  # for one command
OUTPUTS = {"seg": "seg/%s.png", "cfg": "cfg/%s.json", "log": "log/%s", "csv": "csv/%s.csv"}


class HangError(BaseException):
    """A command took too long; nothing of the package may catch that."""


class Tree:
    """A folder with a finished task, one from a stranger, and a folder outside that is watched."""

    def __init__(self, base, rng):
        self.base, self.rng = base, rng
        self.root, self.outside, self.canary = base / "root", base / "outside", base / "canary"
        self.evil = self.root / "evil"
        shutil.copytree(finished(), self.root, symlinks=True)
        self.outside.mkdir()
        (self.outside / "kept.tif").write_bytes((self.root / "good" / "images" / "a.tif").read_bytes())
        (self.outside / "kept").write_text("kept")
        (self.outside / "below").mkdir()
        program = self.root / "bin" / "gs"
        program.parent.mkdir()
        program.write_text(f"#!/bin/sh\ntouch '{self.canary}'\n")
        program.chmod(0o755)

    def one_of(self, values):
        return values[int(self.rng.integers(len(values)))]

    def place(self, names):
        """A path in the stranger's task whose folder exists, with nothing in its place."""
        path = self.evil / self.one_of(names)
        above = [parent for parent in path.parents if self.root in parent.parents and os.path.lexists(parent)]
        if any(parent.is_symlink() or not parent.is_dir() for parent in above):
            return None
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
        return path


@functools.cache
def finished():
    """A folder with a finished task of two small images, and a copy of it that the stranger has."""
    folder = Path(tempfile.mkdtemp(prefix="superdsm_nb-fuzz-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    root = folder / "root"
    rows, cols = np.indices((30, 34))
    for number, name in enumerate("ab"):
        image = 40 + 150 * (np.hypot(rows - 12 - number, cols - 14) < 7) + (rows * cols) % 5
        imsave(root / "good" / "images" / f"{name}.tif", image.astype(np.uint8))
    task = {
        "runnable": True,
        "img_pathpattern": "{TASKDIR}/images/%s.tif",
        **{f"{kind}_pathpattern": pattern for kind, pattern in OUTPUTS.items()},
        "file_ids": ["a", "b"],
        "config": {"preset": "automatic", "diameter": 14},
    }
    (root / "good" / "task.json").write_text(json.dumps(task))
    code, said = run_command("batch", root, "--run")
    assert code == 0, said
    shutil.copytree(root / "good", root / "evil")
    return root


# --- what must hold ---------------------------------------------------------------------------------------


def run_in_this_process(pool, task, jobs, emit):
    """Work on images one after the other, as a worker does."""
    for job in jobs:
        emit(ImageStarted(job.file_id), 0)
        yield Finished(job, process(job, pool._mode, lambda event: emit(event, 0)))


def overdue(*_):
    raise HangError


def run_command(*arguments):
    """Run the command line in this process; return its exit code and all that it said."""
    out, err = io.StringIO(), io.StringIO()
    before, argv = signal.signal(signal.SIGALRM, overdue), sys.argv
    work, WorkerPool.work = WorkerPool.work, run_in_this_process
    sys.argv = ["superdsm-nb", *map(str, arguments)]
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
    except SystemExit as end:
        return end.code or 0, f"{out.getvalue()}{err.getvalue()}"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        WorkerPool.work, sys.argv = work, argv
    raise AssertionError("the command line always ends in SystemExit")


def digest(folder):
    """Digest of all files below a folder: their names, kinds, permissions and content."""
    known = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        found = path.lstat()
        known.update(f"{path.relative_to(folder)} {found.st_mode} {found.st_size}".encode())
        if path.is_file() and not path.is_symlink():
            known.update(path.read_bytes())
    return known.hexdigest()


def kept(folder):
    """Label maps and stored results of a finished task."""
    paths = [*sorted((folder / "seg").glob("*.png")), *sorted((folder / "results").glob("*.npz"))]
    return {path: path.read_bytes() for path in paths}


def problems_of(said):
    """What is wrong with what a command said."""
    if "Traceback" in said or "please report this" in said:
        yield f"a traceback, or a defect: {said[-600:]!r}"
    for line in said.split("\n"):
        odd = [each for each in line if unicodedata.category(each) in ("Cc", "Cf", "Cs", "Zl", "Zp")]
        if odd:
            yield f"invisible characters {odd}: {line[:200]!r}"


def commands(tree):
    """What is done with the tree."""
    yield ("batch", tree.root)
    yield ("batch", tree.root, "--run", "--json", "--report", tree.root / "status.txt")
    yield ("batch", tree.evil, "--run", "--report", tree.evil / "status.txt")
    yield ("export", tree.root, "evil")
    yield ("batch", tree.root, "--run", "--task", "good", "--force")


@contextlib.contextmanager
def temporary_folder():
    """A folder that is removed, however deep the folders in it are."""
    folder = tempfile.mkdtemp(prefix="superdsm_nb-fuzz-")
    try:
        yield folder
    finally:
        subprocess.run(["rm", "-rf", folder], check=True)


def folder_case(seed, broken):
    """Run the tasks of a hostile tree; `broken` is the error to raise if a promise does not hold."""
    rng = np.random.default_rng(seed)
    os.environ.setdefault(INTERMEDIATE_VARIABLE, "0")
    codes = []
    with temporary_folder() as folder:
        tree = Tree(Path(folder).resolve(), rng)
        deeds = [DEEDS[int(rng.integers(len(DEEDS)))] for _ in range(rng.integers(1, 4))]
        if rng.random() < 0.5:  # a stranger may send a task that has not run, too
            shutil.rmtree(tree.evil / "results")
        for deed in deeds:
            deed(tree)
        names = [deed.__name__ for deed in deeds]
        before, good = digest(tree.outside), kept(tree.root / "good")
        for command in commands(tree):
            what = f"{' '.join(map(str, command[:3]))} after {names}"
            try:
                code, said = run_command(*command)
            except HangError as error:
                raise broken(f"{what}: more than {SECONDS} s") from error
            codes.append(code)
            for problem in problems_of(said):
                raise broken(f"{what}: {problem}")
            if code not in (0, 1, 2):
                raise broken(f"{what}: exit code {code}")
            if tree.canary.exists():
                raise broken(f"{what}: code of the folder ran")
            if digest(tree.outside) != before or sorted(path.name for path in tree.base.iterdir()) != BASE:
                raise broken(f"{what}: something outside changed")
            if kept(tree.root / "good") != good:
                raise broken(f"{what}: a finished image was not kept")
            check_done(tree, command, said, broken)
    return "ran" if codes[1] == 0 else "ran in part" if codes[1] == 1 else "refused"


BASE = ["outside", "root"]


def check_done(tree, command, said, broken):
    """Every image that a run calls done has a label map."""
    if "--json" not in command:
        return
    for line in said.splitlines():
        if line.startswith("{"):
            record = json.loads(line)
            path = record.get("outputs", {}).get("seg")
            if record["status"] == "done" and path is not None and imread(path).shape != (30, 34):
                raise broken(f"no label map of {record['file_id']!r}")
