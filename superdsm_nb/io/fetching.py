"""Reading from and writing to object stores and web servers with fsspec, each answer bounded in size."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import ImageError, SuperDSMError
from .address import Address, is_denied

PART = 2**16  # bytes that are taken in at a time
ATTEMPTS, WAIT = 3, 0.5  # of a web server that is busy; seconds before the second attempt
BUSY = frozenset([429, 500, 502, 503, 504])  # answers after which asking again may help
OF_SERVERS = {"client_kwargs": {"trust_env": True}}  # proxies, and ~/.netrc
OPTIONS: dict[str, dict[str, Any]] = {
    "s3": {
        "use_listings_cache": False,
        "config_kwargs": {"connect_timeout": 10, "retries": {"max_attempts": 2}},
    },
    "https": OF_SERVERS,
    "http": OF_SERVERS,
}
CREDENTIALS = "give credentials, such as AWS_PROFILE, or set FSSPEC_S3_ANON=true for a public bucket"


def files_of(address: Address) -> Any:  # noqa: ANN401 - of another library
    """Return the file system of fsspec that an address is on.

    Raises
    ------
    ImageError
        If a package is not installed.
    """
    try:
        import fsspec  # noqa: PLC0415 - installed on request

        return fsspec.filesystem(address.protocol, **OPTIONS[address.protocol])
    except ImportError as error:
        raise ImageError(
            f"{address} is an address, which needs more packages: pip install 'superdsm_nb[remote]'."
        ) from error


def read(address: Address, limit: int, start: int = 0, end: int | None = None) -> bytes | None:
    """Read an object, as `Address.read` does."""
    with _told(address):
        try:
            files = files_of(address)
            if address.protocol == "s3":
                return _from_bucket(files, address.text, limit, start, end)
            from fsspec.asyn import sync  # noqa: PLC0415 - installed on request

            found: bytes = sync(files.loop, _from_server, files, address.text, limit, start, end)
            return found
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
            if "NoSuchBucket" in str(error.__cause__):
                raise ImageError(f"{address} is in no bucket that exists: {address.parts[0]}.") from error
            return None


def names(address: Address) -> list[str]:
    """List what is directly below an address, as `Address.names` does."""
    if address.protocol != "s3":
        raise ImageError(f"{address} cannot be listed: a web server does not say what it holds.")
    with _told(address):
        try:
            found = files_of(address).ls(address.text, detail=False)
        except FileNotFoundError:
            return []
    below = [str(each).rstrip("/").rpartition("/")[2] for each in found]
    return [name for name in below if name]


def remove(address: Address) -> None:
    """Remove everything below an address, and what is called like it.

    Raises
    ------
    ImageError
        If that fails.
    """
    with _told(address, "written"):
        files_of(address).rm(address.text, recursive=True)


def upload(folder: Path, address: Address, last: frozenset[str]) -> None:
    """Copy a folder to an address.

    Parameters
    ----------
    folder : Path
        The folder.
    address : Address
        Where its files go; nothing is there.
    last : frozenset of str
        Names of files directly in the folder that are copied when all others are there.

    Raises
    ------
    ImageError
        If that fails.
    """
    found = sorted(each for each in folder.rglob("*") if each.is_file())
    first = [each for each in found if each.parent != folder or each.name not in last]
    with _told(address, "written"):
        files = files_of(address)
        for part in (first, [each for each in found if each not in set(first)]):
            if part:
                places = [f"{address}/{each.relative_to(folder).as_posix()}" for each in part]
                files.put([str(each) for each in part], places)


def _from_bucket(files: Any, text: str, limit: int, start: int, end: int | None) -> bytes:  # noqa: ANN401
    """Ask an object store for part of an object, and for no more than a byte above the limit."""
    if start < 0:
        begin, stop = max(start, -limit - 1), None
    else:
        begin, stop = start, start + limit + 1
        stop = stop if end is None else min(stop, end)
    try:
        found: bytes = files.cat_file(text, start=begin, end=stop)
        return found
    except OSError as error:
        if error.errno == errno.EINVAL and start == 0:  # an empty object has no first byte
            return b""
        raise


async def _from_server(files: Any, text: str, limit: int, start: int, end: int | None) -> bytes:  # noqa: ANN401
    """Ask a web server for part of an object; the connection is closed at the limit."""
    session = await files.set_session()
    headers = {"Accept-Encoding": "identity"}
    if start or end is not None:
        headers["Range"] = f"bytes={start if start < 0 else f'{start}-'}{'' if end is None else end - 1}"
    for attempt in range(1, ATTEMPTS + 1):
        async with session.get(files.encode_url(text), headers=headers) as answer:
            if answer.status in BUSY and attempt < ATTEMPTS:
                await asyncio.sleep(WAIT * 2 ** (attempt - 1))
                continue
            if answer.status in (404, 410):
                raise FileNotFoundError(text)
            answer.raise_for_status()
            is_whole = "Range" in headers and answer.status != 206  # it does not know of ranges
            most = limit if not is_whole or start < 0 else limit + start
            content = bytearray()
            async for part in answer.content.iter_chunked(PART):
                content += part
                if len(content) > most:
                    break
            if is_whole:
                content = content[start:end]
            return bytes(content[: limit + 1])
    raise AssertionError("the last attempt returns or raises")


@contextmanager
def _told(address: Address, deed: str = "read") -> Iterator[None]:
    """Make every error of a store one clear sentence."""
    try:
        yield
    except (SuperDSMError, FileNotFoundError):
        raise
    except Exception as error:  # these libraries raise errors of many kinds
        raise ImageError(f"{address} cannot be {deed}: {_reason(error)}.") from error


def _reason(error: Exception) -> str:
    kind, status = type(error).__name__, getattr(error, "status", None)
    if is_denied(error):
        return f"access is denied; {CREDENTIALS}"
    if "Credentials" in kind or kind == "ProfileNotFound":
        return f"there are no credentials; {CREDENTIALS}"
    if isinstance(status, int):
        return f"the server answers {status} {getattr(error, 'message', '')}".rstrip()
    if isinstance(error, TimeoutError) or "Timeout" in kind:
        return "the server does not answer in time"
    lines = str(error).strip().splitlines()
    text = lines[0].rstrip(".") if lines else kind
    if "Connect" in kind:
        text = getattr(getattr(error, "os_error", None), "strerror", None) or text
        return f"there is no connection ({text})"
    return text
