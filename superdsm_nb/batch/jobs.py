"""One image of a task: where it is read from, where its results go, and when they are up to date."""

from __future__ import annotations

import glob
import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..config import Config, Preset, resolve_preset, with_preset
from ..errors import ConfigError, TaskError
from ..io import Source, is_store
from ..results.outputs import OUTPUTS, PICTURE_SUFFIXES, written_path
from ..results.result import Drawing
from .spec import FILE_NAME, Task, substitute_placeholders

RESULTS = "results"  # folder of the stored results in a task's folder
REPORT = "report.html"
PROVENANCE = "provenance.json"
TABLES = ("objects.csv", "performance.csv", "timings.csv", REPORT, PROVENANCE)
AS_FIELD = '"{}" in task.json'.format  # how a parameter is given in a task
INTERNAL_PREFIX = ".superdsm-nb."  # of the files that a run needs for itself
ID_PLACEHOLDER = "\0"  # stands for a file id while searching for images; never part of a file name
PATH_ERRORS = (ValueError, OSError, RuntimeError)  # null characters, loops of links, unknown users


@dataclass(frozen=True)
class Job:
    """One image of a task.

    Attributes
    ----------
    file_id : str
        Its name in the task.
    source : Source
        The image file, and which part of it to use.
    outputs : mapping of str to Path
        Files to write by kind: those of `superdsm_nb.results.outputs.OUTPUTS` that the task wants, and "log".
    stored : Path
        Where the result is stored.
    ancestors : mapping of Path to Path
        Folders of the runnable ancestors, the nearest first, and where they store theirs.
    config : Config
        Hyperparameters that the task sets, and ``preset``.
    last_stage : str or None
        Where the pipeline ends.
    drawing : Drawing
        How results are drawn.
    folder : Path
        The task's folder.
    time_limit : float or None
        Seconds that it may take.
    keep_finished : bool
        Whether the nuclei that are finished by then are kept.
    measure : sequence of int or str
        Other channels of the file that are measured.
    ring : str or None
        Width of the ring in which they are measured as well.
    """

    file_id: str
    source: Source
    outputs: Mapping[str, Path]
    stored: Path
    ancestors: Mapping[Path, Path]
    config: Config
    last_stage: str | None
    drawing: Drawing
    folder: Path
    time_limit: float | None = None
    keep_finished: bool = False
    measure: Sequence[int | str] = ()
    ring: str | None = None

    @property
    def image(self) -> Path:
        """The image file."""
        return self.source.path

    def written_path(self, kind: str, object_count: int) -> Path:
        """Where an output is that was written (see `superdsm_nb.results.outputs.written_path`)."""
        return written_path(kind, self.outputs[kind], object_count)

    @property
    def preset(self) -> Preset:
        """The method that runs."""
        return resolve_preset(self.config)

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
        config = self.config.copy()
        # Results of the published method stay up to date whether or not it is named.
        config.pop("preset")
        preset = {} if self.preset == "published" else {"preset": self.preset}
        # Those of tasks that measure nothing else are as before.
        measure = {"measure": list(self.measure), "ring": self.ring} if self.measure else {}
        return digest_of(
            {
                **preset,
                **measure,
                "config": config.digest,
                "last_stage": self.last_stage,
                "source": self.source.part,
                "drawing": asdict(self.drawing),
                "outputs": outputs,
            }
        )


def digest_of(entries: Mapping[str, Any]) -> str:
    """SHA-256 of JSON values, independent of the order of keys (hexadecimal)."""
    text = json.dumps(entries, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def relative_hint(image: Path) -> str:
    """A hint for a relative image path that was not found."""
    if image.is_absolute():
        return ""
    return " (a relative img_pathpattern starts at the working directory; {ROOTDIR}/... starts at ROOT)"


def expand_jobs(task: Task, root: Path) -> list[Job]:
    """List the images of a task with their outputs.

    Raises
    ------
    TaskError
        If a pattern does not accept the file ids, no image matches them, or an output lies outside the task's
        folder.
    """
    _check_kinds(task)
    file_ids = _file_ids(task, root)
    config = with_preset(task.config)
    return [
        Job(
            str(file_id),
            Source(_image_path(task, file_id, root), task.channel, task.plane, task.time, task.scene),
            {
                kind: _output_path(task, kind, pattern, file_id, root)
                for kind, pattern in task.patterns.items()
            },
            stored_path(task, file_id),
            {ancestor.folder: stored_path(ancestor, file_id) for ancestor in task.runnable_ancestors},
            config,
            task.last_stage,
            Drawing(task.dilate, float(task.merge_overlap_threshold), task.seg_border),
            task.folder,
            task.time_limit,
            task.keep_finished,
            task.measure,
            task.ring,
        )
        for file_id in file_ids
    ]


def _check_kinds(task: Task) -> None:
    """Refuse outputs that cannot be written on this system."""
    for kind, pattern in task.patterns.items():
        try:
            if kind in OUTPUTS:
                OUTPUTS[kind].check_path(Path(pattern))
        except ConfigError as error:
            raise TaskError(f"{task.folder / FILE_NAME}: {error}") from error


def _file_ids(task: Task, root: Path) -> Sequence[int | str]:
    """The file ids of a task; those that occur twice or are empty are refused."""
    if isinstance(task.file_ids, str):
        return _matching_ids(task, task.file_ids, root)
    for name, count in Counter(map(str, task.file_ids)).items():
        if not name:
            raise TaskError(f"{task.folder / FILE_NAME}: a file id is empty.")
        if count > 1:
            raise TaskError(f"{task.folder / FILE_NAME}: the file id {name} occurs twice.")
    return task.file_ids


def _matching_ids(task: Task, pattern: str, root: Path) -> list[str]:
    """Find the images that a pattern of file ids, such as "*", matches; hidden files are skipped."""
    where = f"{task.folder / FILE_NAME}: file_ids {pattern!r}"
    if task.img_pathpattern.replace("%%", "").count("%s") != 1:
        raise TaskError(f"{where} needs an img_pathpattern with one %s in it.")
    start, _, after = str(_image_path(task, ID_PLACEHOLDER, root)).partition(ID_PLACEHOLDER)
    # Path.glob cannot escape brackets in the names of folders.
    found = glob.glob(f"{glob.escape(start)}{pattern}{glob.escape(after)}", recursive=True)  # noqa: PTH207
    found = [path for path in found if Path(path).is_file() or is_store(Path(path))]
    ids = [path[len(start) : len(path) - len(after)] for path in found]
    if not ids:
        raise TaskError(f"{where} matches no image: there is no file {start}{pattern}{after}.")
    return sorted(name.replace(os.sep, "/") for name in ids)


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
    problems: list[str] = []
    for task in tasks:
        try:
            plans.append((task, expand_jobs(task, root) if task.runnable else []))
        except TaskError as error:
            problems.append(str(error))
    problems += _conflicts(plans)
    if problems:
        raise TaskError("\n".join(problems))
    return plans


def _conflicts(plans: Sequence[tuple[Task, list[Job]]]) -> list[str]:
    """Outputs that would overwrite images, each other, or files of the tasks themselves."""
    jobs = [job for _, jobs in plans for job in jobs]
    images = {job.image.resolve() for job in jobs}
    reserved = _reserved(plans)
    outputs = [
        (task, path, path.resolve())
        for task, jobs in plans
        for job in jobs
        for path in (*job.outputs.values(), job.stored)
    ]
    folders = {parent for _, _, real in outputs for parent in real.parents}
    taken: set[Path] = set()
    problems: dict[str, None] = {}
    for task, path, real in outputs:
        if real in taken:
            text = f"two outputs would be written to {path}: check the patterns and file ids."
        elif real in images:
            text = f"an output would overwrite the image {path}: check the patterns."
        elif real in reserved or real.name == FILE_NAME or real.name.startswith(INTERNAL_PREFIX):
            text = f"an output would overwrite {path}, which belongs to the task: check the patterns."
        elif real in folders:
            text = f"{path} would be both a file and a folder: check the patterns and file ids."
        else:
            taken.add(real)
            continue
        problems.setdefault(f"{task.folder / FILE_NAME}: {text}")
    return list(problems)


def _reserved(plans: Sequence[tuple[Task, list[Job]]]) -> set[Path]:
    """Files that belong to the tasks themselves."""
    tables = {(task.folder / name).resolve() for task, _ in plans for name in TABLES}
    configs = {task.base_config.resolve() for task, _ in plans if task.base_config is not None}
    return tables | configs | {job.timings.resolve() for _, jobs in plans for job in jobs}


def _image_path(task: Task, file_id: int | str, root: Path) -> Path:
    text = _fill(task, "img_pathpattern", task.img_pathpattern, file_id, root)
    try:
        path = Path(text).expanduser()
        if file_id != ID_PLACEHOLDER:
            path.resolve()
    except PATH_ERRORS as error:
        raise TaskError(
            f"{task.folder / FILE_NAME}: img_pathpattern with file id {file_id!r} gives an impossible path: "
            f"{error}."
        ) from error
    return path


def _output_path(task: Task, kind: str, pattern: str, file_id: int | str, root: Path) -> Path:
    name = f"{kind}_pathpattern"
    path = task.folder / _fill(task, name, pattern, file_id, root.resolve())
    if kind == "log" and path.suffix != ".tgz":
        path = path.with_name(f"{path.name}.tgz")
    output = OUTPUTS.get(kind)
    if output is not None and output.suffixes[0] in PICTURE_SUFFIXES:
        try:
            output.check_suffix(path)
        except ConfigError as error:
            raise TaskError(
                f"{task.folder / FILE_NAME}: {name} leads to a file of unknown type: {error}"
            ) from error
    return _inside(task, name, path, file_id)


def _inside(task: Task, name: str, path: Path, file_id: int | str) -> Path:
    where = f"{task.folder / FILE_NAME}: {name} with file id {file_id!r}"
    try:
        is_inside = path.resolve().is_relative_to(task.folder.resolve())
    except PATH_ERRORS as error:
        raise TaskError(f"{where} gives an impossible path: {error}.") from error
    if not is_inside or path.resolve() == task.folder.resolve():
        raise TaskError(f"{where} leads outside the task's folder.")
    return path


def _fill(task: Task, name: str, pattern: str, file_id: int | str, root: Path) -> str:
    filled = substitute_placeholders(pattern, task.folder, root, escape=True)
    unknown = re.search(r"\{[A-Z]+\}", pattern.replace("{DIRNAME}", "").replace("{ROOTDIR}", ""))
    if unknown:
        raise TaskError(
            f"{task.folder / FILE_NAME}: {name} has the unknown placeholder {unknown[0]}: "
            "the placeholders are {DIRNAME} and {ROOTDIR}."
        )
    try:
        return filled % file_id
    except (TypeError, ValueError, OverflowError) as error:
        raise TaskError(
            f"{task.folder / FILE_NAME}: {name} {pattern!r} does not accept the file id {file_id!r}: "
            "it must have one placeholder for it, %s for strings, or %d or %03d for integers."
        ) from error


jobs_of = expand_jobs  # its name in 0.1.0, for one more version
