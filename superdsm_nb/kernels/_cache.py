"""Machine code on disk, without ever running stale, foreign or damaged code.

Numba's own cache identifies a kernel only by its file (in older versions by the time and size of the file),
but options come from another file, and NumPy or compiler settings may have changed. It keeps one index for
all versions and processors; two processes that write at the same time, or one that is killed, can leave it
pointing at the wrong code. It fails if a file is truncated or the disk is full, and does not use read-only
caches. This cache therefore writes one file per signature, named after everything its content depends on,
with a checksum, in a single step. If a file cannot be read or written, the kernel is compiled as without a
cache.

Loading machine code runs what its author wrote, and it is a pickle. So the folder comes from the environment
of the user alone, and only files are loaded that nobody but this user (or the superuser) could have written.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import stat
import sys
import tempfile
import uuid
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import llvmlite
import numba
import numpy as np
from numba.core.caching import NullCache
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps
from numba.misc.appdirs import AppDirs

from .._version import __version__

# Settings of Numba that change the machine code.
SETTINGS = ("OPT", "LOOP_VECTORIZE", "SLP_VECTORIZE", "BOUNDSCHECK", "DEBUGINFO_DEFAULT", "USING_SVML")
DIGEST = hashlib.sha256().digest_size
FOLDER_VARIABLE = "NUMBA_CACHE_DIR"
OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def _sources() -> list[tuple[str, bytes]]:
    """All kernel files: a compiled kernel includes the functions and constants it uses from any of them."""
    folder = files(__package__)
    if not folder.is_dir():  # packed into one program, which still has a version
        return []
    found = [file for file in folder.iterdir() if file.name.endswith((".py", ".pyc")) and file.is_file()]
    return sorted((file.name, file.read_bytes()) for file in found)


def _digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:20]


FOLDER = f"superdsm_nb-{__version__}-" + _digest(
    __version__,
    _sources(),
    (sys.implementation.cache_tag, getattr(sys, "abiflags", "")),
    (numba.__version__, llvmlite.__version__, np.__version__),
)


def folders() -> list[Path]:
    """Folders for compiled kernels, in the order of preference.

    Returns
    -------
    list of Path
        They need not exist, and it may be impossible to make them. None depends on the working folder.
    """
    parents = [
        Path(os.environ.get(FOLDER_VARIABLE, "")),
        Path(__file__).absolute().parent / "__pycache__",
        Path(AppDirs("numba", appauthor=False).user_cache_dir),  # relative where there is no home folder
    ]
    return [parent / FOLDER for parent in parents if parent.is_absolute()]


def is_own(found: os.stat_result, forbidden: int = OTHERS_WRITE) -> bool:
    """Whether a file or folder belongs to this user or the superuser, and nobody else may write to it.

    Parameters
    ----------
    found : os.stat_result
        What the system says of it.
    forbidden : int
        Permissions that nobody else may have.
    """
    if not hasattr(os, "geteuid"):  # on Windows, the profile of a user is closed to others
        return True
    return found.st_uid in (0, os.geteuid()) and not found.st_mode & forbidden


@cache
def is_trusted(folder: Path) -> bool:
    """Whether nobody but this user (or the superuser) can put files into a folder, or another in its place.

    A folder above it may allow others to write if it is sticky, as that of temporary files is, and its own
    group in any case: many systems give every user a group alone and write permission to it.
    """
    try:
        if not folder.is_dir() or not is_own(folder.stat()):
            return False
        for each in {folder, *folder.parents, *folder.resolve().parents}:
            found = each.lstat()  # a link must be ours as well; its permissions mean nothing
            is_open = stat.S_ISLNK(found.st_mode) or found.st_mode & stat.S_ISVTX
            if not is_own(found, 0 if is_open else stat.S_IWOTH):
                return False
    except (OSError, RuntimeError):  # loops of links
        return False
    return True


def is_compiled(name: str) -> bool:
    """Whether there is machine code of a kernel on disk, for any signature, or kernels are not compiled."""
    return bool(getattr(numba.config, "DISABLE_JIT", 0)) or any(
        is_trusted(folder) and next(folder.glob(f"{name}-*.nbc"), None) is not None for folder in folders()
    )


def _make(folder: Path) -> bool:
    """Make a folder that only this user can write to; return whether it is there and trusted."""
    if not folder.is_dir():
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.mkdir(mode=0o755, exist_ok=True)
            folder.chmod(0o755)  # whatever the user's mask adds for a group
        except OSError:
            return False
        is_trusted.cache_clear()
    return is_trusted(folder)


def _is_writable(folder: Path) -> bool:
    try:
        if not _make(folder):
            return False
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return True


def writable_folder() -> Path | None:
    """Return the folder in which new machine code is kept; None if there is none."""
    return next(filter(_is_writable, folders()), None)


def _read(path: Path) -> bytes:
    """Read a file that nobody else could have written.

    Raises
    ------
    OSError
        If there is none, or it is not to be trusted.
    """
    if not is_trusted(path.parent):
        raise PermissionError(path)
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    with open(handle, "rb") as file:  # noqa: PTH123 - a descriptor
        found = os.fstat(handle)
        if not (stat.S_ISREG(found.st_mode) and is_own(found)):
            raise PermissionError(path)
        return file.read()


class KernelCache(NullCache):
    """The cache interface of a Numba dispatcher, which loads machine code from it and saves it there."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._name = f"{function.__module__.rpartition('.')[2]}.{function.__qualname__}"

    @property
    def cache_path(self) -> str | None:
        """The first writable folder, else one that exists, or None."""
        places = folders()
        for folder in [*filter(_is_writable, places), *filter(is_trusted, places)]:
            return str(folder)
        return None

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the machine code for a signature, or None if there is none that is intact."""
        target_context.refresh()
        name = self._file_name(sig, target_context.codegen())
        for folder in folders():
            try:
                content = _read(folder / name)
                if hashlib.sha256(content[DIGEST:]).digest() == content[:DIGEST]:
                    return CompileResult._rebuild(target_context, *pickle.loads(content[DIGEST:]))
            except Exception:  # noqa: BLE001 - whatever is wrong with the file: the kernel can be compiled
                continue
        return None

    def save_overload(self, sig: Any, cres: Any) -> None:
        """Save the machine code of a signature, if a folder is writable."""
        if cres.library.has_dynamic_globals:  # addresses of this process
            return
        try:
            payload = dumps(cres._reduce())
        except Exception:  # noqa: BLE001 - it refers to something that belongs to this process
            return
        content = hashlib.sha256(payload).digest() + payload
        name = self._file_name(sig, cres.library.codegen)
        for folder in folders():
            if _write_atomically(folder / name, content):
                return

    def _file_name(self, sig: Any, codegen: Any) -> str:
        settings = [str(getattr(numba.config, name, None)) for name in SETTINGS]
        return f"{self._name}-{_digest(str(sig), codegen.magic_tuple(), settings)}.nbc"


def _write_atomically(path: Path, content: bytes) -> bool:
    """Write a file atomically; return False if that is impossible."""
    unfinished = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
    if not _make(path.parent):
        return False
    try:
        try:
            with unfinished.open("xb") as file:
                file.write(content)
            unfinished.chmod(0o644)  # as for the folder
            os.replace(unfinished, path)  # noqa: PTH105
        finally:
            unfinished.unlink(missing_ok=True)
    except OSError:
        return False
    return True
