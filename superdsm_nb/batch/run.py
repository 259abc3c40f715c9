"""Running tasks: images over workers, results as they finish, tables at the end."""

from __future__ import annotations

import os
import signal
import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ..errors import OutputError, shortened
from ..events import READING, Event, ImageStarted
from ..parallel import processors, thread_count
from .daskpool import DaskPool
from .jobs import PROVENANCE, Job
from .lock import exclusive, sweep
from .log import log_failure
from .outcome import Crash, Failure, Mode, Summary
from .pool import EmitFromSlot, Finished, ProcessPool
from .shard import Shard
from .spec import FILE_NAME, Task
from .status import StatusReport, TaskStatus
from .survey import Plan
from .tables import write_tables
from .work import process

if TYPE_CHECKING:
    from distributed import Client

MISSING = "there is no result, or it is out of date: its shard has failed, or has not run."
TERMINATION_SIGNALS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]


class Display(Protocol):
    """Where a run reports its progress."""

    def task(self, plan: Plan, todo: int, workers: int) -> None:
        """A task begins; `todo` of its images remain to be done."""

    def skipped(self, plan: Plan) -> None:
        """A task is skipped: it is complete, or a template."""

    def emit(self, event: Event, slot: int = 0) -> None:
        """Something happens in the work on an image; see `ProcessPool.run`."""

    def finished(self, plan: Plan, job: Job, result: Summary | Failure) -> None:
        """An image is done."""

    def concluded(self, summaries: Sequence[Summary]) -> None:
        """A task is done."""

    def ended(self, failed: int, total: int) -> None:
        """The run is over; `failed` of `total` images failed."""

    def warn(self, line: str) -> None:
        """A warning that concerns no particular image."""

    def error(self, line: str) -> None:
        """Something that went wrong."""


class Pool(Protocol):
    """Workers that segment images."""

    def size(self, task: Task, count: int) -> int:
        """Number of workers for a task with `count` images."""

    def work(self, task: Task, jobs: Sequence[Job], emit: EmitFromSlot) -> Iterator[Finished]:
        """Work on the images of a task, and yield each as it ends."""


@dataclass
class Runner:
    """Runs tasks one after the other.

    Attributes
    ----------
    root : Path
        The root given on the command line.
    display : Display
        Shows what happens.
    mode : Mode
        How stored results are treated.
    force : bool
        Also run complete tasks again.
    report : Path or None
        File of the status report.
    shard : Shard or None
        The share of the images that the plans hold; tables are left to a run without shares.
    collects : bool
        Compute nothing: write the tables of the results that are there, and name what is missing.
    scheduler : str, distributed.Client or None
        Of the Dask cluster that does the work, instead of processes of this computer (see
        `superdsm_nb.batch.daskpool.connect`).
    """

    root: Path
    display: Display
    mode: Mode = field(default_factory=Mode)
    force: bool = False
    report: Path | None = None
    shard: Shard | None = None
    collects: bool = False
    scheduler: str | Client | None = None

    def run(self, plans: Sequence[Plan]) -> int:
        """Run tasks.

        Parameters
        ----------
        plans : sequence of Plan
            Tasks and templates, in their order.

        Returns
        -------
        int
            Number of images that failed or are missing, and of tables that could not be written.

        Raises
        ------
        TaskError
            If another run is active in one of their folders.
        """
        failures = 0
        runnable = [plan for plan in plans if plan.task.runnable]
        names = [
            name if (name := plan.task.name(self.root)) != "." else self.root.resolve().name
            for plan in runnable
        ]
        statuses = [
            TaskStatus(name, total=len(plan.states)) for name, plan in zip(names, runnable, strict=True)
        ]
        by_folder = {plan.task.folder: current for plan, current in zip(runnable, statuses, strict=True)}
        status = StatusReport(self.report, statuses, self.display.warn, self.root)
        folders = {path.parent for plan in runnable for path in _files_of(plan)}
        token = "" if self.scheduler is None else uuid.uuid4().hex
        part = None if self.shard is None else f"{self.shard.number}-of-{self.shard.count}"
        if part is not None:
            folders = set()  # what is unfinished may be another one's
        with (
            exclusive(dict.fromkeys([self.root, *(plan.task.folder for plan in runnable)]), part, token),
            _interrupt_on_signals(),
        ):
            sweep(folders)
            status.write(is_first=True)
            try:
                with ExitStack() as stack:
                    pool: Pool = WorkerPool(stack, self.mode)
                    if self.scheduler is not None:
                        mode = replace(self.mode, token=token, part=part)
                        pool = DaskPool(self.scheduler, stack, mode, self.display.warn)
                    for plan in plans:
                        if not plan.task.runnable:
                            self.display.skipped(plan)
                            continue
                        failures += self._run_task(plan.again(), pool, by_folder[plan.task.folder], status)
                        status.write()
            finally:
                sweep(folders)  # after the workers have ended
                for current in statuses:
                    current.interrupt()
                status.write()
        failed = sum(current.failed for current in statuses)
        self.display.ended(failed, sum(current.total for current in statuses))
        return failures

    def _run_task(self, plan: Plan, pool: Pool, current: TaskStatus, status: StatusReport) -> int:
        if plan.is_complete and not self.force:
            current.state = "skipped"
            self.display.skipped(plan)
            return 0
        if self.collects:
            return self._collect(plan, [state.job for state in plan.states if state.header is None], current)
        todo = [state.job for state in plan.states if self.force or not state.is_done]
        if not self.mode.oneshot and (todo or self.shard is None):
            # Until the tables are written, nothing may claim that they match the results.
            with suppress(OSError):  # what cannot be removed is not the provenance
                (plan.task.folder / PROVENANCE).unlink()
        if self.scheduler is None and plan.task.num_cpus is not None and plan.task.num_cpus > processors():
            self.display.warn(
                f"{plan.task.folder / FILE_NAME}: num_cpus is {shortened(str(plan.task.num_cpus))}, but "
                f"there are only {processors()} processors: no more are used"
            )
        current.state, current.done = "active", len(plan.states) - len(todo)
        status.write()
        summaries: list[Summary] = []
        failures: dict[str, str] = {}
        self.display.task(plan, len(todo), pool.size(plan.task, len(todo)))
        for finished in pool.work(plan.task, todo, self.display.emit):
            job, result = finished.job, finished.result
            self.display.finished(plan, job, result)
            if isinstance(result, Failure):
                failures[job.file_id] = f"{result.stage}: {result.reason}"
                current.failures.append(f"{job.file_id}: {failures[job.file_id]}")
                current.failed += 1
                if isinstance(result, Crash):
                    log_failure(job, result, self.display.emit)
            else:
                current.done += 1
                summaries.append(result)
            status.write(is_urgent=False)
        self.display.concluded(summaries)
        if not self.mode.oneshot and self.shard is None:
            self._write_tables(plan.again(), failures, current)
        current.state = "error" if current.failures else "done"
        return len(current.failures)

    def _collect(self, plan: Plan, missing: Sequence[Job], current: TaskStatus) -> int:
        """Write the tables of a task from what is there."""
        current.done = len(plan.states) - len(missing)
        self.display.task(plan, len(missing), 1)
        failures = {}
        for job in missing:
            failure = Failure(READING, f"{job.image}: {MISSING}")
            self.display.finished(plan, job, failure)
            failures[job.file_id] = MISSING
            current.failures.append(f"{job.file_id}: {MISSING}")
            current.failed += 1
        self.display.concluded([])
        self._write_tables(plan, failures, current)
        current.state = "error" if current.failures else "done"
        return len(current.failures)

    def _write_tables(self, plan: Plan, failures: Mapping[str, str], current: TaskStatus) -> None:
        try:
            write_tables(plan, failures)
        except OutputError as error:
            current.failures.append(str(error))
            self.display.error(str(error))


def _files_of(plan: Plan) -> Iterator[Path]:
    """Files that a run of a task writes, as far as they are known in advance."""
    yield plan.task.folder / PROVENANCE
    for job in plan.jobs:
        yield from (*job.outputs.values(), job.stored)


@contextmanager
def _interrupt_on_signals() -> Iterator[None]:
    """End on SIGTERM and SIGHUP as on an interrupt, so that nothing is left behind."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {name: signal.signal(name, interrupt) for name in TERMINATION_SIGNALS}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)


class WorkerPool:
    """The workers of a run, reused from task to task while the settings stay the same.

    Parameters
    ----------
    stack : ExitStack
        Ends them.
    mode : Mode
        How stored results are treated.
    """

    def __init__(self, stack: ExitStack, mode: Mode) -> None:
        self._stack = stack
        self._mode = mode
        self._pool: ProcessPool | None = None
        self._settings: tuple[int, dict[str, str]] | None = None

    def size(self, task: Task, count: int) -> int:
        """Number of workers for a task with `count` images."""
        wanted = min(task.num_cpus or thread_count(), processors())
        return max(1, min(wanted, count)) if not self._mode.debug else 1

    def work(self, task: Task, jobs: Sequence[Job], emit: EmitFromSlot) -> Iterator[Finished]:
        """Work on the images of a task; see `ProcessPool.run`."""
        if self._mode.debug:
            with _environment(task.environ):
                for job in jobs:
                    emit(ImageStarted(job.file_id), 0)
                    yield Finished(job, process(job, self._mode, lambda event: emit(event, 0)))
            return
        wanted = (self.size(task, len(jobs)), dict(task.environ))
        if jobs and (self._pool is None or self._settings != wanted):
            self._stack.close()
            self._pool = self._stack.enter_context(ProcessPool(*wanted, self._mode))
            self._settings = wanted
        if self._pool is not None:
            yield from self._pool.run(jobs, emit)


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


Crew = WorkerPool  # its name in 0.1.0, for one more version
