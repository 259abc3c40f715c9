"""The status report: a text file that tells, while tasks run, how far they are."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import OutputError
from ..io import write_atomically

SECONDS = 0.5  # at least between two reports


@dataclass
class TaskStatus:
    """How far a task is.

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
    """

    name: str
    state: str = "pending"
    total: int = 0
    done: int = 0
    failures: list[str] = field(default_factory=list)

    def interrupt(self) -> None:
        """Take note that nothing happens any more."""
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
        return [f"{self.name}: {text}", *(f"    {failure}" for failure in self.failures)]


class StatusReport:
    """Keeps the status of all tasks in a file; without a path it keeps quiet.

    Parameters
    ----------
    path : Path or None
        The file.
    tasks : sequence of TaskStatus
        The tasks in their order.
    warn : callable
        Takes what is wrong with it later on: no run ends because it cannot be told of.
    """

    def __init__(
        self, path: Path | None, tasks: Sequence[TaskStatus], warn: Callable[[str], None] = lambda _: None
    ) -> None:
        self._path = path
        self._tasks = tasks
        self._warn = warn
        self._written = 0.0

    def write(self, is_urgent: bool = True, is_first: bool = False) -> None:
        """Write the report; unless it is urgent, only if the last one is a while ago.

        Raises
        ------
        OutputError
            If the first one cannot be written.
        """
        now = time.monotonic()
        if self._path is None or (not is_urgent and now - self._written < SECONDS):
            return
        self._written = now
        text = "\n".join(line for task in self._tasks for line in task.lines())
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self._path, f"{text}\n".encode())
        except OSError as error:
            problem = f"The report {self._path} cannot be written: {error.strerror or error}."
            if is_first:
                raise OutputError(problem) from error
            self._warn(problem)
