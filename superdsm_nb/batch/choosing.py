"""Which of the tasks are meant by the names on the command line."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from ..errors import TaskError
from .spec import Task


def choose(tasks: Sequence[Task], root: Path, single: Iterable[str], families: Iterable[str]) -> list[Task]:
    """Tasks named on the command line, in the order of `tasks`; all of them, if none is named.

    Parameters
    ----------
    tasks : sequence of Task
        All tasks below `root`.
    root : Path
        The root given on the command line.
    single, families : iterable of str
        Folders relative to the root (or to where the command runs); `families` include the derived tasks.

    Raises
    ------
    TaskError
        If a folder holds no task.
    """
    by_folder = {Path(os.path.normpath(task.folder.absolute())): task for task in tasks}
    wanted: set[Path] = set()
    named = [(name, False) for name in single] + [(name, True) for name in families]
    for name, with_derived in named:
        places = [Path(os.path.normpath(place.absolute())) for place in (root / name, Path(name))]
        found = {
            folder
            for folder in by_folder
            if any(folder == place or (with_derived and place in folder.parents) for place in places)
        }
        if not found:
            is_above = any(place in folder.parents for folder in by_folder for place in places)
            raise TaskError(f"There is no task {name} in {root}{_hint(name, tasks, root, is_above)}")
        wanted |= found
    chosen = {id(by_folder[folder]) for folder in wanted}
    return [task for task in tasks if not named or id(task) in chosen]


def _hint(name: str, tasks: Sequence[Task], root: Path, is_above: bool) -> str:
    """A suggestion for a name that is not that of a task."""
    if is_above:
        return ": it is a folder of tasks, so use --task-dir."
    known = [task.name(root) for task in tasks]
    near = difflib.get_close_matches(name, known, 1, 0.5)
    return f": did you mean {near[0]}?" if near else f": the tasks are {', '.join(known)}."
