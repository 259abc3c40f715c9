"""Which results of a task exist, and what remains to be done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..config import STAGE_NAMES
from ..errors import TaskError
from ..io import file_digest
from ..regularfiles import read_regular
from ..strictjson import loads
from .header import Header
from .jobs import SEAL, TABLES, Job, digest_of, plan_all, relative_hint
from .pickup import find_pickup
from .places import RESULTS
from .shard import Shard
from .spec import Task
from .store import up_to_date

MAX_SEAL_SIZE = 10_000  # bytes


@dataclass(frozen=True)
class State:
    """One image before a run.

    Attributes
    ----------
    job : Job
        The image.
    image_sha256 : str or None
        Digest of its file; None if the file cannot be read.
    header : Header or None
        Metadata of its results, if they are up to date.
    """

    job: Job
    image_sha256: str | None
    header: Header | None

    @property
    def is_done(self) -> bool:
        """Whether its results are up to date, and complete."""
        return self.header is not None and self.header.is_complete

    @property
    def is_missing(self) -> bool:
        """Whether the image file is missing."""
        return self.image_sha256 is None


@dataclass(frozen=True)
class Plan:
    """One task before a run.

    Attributes
    ----------
    task : Task
        The task.
    states : list of State
        Its images.
    """

    task: Task
    states: list[State]

    @property
    def jobs(self) -> list[Job]:
        """Its images."""
        return [state.job for state in self.states]

    @property
    def digest(self) -> str:
        """SHA-256 of everything that its results depend on, as far as they are up to date (hexadecimal)."""
        known = [
            [state.job.file_id, state.job.digest, state.header.image_sha256]
            for state in self.states
            if state.header is not None
        ]
        return digest_of({"images": known})

    def again(self) -> Plan:
        """Look at its images again."""
        return Plan(self.task, [look_at(job) for job in self.jobs])

    @property
    def is_complete(self) -> bool:
        """Whether nothing remains to be done."""
        if not all(state.is_done for state in self.states):
            return False
        try:
            return bool(loads(read_regular(self.task.folder / SEAL, MAX_SEAL_SIZE)) == self.seal())
        except (OSError, ValueError):
            return False

    def seal(self) -> dict[str, Any]:
        """Digests of its results and of its tables as they are, so that it is seen if they change.

        Raises
        ------
        OSError
            If one of the tables cannot be read.
        """
        return {"digest": self.digest, **{name: file_digest(self.task.folder / name) for name in TABLES}}


def survey(
    tasks: Sequence[Task],
    root: Path,
    last_stage: str | None = None,
    chosen: Sequence[Task] | None = None,
    shard: Shard | None = None,
) -> list[Plan]:
    """Look at tasks and their images; nothing is written.

    Parameters
    ----------
    tasks : sequence of Task
        All tasks and templates below the root: to detect conflicts between them.
    root : Path
        The root given on the command line.
    last_stage : str, optional
        Where the pipeline ends in this run, whatever the tasks say.
    chosen : sequence of Task, optional
        Tasks to survey; all by default.
    shard : Shard, optional
        Only its images; all by default.

    Returns
    -------
    list of Plan
        In the order of the tasks.

    Raises
    ------
    TaskError
        For all tasks that cannot be planned.
    """
    wanted = {id(task) for task in (tasks if chosen is None else chosen)}
    plans = [(task, jobs) for task, jobs in plan_all(tasks, root) if id(task) in wanted]
    if shard is not None:
        plans = shard.own(plans)
    if last_stage is not None:
        stack = next((job for _, jobs in plans for job in jobs if job.source.is_stack), None)
        if stack is not None:
            raise TaskError(
                f'{stack.folder}: the last stage does not go with "all": of a stack, all stages run.'
            )
        plans = [
            (replace(task, last_stage=last_stage), [replace(job, last_stage=last_stage) for job in jobs])
            for task, jobs in plans
        ]
    return [Plan(task, [look_at(job) for job in jobs]) for task, jobs in plans]


def look_at(job: Job) -> State:
    """Find out the state of one image."""
    try:
        sha = file_digest(job.image)
    except OSError:
        sha = None
    return State(job, sha, up_to_date(job, sha))


def listing(plans: Sequence[Plan], root: Path, fresh: bool = False, force: bool = False) -> Iterator[str]:
    """Describe, line by line, what a run would do."""
    actions = _actions(plans, root, fresh, force)
    for plan in plans:
        task = plan.task
        if not task.runnable:
            yield f"{task.folder}: template, not run (runnable is not true)"
            continue
        count = "1 image" if len(plan.states) == 1 else f"{len(plan.states)} images"
        yield f"{task.folder}: task, {count}" + (", complete" if plan.is_complete else "")
        patterns = [
            f"{pattern}.tgz" if kind == "log" and not pattern.endswith(".tgz") else pattern
            for kind, pattern in task.patterns.items()
        ]
        yield f"  results go to {', '.join([*patterns, f'{RESULTS}/%s.npz', *TABLES])}"
        for state in plan.states:
            yield f"  {state.job.image}: {actions[state.job.stored]}"
        missing = sum(state.is_missing and not state.is_done for state in plan.states)
        if missing:
            yield f"  {missing} of {count} missing{relative_hint(plan.states[0].job.image)}"


def records(
    plans: Sequence[Plan], root: Path, fresh: bool = False, force: bool = False
) -> Iterator[dict[str, Any]]:
    """Describe, image by image as JSON values, what a run would do."""
    actions = _actions(plans, root, fresh, force)
    for plan in plans:
        for state in plan.states:
            status = "done" if state.is_done else "missing" if state.is_missing else "pending"
            yield {
                "task": plan.task.name(root),
                "file_id": state.job.file_id,
                "image": str(state.job.image),
                "status": status,
                "action": actions[state.job.stored],
            }


def _actions(plans: Sequence[Plan], root: Path, fresh: bool, force: bool) -> dict[Path, str]:
    """What a run would do with each image, by its stored result."""
    pending: dict[Path, str] = {}  # stored results that do not exist yet, and the task that makes them
    actions: dict[Path, str] = {}
    for plan in plans:
        for state in plan.states:
            actions[state.job.stored] = _action(state, pending, root, fresh, force)
            if not state.is_done:
                pending[state.job.stored] = plan.task.name(root)
    return actions


def _action(state: State, pending: dict[Path, str], root: Path, fresh: bool, force: bool) -> str:
    job = state.job
    if state.is_done and not force:
        return "up to date"
    if state.image_sha256 is None:
        return "image not found"
    if fresh:
        return "from the beginning"
    ancestor = next((pending[path] for path in job.ancestors.values() if path in pending), None)
    pickup = find_pickup(job, state.image_sha256)
    ways = [] if pickup is None else [picked_up(pickup.folder, pickup.first, root, job)]
    if ancestor is not None:
        ways.append(f"picked up from {ancestor} after it has run, up to the first setting that differs")
    return ", or ".join(ways) or "from the beginning"


def picked_up(folder: Path, first: int, root: Path, job: Job) -> str:
    """Describe which result is reused and which stages remain to run."""
    last = STAGE_NAMES.index(job.last_stage or STAGE_NAMES[-1])
    where = folder.relative_to(root).as_posix() if folder.is_relative_to(root) else str(folder)
    what = "only files are written" if first > last else f"starting with {STAGE_NAMES[first]}"
    return f"from its stored result, {what}" if folder == job.folder else f"picked up from {where}, {what}"
