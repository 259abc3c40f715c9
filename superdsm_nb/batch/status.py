"""The status report: a text file with the progress of running tasks."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import ConfigError, OutputError, visible
from ..io import check_writable, folder_to_stay_in, make_folder, utf8, write_atomically, writing_inside
from ..regularfiles import read_regular

TASK_FILE = "task.json"
MAX_REPORT_SIZE = 2**26  # bytes
STATE = r": (pending|(active|interrupted), \d+ % |skipped, complete already|done \(\d+ of|error, \d+ of)"
MIN_INTERVAL = 0.5  # seconds between two reports


@dataclass
class TaskStatus:
    """Progress of a task.

    Attributes
    ----------
    name : str
        The task.
    state : str
        "pending", "active", "interrupted", "done", "error" or "skipped".
    total, done : int
        Number of its images, and of those that are finished.
    failures : list of str
        What went wrong, image by image.
    failed : int
        Number of images that failed.
    """

    name: str
    state: str = "pending"
    total: int = 0
    done: int = 0
    failures: list[str] = field(default_factory=list)
    failed: int = 0

    def interrupt(self) -> None:
        """Record that the run has stopped."""
        if self.state == "active":
            self.state = "interrupted"

    def lines(self) -> list[str]:
        """The lines of the report."""
        images = f"{self.done} of {self.total} images"
        if self.state in ("active", "interrupted"):
            text = f"{self.state}, {100 * self.done // max(self.total, 1)} % ({images})"
        elif self.state == "error":
            text = f"error, {len(self.failures)} of {self.total} images failed"
        else:
            text = {"skipped": "skipped, complete already", "done": f"done ({images})"}.get(
                self.state, self.state
            )
        return [f"{visible(self.name)}: {text}", *(f"    {visible(each)}" for each in self.failures)]


def check_report(path: Path, protected: Container[Path]) -> None:
    """Find out before the work whether a status report can be written to a file.

    Parameters
    ----------
    path : Path
        The file.
    protected : set of Path
        Files that belong to tasks.

    Raises
    ------
    ConfigError
        If it would overwrite one of them, or what is no status report.
    OutputError
        If it cannot be written.
    """
    check_writable(path)
    if Path(os.path.realpath(path)) in protected or path.name == TASK_FILE:
        raise ConfigError(f"The report would overwrite {path}, which belongs to a task: choose another path.")
    if os.path.lexists(path) and not _is_report(path):
        raise ConfigError(
            f"{path} exists, and it is no report of a run: choose another path, or delete it first."
        )


def _is_report(path: Path) -> bool:
    try:
        lines = read_regular(path, MAX_REPORT_SIZE).decode().splitlines()
    except (OSError, ValueError):
        return False
    return all(line.startswith("    ") or re.search(STATE, line) for line in lines)


class StatusReport:
    """Keeps the status of all tasks in a file; without a path it does nothing.

    Parameters
    ----------
    path : Path or None
        The file.
    tasks : sequence of TaskStatus
        The tasks in their order.
    warn : callable
        Receives later problems of the report: a run continues even if its report cannot be written.
    root : Path, optional
        Folder of the tasks; a report in it is written through no link.
    """

    def __init__(
        self,
        path: Path | None,
        tasks: Sequence[TaskStatus],
        warn: Callable[[str], None] = lambda _: None,
        root: Path | None = None,
    ) -> None:
        self._path = path
        self._root = root
        self._tasks = tasks
        self._warn = warn
        self._written = 0.0

    def write(self, is_urgent: bool = True, is_first: bool = False) -> None:
        """Write the report; unless it is urgent, only if the last one is old enough.

        Raises
        ------
        OutputError
            If the first one cannot be written.
        """
        now = time.monotonic()
        if self._path is None or (not is_urgent and now - self._written < MIN_INTERVAL):
            return
        self._written = now
        text = "\n".join(line for task in self._tasks for line in task.lines())
        try:
            folder = self._path.parent
            if self._root is not None and folder_to_stay_in(self._path, self._root) == self._root:
                folder = self._root
            else:
                folder.mkdir(parents=True, exist_ok=True)
            with writing_inside(folder):
                make_folder(self._path.parent)
                write_atomically(self._path, utf8(f"{text}\n"))
        except OSError as error:
            problem = f"The report {self._path} cannot be written: {error.strerror or error}."
            if is_first:
                raise OutputError(problem) from error
            self._warn(problem)
