"""Reading ``task.json`` files into tasks.

A task is a folder with a ``task.json``. Tasks nest: a task inherits every field of its nearest ancestor
task except ``runnable``; its own fields replace them, and ``config`` is merged key by key.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..config import DECLARATIONS, Config, Preset, read_json_object, resolve_preset
from ..diameter import pixels_of_diameter, with_diameter
from ..errors import ConfigError, TaskError, shortened
from ..results.result import Drawing
from .fields import problems

FILE_NAME = "task.json"
SIZES = ("AF_scale", "diameter")  # hyperparameters that state the size of the nuclei
REQUIRED = ("img_pathpattern", "seg_pathpattern", "file_ids")


@dataclass(frozen=True)
class Task:
    """One folder of work, every field resolved.

    Attributes
    ----------
    folder : Path
        Where its ``task.json`` is and its results go.
    runnable : bool
        False for a template.
    parent : Task or None
        Nearest ancestor task.
    config : Config
        Hyperparameters the task sets, inherited ones included.
    img_pathpattern : str
        Pattern of the image files.
    patterns : mapping of str to str
        Pattern of each output: seg, overlay, adj, cfg, log, rois, geojson, if wanted.
    file_ids : tuple of int or str, or str
        The images; a string is a pattern such as "*" that the names of the images match.
    num_cpus : int or None
        Workers used at the same time; None for as many as there are processors.
    environ : mapping of str to str
        Environment variables of the workers.
    last_stage : str or None
        Where the pipeline ends.
    dilate, merge_overlap_threshold, seg_border
        How results are drawn; see `superdsm_nb.render`.
    scene, channel : int, str or None
    plane, time : int, str or None
        Which part of the files to use.
    measure : sequence of int or str
        Other channels that are measured: numbers or names of those of the files, and patterns of other files.
    ring : str or None
        Width of the ring in which they are measured as well.
    time_limit : float or None
        Seconds that an image may take.
    keep_finished : bool
        Whether the nuclei that are finished by then are kept.
    base_config : Path or None
        File of hyperparameters that were merged.
    """

    folder: Path
    runnable: bool = False
    parent: Task | None = None
    config: Config = field(default_factory=Config)
    img_pathpattern: str = ""
    patterns: Mapping[str, str] = field(default_factory=dict)
    file_ids: tuple[int | str, ...] | str = ()
    num_cpus: int | None = None
    environ: Mapping[str, str] = field(default_factory=dict)
    last_stage: str | None = None
    dilate: int = 0
    merge_overlap_threshold: float = math.inf
    seg_border: int = Drawing.border_width
    scene: int | str | None = None
    channel: int | str | None = None
    plane: int | str | None = None
    time: int | str | None = None
    measure: Sequence[int | str] = ()
    ring: str | None = None
    time_limit: float | None = None
    keep_finished: bool = False
    base_config: Path | None = None

    @property
    def preset(self) -> Preset:
        """The method that its configuration means."""
        return resolve_preset(self.config)

    @property
    def runnable_ancestors(self) -> list[Task]:
        """Tasks whose results this one may start from, the nearest first."""
        found: list[Task] = []
        ancestor = self.parent
        while ancestor is not None:
            if ancestor.runnable:
                found.append(ancestor)
            ancestor = ancestor.parent
        return found

    def name(self, root: Path) -> str:
        """How the user refers to it: its folder relative to the root."""
        return self.folder.relative_to(root).as_posix()


@dataclass(frozen=True)
class Draft:
    """A task whose descendants have not been read yet.

    Attributes
    ----------
    task : Task
        As far as it can be resolved.
    entries : dict
        Its own and inherited fields.
    base : Path or None
        Folder in whose ``task.json`` ``base_config_path`` is written.
    merged : Path or None
        File that was merged for it last.
    is_sound : bool
        Whether it and its ancestors are free of errors.
    missing : tuple of str
        Required fields that it lacks.
    """

    task: Task
    entries: dict[str, Any]
    base: Path | None
    merged: Path | None
    is_sound: bool
    missing: tuple[str, ...] = ()


def check_folder(folder: Path) -> None:
    """Raise `TaskError` unless a folder is there."""
    if not folder.is_dir():
        raise TaskError(f"{folder} is not a folder." if folder.exists() else f"There is no folder {folder}.")


def find_tasks(root: Path) -> list[Task]:
    """Read all tasks under a folder, parents before children.

    Raises
    ------
    TaskError
        If there is none, or for everything that is wrong with any of them.
    """
    check_folder(root)
    drafts: dict[Path, Draft] = {}
    complaints: list[str] = []
    for path in _task_files(root):
        parent = next((drafts[folder] for folder in path.parent.parents if folder in drafts), None)
        drafts[path.parent] = read_task(path, parent, root, complaints)
    if complaints:
        above = root.resolve().parent / FILE_NAME
        if above.exists() and any(draft.missing for draft in drafts.values()):
            complaints.append(
                f"Fields are inherited inside of {root} only: if {above} has them, run superdsm-nb batch on "
                "its folder, with --task for a part of it."
            )
        raise TaskError("\n".join(dict.fromkeys(complaints)))
    if not drafts:
        raise TaskError(f"There is no {FILE_NAME} in {root} or below: the README shows how to write one.")
    return [draft.task for draft in drafts.values()]


def _task_files(root: Path) -> list[Path]:
    """All ``task.json`` under a folder, parents before children; no link is followed."""
    found, waiting = [], [str(root)]
    while waiting:  # rather than by recursion: folders may be nested a thousand levels deep
        folder = waiting.pop()
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.name == FILE_NAME:
                        found.append(Path(folder) / FILE_NAME)
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
        except OSError:  # a folder of somebody else, or a path that is too long: nothing is run from there
            continue
    return sorted(found, key=lambda path: path.parent.parts)


def read_task(path: Path, parent: Draft | None, root: Path, complaints: list[str]) -> Draft:
    """Read one ``task.json``; problems are added to `complaints`, with the file and the field."""
    before = len(complaints)
    inherited = {} if parent is None else parent.entries
    try:
        own = read_json_object(path)
    except ConfigError as error:
        complaints.append(str(error))
        own = {}
    own.pop("$schema", None)  # for editors only
    wrong = dict(problems(own))
    complaints += [f"{path}: {text}" for text in wrong.values()]
    own = {name: value for name, value in own.items() if name not in wrong}
    runnable, diameter = own.pop("runnable", False), own.pop("diameter", None)
    here = str(path.parent).replace("%", "%%")  # now and not later: derived tasks mean this folder as well
    if "img_pathpattern" in own:
        own["img_pathpattern"] = own["img_pathpattern"].replace("{TASKDIR}", here)
    if "measure" in own:
        own["measure"] = [
            each.replace("{TASKDIR}", here) if isinstance(each, str) else each for each in own["measure"]
        ]
    entries = {**inherited, **own}
    base = path.parent if "base_config_path" in own else None if parent is None else parent.base
    merged = None if parent is None else parent.merged
    config = Config(inherited.get("config"))
    if base is not None:
        written = f"{base / FILE_NAME}: base_config_path {shortened(entries['base_config_path'])}"
        try:
            filled = substitute_placeholders(entries["base_config_path"], path.parent, root)
            file = (base / Path(filled).expanduser()).resolve()
            # What an ancestor took from the same file, and changed, stays as it is.
            if file != merged and (runnable or file.exists()):
                config, merged = _merge_config(config, file, written, complaints), file
        except (ValueError, OSError, RuntimeError) as error:  # null characters, loops of links, unknown users
            complaints.append(f"{written} gives an impossible path: {error}.")
    config = _merge_config(config, own.get("config", {}), path, complaints)
    if diameter is not None:
        again = next((key for key in SIZES if Config(own.get("config")).get(key) is not None), None)
        if again == "AF_scale":
            complaints.append(f"{path}: diameter and AF_scale set the same value: give only one of them.")
        elif again is not None:
            complaints.append(
                f'{path}: diameter is given twice, as a field and in "config": remove one of them.'
            )
        try:
            config = _resized(config, {"diameter": pixels_of_diameter(diameter)})
        except ConfigError as error:
            complaints.append(f"{path}: {error}")
    entries["config"] = config.entries
    is_sound = len(complaints) == before and (parent is None or parent.is_sound)
    if is_sound:
        try:
            resolve_preset(config)
            config = with_diameter(config, None)
        except ConfigError as error:
            complaints.append(f"{path}: {error}")
            is_sound = False
    missing = tuple(name for name in REQUIRED if name not in entries) if runnable and is_sound else ()
    complaints += [f"{path}: the field {name} is missing." for name in missing]
    task = _resolve(path.parent, runnable, parent, {**entries, "config": config.entries}, merged)
    return Draft(task, entries, base, merged, is_sound, missing)


def _merge_config(
    config: Config, source: Mapping[str, Any] | Path, where: object, complaints: list[str]
) -> Config:
    """Merge hyperparameters, after a check."""
    try:
        entries = Config.load(source) if isinstance(source, Path) else Config(source)
    except ConfigError as error:
        complaints.append(f"{where}: {error}")
        return config
    wrong = list(DECLARATIONS.problems(entries.entries))
    complaints += [f"{source if isinstance(source, Path) else where}: {text}" for text in wrong]
    return config if wrong else _resized(config, entries)


def _resized(config: Config, other: Config | Mapping[str, Any]) -> Config:
    """Merge hyperparameters; a size that is stated in one way replaces one that was stated in another."""
    result, other = config.copy(), Config(other)
    if any(key in other for key in SIZES):  # null, which means that it is estimated, replaces it as well
        for key in SIZES:
            result.pop(key)
    return result.merge(other)


def substitute_placeholders(pattern: str, folder: Path, root: Path, escape: bool = False) -> str:
    """Replace {DIRNAME} and {ROOTDIR}; with `escape`, for a pattern that is filled with a file id later."""
    for placeholder, value in (("{DIRNAME}", folder.resolve().name), ("{ROOTDIR}", str(root))):
        pattern = pattern.replace(placeholder, value.replace("%", "%%") if escape else value)
    return pattern


def _resolve(
    folder: Path, runnable: bool, parent: Draft | None, entries: Mapping[str, Any], merged: Path | None
) -> Task:
    plain = (
        *("img_pathpattern", "num_cpus", "last_stage", "dilate", "merge_overlap_threshold", "seg_border"),
        *("scene", "channel", "plane", "time", "measure", "ring", "time_limit", "keep_finished"),
    )
    suffix = "_pathpattern"
    file_ids = entries.get("file_ids", ())
    return Task(
        folder,
        runnable,
        None if parent is None else parent.task,
        Config(entries["config"]),
        patterns={
            name.removesuffix(suffix): pattern
            for name, pattern in entries.items()
            if name.endswith(suffix) and name != "img_pathpattern"
        },
        file_ids=file_ids if isinstance(file_ids, str) else tuple(file_ids),
        base_config=merged,
        environ={name: str(value) for name, value in entries.get("environ", {}).items()},
        **{name: entries[name] for name in plain if name in entries},
    )


fill_places = substitute_placeholders  # its name in 0.1.0, for one more version
