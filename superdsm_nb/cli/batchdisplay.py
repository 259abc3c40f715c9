"""Progress and results of a batch run on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..batch.jobs import Job
from ..batch.outcome import Failure, Summary
from ..batch.survey import Plan, picked_up
from ..events import Event, Warned
from ..performance import PerformanceReport
from .console import QUIET, ProgressDisplay, print_json


class BatchDisplay:
    """Progress by task, image and stage on a terminal; a line per image everywhere.

    Parameters
    ----------
    root : Path
        The root given on the command line.
    verbosity : int
        0: warnings and errors only; 1: also progress and results; 2: also log lines.
    as_json : bool
        Print a line of JSON per image instead of the results.
    """

    def __init__(self, root: Path, verbosity: int, as_json: bool = False) -> None:
        self._root = root
        self._verbosity = QUIET if as_json else verbosity
        self._as_json = as_json
        self._progress = ProgressDisplay(0, self._verbosity)
        self._started = False
        self._warnings: dict[str, list[str]] = {}

    def task(self, plan: Plan, todo: int, workers: int) -> None:
        """Begin a task."""
        ready = len(plan.states) - todo
        images = "1 image" if len(plan.states) == 1 else f"{len(plan.states)} images"
        self._progress.result(
            f"{plan.task.folder}: {images}" + (f", {ready} of them up to date" if ready else "")
        )
        name = plan.task.name(self._root)
        self._progress = ProgressDisplay(todo, self._verbosity, workers, "images" if name == "." else name)
        self._progress.__enter__()
        self._started = True

    def skipped(self, plan: Plan) -> None:
        """Say why a task does not run."""
        why = "complete, nothing to do" if plan.task.runnable else "template, not run (runnable is not true)"
        self._progress.result(f"{plan.task.folder}: {why}")

    def emit(self, event: Event, slot: int = 0) -> None:
        """Show what happens in the work on an image."""
        if self._as_json and isinstance(event, Warned):
            self._warnings.setdefault(event.image, []).append(event.text)
        self._progress.emit(event, slot)

    def finished(self, plan: Plan, job: Job, result: Summary | Failure) -> None:
        """Show the outcome of an image."""
        self._progress.image_finished(job.file_id)
        if isinstance(result, Failure):
            self._progress.error(f"{job.file_id} ({result.stage}): {result.reason}")
        else:
            self._progress.result(self._line(job, result))
        if self._as_json:
            print_json(self._record(plan, job, result))

    def _line(self, job: Job, result: Summary) -> str:
        found = "" if result.objects is None else f"{result.objects} objects, "
        if result.objects == 1:
            found = "1 object, "
        given = " (given)" if result.is_scale_given else ""
        taken = "" if result.picked_up is None else f", {picked_up(*result.picked_up, self._root, job)}"
        return (
            f"  {job.file_id}: {found}scale {result.scale:.1f} pixels{given}, {result.seconds:.1f} s{taken}"
        )

    def _record(self, plan: Plan, job: Job, result: Summary | Failure) -> dict[str, Any]:
        record: dict[str, Any] = {
            "task": plan.task.name(self._root),
            "file_id": job.file_id,
            "image": str(job.image),
        }
        if isinstance(result, Failure):
            record |= {"status": "failed", "stage": result.stage, "error": result.reason}
        else:
            record |= {
                "status": "done",
                "preset": result.preset,
                "objects": result.objects,
                "complete": result.is_complete,
                "scale": result.scale,
                "scale_given": result.is_scale_given,
                "seconds": round(result.seconds, 3),
                "outputs": {
                    kind: str(job.written_path(kind, result.objects or 0)) for kind in result.written
                },
                "clusters": len(result.performance.clusters),
                "proven_clusters": result.performance.proven_cluster_count,
                "gap": result.performance.gap,
            }
        return record | {"warnings": self._warnings.pop(job.file_id, [])}

    def concluded(self, summaries: Sequence[Summary]) -> None:
        """End a task."""
        self.close()
        report = sum((summary.performance for summary in summaries), PerformanceReport())
        if report.clusters:
            self._progress.result(f"  {report.statement(summaries[0].pruning)}")

    def ended(self, failed: int, total: int) -> None:
        """End the run."""
        if total > 1:
            self._progress.result(f"{failed} of {total} failed")

    def warn(self, line: str) -> None:
        """Show a warning that concerns no particular image."""
        self._progress.warn(line)

    def error(self, line: str) -> None:
        """Show an error."""
        self._progress.error(line)

    def close(self) -> None:
        """End the progress on the terminal."""
        if self._started:
            self._progress.__exit__(None, None, None)
            self._started = False
