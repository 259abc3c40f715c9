"""Worker processes, one image at a time each.

A process pool of the standard library breaks as a whole when one of its processes dies; here only the image
of the dead worker fails, and the others continue.
"""

from __future__ import annotations

import contextlib
import math
import multiprocessing
import os
import signal
import sys
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import TaskError
from ..events import READING, Event, ImageStarted, Progress, StageStarted
from ..parallel import THREADS_VARIABLE, thread_count
from ..timelimit import over
from .outcome import Crash, Failure, Mode, Summary

if TYPE_CHECKING:
    from .jobs import Job

EmitFromSlot = Callable[[Event, int], None]  # an event, and the slot of the worker it comes from

PROGRESS_INTERVAL = 0.1  # seconds
STOP_SECONDS = 2.0  # time for a worker to end by itself
START_SECONDS = 60.0  # for a process to start, to compile, and to find that the time is over
SAFE_PATH_VARIABLE = "PYTHONSAFEPATH"
STARTING = ""  # before the first stage
KILLED_EXIT_CODE = -9  # exit code of a process that the system stopped


class ConnectionEmitter:
    """Sends events through a connection, progress only as often as it can be seen."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._last_progress = 0.0

    def __call__(self, event: Event) -> None:
        """Send an event; progress at most ten times a second."""
        if isinstance(event, Progress):
            now = time.monotonic()
            if now - self._last_progress < PROGRESS_INTERVAL:
                return
            self._last_progress = now
        # The other side may be gone: then nobody listens, and this process ends by itself.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._connection.send(event)


def serve(connection: Connection, environ: Mapping[str, str], mode: Mode, slot: int) -> None:
    """Work on the jobs that come through a connection until it is closed. Runs in a process of its own."""
    os.environ.update(environ)  # before NumPy is imported: its BLAS looks there once
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that started this one decides when to end
    threading.Thread(target=_end_with_parent, daemon=True).start()
    from ..automatic import compile_later_stages  # noqa: PLC0415 - they import NumPy
    from .work import process  # noqa: PLC0415

    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # warnings for users are sent as events
    emit = ConnectionEmitter(connection)
    is_first = True
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            job = connection.recv()
            if is_first and slot % 2 and job.preset == "automatic":
                # Two workers that compile the same kernels side by side take as long as one.
                with contextlib.suppress(Exception):  # what is missing is compiled later
                    compile_later_stages()
            is_first = False
            connection.send(process(job, mode, emit))


def _end_with_parent() -> None:
    """End this process as soon as the one that started it is gone: nobody holds the folder any more."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)


@dataclass
class Worker:
    """A process, its slot, and the job it works on."""

    slot: int
    process: multiprocessing.process.BaseProcess
    connection: Connection
    job: Job | None = None
    stage: str = ""
    latest_end: float = math.inf  # in seconds of the monotonic clock


@dataclass(frozen=True)
class Finished:
    """An image that is finished, successfully or not."""

    job: Job
    result: Summary | Failure


def _seconds_until(end: float) -> float | None:
    """Seconds that are left, None if there is no end."""
    return None if math.isinf(end) else max(0.0, end - time.monotonic())


@contextmanager
def safe_path() -> Iterator[None]:
    """Let processes that start meanwhile import nothing from the working folder, which may be a stranger's.

    A worker begins as ``python -c``, which looks there first, even for modules of the standard library.
    """
    before = os.environ.get(SAFE_PATH_VARIABLE)
    os.environ[SAFE_PATH_VARIABLE] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[SAFE_PATH_VARIABLE]
        else:
            os.environ[SAFE_PATH_VARIABLE] = before


@contextmanager
def ignoring_interrupts() -> Iterator[None]:
    """Start processes that ignore interrupts from the start, and so print no traceback when one comes."""
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN) if _is_main() else None
    try:
        yield
    finally:
        if handler is not None:
            signal.signal(signal.SIGINT, handler)


def _no_worker(error: OSError) -> TaskError:
    reason = error.strerror or str(error)
    return TaskError(f"No worker process can be started: {reason}. Raise the limit (ulimit -a shows it).")


def _is_main() -> bool:
    return threading.current_thread() is threading.main_thread()


class ProcessPool:
    """Processes that segment images.

    Parameters
    ----------
    size : int
        How many.
    environ : mapping of str to str
        Environment variables for them.
    mode : Mode
        How stored results are treated.
    """

    def __init__(self, size: int, environ: Mapping[str, str], mode: Mode) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._environ = dict(environ)
        if THREADS_VARIABLE not in environ and not os.environ.get(THREADS_VARIABLE):
            self._environ[THREADS_VARIABLE] = str(max(1, thread_count() // size))
        self._mode = mode
        self._size = size
        self._workers: list[Worker] = []

    def __enter__(self) -> ProcessPool:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for worker in self._workers:
            worker.connection.close()
            if kind is not None:
                worker.process.terminate()
        for worker in self._workers:
            worker.process.join(STOP_SECONDS)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()

    def run(self, jobs: Iterable[Job], emit: EmitFromSlot) -> Iterator[Finished]:
        """Work on jobs, in their order as far as workers are free; yield each as it ends.

        Parameters
        ----------
        jobs : iterable of Job
            The images.
        emit : callable
            Called as ``emit(event, slot)`` with each event and the slot of the worker (zero-based).
        """
        waiting = deque(jobs)
        alone: deque[Job] = deque()  # images whose worker died are tried once more, one at a time
        tried: set[Path] = set()
        while len(self._workers) < min(self._size, len(waiting)):
            try:
                self._workers.append(self._start(len(self._workers)))
            except OSError as error:  # too few descriptors or processes
                if not self._workers:
                    raise _no_worker(error) from error
                break
        while True:
            for worker in self._workers:
                if worker.job is None and waiting:
                    self._begin(worker, waiting.popleft(), emit)
            if alone and not waiting and all(worker.job is None for worker in self._workers):
                self._begin(self._workers[0], alone.popleft(), emit)
            busy = {worker.connection: worker for worker in self._workers if worker.job is not None}
            if not busy:
                return
            for connection in wait(
                list(busy), _seconds_until(min(each.latest_end for each in busy.values()))
            ):
                assert isinstance(connection, Connection)
                worker = busy[connection]
                finished = self._receive(worker, emit)
                if finished is None:
                    continue
                if isinstance(finished.result, Crash) and finished.job.stored not in tried:
                    # Out of memory, perhaps because of the images beside it, or killed while it waited.
                    tried.add(finished.job.stored)
                    alone.append(finished.job)
                else:
                    yield finished
            for worker in busy.values():
                is_late = worker.job is not None and time.monotonic() > worker.latest_end
                if is_late and not worker.connection.poll():  # nor is its result here already
                    assert worker.job is not None
                    yield Finished(worker.job, self._stop(worker, worker.job))

    def _begin(self, worker: Worker, job: Job, emit: EmitFromSlot) -> None:
        """Let a worker begin with an image."""
        worker.job, worker.stage = job, STARTING
        worker.latest_end = self._latest_end(job)
        emit(ImageStarted(job.file_id), worker.slot)
        # If it has died, its end is noticed when its result is waited for.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            worker.connection.send(job)

    def _latest_end(self, job: Job) -> float:
        """When a worker is stopped that does not keep the time limit by itself."""
        limit = self._mode.limit_of(job)
        return math.inf if limit is None else time.monotonic() + START_SECONDS + 2 * limit

    def _stop(self, worker: Worker, job: Job) -> Crash:
        """Stop a worker that takes too long, and start another one."""
        limit = self._mode.limit_of(job)
        assert limit is not None
        worker.process.kill()
        stage = READING if worker.stage == STARTING else worker.stage
        self._replace_dead(worker, job)
        return Crash(stage, f"{job.image}: {over(limit)}")

    def _receive(self, worker: Worker, emit: EmitFromSlot) -> Finished | None:
        job = worker.job
        assert job is not None
        try:
            message = worker.connection.recv()
        except (EOFError, OSError):
            return Finished(job, self._replace_dead(worker, job))
        if isinstance(message, Summary | Failure):
            worker.job = None
            return Finished(job, message)
        if isinstance(message, StageStarted):
            worker.stage = message.name
        emit(message, worker.slot)
        return None

    def _replace_dead(self, worker: Worker, job: Job) -> Crash:
        worker.process.join(STOP_SECONDS)
        code = worker.process.exitcode
        worker.connection.close()
        worker.job = None
        try:
            self._workers[self._workers.index(worker)] = self._start(worker.slot)
        except OSError as error:
            self._workers.remove(worker)
            if not self._workers:
                raise _no_worker(error) from error
        cause = "out of memory?" if code == KILLED_EXIT_CODE else f"exit code {code}"
        return Crash(
            READING if worker.stage == STARTING else worker.stage,
            f"{job.image}: its worker process died ({cause}), also with no other image beside it: cut the "
            "image into parts, or use a computer with more memory.",
        )

    def _start(self, slot: int) -> Worker:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=serve,
            args=(theirs, self._environ, self._mode, slot),
            name=f"superdsm-nb-{slot}",
            daemon=True,
        )
        with ignoring_interrupts(), safe_path():
            process.start()
        theirs.close()
        return Worker(slot, process, ours)
