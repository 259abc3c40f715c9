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

from ..errors import TaskError
from ..io import UNFINISHED, write_atomically, writing_inside
from ..regularfiles import read_regular
from ..strictjson import loads

LOCK_FILE = ".superdsm-nb.lock"
MAX_HOLDER_SIZE = 1000  # bytes
LOCK_FLAGS = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
HOLDER_FILE = ".superdsm-nb.holder.json"


@contextmanager
def exclusive(folders: Iterable[Path]) -> Iterator[None]:
    """Hold folders for this process; the system lets go of them however the process ends.

    Raises
    ------
    TaskError
        If another run holds one of them, or one cannot be written to.
    """
    with ExitStack() as stack:
        for folder in folders:
            lock, holder = folder / LOCK_FILE, folder / HOLDER_FILE
            try:
                _check_lock(lock)
                stack.enter_context(FileLock(lock, timeout=0, mode=0o666))
            except Timeout as error:
                who = _holder(holder, lock)
                raise TaskError(
                    f"{folder} is in use by another run ({who}): wait until it ends, or stop it."
                ) from error
            except OSError as error:
                raise TaskError(_lock_problem(folder, lock, error)) from error
            try:
                with writing_inside(folder):
                    _write_holder(holder)
            except OSError as error:
                raise TaskError(_lock_problem(folder, holder, error)) from error
            stack.callback(_remove, holder)
        yield


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


def _write_holder(path: Path) -> None:
    since = time.strftime("%Y-%m-%d %H:%M:%S")
    holder = {"process": os.getpid(), "host": socket.gethostname(), "since": since}
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
