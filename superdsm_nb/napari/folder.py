"""A folder of images, segmented with the settings that were found on one of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..batch.jobs import Job
from ..batch.outcome import Failure, Summary
from ..batch.run import Runner
from ..batch.spec import FILE_NAME, find_tasks
from ..batch.survey import Plan, survey
from ..config import Config
from ..errors import TaskError
from ..events import Emit, Event, ImageStarted, Progress, Warned
from ..io import is_image
from ..timelimit import check
from ..tuning import save_task, task_for


@dataclass(frozen=True)
class FolderDone:
    """A folder was segmented.

    Attributes
    ----------
    folder : Path
        The folder.
    images, failed, nuclei : int
        How many there are.
    """

    folder: Path
    images: int
    failed: int
    nuclei: int


def images_in(folder: Path) -> list[Path]:
    """List the images in a folder."""
    files = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    return [path for path in files if is_image(path)]


def prepare(folder: Path, config: Config) -> Path:
    """Write settings as the task of a folder of images; one that says the same remains.

    Parameters
    ----------
    folder : Path
        The folder.
    config : Config
        The settings.

    Returns
    -------
    Path
        The ``task.json``.

    Raises
    ------
    TaskError
        If there is a task with other settings, or no image.
    """
    images, path = images_in(folder), folder / FILE_NAME
    if not path.exists():
        return save_task(folder, config, images)
    try:
        is_same = json.loads(path.read_text(encoding="utf-8")) == task_for(config, images)
    except (OSError, ValueError):
        is_same = False
    if not is_same:
        raise TaskError(f"{path} has other settings: delete it first, or use another folder.")
    return path


def run_folder(folder: Path, emit: Emit) -> FolderDone:
    """Run the task of a folder.

    Parameters
    ----------
    folder : Path
        The folder.
    emit : callable
        Receives which image is worked on, how many are done, and warnings.

    Raises
    ------
    Cancelled
        If the running job was cancelled; results that are stored by then remain.
    TaskError
        If the task cannot be run.
    """
    follower = _Follower(emit)
    Runner(folder, follower).run(survey(find_tasks(folder), folder))
    return FolderDone(folder, follower.total, follower.failed, follower.nuclei)


class _Follower:
    """Counts what a run finishes, and ends it when it is cancelled; see `superdsm_nb.batch.run.Display`."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._done = 0
        self.total = self.failed = self.nuclei = 0

    def task(self, plan: Plan, todo: int, workers: int) -> None:
        self.total, self._done = len(plan.states), len(plan.states) - todo

    def skipped(self, plan: Plan) -> None:
        self.total = len(plan.states)

    def emit(self, event: Event, slot: int = 0) -> None:
        check()
        if isinstance(event, ImageStarted | Warned):
            self._emit(event)

    def finished(self, plan: Plan, job: Job, result: Summary | Failure) -> None:
        check()
        self._done += 1
        if isinstance(result, Failure):
            self.failed += 1
            self._emit(Warned(f"{result.stage}: {result.reason}", job.file_id))
        else:
            self.nuclei += result.objects or 0
        self._emit(Progress(self._done, self.total, "images"))

    def concluded(self, summaries: Sequence[Summary]) -> None:
        """Nothing is to be told."""

    def ended(self, failed: int, total: int) -> None:
        self.failed, self.total = failed, max(total, self.total)

    def warn(self, line: str) -> None:
        self._emit(Warned(line))

    def error(self, line: str) -> None:
        self._emit(Warned(line))
