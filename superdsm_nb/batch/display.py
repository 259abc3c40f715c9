"""How a run of tasks shows itself on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..console import ConsoleOutput
from ..performance import PerformanceReport
from .jobs import Job
from .outcome import Failure, Summary
from .survey import Plan, picked_up


class BatchDisplay:
    """Progress by task, image and stage on a terminal; a line per image everywhere.

    Parameters
    ----------
    root : Path
        The root given on the command line.
    verbosity : int
        0: warnings and errors only; 1: also progress and results; 2: also log lines.
    """

    def __init__(self, root: Path, verbosity: int) -> None:
        self._root = root
        self._verbosity = verbosity
        self._console = ConsoleOutput(0, verbosity)
        self._started = False

    def task(self, plan: Plan, todo: int, workers: int) -> None:
        """Begin a task."""
        ready = len(plan.states) - todo
        images = "1 image" if len(plan.states) == 1 else f"{len(plan.states)} images"
        self._console.result(
            f"{plan.task.folder}: {images}" + (f", {ready} of them up to date" if ready else "")
        )
        name = plan.task.name(self._root)
        self._console = ConsoleOutput(todo, self._verbosity, workers, "images" if name == "." else name)
        self._console.__enter__()
        self._started = True

    def skipped(self, plan: Plan) -> None:
        """Say why a task does not run."""
        why = "complete, nothing to do" if plan.task.runnable else "template, not run (runnable is not true)"
        self._console.result(f"{plan.task.folder}: {why}")

    def tell(self, place: int, kind: str, values: tuple[Any, ...]) -> None:
        """Show what a worker tells."""
        if kind == "image":
            self._console.image(values[0].file_id, place)
        elif kind == "stage":
            self._console.stage(values[0], place)
        elif kind == "progress":
            done, total, what = values
            self._console.progress(done, total, what, place)
        elif kind == "log":
            self._console.log(values[0])
        else:
            self._console.warn(values[0])

    def finished(self, plan: Plan, job: Job, result: Summary | Failure) -> None:
        """Show what became of an image."""
        self._console.finished()
        if isinstance(result, Failure):
            self._console.error(f"{job.file_id} ({result.stage}): {result.reason}")
            return
        found = "" if result.objects is None else f"{result.objects} objects, "
        if result.objects == 1:
            found = "1 object, "
        given = " (given)" if result.is_scale_given else ""
        taken = "" if result.picked_up is None else f", {picked_up(*result.picked_up, self._root, job)}"
        self._console.result(
            f"  {job.file_id}: {found}scale {result.scale:.1f} pixels{given}, {result.seconds:.1f} s{taken}"
        )

    def concluded(self, plan: Plan, summaries: Sequence[Summary], failures: int) -> None:
        """End a task."""
        self.close()
        report = sum((summary.performance for summary in summaries), PerformanceReport())
        if report.clusters:
            self._console.result(f"  {report.statement(summaries[0].pruning)}")
        if failures:
            self._console.error(f"{plan.task.folder}: {failures} of {len(plan.states)} images failed")

    def warn(self, line: str) -> None:
        """Show a warning."""
        self._console.warn(line)

    def error(self, line: str) -> None:
        """Show an error."""
        self._console.error(line)

    def close(self) -> None:
        """End the progress on the terminal."""
        if self._started:
            self._console.__exit__(None, None, None)
            self._started = False
