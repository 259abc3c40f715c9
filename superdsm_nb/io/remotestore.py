"""A store of zarr that reads below an address, and takes in no more of a chunk than it can hold."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any

from zarr.abc.store import OffsetByteRequest, RangeByteRequest, Store, SuffixByteRequest
from zarr.core.buffer import Buffer, BufferPrototype

from ..errors import ImageError
from .address import Address


class RemoteStore(Store):
    """Reads what is below an address.

    Parameters
    ----------
    address : Address
        That of an array.
    limit : int
        Largest number of bytes of an object.
    """

    supports_writes = False
    supports_deletes = False
    supports_listing = False
    supports_partial_writes = False

    def __init__(self, address: Address, limit: int) -> None:
        super().__init__(read_only=True)
        self._address, self._limit = address, limit

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RemoteStore) and other._address == self._address

    __hash__ = None  # type: ignore[assignment]

    async def get(
        self,
        key: str,
        prototype: BufferPrototype,
        byte_range: Any = None,  # noqa: ANN401 - one of three
    ) -> Buffer | None:
        """Return an object, or part of it; None if there is none."""
        start, end = _limits(byte_range)
        place = Address(f"{self._address}/{key}")
        content = await asyncio.to_thread(place.read, self._limit, start, end)
        if content is None:
            return None
        if len(content) > self._limit:
            raise ImageError(f"{place} is damaged: it is larger than what it can contain.")
        return prototype.buffer.from_bytes(content)

    async def get_partial_values(
        self, prototype: BufferPrototype, key_ranges: Iterable[tuple[str, Any]]
    ) -> list[Buffer | None]:
        """Return parts of several objects."""
        return list(await asyncio.gather(*(self.get(key, prototype, part) for key, part in key_ranges)))

    async def exists(self, key: str) -> bool:
        """Whether there is an object."""
        return await asyncio.to_thread(Address(f"{self._address}/{key}").read, 0) is not None

    async def set(self, key: str, value: Buffer) -> None:
        """Not possible."""
        raise NotImplementedError

    async def delete(self, key: str) -> None:
        """Not possible."""
        raise NotImplementedError

    def list(self) -> AsyncIterator[str]:
        """Not possible."""
        raise NotImplementedError

    def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        """Not possible."""
        raise NotImplementedError

    def list_dir(self, prefix: str) -> AsyncIterator[str]:
        """Not possible."""
        raise NotImplementedError


def _limits(byte_range: object) -> tuple[int, int | None]:
    """The first byte that is asked for, and that after the last."""
    if isinstance(byte_range, RangeByteRequest):
        return byte_range.start, byte_range.end
    if isinstance(byte_range, OffsetByteRequest):
        return byte_range.offset, None
    if isinstance(byte_range, SuffixByteRequest):
        return -byte_range.suffix, None
    return 0, None
