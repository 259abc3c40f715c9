"""What a task will do, and doing it."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import ImageError, SuperDSMError, TaskError
from ..io import check_suffix, write_atomically
from ..performance import PerformanceReport
from ..segmentation import FileResult, segment_file
from ..stage import Output
from .spec import Task


@dataclass(frozen=True)
class Job:
    """One image of a task.

    Attributes
    ----------
    file_id : str
        Its name in the task.
    image, labels : Path
        The image, and the label map to write.
    overlay : Path or None
        Picture of the result to write.
    """

    file_id: str
    image: Path
    labels: Path
    overlay: Path | None


@dataclass(frozen=True)
class Failure:
    """An image that could not be segmented, and why."""

    job: Job
    reason: str


def plan(task: Task, root: Path) -> list[Job]:
    """List the images of a task with their outputs.

    Raises
    ------
    TaskError
        If a pattern does not take the file ids, or an output lies outside the task's folder.
    """
    jobs = []
    for file_id in task.fields["file_ids"]:
        overlay = task.fields.get("overlay_pathpattern")
        jobs.append(
            Job(
                str(file_id),
                _image_path(task, root, file_id),
                _output_path(task, "seg_pathpattern", file_id),
                _output_path(task, "overlay_pathpattern", file_id) if overlay is not None else None,
            )
        )
    taken: set[Path] = set()
    images = {job.image.resolve() for job in jobs}
    for path in [path for job in jobs for path in (job.labels, job.overlay) if path is not None]:
        if path.resolve() in taken:
            raise TaskError(f"{task.folder}: two outputs would be written to {path}: check the patterns.")
        if path.resolve() in images:
            raise TaskError(f"{task.folder}: an output would overwrite the image {path}: check the patterns.")
        taken.add(path.resolve())
    return jobs


def plan_all(tasks: list[Task], root: Path) -> list[tuple[Task, list[Job]]]:
    """Plan every task before any of them runs; templates have nothing to do.

    Raises
    ------
    TaskError
        For the tasks that cannot be planned.
    """
    plans: list[tuple[Task, list[Job]]] = []
    problems: list[str] = []
    for task in tasks:
        try:
            plans.append((task, plan(task, root) if task.runnable else []))
        except TaskError as error:
            problems.append(str(error))
    if problems:
        raise TaskError("\n".join(problems))
    return plans


def run(
    task: Task,
    jobs: list[Job],
    out: Output,
    begin: Callable[[Job], None],
    end: Callable[[Job, FileResult], None],
) -> list[Failure]:
    """Segment the images of a task; one that fails does not stop the others.

    Parameters
    ----------
    task : Task
        The task.
    jobs : list of Job
        Its images.
    out : Output
        Takes progress and log lines.
    begin, end : callable
        Called before and after each image.

    Returns
    -------
    list of Failure
    """
    failures = []
    reports: list[tuple[str, PerformanceReport]] = []
    for job in jobs:
        begin(job)
        try:
            result = segment_file(
                job.image,
                job.labels,
                task.config,
                job.overlay,
                border_width=task.fields.get("seg_border", 8),
                dilate=task.fields.get("dilate", 0),
                merge_overlap_threshold=task.fields.get("merge_overlap_threshold", float("inf")),
                out=out,
            )
        except SuperDSMError as error:
            failures.append(Failure(job, str(error)))
        except Exception as error:  # noqa: BLE001 - a defect met in one image must not cost the others
            failures.append(Failure(job, f"{job.image}: unexpected {type(error).__name__}: {error}"))
        else:
            reports.append((job.file_id, result.performance))
            end(job, result)
    path = task.folder / "performance.csv"
    try:
        _write_performance(path, reports)
    except OSError as error:
        out.warn(f"{path} cannot be written: {error.strerror or error}")
    return failures


def _write_performance(path: Path, reports: Sequence[tuple[str, PerformanceReport]]) -> None:
    """Write how the covers of a task's images were found: a row per image and a last one for all."""
    total = sum((report for _, report in reports), PerformanceReport())
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["file_id", *PerformanceReport().row()])
    writer.writerows([name, *report.row().values()] for name, report in (*reports, ("total", total)))
    write_atomically(path, text.getvalue().encode())


def _image_path(task: Task, root: Path, file_id: int | str) -> Path:
    places = {"{DIRNAME}": task.folder.resolve().name, "{ROOTDIR}": str(root)}
    return Path(_fill(task, "img_pathpattern", file_id, places)).expanduser()


def _output_path(task: Task, name: str, file_id: int | str) -> Path:
    path = task.folder / _fill(task, name, file_id, {"{DIRNAME}": task.folder.resolve().name})
    try:
        check_suffix(path)
    except ImageError as error:
        raise TaskError(f"{task.folder}: {name} leads to a file of unknown type: {error}") from error
    if not path.resolve().is_relative_to(task.folder.resolve()):
        raise TaskError(f"{task.folder}: {name} with file id {file_id!r} leads outside the task's folder.")
    return path


def _fill(task: Task, name: str, file_id: int | str, places: Mapping[str, str]) -> str:
    pattern = task.fields[name]
    for placeholder, value in places.items():
        pattern = pattern.replace(placeholder, value.replace("%", "%%"))
    try:
        return pattern % file_id
    except (TypeError, ValueError) as error:
        raise TaskError(
            f"{task.folder}: {name} {task.fields[name]!r} does not take the file id {file_id!r}: "
            "use %s for texts, or %d or %03d for integers."
        ) from error
