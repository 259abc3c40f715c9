"""One image of a task: where it is read from, where its results go, and when they are up to date."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from ..config import STAGE_NAMES, Config, Preset, resolve_preset, with_preset
from ..errors import ConfigError, ImageError, TaskError
from ..io import ALL, Source
from ..results.outputs import OUTPUTS, stack_output, written_path
from ..results.result import Drawing
from .measured import digest_entries, measured_name
from .places import ID_PLACEHOLDER, Places, matching_files
from .spec import FILE_NAME, Task

STAGES = ("scale", *STAGE_NAMES)  # what a run does between reading and writing
REPORT = "report.html"
PROVENANCE = "provenance.json"
TABLES = ("objects.csv", "performance.csv", "timings.csv", REPORT, PROVENANCE)
AS_FIELD = '"{}" in task.json'.format  # how a parameter is given in a task
INTERNAL_PREFIX = ".superdsm-nb."  # of the files that a run needs for itself
SEAL = f"{INTERNAL_PREFIX}complete.json"  # digests of the tables of a complete task


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
    measure : mapping of str to int, str or Path
        Other channels that are measured: those of the file, and other files.
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
    measure: Mapping[str, int | str | Path] = field(default_factory=dict)
    ring: str | None = None

    @property
    def image(self) -> Path:
        """The image file."""
        assert isinstance(self.source.path, Path), "tasks read files"
        return self.source.path

    def written_path(self, kind: str, object_count: int) -> Path:
        """Where an output is that was written (see `superdsm_nb.results.outputs.written_path`)."""
        path: Path = written_path(kind, self.outputs[kind], object_count)
        return path

    @property
    def preset(self) -> Preset:
        """The method that runs."""
        return resolve_preset(self.config)

    @property
    def timings(self) -> Path:
        """Where the seconds of its stages are stored."""
        return self.stored.with_name(f"{self.stored.name.removesuffix('.npz')}.timings.json")

    @cached_property  # it reads the files that are measured
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
        measure = {"measure": digest_entries(self.measure), "ring": self.ring} if self.measure else {}
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
    """Return a hint for a relative image path that was not found."""
    if image.is_absolute():
        return ""
    return " (a relative img_pathpattern starts at the working directory; {ROOTDIR}/... starts at ROOT)"


def no_such_file(image: Path) -> ImageError:
    """Return the error for an image that is not there."""
    return ImageError(f"There is no file {image}{relative_hint(image)}.")


def expand_jobs(task: Task, root: Path, places: Places | None = None) -> list[Job]:
    """List the images of a task with their outputs.

    Parameters
    ----------
    task : Task
        The task.
    root : Path
        The root given on the command line.
    places : Places, optional
        Places of files that are known already.

    Raises
    ------
    TaskError
        If a pattern does not accept the file ids, no image matches them, or an output lies outside the task's
        folder.
    """
    _check_kinds(task)
    _check_measured(task)
    places = places or Places(root)
    file_ids = _file_ids(task, places)
    config = with_preset(task.config)
    return [
        Job(
            str(file_id),
            Source(places.image(task, file_id), task.channel, task.plane, task.time, task.scene),
            {kind: places.output(task, kind, file_id) for kind in task.patterns},
            places.stored(task, file_id),
            {ancestor.folder: places.stored(ancestor, file_id) for ancestor in task.runnable_ancestors},
            config,
            task.last_stage,
            Drawing(task.dilate, float(task.merge_overlap_threshold), task.seg_border),
            task.folder,
            task.time_limit,
            task.keep_finished,
            {measured_name(each): places.measured(task, each, file_id) for each in task.measure},
            task.ring,
        )
        for file_id in file_ids
    ]


def _check_kinds(task: Task) -> None:
    """Refuse outputs that cannot be written on this system, or of a stack."""
    is_stack = ALL in (task.channel, task.plane, task.time)
    if is_stack and task.last_stage is not None:
        raise TaskError(
            f'{task.folder / FILE_NAME}: last_stage does not go with "all": of a stack, all stages run.'
        )
    for kind, pattern in task.patterns.items():
        try:
            if kind in OUTPUTS:
                output = stack_output(kind) if is_stack else OUTPUTS[kind]
                output.check_path(Path(pattern))
                if is_stack and output.pixels is not None:
                    output.check_suffix(Path(pattern))
        except ConfigError as error:
            raise TaskError(f"{task.folder / FILE_NAME}: {error}") from error


def _check_measured(task: Task) -> None:
    """Refuse two channels whose columns would have the same name."""
    names = Counter(map(measured_name, task.measure))
    twice = next((name for name, count in names.items() if count > 1), None)
    if twice is not None:
        raise TaskError(
            f"{task.folder / FILE_NAME}: measure has two channels called {twice}: their columns would have "
            "the same names, which follow from those of files or folders."
        )


def _file_ids(task: Task, places: Places) -> Sequence[int | str]:
    """The file ids of a task; those that occur twice or are empty are refused."""
    if isinstance(task.file_ids, str):
        return _matching_ids(task, task.file_ids, places)
    for name, count in Counter(map(str, task.file_ids)).items():
        if not name:
            raise TaskError(f"{task.folder / FILE_NAME}: a file id is empty.")
        if count > 1:
            raise TaskError(f"{task.folder / FILE_NAME}: the file id {name} occurs twice.")
    return task.file_ids


def _matching_ids(task: Task, pattern: str, places: Places) -> list[str]:
    """Find the images that a pattern of file ids, such as "*", matches; hidden files are skipped."""
    where = f"{task.folder / FILE_NAME}: file_ids {pattern!r}"
    if task.img_pathpattern.replace("%%", "").count("%s") != 1:
        raise TaskError(f"{where} needs an img_pathpattern with one %s in it.")
    start, _, after = str(places.image(task, ID_PLACEHOLDER)).partition(ID_PLACEHOLDER)
    found = matching_files(start, pattern, after)
    ids = [path[len(start) : len(path) - len(after)] for path in found]
    if not ids:
        raise TaskError(f"{where} matches no image: there is no file {start}{pattern}{after}.")
    return sorted(name.replace(os.sep, "/") for name in ids)


def plan_all(tasks: Sequence[Task], root: Path) -> list[tuple[Task, list[Job]]]:
    """Plan every task before any of them runs; templates have nothing to do.

    Raises
    ------
    TaskError
        For the tasks that cannot be planned.
    """
    plans: list[tuple[Task, list[Job]]] = []
    problems: list[str] = []
    places = Places(root)
    for task in tasks:
        try:
            plans.append((task, expand_jobs(task, root, places) if task.runnable else []))
        except TaskError as error:
            problems.append(str(error))
    problems += _conflicts(plans, places)
    if problems:
        raise TaskError("\n".join(problems))
    return plans


def protected_paths(tasks: Sequence[Task], root: Path) -> set[Path]:
    """Images, results and all else that belongs to tasks: what nothing else may overwrite.

    Raises
    ------
    TaskError
        For the tasks that cannot be planned.
    """
    plans, places = plan_all(tasks, root), Places(root)
    paths = {task.folder / FILE_NAME for task in tasks}
    for _, jobs in plans:
        for job in jobs:
            paths |= {job.image, job.stored, *job.outputs.values(), *_measured_files(job)}
    return {places.real(path) for path in paths} | _reserved(plans, places)


def _conflicts(plans: Sequence[tuple[Task, list[Job]]], places: Places) -> list[str]:
    """Outputs that would overwrite images, each other, or files of the tasks themselves."""
    jobs = [job for _, jobs in plans for job in jobs]
    images = {places.real(path) for job in jobs for path in (job.image, *_measured_files(job))}
    reserved = _reserved(plans, places)
    outputs = [
        (task, path, places.real(path))
        for task, jobs in plans
        for job in jobs
        for path in (*job.outputs.values(), job.stored)
    ]
    direct = {real.parent for _, _, real in outputs}
    folders = direct.union(*(folder.parents for folder in direct))
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


def _measured_files(job: Job) -> list[Path]:
    return [place for place in job.measure.values() if isinstance(place, Path)]


def _reserved(plans: Sequence[tuple[Task, list[Job]]], places: Places) -> set[Path]:
    """Files that belong to the tasks themselves."""
    tables = {places.real(task.folder / name) for task, _ in plans for name in (*TABLES, SEAL)}
    configs = {task.base_config.resolve() for task, _ in plans if task.base_config is not None}
    return tables | configs | {places.real(job.timings) for _, jobs in plans for job in jobs}


jobs_of = expand_jobs  # its name in 0.1.0, for one more version
