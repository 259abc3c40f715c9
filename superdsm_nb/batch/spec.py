"""Reading ``task.json`` files into tasks.

A task is a folder with a ``task.json``. Tasks nest: a task inherits every field of its nearest ancestor
task except ``runnable``; its own fields are laid over them, ``config`` key by key.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..config import Config, read_json_object
from ..errors import ConfigError, TaskError
from ..pipeline import create_default_pipeline

FILE_NAME = "task.json"
PLANNED = (
    *("num_cpus", "environ", "adj_pathpattern", "log_pathpattern", "cfg_pathpattern"),
    *("last_stage", "base_config_path"),
)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_list_of_ids(value: object) -> bool:
    return isinstance(value, list) and all(_is_text(entry) or _is_count(entry) for entry in value)


FIELDS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "runnable": (lambda value: isinstance(value, bool), "true or false"),
    "img_pathpattern": (_is_text, "a text"),
    "seg_pathpattern": (_is_text, "a text"),
    "overlay_pathpattern": (_is_text, "a text"),
    "file_ids": (_is_list_of_ids, "a list of integers or texts"),
    "dilate": (_is_count, "an integer"),
    "merge_overlap_threshold": (lambda value: _is_number(value) and value >= 0, "a number of at least 0"),
    "seg_border": (lambda value: _is_count(value) and value > 0, "an integer of at least 1"),
    "config": (lambda value: isinstance(value, dict), "an object of hyperparameters"),
}


@dataclass(frozen=True)
class Task:
    """One folder of work.

    Attributes
    ----------
    folder : Path
        Where its ``task.json`` is and its results go.
    fields : dict
        Its own and inherited fields.
    runnable : bool
        False for a template.
    ignored : tuple of str
        Known fields that have no effect yet.
    """

    folder: Path
    fields: dict[str, Any] = field(default_factory=dict)
    runnable: bool = False
    ignored: tuple[str, ...] = ()

    @property
    def config(self) -> Config:
        """Hyperparameters the task sets."""
        return Config(self.fields.get("config"))


def find_tasks(root: Path) -> list[Task]:
    """Read all tasks under a folder, parents before children.

    Raises
    ------
    TaskError
        If there is none, or for everything that is wrong with any of them.
    """
    if not root.is_dir():
        raise TaskError(f"There is no folder {root}.")
    tasks: list[Task] = []
    problems: list[str] = []
    for path in sorted(root.rglob(FILE_NAME), key=lambda path: path.parent.parts):
        parents = [task for task in tasks if task.folder in path.parent.parents]
        try:
            tasks.append(read_task(path, parents[-1] if parents else None))
        except TaskError as error:
            problems.append(str(error))
    if problems:
        raise TaskError("\n".join(problems))
    if not tasks:
        raise TaskError(f"There is no {FILE_NAME} in {root} or below: the README shows how to write one.")
    return tasks


def read_task(path: Path, parent: Task | None) -> Task:
    """Read one ``task.json`` and check it.

    Raises
    ------
    TaskError
        With the file, the field, and what was expected.
    """
    try:
        own = read_json_object(path)
    except ConfigError as error:
        raise TaskError(str(error)) from error
    for name, value in own.items():
        if name in PLANNED:
            continue
        if name not in FIELDS:
            near = difflib.get_close_matches(name, [*FIELDS, *PLANNED], 1, 0.6)
            raise TaskError(f"{path}: unknown field {name}" + (f": did you mean {near[0]}?" if near else "."))
        valid, expected = FIELDS[name]
        if not valid(value):
            raise TaskError(f"{path}: the field {name} is {json.dumps(value)}, but must be {expected}.")
    inherited = {} if parent is None else parent.fields
    fields = {**inherited, **{name: value for name, value in own.items() if name in FIELDS}}
    fields.pop("runnable", None)
    fields["config"] = Config(inherited.get("config")).derive(own.get("config", {})).entries
    task = Task(
        path.parent, fields, own.get("runnable", False), tuple(name for name in own if name in PLANNED)
    )
    try:
        create_default_pipeline().check(task.config)
    except ConfigError as error:
        raise TaskError(f"{path}: {error}") from error
    if task.runnable:
        for name in ("img_pathpattern", "seg_pathpattern", "file_ids"):
            if name not in fields:
                raise TaskError(f"{path}: the field {name} is missing.")
    return task
