"""One run at a time: a second run is refused and told who holds the folder."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import socket
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from ..errors import RunOverError, TaskError
from ..io import UNFINISHED, write_atomically, writing_inside
from ..regularfiles import read_regular
from ..strictjson import loads

LOCK_FILE = ".superdsm-nb.lock"
MAX_HOLDER_SIZE = 1000  # bytes
LOCK_FLAGS = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
HOLDER_FILE = ".superdsm-nb.holder.json"
PART_PREFIX = ".superdsm-nb.part-"
ENTRANCE_SECONDS = 60.0  # for other parts that begin at the same time


@contextmanager
def exclusive(folders: Iterable[Path], part: str | None = None, token: str = "") -> Iterator[None]:
    """Hold folders for this process; the system lets go of them however the process ends.

    Parts of one division, such as "3-of-40", hold a folder side by side; nobody else does meanwhile.

    Parameters
    ----------
    folders : iterable of Path
        The folders.
    part : str, optional
        Name of the part: its number, "-of-", and how many there are.
    token : str, optional
        By which workers of this run know on other computers that it still holds the folder (see
        `check_token`).

    Raises
    ------
    TaskError
        If another run holds one of them, or one cannot be written to.
    """
    with ExitStack() as stack:
        for folder in folders:
            if part is None:
                _hold(stack, folder, LOCK_FILE, HOLDER_FILE, token=token)
                _end_parts(folder)
                continue
            with ExitStack() as entrance:  # held as a whole only until the part is held
                _hold(entrance, folder, LOCK_FILE, HOLDER_FILE, ENTRANCE_SECONDS)
                _end_parts(folder, but_of=part.partition("-of-")[2])
                _hold(stack, folder, *_files_of(part), token=token)
        yield


def _files_of(part: str) -> tuple[str, str]:
    return f"{PART_PREFIX}{part}.lock", f"{PART_PREFIX}{part}.holder.json"


def check_token(folder: Path, token: str, part: str | None = None) -> None:
    """Find out on another computer whether a run still holds a folder, before something is written there.

    Parameters
    ----------
    folder : Path
        The folder.
    token : str
        Of the run.
    part : str, optional
        As for `exclusive`.

    Raises
    ------
    RunOverError
        If it does not.
    """
    holder = folder / (HOLDER_FILE if part is None else _files_of(part)[1])
    try:
        found = loads(read_regular(holder, MAX_HOLDER_SIZE))
    except (OSError, ValueError):
        found = None
    if not isinstance(found, dict) or found.get("token") != token:
        raise RunOverError(f"The run that asked for this image in {folder} is over: nothing is written.")


def _hold(
    stack: ExitStack, folder: Path, lock_name: str, holder_name: str, seconds: float = 0, token: str = ""
) -> None:
    """Hold a folder by a lock file until the stack ends."""
    lock, holder = folder / lock_name, folder / holder_name
    try:
        _check_lock(lock)
        stack.enter_context(FileLock(lock, timeout=seconds, mode=0o666))
    except Timeout as error:
        raise TaskError(
            f"{folder} is in use by another run ({_holder(holder, lock)}): wait until it ends, or stop it."
        ) from error
    except OSError as error:
        raise TaskError(_lock_problem(folder, lock, error)) from error
    try:
        with writing_inside(folder):
            _write_holder(holder, token)
    except OSError as error:
        raise TaskError(_lock_problem(folder, holder, error)) from error
    stack.callback(_remove, holder)


def _end_parts(folder: Path, but_of: str | None = None) -> None:
    """Remove what ended parts have left in a folder that is held, or raise `TaskError` if one is running."""
    for lock in folder.glob(f"{PART_PREFIX}*.lock"):
        part = lock.name.removeprefix(PART_PREFIX).removesuffix(".lock")
        if but_of is not None and part.endswith(f"-of-{but_of}"):
            continue
        with ExitStack() as stack:
            _hold(stack, folder, *_files_of(part))
            _remove(lock)


def _check_lock(path: Path) -> None:
    """Raise `OSError` if what is in place of a lock file would be followed, block or be lost."""
    handle = os.open(path, LOCK_FLAGS, 0o666)
    try:
        found = os.fstat(handle)
    finally:
        os.close(handle)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
        raise OSError(errno.EINVAL, "it is no file of its own")


def _lock_problem(folder: Path, file: Path, error: OSError) -> str:
    """Why a folder cannot be held, and what to do."""
    reason = error.strerror or str(error)
    if os.path.lexists(file) and os.access(folder, os.W_OK):
        return (
            f"{file} cannot be used ({reason}): it may belong to another user; delete it if no run is active."
        )
    if isinstance(error, PermissionError) or error.errno in (errno.EROFS, errno.ENOSPC, errno.EDQUOT):
        return (
            f"{folder} cannot be written to: {reason}. Results go there: make it writable, or copy the "
            "tasks to a folder that is."
        )
    return f"{folder} cannot be locked: {reason}. Copy the tasks to a file system that supports locks."


def _write_holder(path: Path, token: str) -> None:
    since = time.strftime("%Y-%m-%d %H:%M:%S")
    holder = {"process": os.getpid(), "host": socket.gethostname(), "since": since} | (
        {"token": token} if token else {}
    )
    write_atomically(path, json.dumps(holder).encode())


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)


def _holder(path: Path, lock: Path) -> str:
    try:
        holder = loads(read_regular(path, MAX_HOLDER_SIZE))
        return f"process {holder['process']} on {holder['host']} since {holder['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return f"holder unknown; if no run is active, delete {lock}"


def sweep(folders: Iterable[Path]) -> None:
    """Remove what interrupted runs left behind unfinished in folders that are held."""
    for folder in set(folders):
        for path in folder.glob(f".*{UNFINISHED}"):
            if path.is_dir() and not path.is_symlink():  # a store
                shutil.rmtree(path, ignore_errors=True)
            else:
                _remove(path)
