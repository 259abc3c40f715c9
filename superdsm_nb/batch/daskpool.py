"""Workers of a Dask cluster in place of processes of our own."""

from __future__ import annotations

import itertools
import queue
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any

from ..errors import TaskError, joined
from ..events import READING, Event, ImageStarted, Progress, StageStarted, from_plain
from ..parallel import thread_count
from .daskwork import check_versions, described, versions, work
from .jobs import Job
from .outcome import Crash, Failure, Mode, Summary
from .pool import EmitFromSlot, Finished, ignoring_interrupts, safe_path
from .spec import Task

if TYPE_CHECKING:
    from distributed import Client, Future

LOCAL = "local"
PATIENCE = 1.0  # seconds between two looks at the connection
LOOK_SECONDS = 5.0  # between two looks at the number of workers
CONNECT_SECONDS = 10
UNREACHABLE = (OSError, TimeoutError, RuntimeError)
CLOSED = ("closed", "closing", "closing-report", "failed")
MISSING = "Dask is not installed: pip install 'superdsm_nb[dask]'."
NOTHING_THERE = "{} cannot load this program ({}): install superdsm_nb[dask] there as well."
COMMON_KIND = "generic"  # what every processor of the last ten years in a cluster can run
AHEAD, LEAST_AHEAD = 4, 64  # images per worker that the scheduler knows of, and in total
LOST = (
    "The connection to the Dask scheduler was lost: finished images are kept, so run the same command again "
    "when it is back."
)


def connect(scheduler: str | Client, stack: ExitStack, size: int | None = None) -> Client:
    """Connect to a scheduler.

    Parameters
    ----------
    scheduler : str or distributed.Client
        Its address, such as "tcp://host:8786"; "local" for a cluster of this computer; or a client.
    stack : ExitStack
        Ends the connection, and the cluster if it is local.
    size : int, optional
        Number of workers of a local cluster; as many as threads may be used by default.

    Returns
    -------
    distributed.Client
        The client.

    Raises
    ------
    TaskError
        If Dask is not installed, or nobody answers.
    """
    try:
        import distributed  # noqa: PLC0415 - an extra, and slow to import
    except ImportError as error:
        raise TaskError(MISSING) from error
    if isinstance(scheduler, distributed.Client):
        client = scheduler
    else:
        try:
            if scheduler == LOCAL:
                count = size or thread_count()
                with ignoring_interrupts(), safe_path():
                    cluster = stack.enter_context(
                        distributed.LocalCluster(
                            n_workers=count, threads_per_worker=1, dashboard_address=None
                        )
                    )
                client = stack.enter_context(distributed.Client(cluster))
            else:
                client = stack.enter_context(distributed.Client(scheduler, timeout=CONNECT_SECONDS))
        except (OSError, ValueError) as error:
            raise TaskError(
                f"No Dask scheduler answers at {scheduler} ({error}): check the address, such as "
                "tcp://host:8786."
            ) from error
    return client


def check_workers(client: Client) -> dict[str, str]:
    """Refuse workers that would give other results, or be in each other's way.

    Parameters
    ----------
    client : distributed.Client
        Connected to their scheduler.

    Returns
    -------
    dict of str to str
        The kind of each worker's processor (see `superdsm_nb.parallel.processor_kind`), by its address.

    Raises
    ------
    TaskError
        If a worker lacks this package, runs another version or has several threads.
    """
    known = client.scheduler_info(n_workers=-1)["workers"]
    several = sorted(address for address, worker in known.items() if worker["nthreads"] != 1)
    if several:
        raise TaskError(
            f"The Dask worker {several[0]} has several threads: start workers with one thread each "
            "(--nthreads 1), and more of them."
        )
    own, processors = versions(), {}
    for address, found in sorted(client.run(described, on_error="return").items()):
        if isinstance(found, BaseException) and _lacks_a_module(found):
            raise TaskError(NOTHING_THERE.format(f"The Dask worker {address}", found))
        if isinstance(found, BaseException):
            raise TaskError(f"The Dask worker {address} does not answer ({type(found).__name__}: {found}).")
        check_versions(own, found[0], address)
        processors[address] = found[1]
    return processors


def _lacks_a_module(error: BaseException) -> bool:
    """Whether an error of a worker, or what has become of it on the way, is that a module is missing."""
    return isinstance(error, ImportError) or "ModuleNotFoundError" in str(error)


def remark_on_processors(processors: Mapping[str, str]) -> str | None:
    """Say what follows if workers have processors of different kinds; None if they have not.

    Parameters
    ----------
    processors : mapping of str to str
        The kind of each worker's processor, by the address of the worker.
    """
    examples = {kind: address for address, kind in sorted(processors.items(), reverse=True)}
    if len(examples) < 2:
        return None
    kinds = joined([f"{kind} at {address}" for kind, address in sorted(examples.items())])
    return (
        f"the Dask workers have processors of different kinds ({kinds}), so the last digit of an energy may "
        "depend on the worker; for the same results everywhere, start all workers with NUMBA_CPU_NAME set to "
        f"one name, such as {COMMON_KIND}"
    )


class DaskPool:
    """Dask workers that segment images.

    Parameters
    ----------
    scheduler : str or distributed.Client
        As for `connect`.
    stack : ExitStack
        Ends the connection.
    mode : Mode
        How stored results are treated, with the token of the run.
    warn : callable
        Takes a sentence if workers have processors of different kinds.

    Raises
    ------
    TaskError
        As by `connect` and `check_workers`.
    """

    def __init__(
        self, scheduler: str | Client, stack: ExitStack, mode: Mode, warn: Callable[[str], None]
    ) -> None:
        self._client = connect(scheduler, stack)
        self._warn, self._is_warned = warn, False
        self._processors = check_workers(self._client)
        self._compare_processors()
        self._mode = mode
        self._slots: dict[str, int] = {}
        self._images: dict[int, str] = {}
        self._look_again, self._workers = 0.0, 1
        self._size = 1  # what a display has room for; workers may come and go
        # Dask suspects everything that waits for a worker that dies. So Dask tries nothing again, but
        # `work` does: one image that takes all memory kills two workers, and no other image is blamed.
        try:
            before = self._client.run_on_scheduler(allow_failures, allowed=0)
        except Exception as error:
            if _lacks_a_module(error):
                raise TaskError(NOTHING_THERE.format("The Dask scheduler", error)) from error
            raise
        stack.callback(self._allow_failures_again, before)

    def _allow_failures_again(self, allowed: int) -> None:
        with suppress(*UNREACHABLE):
            if self._client.status not in CLOSED:
                self._client.run_on_scheduler(allow_failures, allowed=allowed)

    def _worker_count(self) -> int:
        """Number of workers; it is asked for at most every now and then."""
        if time.monotonic() >= self._look_again:
            with suppress(*UNREACHABLE):  # whether the connection is lost is found out elsewhere
                self._workers = len(self._client.scheduler_info(n_workers=-1)["workers"])
            self._look_again = time.monotonic() + LOOK_SECONDS
        return self._workers

    def size(self, task: Task, count: int) -> int:
        """Number of workers for a task with `count` images."""
        self._size = max(1, min(self._worker_count(), count))
        return self._size

    def work(self, task: Task, jobs: Sequence[Job], emit: EmitFromSlot) -> Iterator[Finished]:
        """Work on the images of a task; see `ProcessPool.run`."""
        news: queue.SimpleQueue[Any] = queue.SimpleQueue()
        topic, run = f"superdsm-nb-{uuid.uuid4().hex}", uuid.uuid4().hex
        futures: dict[Future[Any], Job] = {}
        waiting, suspects, is_second = deque(jobs), deque[Job](), False
        numbers = itertools.count()
        try:
            self._client.subscribe_topic(topic, news.put)
            while waiting or suspects or futures:
                if not waiting and not futures:  # each of these was there when a worker died: now one by one
                    waiting, suspects, is_second = suspects, deque(), True
                room = self._room(is_second)
                while waiting and len(futures) < room:
                    job = waiting.popleft()
                    future = self._client.submit(
                        *(work, job, self._mode, dict(task.environ), versions(), topic),
                        key=f"superdsm-nb-{run}-{next(numbers)}",
                        pure=False,
                    )
                    futures[future] = job
                    future.add_done_callback(news.put)
                try:
                    item = news.get(timeout=PATIENCE)
                except queue.Empty:
                    if self._client.status in CLOSED:
                        raise TaskError(LOST) from None
                    continue
                if isinstance(item, tuple):
                    self._tell(item[1], emit)
                elif item.status in ("lost", "pending"):  # its worker died with the result: it is done again
                    item.add_done_callback(news.put)
                else:
                    job = futures.pop(item)
                    result = self._result(item, job)
                    if result is None and not is_second:
                        suspects.append(job)
                    else:
                        yield Finished(job, result or _killed(job))
        except OSError as error:  # whatever is asked of the scheduler meanwhile
            raise TaskError(LOST) from error
        finally:
            with suppress(*UNREACHABLE):
                if self._client.status not in CLOSED:
                    self._client.cancel(list(futures), force=True)
                    self._client.unsubscribe_topic(topic)

    def _room(self, is_second: bool) -> int:
        """How many images the scheduler may know of: enough for no worker to wait, however many there are."""
        workers = self._worker_count()
        return max(1, workers // 2) if is_second else max(LEAST_AHEAD, AHEAD * workers)

    def _tell(self, message: dict[str, Any], emit: EmitFromSlot) -> None:
        """Hand the events of a worker on."""
        worker, image = message["worker"], message["image"]
        slot = self._slots.setdefault(worker, len(self._slots)) % self._size
        if self._processors.get(worker) != message["processor"]:  # it has joined later
            self._processors[worker] = message["processor"]
            self._compare_processors()
        if self._images.get(slot) != image:
            self._images[slot] = image
            emit(ImageStarted(image), slot)
        for event in map(_event, message["events"]):
            if not isinstance(event, ImageStarted):
                emit(event, slot)

    def _compare_processors(self) -> None:
        """Warn, once, of processors of different kinds."""
        remark = None if self._is_warned else remark_on_processors(self._processors)
        if remark is not None:
            self._is_warned = True
            self._warn(remark)

    def _result(self, future: Future[Any], job: Job) -> Summary | Failure | None:
        """The result of an image; None if the worker that it was with died."""
        from distributed import CancelledError, KilledWorker  # noqa: PLC0415

        try:
            result: Summary | Failure = future.result()
        except KilledWorker:
            return None
        except CancelledError as error:
            raise TaskError(LOST) from error
        except Exception as error:
            if _lacks_a_module(error):  # of a worker that has joined later
                raise TaskError(NOTHING_THERE.format("A Dask worker", error)) from error
            raise
        return result


def _event(told: Mapping[str, Any]) -> Event:
    """Return an event as it was told by a worker; on the way, lists become tuples."""
    kind, entries = told["kind"], told["event"]
    fleeting = {each.__name__: each for each in (ImageStarted, StageStarted, Progress)}.get(kind)
    if fleeting is not None:
        event: Event = fleeting(**entries)
        return event
    plain = {name: list(value) if isinstance(value, tuple) else value for name, value in entries.items()}
    return from_plain({"kind": kind, **plain})


def _killed(job: Job) -> Crash:
    return Crash(
        READING,
        f"{job.image}: the Dask workers that began with it died (out of memory?): cut the image into "
        "parts, or give workers more memory.",
    )


def allow_failures(dask_scheduler: Any, allowed: int) -> int:  # noqa: ANN401 - the name by which Dask passes it
    """Set how many workers of a task may die, and return what was set before."""
    before: int = dask_scheduler.allowed_failures
    dask_scheduler.allowed_failures = allowed
    return before
