"""Compound files of Microsoft, such as OIB: a file system in a file, of which streams are read one by one."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from ..errors import ImageError
from .formats import COMPOUND_START

HEADER = struct.Struct("<8s16xHHHHH6x9I")
ENTRY = struct.Struct("<64sHBBIII36xIQ")
STORAGE, STREAM, ROOT = 1, 2, 5
MAX_SECTOR = 0xFFFFFFFA  # larger numbers have a meaning of their own
NONE = 0xFFFFFFFF


class Entry(NamedTuple):
    """A folder or a stream, and where it is in the tree of those beside it and in it."""

    name: str
    kind: int
    left: int
    right: int
    child: int
    start: int
    size: int


class CompoundFile:
    """A compound file that is open.

    Parameters
    ----------
    path : Path
        The file, for messages.
    file : binary file
        It is open.
    length : int
        Its size in bytes.

    Attributes
    ----------
    streams : dict of str to Entry
        All streams by their paths, such as "Storage00001/Stream00060".

    Raises
    ------
    ImageError
        If it is damaged.
    """

    def __init__(self, path: Path, file: BinaryIO, length: int) -> None:
        self._path, self._file = path, file
        file.seek(0)
        content = file.read(HEADER.size)
        if len(content) < HEADER.size:
            raise self._damaged()
        start, _, _, order, shift, mini_shift, *numbers = HEADER.unpack(content)
        _, count, directory, _, self._cutoff, mini, mini_count, more, more_count = numbers
        if start != COMPOUND_START or order != 0xFFFE or shift not in (9, 12) or mini_shift >= shift:
            raise self._damaged()
        self._sector, self._mini_sector = 1 << shift, 1 << mini_shift
        self._count = length // self._sector + 1
        if count > self._count or more_count > self._count:
            raise self._damaged()
        file.seek(HEADER.size)
        places = list(struct.unpack("<109I", self._exactly(436)))
        for _ in range(more_count):
            *found, more = struct.unpack(f"<{self._sector // 4}I", self._read_sector(more))
            places += found
        self._next = self._numbers(b"".join(self._read_sector(place) for place in places[:count]))
        entries = self._entries(b"".join(self._chain(directory)))
        self._next_mini = self._numbers(b"".join(self._chain(mini))) if mini_count else []
        if not entries or entries[0].kind != ROOT:
            raise self._damaged()
        self._mini = self._sectors(entries[0].start) if entries[0].size else []
        self.streams = dict(self._walk(entries))

    def read(self, name: str) -> bytes:
        """Return the content of a stream.

        Raises
        ------
        ImageError
            If it is not there or damaged.
        """
        entry = self.streams.get(name)
        if entry is None:
            raise ImageError(f"{self._path} is damaged: its part {name} is missing.")
        if entry.size >= self._cutoff:
            if entry.size > self._count * self._sector:
                raise self._damaged()
            content = b"".join(self._chain(entry.start))
        else:
            content = b"".join(self._mini_chain(entry.start))
        if len(content) < entry.size:
            raise self._damaged()
        return content[: entry.size]

    def _walk(self, entries: list[Entry]) -> Iterator[tuple[str, Entry]]:
        """Yield paths and entries of all streams."""
        seen: set[int] = set()
        waiting = [(entries[0].child, "")]
        while waiting:
            index, folder = waiting.pop()
            if index >= len(entries) or index in seen:
                continue
            seen.add(index)
            entry = entries[index]
            waiting += [(entry.left, folder), (entry.right, folder)]
            if entry.kind == STORAGE:
                waiting.append((entry.child, f"{folder}{entry.name}/"))
            elif entry.kind == STREAM:
                yield f"{folder}{entry.name}", entry

    def _entries(self, content: bytes) -> list[Entry]:
        entries = []
        for offset in range(0, len(content) - ENTRY.size + 1, 128):
            name, length, kind, _, left, right, child, start, size = ENTRY.unpack_from(content, offset)
            text = name[: max(0, min(length, 64) - 2)].decode("utf-16-le", "replace")
            size = size if self._sector > 512 else size & 0xFFFFFFFF
            entries.append(Entry(text, kind, left, right, child, start, size))
        return entries

    def _chain(self, sector: int) -> Iterator[bytes]:
        """Yield the sectors of a stream."""
        return (self._read_sector(each) for each in self._sectors(sector))

    def _sectors(self, sector: int) -> list[int]:
        return self._follow(sector, self._next)

    def _mini_chain(self, sector: int) -> Iterator[bytes]:
        """Yield the parts of a short stream, which is stored in that of the root."""
        per = self._sector // self._mini_sector
        for each in self._follow(sector, self._next_mini):
            if each // per >= len(self._mini):
                raise self._damaged()
            self._seek(self._mini[each // per], each % per * self._mini_sector)
            yield self._exactly(self._mini_sector)

    def _follow(self, sector: int, following: list[int]) -> list[int]:
        """Return a chain of sectors; one that never ends is damaged."""
        found: list[int] = []
        while sector < MAX_SECTOR:
            if sector >= len(following) or len(found) > len(following):
                raise self._damaged()
            found.append(sector)
            sector = following[sector]
        return found

    def _read_sector(self, sector: int) -> bytes:
        self._seek(sector, 0)
        content = self._file.read(self._sector)
        return content.ljust(self._sector, b"\0")  # the last one may be cut off

    def _seek(self, sector: int, offset: int) -> None:
        if sector >= self._count:
            raise self._damaged()
        self._file.seek((sector + 1) * self._sector + offset)

    def _exactly(self, size: int) -> bytes:
        content = self._file.read(size)
        if len(content) < size:
            raise self._damaged()
        return content

    def _numbers(self, content: bytes) -> list[int]:
        return list(struct.unpack(f"<{len(content) // 4}I", content))

    def _damaged(self) -> ImageError:
        return ImageError(f"{self._path} is damaged: its parts cannot be found.")
