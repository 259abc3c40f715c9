"""Who does the work on a large image: this process, several on this computer, or the workers of a cluster."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, suppress
from itertools import islice
from multiprocessing import get_context
from typing import TYPE_CHECKING, Protocol, TypeVar

from ..batch.daskpool import allow_failures, check_workers, connect, remark_on_processors
from ..batch.pool import ignoring_interrupts, safe_path
from ..errors import TaskError
from ..parallel import THREADS_VARIABLE
from ..timelimit import check

if TYPE_CHECKING:
    from distributed import Client

AHEAD = 2  # jobs per worker that wait

J = TypeVar("J")
R = TypeVar("R")


class Crew(Protocol):
    """Does jobs."""

    def __call__(self, function: Callable[[J], R], jobs: Iterable[J]) -> Iterator[R]:
        """Yield what a function returns for each of the jobs, as they are done, in any order."""


def crew(workers: int, scheduler: str | Client | None, stack: ExitStack, warn: Callable[[str], None]) -> Crew:
    """Return a function that does jobs, see `Crew`.

    Parameters
    ----------
    workers : int
        Number of processes on this computer; with 1, this process does the work.
    scheduler : str or distributed.Client, optional
        Of the Dask cluster that does the work instead.
    stack : ExitStack
        Ends the processes or the connection.
    warn : callable
        Takes a sentence if Dask workers have processors of different kinds.

    Raises
    ------
    TaskError
        If there is no such cluster; later, if a worker is killed.
    """
    if scheduler is not None:
        return _dask_crew(connect(scheduler, stack, workers), stack, warn)
    if workers == 1:
        return alone
    with safe_path(), ignoring_interrupts():
        pool = ProcessPoolExecutor(workers, get_context("spawn"), _single_threaded)
    stack.callback(pool.shutdown, wait=True, cancel_futures=True)

    def work(function: Callable[[J], R], jobs: Iterable[J]) -> Iterator[R]:
        coming = iter(jobs)
        with safe_path(), ignoring_interrupts():
            waiting = {pool.submit(function, job) for job in islice(coming, AHEAD * workers)}
        try:
            while waiting:
                done, _ = wait(waiting, timeout=1.0, return_when=FIRST_COMPLETED)
                check()
                for future in done:
                    waiting.remove(future)
                    yield future.result()
                    waiting.update(pool.submit(function, job) for job in islice(coming, 1))
        except BrokenProcessPool as error:
            raise TaskError(
                "A worker process was killed, most likely because memory ran out: run again with smaller "
                "tiles or fewer processes; what is finished is kept."
            ) from error

    return work


def alone(function: Callable[[J], R], jobs: Iterable[J]) -> Iterator[R]:
    """Do jobs in this process, see `Crew`."""
    for job in jobs:
        check()
        yield function(job)


def _single_threaded() -> None:
    """Begin a worker process: the other processors are busy with other tiles."""
    os.environ[THREADS_VARIABLE] = "1"
    import signal  # noqa: PLC0415 - here only

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that asked ends the work


def _dask_crew(client: Client, stack: ExitStack, warn: Callable[[str], None]) -> Crew:
    from distributed import KilledWorker, as_completed  # noqa: PLC0415 - an extra, and slow to import

    remark = remark_on_processors(check_workers(client))
    if remark is not None:
        warn(remark)
    before = client.run_on_scheduler(allow_failures, allowed=1)  # two workers are enough for a bad tile
    stack.callback(_restore, client, before)

    def work(function: Callable[[J], R], jobs: Iterable[J]) -> Iterator[R]:
        coming = iter(jobs)
        ahead = AHEAD * max(1, len(client.scheduler_info(n_workers=-1)["workers"]))
        waiting = as_completed([client.submit(function, job, pure=False) for job in islice(coming, ahead)])
        try:
            for future in waiting:
                yield future.result()
                for job in islice(coming, 1):
                    waiting.add(client.submit(function, job, pure=False))
        except KilledWorker as error:
            raise TaskError(
                "Workers that had the same tile were killed one after the other, most likely because memory "
                "ran out: run again with smaller tiles; what is finished is kept."
            ) from error

    return work


def _restore(client: Client, allowed: int) -> None:
    with suppress(OSError):  # the scheduler may be gone
        client.run_on_scheduler(allow_failures, allowed=allowed)
