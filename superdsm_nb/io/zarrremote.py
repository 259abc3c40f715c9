"""OME-Zarr that is written to an address: nothing of others is replaced, and metadata come last."""

from __future__ import annotations

import json
from pathlib import Path

from ..errors import ImageError, OutputError
from .address import Address
from .zarrnodes import MAX_METADATA, METADATA

MARK = "superdsm_nb"  # the attribute by which stores of this package are known
ROOTS = ("zarr.json", ".zattrs")  # files of a store that hold its attributes, in either version of Zarr


def check_address(address: Address) -> None:
    """Refuse an address that cannot be written to, or holds what this package has not written.

    Raises
    ------
    OutputError
        If it is on a web server, cannot be reached, or is taken.
    """
    if address.protocol != "s3":
        raise OutputError(f"{address} cannot be written: a web server is only read, unlike an s3:// address.")
    try:
        is_free = not address.names() or _is_own(address)
    except ImageError as error:
        raise _unwritable(address, error) from error
    if not is_free:
        raise OutputError(f"{address} cannot be written: it is there, and was not written by superdsm_nb.")


def replace_store(new: Path, address: Address) -> None:
    """Put a store where `check_address` has found none, or one of this package.

    Parameters
    ----------
    new : Path
        A folder that is a store.
    address : Address
        Where it goes. It is no store until its metadata are there, the last of all: object stores have no
        folders that could be renamed.

    Raises
    ------
    OutputError
        If that fails.
    """
    from .fetching import remove, upload  # noqa: PLC0415 - starts a thread

    try:
        taken = address.names()
        for name in (*METADATA, ""):
            if name in taken or (taken and not name):
                remove(address / name if name else address)
        upload(new, address, frozenset(METADATA))
    except (ImageError, FileNotFoundError) as error:
        raise _unwritable(address, error) from error


def _is_own(address: Address) -> bool:
    """Whether an address holds a store that was written here, to which nobody has added anything."""
    if not all(name in METADATA or name.isdecimal() for name in address.names()):
        return False
    for name in ROOTS:
        content = (address / name).read(MAX_METADATA)
        if content is not None:
            try:
                found = json.loads(content)
                return MARK in (found["attributes"] if name == ROOTS[0] else found)
            except (ValueError, KeyError, TypeError):
                return False
    return False


def _unwritable(address: Address, error: ImageError | FileNotFoundError) -> OutputError:
    if isinstance(error, FileNotFoundError):
        return OutputError(f"{address} cannot be written: its bucket is not there, or it changes meanwhile.")
    return OutputError(error.message)
