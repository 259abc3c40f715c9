"""Digests of files, and of images that consist of several."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from ..regularfiles import open_regular
from .formats import OIF_FOLDER, OIF_START


def file_digest(path: Path) -> str:
    """SHA-256 of all the content that a path stands for (hexadecimal).

    Parameters
    ----------
    path : Path
        A file; an OIF file stands for the folder of its planes as well. Or a folder that is an image.

    Returns
    -------
    str
        For several files, that of their names and digests, in order.
    """
    parts = list(_parts(path))
    if parts == [path]:
        with open_regular(path) as content:
            return hashlib.file_digest(content, "sha256").hexdigest()
    digest = hashlib.sha256()
    for part in parts:
        # The name of the image itself does not matter, as for a file.
        name = os.path.relpath(part, path).replace(os.sep, "/")
        with open_regular(part) as content:
            digest.update(name.encode(errors="surrogateescape") + b"\0")
            digest.update(hashlib.file_digest(content, "sha256").digest())
    return digest.hexdigest()


def _parts(path: Path) -> Iterator[Path]:
    """Yield the files that a path stands for, in the order of their names."""
    if path.is_dir():
        yield from _files_in(path)
        return
    yield path
    folder = path.with_name(f"{path.name}{OIF_FOLDER}")
    if folder.is_dir():
        with open_regular(path) as content:
            if content.read(len(OIF_START)) == OIF_START:
                yield from _files_in(folder)


def _files_in(folder: Path) -> Iterator[Path]:
    """Yield the files in a folder; what could be outside of it, or never end, is an error."""
    for place, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            if not stat.S_ISREG(os.lstat(Path(place, name)).st_mode):
                raise OSError(errno.ELOOP, f"{name} in it is a link or no file")
            yield Path(place, name)
