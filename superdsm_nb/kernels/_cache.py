"""Machine code on disk, such that nothing stale, foreign or damaged is ever run.

Numba's own cache knows a kernel by its file alone (in older versions by time and size of the file), but
options come from another file, and NumPy or the settings of the compiler may have changed. It keeps one
index for all versions and processors, which two processes that write at once, or one that is killed, can
leave pointing at the wrong code. It fails where a file is cut off or the disk is full, and does not read
what it could not write. Hence here: a file per signature, named by all that its content depends on, with a
checksum, put in place in one step. What cannot be read or written is as if there were no cache.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import sys
import tempfile
import uuid
from collections.abc import Callable
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


def _sources() -> list[tuple[str, bytes]]:
    """All files of kernels: a compiled kernel holds what it calls, and constants, whichever file has them."""
    folder = files(__package__)
    if not folder.is_dir():  # packed into one program, which has a version still
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
    """Where compiled kernels may lie: what is nearest to the user's wish first.

    Returns
    -------
    list of Path
        They need not exist, and it may be impossible to make them.
    """
    parents = [Path(__file__).parent / "__pycache__"]
    wish = getattr(numba.config, "CACHE_DIR", "")  # NUMBA_CACHE_DIR, as Numba has read it
    if wish:
        parents.insert(0, Path(wish))
    own = Path(AppDirs("numba", appauthor=False).user_cache_dir)
    if own.is_absolute():  # else there is no home, and this would be wherever the process happens to be
        parents.append(own)
    return [parent / FOLDER for parent in parents]


def _can_be_written(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return True


class KernelCache(NullCache):
    """What a dispatcher of Numba asks for machine code before it compiles, and gives it to afterwards."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._name = f"{function.__module__.rpartition('.')[2]}.{function.__qualname__}"

    @property
    def cache_path(self) -> str | None:
        """The folder that is written to, else one that is there to be read, or None."""
        places = folders()
        for folder in [*filter(_can_be_written, places), *filter(Path.is_dir, places)]:
            return str(folder)
        return None

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the machine code for a signature, or None where there is none that is whole."""
        target_context.refresh()
        name = self._file_name(sig, target_context.codegen())
        for folder in folders():
            try:
                content = (folder / name).read_bytes()
                if hashlib.sha256(content[DIGEST:]).digest() == content[:DIGEST]:
                    return CompileResult._rebuild(target_context, *pickle.loads(content[DIGEST:]))
            except Exception:  # noqa: BLE001 - whatever is the matter with the file: it can be compiled
                continue
        return None

    def save_overload(self, sig: Any, cres: Any) -> None:
        """Keep the machine code of a signature, where a folder can be written."""
        if cres.library.has_dynamic_globals:  # addresses of this process
            return
        try:
            payload = dumps(cres._reduce())
        except Exception:  # noqa: BLE001 - it refers to something that belongs to this process
            return
        content = hashlib.sha256(payload).digest() + payload
        name = self._file_name(sig, cres.library.codegen)
        for folder in folders():
            if _put(folder / name, content):
                return

    def _file_name(self, sig: Any, codegen: Any) -> str:
        settings = [str(getattr(numba.config, name, None)) for name in SETTINGS]
        return f"{self._name}-{_digest(str(sig), codegen.magic_tuple(), settings)}.nbc"


def _put(path: Path, content: bytes) -> bool:
    """Write a file that others see whole or not at all; False if that is impossible."""
    unfinished = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            unfinished.write_bytes(content)
            os.replace(unfinished, path)  # noqa: PTH105
        finally:
            unfinished.unlink(missing_ok=True)
    except OSError:
        return False
    return True
