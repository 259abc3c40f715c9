"""Events of a computation, as objects: the receiver decides how to show, store or send them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

READING, WRITING = "reading", "writing"  # before and after the stages of the pipeline
PLANES = "planes"  # of a stack, all stages of the pipeline for all planes


@dataclass(frozen=True)
class ImageStarted:
    """Processing of one of several images begins.

    Attributes
    ----------
    name : str
        How the user refers to it.
    """

    name: str


@dataclass(frozen=True)
class StageStarted:
    """A stage of the pipeline begins.

    Attributes
    ----------
    name : str
        Name of the stage; "reading", "scale" and "writing" come before and after those of the pipeline.
    """

    name: str


@dataclass(frozen=True)
class Progress:
    """Part of the work of the running stage is finished.

    Attributes
    ----------
    done, total : int
        Number of finished pieces of work, and of all.
    what : str
        Name of the pieces, in the plural: "objects".
    """

    done: int
    total: int
    what: str


@dataclass(frozen=True)
class LogLine:
    """Something worth keeping in the log.

    Attributes
    ----------
    text : str
        One line.
    """

    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class ObjectDiscarded:
    """An object of the cover is not part of the result.

    Attributes
    ----------
    reason : str
        Why, as a clause: "it is on the image border".
    row, col : int or None
        Position of the object (pixels); None if it has no pixels.
    atoms : tuple of int
        Labels of its atoms.
    """

    reason: str
    row: int | None = None
    col: int | None = None
    atoms: tuple[int, ...] = ()

    def __str__(self) -> str:
        if self.row is None:
            return f"object of the atoms {list(self.atoms)} discarded: {self.reason}"
        return f"object at row {self.row}, column {self.col} discarded: {self.reason}"


@dataclass(frozen=True)
class Warned:
    """Something the user should know.

    Attributes
    ----------
    text : str
        One line, without a full stop at its end.
    image : str
        The image it concerns; empty if unknown.
    """

    text: str
    image: str = ""

    def __str__(self) -> str:
        return f"{self.image}: {self.text}" if self.image else self.text


Remark = LogLine | ObjectDiscarded | Warned  # events that are kept in logs
Event = ImageStarted | StageStarted | Progress | Remark
Emit = Callable[[Event], None]


def ignore(event: Event) -> None:
    """Ignore an event."""


def naming(image: str, emit: Emit) -> Emit:
    """Return an `emit` that adds the name of the image to every warning.

    Parameters
    ----------
    image : str
        Name of the image.
    emit : callable
        Receives the events.
    """

    def emit_named(event: Event) -> None:
        emit(replace(event, image=image) if isinstance(event, Warned) and not event.image else event)

    return emit_named


def to_plain(remark: Remark) -> dict[str, Any]:
    """Return an event as JSON values."""
    return {"kind": type(remark).__name__, **asdict(remark)}


def from_plain(entries: Mapping[str, Any]) -> Remark:
    """Return the event from the JSON values of `to_plain`.

    Raises
    ------
    ValueError
        If there is no such event.
    """
    kinds: dict[str, type[LogLine | ObjectDiscarded | Warned]] = {
        kind.__name__: kind for kind in (LogLine, ObjectDiscarded, Warned)
    }
    fields = dict(entries)
    kind = kinds.get(fields.pop("kind", ""))
    if kind is None or any(not isinstance(value, str | int | list | None) for value in fields.values()):
        raise ValueError("there is no such event")
    if "atoms" in fields:
        fields["atoms"] = tuple(fields["atoms"])
    try:
        return kind(**fields)
    except TypeError as error:
        raise ValueError("there is no such event") from error
