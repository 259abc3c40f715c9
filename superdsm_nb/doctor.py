"""Information about this installation, and a test of it."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_info

from ._version import __version__
from .kernels.regions import group_pixels
from .metrics import score
from .parallel import THREADS_VARIABLE, thread_count
from .segmentation import segment
from .synthetic import generate

LIBRARIES = ("numba", "numpy", "scipy", "scikit-image", "imageio", "tifffile", "imagecodecs", "typer")
MIN_SELF_TEST_DICE = 0.9  # the self-test normally scores well above this


def examine() -> Iterator[tuple[str, str]]:
    """Describe this installation.

    Yields
    ------
    (str, str)
        What is described, and its description.
    """
    yield "superdsm_nb", __version__
    yield "Python", f"{platform.python_version()} ({sys.executable})"
    yield "system", platform.platform()
    for library in LIBRARIES:
        try:
            yield library, version(library)
        except PackageNotFoundError:
            yield library, "missing: reinstall the package"
    given = f", set by {THREADS_VARIABLE}" if os.environ.get(THREADS_VARIABLE) else ""
    yield "threads", f"{thread_count()}{given} (processors: {os.cpu_count()})"
    for library in threadpool_info():
        if library["user_api"] == "blas":
            yield "BLAS", f"{library['internal_api']} {library['version']} for {library.get('architecture')}"
    yield "compiled kernels", _cache()


def _cache() -> str:
    """Where compiled kernels are kept."""
    stats = getattr(group_pixels, "stats", None)
    if stats is None:
        return "none: NUMBA_DISABLE_JIT is set, so everything is slow"
    if not stats.cache_path:
        return (
            "not stored: no cache folder is writable, and closed to other users, so every process compiles "
            "again; set NUMBA_CACHE_DIR"
        )
    folder = Path(stats.cache_path)
    count = len(list(folder.glob("*.nbc"))) if folder.is_dir() else 0
    return f"{folder} ({count} files)"


def self_test() -> tuple[bool, str]:
    """Segment a generated image twice and compare the result with the truth, and with itself.

    Returns
    -------
    passed : bool
        Whether the installation works.
    verdict : str
        One sentence.
    """
    sample = generate(seed=1, shape=(160, 160), nuclei=4)
    config = {"AF_scale": 11.3}
    start = time.perf_counter()
    first = segment(sample.image, config)
    compiled = time.perf_counter() - start
    start = time.perf_counter()
    second = segment(sample.image, config)
    seconds = time.perf_counter() - start
    dice = score(first, sample.labels).dice
    if not np.array_equal(first, second):
        return False, "two runs on the same image gave different results: please report this."
    if dice < MIN_SELF_TEST_DICE:
        return (
            False,
            f"Dice coefficient {dice:.3f} on a generated image; expected at least {MIN_SELF_TEST_DICE}.",
        )
    return True, (
        f"passed: Dice coefficient {dice:.3f} on a generated image, the same in two runs; {seconds:.2f} s "
        f"({compiled:.1f} s including loading or compiling the kernels)"
    )
