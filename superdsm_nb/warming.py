"""Compiling all kernels before they are needed: for images of containers, clusters and impatient users."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numba

from .errors import ConfigError, OutputError
from .events import ignore
from .kernels._cache import writable_folder
from .results.outputs import write_outputs
from .segmentation import analyze
from .session import Session
from .synthetic import generate

Report = Callable[[str], None]
WRITTEN = {
    "seg": "seg.png",
    "overlay": "overlay.png",
    "adj": "adj.png",
    "rois": "rois.zip",
    "csv": "nuclei.csv",
}


def warm(report: Report = lambda what: None) -> tuple[Path, int]:
    """Compile all kernels, or load them, by running everything once on a small generated image.

    Parameters
    ----------
    report : callable, optional
        Called with the name of each part before it begins.

    Returns
    -------
    folder : Path
        Where machine code is kept.
    count : int
        Number of files that are new in it.

    Raises
    ------
    ConfigError
        If Numba is told not to compile.
    OutputError
        If there is no folder in which they could be kept.
    """
    if getattr(numba.config, "DISABLE_JIT", 0):
        raise ConfigError("NUMBA_DISABLE_JIT is set, so nothing is compiled: unset it first.")
    folder = writable_folder()
    if folder is None:
        raise OutputError(
            "Compiled kernels cannot be kept: no folder for them is writable, and closed to other users. Set "
            "NUMBA_CACHE_DIR to one that is."
        )
    before = _count(folder)
    sample = generate(seed=1, shape=(200, 260), nuclei=16, radius=12)
    image = sample.image
    report("the automatic method")
    automatic = analyze(image, emit=ignore)
    analyze(image, foreground=sample.labels > 0, emit=ignore)
    report("the published method")
    published = analyze(image, {"AF_scale": 8.5}, emit=ignore)
    for estimator in ("published", "robust"):
        analyze(image, {"automation": {"estimator": estimator}}, preset="published", emit=ignore)
    report("outputs")
    with tempfile.TemporaryDirectory() as name:
        for result in (automatic, published):
            write_outputs(result, {kind: Path(name) / file for kind, file in WRITTEN.items()})
    report("sessions")
    Session(image, automatic.config).delete(1)
    return folder, _count(folder) - before


def _count(folder: Path) -> int:
    return len(list(folder.glob("*.nbc"))) if folder.is_dir() else 0
