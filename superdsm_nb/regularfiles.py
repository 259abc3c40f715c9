"""Opening files that others made: nothing blocks, and nothing is read without end."""

from __future__ import annotations

import errno
import os
import stat
from io import BufferedReader
from pathlib import Path

KINDS = {
    stat.S_ISDIR: "a folder",
    stat.S_ISFIFO: "a named pipe",
    stat.S_ISCHR: "a device",
    stat.S_ISBLK: "a device",
    stat.S_ISSOCK: "a socket",
}
SPARSE = 2**30  # bytes from which on a file must have content: smaller ones are read in no time
MAX_SPARSENESS = 2000  # bytes of a file per byte on the disk; file systems compress less


def special_kind(mode: int) -> str | None:
    """Say what a file is that is no regular one, as a phrase; None for a regular file."""
    if stat.S_ISREG(mode):
        return None
    return next((name for test, name in KINDS.items() if test(mode)), "a special file")


def is_hollow(found: os.stat_result) -> bool:
    """Whether a file claims to be large but has next to nothing on the disk."""
    blocks = getattr(found, "st_blocks", None)  # unknown on Windows
    return blocks is not None and found.st_size > SPARSE and blocks * 512 * MAX_SPARSENESS < found.st_size


def open_regular(path: Path) -> BufferedReader:
    """Open a regular file for reading.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    BufferedReader
        Its bytes.

    Raises
    ------
    OSError
        If it cannot be opened, or is a folder, pipe, device or socket: opening one may block, or do
        something. The error says in `strerror` what it is.
    """
    _check(path.stat())  # before it is opened: that alone may do something to a device
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        _check(os.fstat(handle))  # it may be another one by now
        return open(handle, "rb")  # noqa: PTH123 - a descriptor, for the caller
    except BaseException:
        os.close(handle)
        raise


def read_regular(path: Path, limit: int) -> bytes:
    """Read a regular file.

    Parameters
    ----------
    path : Path
        The file.
    limit : int
        Largest number of bytes.

    Raises
    ------
    OSError
        As for `open_regular`, or if the file is larger than that.
    """
    with open_regular(path) as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise OSError(errno.EFBIG, f"it is larger than {limit} bytes")
    return content


def _check(found: os.stat_result) -> None:
    kind = special_kind(found.st_mode)
    if kind is not None:
        raise OSError(errno.EINVAL, f"it is {kind}")
    if is_hollow(found):
        raise OSError(errno.EFBIG, f"it claims {found.st_size} bytes, but hardly any are on the disk")
