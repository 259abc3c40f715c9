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
import pickle
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import unicodedata
import warnings
import zipfile
from pathlib import Path

import numpy as np

from superdsm_nb.batch.pool import Finished
from superdsm_nb.batch.run import WorkerPool
from superdsm_nb.batch.work import process
from superdsm_nb.cli import main
from superdsm_nb.cli.console import INTERMEDIATE_VARIABLE
from superdsm_nb.events import ImageStarted
from superdsm_nb.io import imread, imsave

SECONDS = 20  # for one command
OUTPUTS = {"seg": "seg/%s.png", "cfg": "cfg/%s.json", "log": "log/%s", "csv": "csv/%s.csv"}
TABLES = ("objects.csv", "performance.csv", "timings.csv", "report.html", "provenance.json")
INTERNAL = (".superdsm-nb.lock", ".superdsm-nb.holder.json", ".superdsm-nb.complete.json")
FILES = (
    *("task.json", "base.json", "images/a.tif", "images/b.tif", "results/a.npz", "results/a.timings.json"),
    *("seg/a.png", "cfg/a.json", "log/a.tgz", "csv/a.csv", "status.txt", *TABLES, *INTERNAL),
)
FOLDERS = ("seg", "cfg", "log", "csv", "results", "export-seg", "images", "sub")
IDS = (
    *("a", "b", "x/a", "../a", "../../outside/kept", "/etc/passwd", "a/../../b", ".", "..", "", "a/", "//a"),
    *(
        "a\x1b[31mb",
        "a\u202eb",
        "a\nb",
        "a\r\nb",
        "a\u2028b",
        "=1+1",
        "+1",
        "-1",
        "@a",
        "\ta",
        "%s",
        "%d",
        "%",
    ),
    *(
        "a" * 300,
        "a/" * 900 + "a",
        "\0",
        "\ud800",
        "~",
        "~root",
        "{ROOTDIR}",
        "$HOME",
        "a;b",
        "*",
        "[",
        "task",
    ),
    *("con", "report.html", "provenance", "é", "e\u0301", 1, -1, 10**20, 10**299, 0),
)
ID_PATTERNS = ("*", "**", "**/*", "**/**/**/a", "[", "a*", "../*", "../../outside/*", "/*", "{a,b}", "\0", "")
PATTERNS = (
    *("%s.png", "../%s.png", "seg/%s.png", "%999999999d.png", "%s%s.png", "%d.png", "{ROOTDIR}/%s.png", "%s"),
    *(
        "results/%s.npz",
        "images/%s.tif",
        "/tmp/%s.png",
        "{X}/%s.png",
        "task.json%.0s",
        "%*d",
        "%c.png",
        "\0%s",
    ),
    *(
        "a/" * 2000 + "%s.png",
        "objects.csv%.0s",
        ".superdsm-nb.%s",
        "seg/../../%s.png",
        "%(a)s.png",
        "~/%s.png",
    ),
)
ENVIRON = (
    *("PATH", "LD_PRELOAD", "PYTHONPATH", "NUMBA_CACHE_DIR", "HOME", "TMPDIR", "A", "", "OMP_NUM_THREADS"),
    *("SUPERDSM_NB_NUM_THREADS", "SUPERDSM_NB_MAX_PIXELS", "MKL_NUM_THREADS", "\0", "A=B", "BASH_ENV"),
)
NUMBERS = (0, -1, 1, 3, 2.5, 1e308, 10**30, 10**299, "1", None, True, [], {}, float("nan"), float("inf"))


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


# --- what a stranger does -------------------------------------------------------------------------------


def link(tree):
    names = FILES + FOLDERS
    path = tree.place(names)
    targets = (
        *(tree.outside, tree.outside / "kept", tree.outside / "kept.tif", tree.outside / "new", path, "."),
        *("..", "/dev/zero", "/dev/full", "/dev/stdin", "/proc/self/mem", "/etc/passwd", "../good/task.json"),
    )
    if path is not None:
        path.symlink_to(tree.one_of(targets))


def hard_link(tree):
    path = tree.place(FILES)
    if path is not None:
        os.link(tree.outside / "kept", path)


def special_file(tree):
    path, kind = tree.place(FILES + FOLDERS), tree.rng.integers(5)
    if path is None:
        return
    if kind == 0:
        os.mkfifo(path)
    elif kind == 1:
        path.mkdir()
        (path / "full").write_text("")
    elif kind == 2:
        with path.open("wb") as file:
            file.truncate(2**43)
    elif kind == 3:
        path.write_bytes(b"")
    else:
        with socket.socket(socket.AF_UNIX) as made:
            handle = os.open(path.parent, os.O_RDONLY)
            made.bind(f"/proc/self/fd/{handle}/{path.name}")
            os.close(handle)


def edit(tree, **changes):
    """Change fields of the stranger's task, if it still is one."""
    path = tree.evil / "task.json"
    with contextlib.suppress(OSError, ValueError, RecursionError):
        if path.is_file() and path.stat().st_size < 10**6:
            known = json.loads(path.read_text())
            if isinstance(known, dict) and path.stat().st_nlink == 1 and not path.is_symlink():
                path.write_text(json.dumps({**known, **changes}))


def file_ids(tree):
    ids = [tree.one_of(IDS) for _ in range(tree.rng.integers(1, 5))]
    ids = [f"{tree.outside}/kept" if each == "task" else each for each in ids]
    edit(tree, file_ids=tree.one_of(ID_PATTERNS) if tree.rng.random() < 0.3 else ids)
    if tree.rng.random() < 0.5:  # images with these names, where files can have them
        for name in map(str, ids):
            path = os.path.normpath(tree.evil / "images" / f"{name}.tif")
            with contextlib.suppress(OSError, ValueError):
                if path.startswith(f"{tree.evil}/images/") and not os.path.lexists(path):
                    Path(path).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(tree.root / "good" / "images" / "a.tif", path)


def patterns(tree):
    kinds = ("seg", "cfg", "log", "csv", "overlay", "adj", "rois", "geojson", "img")
    edit(tree, **{f"{tree.one_of(kinds)}_pathpattern": tree.one_of(PATTERNS) for _ in range(2)})
    if tree.rng.random() < 0.2:
        images = (
            f"{tree.outside}/%s.tif",
            "/dev/%s",
            "/proc/self/%s",
            "~nobody/%s",
            "{TASKDIR}/images/%s.tif",
        )
        edit(tree, img_pathpattern=tree.one_of(images))


def environment(tree):
    values = (str(tree.root / "bin"), "1", "0", 2, 10**299, "x", "", "1\0")
    edit(tree, environ={tree.one_of(ENVIRON): tree.one_of(values) for _ in range(tree.rng.integers(1, 3))})


def fields(tree):
    names = (
        *("num_cpus", "dilate", "seg_border", "merge_overlap_threshold", "channel", "plane", "time", "ring"),
        *(
            "measure",
            "time_limit",
            "keep_finished",
            "diameter",
            "last_stage",
            "runnable",
            "config",
            "$schema",
        ),
    )
    changes = {tree.one_of(names): tree.one_of(NUMBERS) for _ in range(tree.rng.integers(1, 3))}
    edit(tree, **{name: value for name, value in changes.items() if name != "dilate" or value != 10**30})
    deep = ("a/" * 5000 + "b", "dsm/alpha", "preset", "postprocess")
    if tree.rng.random() < 0.3:
        edit(tree, config={tree.one_of(deep): tree.one_of(NUMBERS)})
    if tree.rng.random() < 0.3:
        paths = ("base.json", "/dev/zero", "..", "\0", "task.json", "~nobody/x", f"{tree.outside}/kept", "%s")
        edit(tree, base_config_path=tree.one_of(paths))
        (tree.evil / "base.json").unlink(missing_ok=True)
        (tree.evil / "base.json").write_text("{}")


def raw_json(tree):
    path = tree.place(("task.json", "base.json", "results/a.timings.json", ".superdsm-nb.complete.json"))
    texts = (
        *(
            "[" * 100_000,
            '{"a": ' * 3000,
            "1" * 5000,
            '{"runnable": true, "runnable": true}',
            "\ufeff{}",
            "null",
        ),
        *(
            '{"dsm": "=1+1", "scale": ' + "9" * 400 + "}",
            '{"config": {"a": ' + "1" * 5000 + "}}",
            '"\\ud800"',
        ),
        *("{" + " " * 100_000, "\0", '{"x": NaN, "scale": Infinity, "dsm": -1}', '{"digest": 1e999}', "[]"),
    )
    if path is not None:
        path.write_text(tree.one_of(texts))


def other_bytes(tree):
    """Put content into files that runs, or is not what it seems."""
    path = tree.place(FILES)
    if path is None:
        return

    class Canary:
        def __reduce__(self):
            return Path.touch, (tree.canary,)

    trap = pickle.dumps(Canary())
    archive, array = io.BytesIO(), io.BytesIO()
    np.save(array, np.array([Canary()], object), allow_pickle=True)
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("atoms.npy", array.getvalue())
        made.writestr("header.json", json.dumps({"format": 4, "config": {}, "remarks": {}}))
        made.writestr("../../../outside/kept", b"changed")
    eps = f"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(%pipe%touch {tree.canary}) (r) file\n"
    script = f"import pathlib; pathlib.Path({str(tree.canary)!r}).touch()\n"
    contents = (
        *(trap, archive.getvalue(), array.getvalue(), eps.encode(), script.encode(), b"", b"\0" * 1000),
        *(tree.rng.bytes(200), b"II*\0" + tree.rng.bytes(100), b"\x89PNG\r\n\x1a\n" + tree.rng.bytes(100)),
        *(b"GIF89a" + b"\xff" * 100, b"P5 99999999 99999999 255\n", b"<script>alert(1)</script>"),
    )
    path.write_bytes(tree.one_of(contents))
    for name in ("sitecustomize.py", "numba.py", "gs", "conftest.py"):
        (tree.root / "bin" / name).write_text(script)


def damage(tree):
    """Change some bytes of a file, or cut it off."""
    path = tree.evil / tree.one_of(FILES)
    if (
        not path.is_file()
        or path.stat().st_size > 10**7
        or not path.resolve().is_relative_to(tree.root.resolve())
    ):
        return
    if path.stat().st_nlink > 1:
        return
    content = bytearray(path.read_bytes())
    if tree.rng.random() < 0.3 or not content:
        del content[len(content) // 2 :]
    else:
        for place in tree.rng.integers(0, len(content), 5):
            content[place] = tree.rng.integers(256)
    path.write_bytes(bytes(content))


def numba_settings(tree):
    (tree.evil / ".numba_config.yaml").write_text(f"cache_dir: {tree.root / 'bin'}\ndisable_jit: 1\n")
    (tree.root / ".numba_config.yaml").write_text("a: [")


def nested_folders(tree):
    path = tree.evil / "sub"
    if path.is_symlink() or path.is_file() or not tree.evil.is_dir():
        return
    with contextlib.suppress(OSError):
        path.joinpath(*("d" * 200,) * int(tree.rng.integers(1, 17))).mkdir(parents=True, exist_ok=True)
        (path / "task.json").mkdir() if tree.rng.random() < 0.5 else (path / "task.json").symlink_to(
            "task.json"
        )


DEEDS = (
    *(link, link, link, hard_link, special_file, special_file, file_ids, patterns, environment),
    *(fields, raw_json, other_bytes, other_bytes, damage, damage, numba_settings, nested_folders),
)


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
