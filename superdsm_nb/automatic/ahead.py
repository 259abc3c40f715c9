"""Compiling the kernels of the later stages in another process, while the first stages wait for theirs.

Numba compiles one kernel at a time in a process. In a fresh installation a second process shortens the wait;
the machine code reaches the first one through the cache on disk.
"""

from __future__ import annotations

import atexit
import contextlib
import math
import os
import subprocess
import sys
import threading

import numpy as np

from ..config import AutomaticEnergySettings, AutomaticPostprocessSettings
from ..events import ignore
from ..kernels._cache import is_compiled
from ..parallel import thread_count
from ..stage import PipelineData
from .energy import AutomaticEnergyMinimization
from .outlines import find_outlines

SCRIPT = "from superdsm_nb.automatic import ahead; ahead.compile_until_abandoned()"
LAST = "outlines.outline"  # the kernel that is compiled last
SIDE, RADIUS = 64, 16.0  # pixels


def start_compiling() -> None:
    """Compile the kernels of the later stages in a process of its own, unless that was done before."""
    is_script = bool(sys.executable) and not getattr(sys, "frozen", False)
    if thread_count() < 2 or is_compiled(LAST) or not is_script:
        return
    with contextlib.suppress(OSError):  # without it, the work takes longer
        # Whatever goes wrong there is not the user's concern, so nothing of it is shown.
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", SCRIPT],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        atexit.register(_end, process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.communicate()


def compile_until_abandoned() -> None:
    """Compile, but end at once if the process that started this one ends: it holds the other end of stdin."""
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    compile_later_stages()


def compile_later_stages() -> None:
    """Run the last stages on a small example, which compiles their kernels or loads their machine code."""
    rows, cols = np.indices((SIDE, SIDE)) - SIDE / 2
    y = 1 - np.hypot(rows, cols) / RADIUS
    atoms = np.where(y > 0, np.where(cols < 0, 1, 2), 0).astype(np.int32)
    inputs: PipelineData = {
        "y": y,
        "y_mask": np.ones(y.shape, bool),
        "atoms": atoms,
        "clusters": np.minimum(atoms, 1),
        "radius": RADIUS,
        "zoom": 1.0,
    }
    found = AutomaticEnergyMinimization().process(inputs, AutomaticEnergySettings(), ignore)
    settings = AutomaticPostprocessSettings()
    for level in (None, 0.0):
        find_outlines(
            found["cover"].solution,
            y.shape,
            y,
            RADIUS / math.sqrt(2),
            math.sqrt(2),
            height=settings.outline_height,
            reach=settings.outline_reach,
            level=level,
        )
