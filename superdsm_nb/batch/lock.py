"""One run at a time: whoever comes second is told who holds the folder."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from ..errors import TaskError
from ..io import LEFT_OVER

LOCK = ".superdsm-nb.lock"
HOLDER = ".superdsm-nb.holder.json"


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
            try:
                stack.enter_context(FileLock(folder / LOCK, timeout=0))
                _tell(folder / HOLDER)
            except Timeout as error:
                who = _holder(folder / HOLDER)
                raise TaskError(
                    f"{folder} is in use by another run ({who}): wait for its end, or stop it."
                ) from error
            except OSError as error:
                raise TaskError(
                    f"{folder} cannot be written to: {error.strerror or error}. Results go there: make it "
                    "writable, or copy the tasks to a folder that is."
                ) from error
            stack.callback(_forget, folder / HOLDER)
        yield


def _tell(path: Path) -> None:
    since = time.strftime("%Y-%m-%d %H:%M:%S")
    holder = {"process": os.getpid(), "host": socket.gethostname(), "since": since}
    path.write_text(json.dumps(holder), encoding="utf-8")


def _forget(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)


def _holder(path: Path) -> str:
    try:
        holder = json.loads(path.read_text(encoding="utf-8"))
        return f"process {holder['process']} on {holder['host']} since {holder['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "which has not said who it is"


def sweep(folders: Iterable[Path]) -> None:
    """Remove what interrupted runs left behind unfinished in folders that are held."""
    for folder in set(folders):
        for path in folder.glob(f".*{LEFT_OVER}"):
            _forget(path)
