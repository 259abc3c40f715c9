"""Standard output and error that never end the work: closed, on a full disk, or without a reader."""

from __future__ import annotations

import errno
import os
import sys
from io import FileIO, TextIOWrapper
from typing import Any

CLOSED = OSError(errno.EBADF, "it is closed")


class LastingStream(TextIOWrapper):
    """A text stream that drops what cannot be written, and remembers why."""

    lost: OSError | None = None  # why something was dropped
    is_closed_already = False  # from the start, by whoever started this process

    def write(self, text: str) -> int:
        """Write text; what a console cannot show is escaped."""
        if self.is_closed_already:
            self.lost = self.lost or CLOSED
            return len(text)
        try:
            return super().write(text)
        except OSError as error:
            self._drop(error)
            return len(text)

    def flush(self) -> None:
        """Write what is still in memory."""
        try:
            super().flush()
        except OSError as error:
            self._drop(error)

    def _drop(self, error: OSError) -> None:
        """Let the rest go nowhere, what is in memory included."""
        self.lost = self.lost or error
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)


def install() -> None:
    """Make the standard streams lasting ones, unless a program that calls this one has replaced them."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:  # closed: a file that is opened later must not take its place
            os.open(os.devnull, os.O_RDWR)
    sys.stdout = _lasting(sys.stdout, 1)
    sys.stderr = _lasting(sys.stderr, 2)


def _lasting(stream: Any, number: int) -> Any:  # noqa: ANN401 - text streams
    if stream is None:
        made = LastingStream(FileIO(number, "w", closefd=False), "utf-8", "backslashreplace")
        made.is_closed_already = True
        return made
    if type(stream) is not TextIOWrapper:
        return stream
    encoding, by_line = stream.encoding, stream.line_buffering
    return LastingStream(stream.detach(), encoding, "backslashreplace", line_buffering=by_line)


def lost_output() -> OSError | None:
    """Return why something of standard output is lost; None if nothing is."""
    if sys.stdout is not None:
        sys.stdout.flush()
    return getattr(sys.stdout, "lost", None)
