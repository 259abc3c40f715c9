"""What a Dask worker does with an image; this module must not import NumPy or Dask before it does it."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import asdict
from importlib import metadata
from typing import TYPE_CHECKING

from .._version import __version__
from ..errors import TaskError
from ..events import READING, Event, ImageStarted, Progress
from ..parallel import THREADS_VARIABLE
from .outcome import Crash, Failure, Mode, Summary

if TYPE_CHECKING:
    from .jobs import Job

Versions = dict[str, str]
PROGRESS_INTERVAL = 0.5  # seconds
LIBRARIES = ("numba", "numpy", "scipy")


def versions() -> Versions:
    """Return the versions on which results depend, by name."""
    return {"superdsm_nb": __version__, **{name: metadata.version(name) for name in LIBRARIES}}


def check_versions(own: Versions, found: Versions, address: str) -> None:
    """Raise `TaskError` if a worker has not the same versions.

    Parameters
    ----------
    own, found : dict of str to str
        Versions here, and those of the worker.
    address : str
        The worker.
    """
    for name, version in own.items():
        if found.get(name) != version:
            raise TaskError(
                f"The Dask worker {address} has {name} {found.get(name)}, but this is {version}: results may "
                "differ. Install the same everywhere."
            )


def work(job: Job, mode: Mode, environ: Mapping[str, str], wanted: Versions, topic: str) -> Summary | Failure:
    """Segment one image on a worker.

    Parameters
    ----------
    job : Job
        The image; its paths are absolute.
    mode : Mode
        How stored results are treated, with the token of the run.
    environ : mapping of str to str
        Environment variables of the task.
    wanted : dict of str to str
        Versions of the one who asks.
    topic : str
        Where events are told.

    Returns
    -------
    Summary or Failure
        As of `superdsm_nb.batch.work.process`.

    Raises
    ------
    TaskError
        If this worker has other versions.
    """
    from distributed import get_worker  # noqa: PLC0415

    from .work import process  # noqa: PLC0415

    worker = get_worker()
    check_versions(wanted, versions(), worker.address)
    os.environ.update({THREADS_VARIABLE: "1", **environ})
    last = 0.0

    def emit(event: Event) -> None:
        nonlocal last
        if isinstance(event, Progress):
            if time.monotonic() - last < PROGRESS_INTERVAL:
                return
            last = time.monotonic()
        told = {"kind": type(event).__name__, "event": asdict(event), "worker": worker.address}
        worker.log_event(topic, told)

    try:
        emit(ImageStarted(job.file_id))
        return process(job, mode, emit)
    except Exception as error:  # noqa: BLE001 - the client may not be able to read it, and would wait forever
        return Crash(READING, f"{job.image}: unexpected {type(error).__name__}: {error}; please report this.")
