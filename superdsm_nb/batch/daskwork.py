"""What a Dask worker does with an image; this module must not import NumPy or Dask before it does it."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from importlib import metadata
from typing import TYPE_CHECKING, Any

from .._version import __version__
from ..errors import TaskError
from ..events import READING, Event, ImageStarted, Progress, StageStarted
from ..parallel import THREADS_VARIABLE, processor_kind
from .outcome import Crash, Failure, Mode, Summary

if TYPE_CHECKING:
    from .jobs import Job

Versions = dict[str, str]
PROGRESS_INTERVAL = 0.5  # seconds
LIBRARIES = ("numba", "numpy", "scipy")


def versions() -> Versions:
    """Return the versions on which results depend, by name."""
    return {"superdsm_nb": __version__, **_libraries()}


@cache
def _libraries() -> Versions:
    """Those of libraries: files are read for them, which takes longer than anything else per image."""
    return {name: metadata.version(name) for name in LIBRARIES}


def described() -> tuple[Versions, str]:
    """Return what the client must know of a worker: its `versions`, and the kind of its processor."""
    return versions(), processor_kind()


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
    waiting: list[dict[str, Any]] = []

    def send() -> None:
        told = {"worker": worker.address, "processor": processor_kind(), "image": job.file_id}
        worker.log_event(topic, told | {"events": waiting.copy()})
        waiting.clear()

    def emit(event: Event) -> None:
        is_fleeting = isinstance(event, ImageStarted | StageStarted | Progress)
        if is_fleeting and not _may_tell():
            return
        waiting.append({"kind": type(event).__name__, "event": asdict(event)})
        if is_fleeting:
            send()

    try:
        emit(ImageStarted(job.file_id))
        result = process(job, mode, emit)
        if waiting:
            send()
        return result
    except Exception as error:  # noqa: BLE001 - the client may not be able to read it, and would wait forever
        return Crash(READING, f"{job.image}: unexpected {type(error).__name__}: {error}; please report this.")


def _may_tell() -> bool:
    """Whether this worker has told nothing for a while; many small images would flood the scheduler."""
    now = time.monotonic()
    if now - _last.get("told", -math.inf) < PROGRESS_INTERVAL:
        return False
    _last["told"] = now
    return True


_last: dict[str, float] = {}
