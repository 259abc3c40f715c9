"""Where the files of a task are: patterns filled with file ids, never outside of the folder of the task."""

from __future__ import annotations

import fnmatch
import glob
import os
import re
import stat
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from ..errors import ConfigError, TaskError, shortened
from ..io import is_address, is_store
from ..results.outputs import OUTPUTS, PICTURE_SUFFIXES
from .measured import is_pattern
from .spec import FILE_NAME, Task, substitute_placeholders

RESULTS = "results"  # folder of the stored results in a task's folder
ID_PLACEHOLDER = "\0"  # stands for a file id while searching for images; never part of a file name
PATH_ERRORS = (ValueError, OSError, RuntimeError)  # null characters, loops of links, unknown users
MAX_ENTRIES = 10**6  # files and folders that a pattern is compared with
TOO_WIDE = r"%[^%a-zA-Z]*\d{4}"  # placeholders that would fill the memory


@dataclass
class Places:
    """The places of files; each folder is looked at once, however many files there are in it.

    Attributes
    ----------
    root : Path
        The root given on the command line.
    """

    root: Path
    _real: dict[Path, Path] = field(default_factory=dict)
    _checked: dict[tuple[Path, Path], str | None] = field(default_factory=dict)
    _templates: dict[tuple[Path, str, Path], str] = field(default_factory=dict)

    @cached_property
    def _real_root(self) -> Path:
        return self.root.resolve()

    def real(self, path: Path) -> Path:
        """Absolute path of a file without links.

        Raises
        ------
        ValueError, OSError or RuntimeError
            If it is no possible path, or in a loop of links.
        """
        if path.name in ("", "..") or _is_link(path):
            return Path(os.path.realpath(path))  # a file may be a loop: it is refused, or replaced, later
        parent = path.parent
        if parent not in self._real:
            self._real[parent] = parent.resolve()
        return self._real[parent] / path.name

    def image(self, task: Task, file_id: int | str) -> Path:
        """Return the path of an image of a task, or with `ID_PLACEHOLDER` in place of its id.

        Raises
        ------
        TaskError
            If the pattern does not accept the file id, or the path is impossible.
        """
        return self._input(task, "img_pathpattern", task.img_pathpattern, file_id)

    def _input(self, task: Task, name: str, pattern: str, file_id: int | str) -> Path:
        text = self._filled(task, name, pattern, file_id, self.root)
        try:
            path = Path(text).expanduser() if text.startswith("~") else Path(text)
            if file_id != ID_PLACEHOLDER:
                self.real(path)
        except PATH_ERRORS as error:
            raise TaskError(
                f"{task.folder / FILE_NAME}: {name} with file id {_quoted(file_id)} gives an "
                f"impossible path: {error}."
            ) from error
        return path

    def measured(self, task: Task, place: int | str, file_id: int | str) -> int | str | Path:
        """Return the channel of the image that an entry of ``measure`` stands for, or the path of a file.

        Raises
        ------
        TaskError
            If it is a pattern that does not accept the file id, or the path is impossible.
        """
        if isinstance(place, int) or not is_pattern(place):
            return place
        return self._input(task, "measure", place, file_id)

    def output(self, task: Task, kind: str, file_id: int | str) -> Path:
        """Return the path of an output of an image of a task.

        Raises
        ------
        TaskError
            If the pattern does not accept the file id, or the path is impossible, of a wrong type, or leads
            outside of the folder of the task or through a link.
        """
        name, pattern = f"{kind}_pathpattern", task.patterns[kind]
        path = task.folder / self._filled(task, name, pattern, file_id, self._real_root)
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
        return self._inside(task, name, path, file_id)

    def stored(self, task: Task, file_id: int | str) -> Path:
        """Return where the result of an image of a task is stored.

        Raises
        ------
        TaskError
            If that is impossible, outside of the folder of the task, or behind a link.
        """
        return self._inside(task, "the stored result", task.folder / RESULTS / f"{file_id}.npz", file_id)

    def _inside(self, task: Task, name: str, path: Path, file_id: int | str) -> Path:
        if ".." in path.parts:
            path = Path(os.path.normpath(path))  # no link is followed, so this is the same file
        key = (task.folder, path.parent)
        try:
            _is_link(path)
            if key not in self._checked:
                self._checked[key] = problem_of_folder(path.parent, task.folder)
        except PATH_ERRORS as error:
            problem: str | None = f"gives an impossible path: {error}."
        else:
            problem = self._checked[key]
        if problem is not None:
            raise TaskError(f"{task.folder / FILE_NAME}: {name} with file id {_quoted(file_id)} {problem}")
        return path

    def _filled(self, task: Task, name: str, pattern: str, file_id: int | str, root: Path) -> str:
        where = f"{task.folder / FILE_NAME}: {name}"
        key = (task.folder, pattern, root)
        if key not in self._templates:
            if is_address(pattern):
                raise TaskError(
                    f"{where} {_quoted(pattern)} is an address, but tasks read and write files only, so that "
                    "no task.json reaches a network: mount the store as a folder, or use superdsm-nb segment."
                )
            unknown = re.search(r"\{[A-Z]+\}", pattern.replace("{DIRNAME}", "").replace("{ROOTDIR}", ""))
            if unknown:
                raise TaskError(
                    f"{where} has the unknown placeholder {unknown[0]}: "
                    "the placeholders are {DIRNAME} and {ROOTDIR}."
                )
            if re.search(TOO_WIDE, pattern.replace("%%", "")):
                raise TaskError(f"{where} {_quoted(pattern)} has a placeholder that is too wide.")
            self._templates[key] = substitute_placeholders(pattern, task.folder, root, escape=True)
        try:
            return self._templates[key] % file_id
        except (TypeError, ValueError, OverflowError) as error:
            raise TaskError(
                f"{where} {_quoted(pattern)} does not accept the file id {_quoted(file_id)}: "
                "it must have one placeholder for it, %s for strings, or %d or %03d for integers."
            ) from error


def _quoted(text: int | str) -> str:
    return repr(shortened(text)) if isinstance(text, str) else shortened(str(text))


def _is_link(path: Path) -> bool:
    """Whether a path is that of a link; an error is raised if no file can have it."""
    try:
        return stat.S_ISLNK(os.lstat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def problem_of_folder(folder: Path, root: Path) -> str | None:
    """Say what is wrong with a folder to write to, as a sentence without a subject; None if nothing is.

    Parameters
    ----------
    folder : Path
        It need not exist.
    root : Path
        The folder of the task that it must be in, or be.
    """
    base = Path(os.path.normpath(root.absolute()))
    place = Path(os.path.normpath(folder.absolute()))
    if place != base and base not in place.parents:
        return "leads outside the task's folder."
    inner = [place, *place.parents]
    for each in filter(_is_link, reversed(inner[: inner.index(base)])):
        try:
            is_inside = each.resolve().is_relative_to(base.resolve())
        except PATH_ERRORS as error:  # a loop of links
            return f"gives an impossible path: {error}."
        if is_inside:
            return f"goes through the link {each}, and outputs follow none."
        return "leads outside the task's folder."
    return None


def matching_files(start: str, pattern: str, after: str) -> list[str]:
    """Find files and stores by a pattern such as "*" or "**/x*" between two literal parts of their path.

    Hidden files are skipped, and folders that ``**`` stands for are reached through no link: links that lead
    back would never end.
    """
    if "**" not in pattern:
        found = glob.glob(f"{glob.escape(start)}{pattern}{glob.escape(after)}")  # noqa: PTH207 - escapes folders
        return [path for path in found if Path(path).is_file() or is_store(Path(path))]
    folder, _, prefix = start.rpartition("/")
    first, *rest = f"{glob.escape(prefix)}{pattern}{glob.escape(after)}".split("/")
    return sorted(_matching_below(f"{folder}/" if folder or start.startswith("/") else "", [first, *rest]))


def _matching_below(folder: str, parts: list[str]) -> set[str]:
    """Files below a folder whose path matches the parts of a pattern.

    Raises
    ------
    TaskError
        If there are too many files to compare it with.
    """
    found: set[str] = set()
    looked_at = 0
    waiting, seen = [(folder, 0)], set[tuple[str, int]]()
    while waiting:
        place = waiting.pop()
        if place in seen:
            continue
        seen.add(place)
        base, number = place
        part, is_last = parts[number], number == len(parts) - 1
        if part == "**" and not is_last:
            waiting.append((base, number + 1))
        try:
            entries = list(os.scandir(base or "."))
        except OSError:
            continue
        looked_at += len(entries)
        if looked_at > MAX_ENTRIES:
            where = folder or "the working folder"
            raise TaskError(f"There are too many files below {where} to search: name a smaller folder.")
        for entry in entries:
            is_match = part == "**" or fnmatch.fnmatchcase(entry.name, part)
            if not is_match or (entry.name.startswith(".") and not part.startswith(".")):
                continue
            if is_last and (entry.is_file() or is_store(Path(entry.path))):
                found.add(f"{base}{entry.name}")
            if part == "**" and entry.is_dir(follow_symlinks=False):
                waiting.append((f"{base}{entry.name}/", number))
            elif part != "**" and not is_last and entry.is_dir():
                waiting.append((f"{base}{entry.name}/", number + 1))
    return found
