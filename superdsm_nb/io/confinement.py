"""One folder that nothing is written outside of, whatever links are in it."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import NamedTuple

FOLLOWS_NO_LINK = {os.open, os.mkdir, os.unlink, os.rename} <= os.supports_dir_fd and hasattr(
    os, "O_NOFOLLOW"
)
OPEN_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
_inside: ContextVar[Path | None] = ContextVar("inside", default=None)


class OpenFolder(NamedTuple):
    """A folder to write to: the place of its files, relative to a descriptor if there is one."""

    place: Path
    handle: int | None


@contextmanager
def writing_inside(folder: Path) -> Iterator[None]:
    """Let all files that are written meanwhile be in a folder, and no link in it be followed.

    Parameters
    ----------
    folder : Path
        The folder; it may be reached through links itself.
    """
    token = _inside.set(_normal(folder))
    try:
        yield
    finally:
        _inside.reset(token)


def folder_to_stay_in(path: Path, root: Path) -> Path:
    """Return the folder that writing to a path is confined to: a root that it is in, or its own folder."""
    return root if _normal(root) in _normal(path).parents else path.parent


def refuse_links(folder: Path) -> None:
    """Raise `OSError` if a folder is not in that of `writing_inside`, or behind a link in it."""
    base = _inside.get()
    if base is None:
        return
    place = base
    for part in _parts(folder, base):
        place /= part
        try:
            is_link = stat.S_ISLNK(place.lstat().st_mode)
        except FileNotFoundError:
            return
        if is_link:
            raise OSError(errno.ELOOP, f"{place} is a link, and none is followed")


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, but not through links in that of `writing_inside`.

    Raises
    ------
    OSError
        If that fails.
    """
    with open_folder(folder, is_made=True):
        pass


@contextmanager
def open_folder(folder: Path, is_made: bool = False) -> Iterator[OpenFolder]:
    """Open a folder to write to; inside of that of `writing_inside`, without following any link.

    Parameters
    ----------
    folder : Path
        The folder.
    is_made : bool
        Whether to make it if it does not exist.

    Yields
    ------
    OpenFolder
        It stays the same folder even if somebody puts a link in its place meanwhile.

    Raises
    ------
    OSError
        If that fails.
    """
    base = _inside.get()
    if base is None or not FOLLOWS_NO_LINK:
        refuse_links(folder)
        if is_made:
            folder.mkdir(parents=True, exist_ok=True)
        yield OpenFolder(folder, None)
        return
    handle, place = os.open(base, OPEN_FOLDER), base
    try:
        for part in _parts(folder, base):
            place /= part
            inner = _open_inner(handle, part, place, is_made)
            os.close(handle)
            handle = inner
        yield OpenFolder(Path(), handle)
    finally:
        os.close(handle)


def _open_inner(handle: int, name: str, place: Path, is_made: bool) -> int:
    """Open a folder in an open one."""
    try:
        return _opened(handle, name, place)
    except FileNotFoundError:
        if not is_made:
            raise
    with contextlib.suppress(FileExistsError):  # another process has made it meanwhile
        os.mkdir(name, dir_fd=handle)
    return _opened(handle, name, place)


def _opened(handle: int, name: str, place: Path) -> int:
    try:
        return os.open(name, OPEN_FOLDER | os.O_NOFOLLOW, dir_fd=handle)
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.ENOTDIR):
            raise
        if stat.S_ISLNK(os.lstat(name, dir_fd=handle).st_mode):
            raise OSError(errno.ELOOP, f"{place} is a link, and none is followed") from error
        raise FileExistsError(errno.EEXIST, f"{place} is not a folder") from error


def _parts(folder: Path, base: Path) -> tuple[str, ...]:
    """Names of the folders on the way from one folder to another inside of it."""
    try:
        return _normal(folder).relative_to(base).parts
    except ValueError as error:
        raise OSError(errno.EPERM, f"it is outside of {base}") from error


def _normal(folder: Path) -> Path:
    return Path(os.path.normpath(folder.absolute()))
