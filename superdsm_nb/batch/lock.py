"""One run at a time: a second run is refused and told who holds the folder."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from ..errors import TaskError
from ..io import UNFINISHED, write_atomically

LOCK_FILE = ".superdsm-nb.lock"
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
                stack.enter_context(FileLock(lock, timeout=0, mode=0o666))
            except Timeout as error:
                who = _holder(holder, lock)
                raise TaskError(
                    f"{folder} is in use by another run ({who}): wait until it ends, or stop it."
                ) from error
            except OSError as error:
                raise TaskError(_lock_problem(folder, lock, error)) from error
            try:
                _write_holder(holder)
            except OSError as error:
                raise TaskError(_lock_problem(folder, holder, error)) from error
            stack.callback(_remove, holder)
        yield


def _lock_problem(folder: Path, file: Path, error: OSError) -> str:
    """Why a folder cannot be held, and what to do."""
    reason = error.strerror or str(error)
    if file.exists() and os.access(folder, os.W_OK):
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
        holder = json.loads(path.read_text(encoding="utf-8"))
        return f"process {holder['process']} on {holder['host']} since {holder['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return f"holder unknown; if no run is active, delete {lock}"


def sweep(folders: Iterable[Path]) -> None:
    """Remove what interrupted runs left behind unfinished in folders that are held."""
    for folder in set(folders):
        for path in folder.glob(f".*{UNFINISHED}"):
            _remove(path)
