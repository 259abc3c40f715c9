"""One image of a task: where it is read from, where its results go, and what decides whether they hold."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..config import Config
from ..errors import ImageError, TaskError
from ..io import check_suffix
from .spec import FILE_NAME, Task, fill_places

RESULTS = "results"  # folder of the stored results in a task's folder
REPORT = "report.html"
TABLES = ("objects.csv", "performance.csv", "timings.csv", REPORT, "provenance.json")
OWN = ".superdsm-nb."  # names of files that a run needs for itself begin so
IMPOSSIBLE = (ValueError, OSError, RuntimeError)  # null characters, loops of links, unknown users
PICTURES = ("seg", "overlay", "adj")


@dataclass(frozen=True)
class Source:
    """What is read of a file: channel, plane, point in time."""

    channel: int | None = None
    plane: int | None = None
    time: int | None = None


@dataclass(frozen=True)
class Drawing:
    """How results are drawn; see `superdsm_nb.render`."""

    dilate: int
    merge_overlap_threshold: float
    border_width: int


@dataclass(frozen=True)
class Job:
    """One image of a task.

    Attributes
    ----------
    file_id : str
        Its name in the task.
    image : Path
        The image file.
    source : Source
        Which part of it.
    outputs : mapping of str to Path
        Files to write: "seg", "overlay", "adj", "cfg", "log", "rois", "geojson", as far as the task wants
        them.
    stored : Path
        Where the result is stored.
    ancestors : mapping of Path to Path
        Folders of the runnable ancestors, the nearest first, and where they store theirs.
    config : Config
        Hyperparameters that the task sets.
    last_stage : str or None
        Where the pipeline ends.
    drawing : Drawing
        How results are drawn.
    folder : Path
        The task's folder.
    """

    file_id: str
    image: Path
    source: Source
    outputs: Mapping[str, Path]
    stored: Path
    ancestors: Mapping[Path, Path]
    config: Config
    last_stage: str | None
    drawing: Drawing
    folder: Path

    @property
    def timings(self) -> Path:
        """Where the seconds of its stages are stored."""
        return self.stored.with_name(f"{self.stored.name.removesuffix('.npz')}.timings.json")

    @property
    def digest(self) -> str:
        """SHA-256 of everything but the image that its results depend on (hexadecimal)."""
        outputs = {
            kind: Path(os.path.relpath(path, self.folder)).as_posix() for kind, path in self.outputs.items()
        }
        return digest_of(
            {
                "config": self.config.digest,
                "last_stage": self.last_stage,
                "source": asdict(self.source),
                "drawing": asdict(self.drawing),
                "outputs": outputs,
            }
        )


def digest_of(entries: Mapping[str, Any]) -> str:
    """SHA-256 of JSON values, independent of the order of keys (hexadecimal)."""
    text = json.dumps(entries, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of a file (hexadecimal)."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def relative_hint(image: Path) -> str:
    """What to know of a relative path of an image that is not found."""
    if image.is_absolute():
        return ""
    return " (a relative img_pathpattern begins where the command runs, {ROOTDIR}/... at ROOT)"


def jobs_of(task: Task, root: Path) -> list[Job]:
    """List the images of a task with their outputs.

    Raises
    ------
    TaskError
        If a pattern does not take the file ids, or an output lies outside the task's folder.
    """
    _check_ids(task)
    jobs = []
    for file_id in task.file_ids:
        outputs = {
            kind: _output_path(task, kind, pattern, file_id, root) for kind, pattern in task.patterns.items()
        }
        image = _image_path(task, file_id, root)
        jobs.append(
            Job(
                str(file_id),
                image,
                Source(task.channel, task.plane, task.time),
                outputs,
                stored_path(task, file_id),
                {ancestor.folder: stored_path(ancestor, file_id) for ancestor in task.runnable_ancestors},
                task.config,
                task.last_stage,
                Drawing(task.dilate, float(task.merge_overlap_threshold), task.seg_border),
                task.folder,
            )
        )
    return jobs


def _check_ids(task: Task) -> None:
    """Refuse file ids that occur twice or are empty."""
    names = [str(file_id) for file_id in task.file_ids]
    for name in names:
        if not name:
            raise TaskError(f"{task.folder / FILE_NAME}: a file id is empty.")
        if names.count(name) > 1:
            raise TaskError(f"{task.folder / FILE_NAME}: the file id {name} occurs twice.")


def stored_path(task: Task, file_id: int | str) -> Path:
    """Where the result of one image of a task is stored."""
    return _inside(task, "the stored result", task.folder / RESULTS / f"{file_id}.npz", file_id)


def plan_all(tasks: Sequence[Task], root: Path) -> list[tuple[Task, list[Job]]]:
    """Plan every task before any of them runs; templates have nothing to do.

    Raises
    ------
    TaskError
        For the tasks that cannot be planned.
    """
    plans: list[tuple[Task, list[Job]]] = []
    complaints: list[str] = []
    for task in tasks:
        try:
            plans.append((task, jobs_of(task, root) if task.runnable else []))
        except TaskError as error:
            complaints.append(str(error))
    complaints += _conflicts(plans)
    if complaints:
        raise TaskError("\n".join(complaints))
    return plans


def _conflicts(plans: Iterable[tuple[Task, list[Job]]]) -> list[str]:
    """Outputs that would overwrite images, each other, or what belongs to the tasks themselves."""
    plans = list(plans)
    images = {job.image.resolve() for _, jobs in plans for job in jobs}
    own = {(task.folder / name).resolve() for task, _ in plans for name in TABLES}
    own |= {task.base_config.resolve() for task, _ in plans if task.base_config is not None}
    own |= {job.timings.resolve() for _, jobs in plans for job in jobs}
    outputs = [
        (task, path, path.resolve())
        for task, jobs in plans
        for job in jobs
        for path in (*job.outputs.values(), job.stored)
    ]
    folders = {parent for _, _, real in outputs for parent in real.parents}
    taken: set[Path] = set()
    complaints: dict[str, None] = {}
    for task, path, real in outputs:
        if real in taken:
            text = f"two outputs would be written to {path}: check the patterns and file ids."
        elif real in images:
            text = f"an output would overwrite the image {path}: check the patterns."
        elif real in own or real.name == FILE_NAME or real.name.startswith(OWN):
            text = f"an output would overwrite {path}, which belongs to the task: check the patterns."
        elif real in folders:
            text = f"{path} would be a file and a folder: check the patterns and file ids."
        else:
            taken.add(real)
            continue
        complaints.setdefault(f"{task.folder / FILE_NAME}: {text}")
    return list(complaints)


def _image_path(task: Task, file_id: int | str, root: Path) -> Path:
    text = _fill(task, "img_pathpattern", task.img_pathpattern, file_id, root)
    try:
        path = Path(text).expanduser()
        path.resolve()
    except IMPOSSIBLE as error:
        raise TaskError(
            f"{task.folder / FILE_NAME}: img_pathpattern with file id {file_id!r} leads to no possible file: "
            f"{error}."
        ) from error
    return path


def _output_path(task: Task, kind: str, pattern: str, file_id: int | str, root: Path) -> Path:
    name = f"{kind}_pathpattern"
    path = task.folder / _fill(task, name, pattern, file_id, root.resolve())
    if kind == "log" and path.suffix != ".tgz":
        path = path.with_name(f"{path.name}.tgz")
    if kind in PICTURES:
        try:
            check_suffix(path)
        except ImageError as error:
            raise TaskError(
                f"{task.folder / FILE_NAME}: {name} leads to a file of unknown type: {error}"
            ) from error
    return _inside(task, name, path, file_id)


def _inside(task: Task, name: str, path: Path, file_id: int | str) -> Path:
    where = f"{task.folder / FILE_NAME}: {name} with file id {file_id!r}"
    try:
        is_inside = path.resolve().is_relative_to(task.folder.resolve())
    except IMPOSSIBLE as error:
        raise TaskError(f"{where} leads to no possible file: {error}.") from error
    if not is_inside or path.resolve() == task.folder.resolve():
        raise TaskError(f"{where} leads outside the task's folder.")
    return path


def _fill(task: Task, name: str, pattern: str, file_id: int | str, root: Path) -> str:
    filled = fill_places(pattern, task.folder, root, escape=True)
    unknown = re.search(r"\{[A-Z]+\}", pattern.replace("{DIRNAME}", "").replace("{ROOTDIR}", ""))
    if unknown:
        raise TaskError(
            f"{task.folder / FILE_NAME}: {name} has the unknown placeholder {unknown[0]}: "
            "there are {DIRNAME} and {ROOTDIR}."
        )
    try:
        return filled % file_id
    except (TypeError, ValueError, OverflowError) as error:
        raise TaskError(
            f"{task.folder / FILE_NAME}: {name} {pattern!r} does not take the file id {file_id!r}: "
            "it must have one place for it, %s for texts, or %d or %03d for integers."
        ) from error
