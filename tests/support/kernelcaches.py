"""A copy of the package with kernels of its own, and processes that use their caches."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import superdsm_nb

from support.processes import as_an_ordinary_user

HELPER = """
from ._jit import jit

@jit
def helper(x):
    return x + 1
"""
PROBE = """
from ._helper import helper
from ._jit import jit

OFFSET = 10

@jit
def probe(x):
    return helper(x) + OFFSET
"""
CALL = """
from superdsm_nb.kernels._probe import probe
print(probe(1000), sum(probe.stats.cache_hits.values()), sum(probe.stats.cache_misses.values()))
"""
AT_ONCE = """
import os, pathlib, time
import numpy as np
from superdsm_nb.kernels.regions import positive_on_frame
pathlib.Path(f"ready-{os.getpid()}").touch()
while len(list(pathlib.Path().glob("ready-*"))) < 2:
    time.sleep(0.001)
stats = positive_on_frame.stats
found = positive_on_frame(np.arange(6.0) - 3, 9, 9)
print(found, sum(stats.cache_hits.values()), sum(stats.cache_misses.values()))
"""
SEGMENT = """
import hashlib, importlib, pkgutil, superdsm_nb, superdsm_nb.kernels
from superdsm_nb.synthetic import generate
labels = superdsm_nb.segment(generate(36, (48, 64), 2, 9.0).image, {"AF_scale": 11})
hits = misses = 0
for module in pkgutil.iter_modules(superdsm_nb.kernels.__path__):
    for kernel in vars(importlib.import_module(f"superdsm_nb.kernels.{module.name}")).values():
        if hasattr(kernel, "stats"):
            hits += sum(kernel.stats.cache_hits.values())
            misses += sum(kernel.stats.cache_misses.values())
print(hashlib.sha256(labels.tobytes()).hexdigest(), hits, misses)
"""


class Outcome(NamedTuple):
    """What a process printed: its result, and how much machine code it found and did not find."""

    result: str
    hits: int
    misses: int


class Place:
    """A copy of the package with two kernels more, a home, and a folder for the cache."""

    def __init__(self, folder):
        self.folder = folder
        self.package = folder / "site" / "superdsm_nb"
        self.cache = folder / "cache"
        self.home = folder / "home"
        source = Path(superdsm_nb.__file__).parent
        shutil.copytree(source, self.package, ignore=shutil.ignore_patterns("__pycache__"))
        (self.package / "kernels" / "_helper.py").write_text(HELPER)
        (self.package / "kernels" / "_probe.py").write_text(PROBE)
        self.home.mkdir()

    def start(self, code, before_exec=as_an_ordinary_user, **variables):
        given = {name: text for name, text in os.environ.items() if not name.startswith(("NUMBA_", "XDG_"))}
        own = {"PYTHONPATH": self.package.parent, "HOME": self.home, "NUMBA_CACHE_DIR": self.cache}
        own |= {"PYTHONDONTWRITEBYTECODE": 1, **variables}
        return subprocess.Popen(
            [sys.executable, "-W", "error", "-c", code],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            env=given | {name: str(value) for name, value in own.items() if value is not None},
            preexec_fn=before_exec,  # noqa: PLW1509 - it only gives something up
        )

    def run(self, code, **arguments):
        return finish(self.start(code, **arguments))

    def forbid_other_folders(self):
        """Leave no folder to write to but the one for the cache."""
        self.home.chmod(0o555)
        (self.package / "kernels").chmod(0o555)

    def edit(self, name, before, after):
        """Change a file of the package as an installation with times of its own does: none of them moves."""
        path = self.package / name
        times = path.stat().st_atime_ns, path.stat().st_mtime_ns
        text = path.read_text()
        assert before in text
        path.write_text(text.replace(before, after))
        os.utime(path, ns=times)


def finish(process):
    out, err = process.communicate(timeout=300)
    assert (process.returncode, err) == (0, "")
    result, hits, misses = out.split()
    return Outcome(result, int(hits), int(misses))
