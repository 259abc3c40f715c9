"""Addresses of object stores and web servers: ``s3://bucket/a.ome.zarr``, ``https://server/a.ome.zarr``.

An address is only ever made of a text that the user gives, on the command line or in Python. Nothing that a
file contains becomes one: a `Path` is never an address, and what the metadata of a store name is below it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ..errors import ConfigError, ImageError, OutputError, shortened

PROTOCOLS = ("s3", "https", "http")
DENIED = frozenset([401, 403])  # answers of web servers
# "simplecache::s3://" looks like one as well; the drives of Windows have one letter.
ADDRESS = r"([A-Za-z][A-Za-z0-9+.-]+)(://|::)"
COLLAPSED = r"(s3|https?):[/\\]"  # what a Path makes of an address


@dataclass(frozen=True, order=True)
class Address:
    """Something in an object store or on a web server; it has those members of a `Path` that are needed.

    Attributes
    ----------
    text : str
        "s3://bucket/folder/name" or "https://server/folder/name", without a slash at the end.
    """

    text: str

    def __str__(self) -> str:
        return self.text

    def __truediv__(self, name: str) -> Address:
        return Address(f"{self.text}/{name}")

    @property
    def protocol(self) -> str:
        """What comes before "://"."""
        return self.text.partition("://")[0]

    @property
    def parts(self) -> tuple[str, ...]:
        """The bucket or server, and the names after it."""
        return tuple(self.text.partition("://")[2].split("/"))

    @property
    def name(self) -> str:
        """The last name."""
        return self.parts[-1]

    @property
    def stem(self) -> str:
        """The last name without its suffix."""
        return Path(self.name).stem

    @property
    def suffix(self) -> str:
        """The suffix of the last name."""
        return Path(self.name).suffix

    def read(self, limit: int, start: int = 0, end: int | None = None) -> bytes | None:
        """Read an object, but never more than a limit.

        Parameters
        ----------
        limit : int
            Largest number of bytes that are taken in.
        start, end : int, optional
            Which bytes; a negative start counts from the end.

        Returns
        -------
        bytes or None
            At most one byte more than the limit; None if there is no such object.

        Raises
        ------
        ImageError
            If the store cannot be reached, or denies access.
        """
        from . import fetching  # noqa: PLC0415 - starts a thread

        return fetching.read(self, limit, start, end)

    def names(self) -> list[str]:
        """List what is directly below.

        Raises
        ------
        ImageError
            As for `read`, or if the protocol knows no lists.
        """
        from . import fetching  # noqa: PLC0415 - starts a thread

        return fetching.names(self)


Place = Path | Address


def place_of(given: str | Path | Address) -> Place:
    """Return what a user gave: an address if it looks like one, and else a path.

    Raises
    ------
    ConfigError
        If the protocol is not one that is read, or the address holds what does not belong to a place.

    Examples
    --------
    >>> str(place_of("s3://bucket/a.ome.zarr/"))
    's3://bucket/a.ome.zarr'
    """
    if not isinstance(given, str):
        return given
    found = re.match(ADDRESS, given)
    if found is None:
        return Path(given)
    shown = shortened(given.partition("?")[0].rpartition("@")[2])  # no secrets in messages
    if found[2] != "://" or found[1] not in PROTOCOLS:
        raise ConfigError(f"{shown} is no address that is read: those of s3://, https:// and http:// are.")
    rest = given[found.end() :].rstrip("/")
    parts = rest.split("/")
    if "@" in parts[0] or set(rest) & set("?#"):
        raise ConfigError(
            f"The address of {shown} contains a name, a password or a query (@, ?, #): give the plain "
            "address, and credentials as your system stores them."
        )
    if any(part in ("", ".", "..") for part in parts) or set(rest) & set("\\\0*[]") or "::" in rest:
        raise ConfigError(f"{shown} is no address: it has no name, or names that are empty or dots.")
    return Address(f"{found[1]}://{rest}")


def refuse_address(path: Place) -> None:
    """Raise `OutputError` for an address, also if it has become a path."""
    if isinstance(path, Address) or re.match(COLLAPSED, str(path)):
        raise OutputError(f"{path} cannot be written: only OME-Zarr (.zarr) is written to an address.")


def is_address(text: str) -> bool:
    """Whether a text looks like an address of any protocol."""
    return re.match(ADDRESS, text) is not None


def is_denied(cause: object) -> bool:
    """Whether a store denies access."""
    return isinstance(cause, PermissionError) or getattr(cause, "status", None) in DENIED


def none_there(place: Place) -> ImageError:
    """Return the error of an address where nothing is read."""
    return ImageError(
        f"There is no OME-Zarr at {place}; other images are not read from addresses: download them first."
    )
