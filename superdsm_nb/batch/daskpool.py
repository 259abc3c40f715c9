"""Workers of a Dask cluster in place of processes of our own."""

from __future__ import annotations

import queue
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from ..errors import TaskError
from ..events import READING, ImageStarted, Progress, StageStarted, from_plain
from ..parallel import thread_count
from .daskwork import check_versions, versions, work
from .jobs import Job
from .outcome import Crash, Failure, Mode, Summary
from .pool import EmitFromSlot, Finished, ignoring_interrupts, safe_path
from .spec import Task

if TYPE_CHECKING:
    from distributed import Client, Future

LOCAL = "local"
PATIENCE = 1.0  # seconds between two looks at the connection
CONNECT_SECONDS = 10
CLOSED = ("closed", "closing", "closing-report", "failed")
MISSING = "Dask is not installed: pip install 'superdsm_nb[dask]'."
LOST = (
    "The connection to the Dask scheduler was lost: finished images are kept, so run the same command again "
    "when it is back."
)


def connect(scheduler: str | Client, stack: ExitStack, size: int | None = None) -> Client:
    """Connect to a scheduler, and check that its workers fit.

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
        If Dask is not installed, nobody answers, or a worker runs another version or several threads.
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
    _check_workers(client)
    return client


def _check_workers(client: Client) -> None:
    """Refuse workers that would give other results, or be in each other's way."""
    known = client.scheduler_info(n_workers=-1)["workers"]
    several = sorted(address for address, worker in known.items() if worker["nthreads"] != 1)
    if several:
        raise TaskError(
            f"The Dask worker {several[0]} has several threads: start workers with one thread each "
            "(--nthreads 1), and more of them."
        )
    own = versions()
    for address, found in sorted(client.run(versions).items()):
        check_versions(own, found, address)


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
    """

    def __init__(self, scheduler: str | Client, stack: ExitStack, mode: Mode) -> None:
        self._client = connect(scheduler, stack)
        self._mode = mode
        self._slots: dict[str, int] = {}
        self._size = 1  # what a display has room for; workers may come and go
        # One image that takes all memory must not kill one worker after the other.
        self._client.run_on_scheduler(fail_soon)

    def size(self, task: Task, count: int) -> int:
        """Number of workers for a task with `count` images."""
        self._size = max(1, min(len(self._client.scheduler_info(n_workers=-1)["workers"]), count))
        return self._size

    def work(self, task: Task, jobs: Sequence[Job], emit: EmitFromSlot) -> Iterator[Finished]:
        """Work on the images of a task; see `ProcessPool.run`."""
        news: queue.SimpleQueue[Any] = queue.SimpleQueue()
        topic, run = f"superdsm-nb-{uuid.uuid4().hex}", uuid.uuid4().hex
        self._client.subscribe_topic(topic, news.put)
        futures: dict[Future[Any], Job] = {}
        try:
            for number, job in enumerate(jobs):
                future = self._client.submit(
                    work,
                    job,
                    self._mode,
                    dict(task.environ),
                    versions(),
                    topic,
                    key=f"superdsm-nb-{run}-{number}",
                    pure=False,
                )
                futures[future] = job
                future.add_done_callback(news.put)
            while futures:
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
                    yield Finished(job, self._result(item, job))
        finally:
            if self._client.status not in CLOSED:
                self._client.cancel(list(futures), force=True)
                self._client.unsubscribe_topic(topic)

    def _tell(self, message: dict[str, Any], emit: EmitFromSlot) -> None:
        """Hand an event of a worker on."""
        slot = self._slots.setdefault(message["worker"], len(self._slots)) % self._size
        kind, entries = message["kind"], message["event"]
        if kind == "ImageStarted":
            emit(ImageStarted(entries["name"]), slot)
        elif kind == "StageStarted":
            emit(StageStarted(entries["name"]), slot)
        elif kind == "Progress":
            emit(Progress(**entries), slot)
        else:
            emit(from_plain({"kind": kind, **entries}), slot)

    def _result(self, future: Future[Any], job: Job) -> Summary | Failure:
        from distributed import CancelledError, KilledWorker  # noqa: PLC0415

        try:
            result: Summary | Failure = future.result()
        except KilledWorker:
            return Crash(
                READING,
                f"{job.image}: the Dask workers that began with it died (out of memory?): cut the image into "
                "parts, or give workers more memory.",
            )
        except CancelledError as error:
            raise TaskError(LOST) from error
        return result


def fail_soon(dask_scheduler: Any) -> None:  # noqa: ANN401 - the name by which Dask passes it
    """On the scheduler: let no more than two workers be killed by the same work."""
    dask_scheduler.allowed_failures = min(dask_scheduler.allowed_failures, 1)
