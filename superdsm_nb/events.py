"""What happens during a computation, as values: whoever shows, stores or sends it decides how."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class StageStarted:
    """A stage of the pipeline begins.

    Attributes
    ----------
    name : str
        Name of the stage; "reading", "scale" and "writing" are what surrounds those of the pipeline.
    """

    name: str


@dataclass(frozen=True)
class Progress:
    """Part of the work of the running stage is finished.

    Attributes
    ----------
    done, total : int
        Pieces of work that are finished, and all of them.
    what : str
        What these are, in the plural: "objects".
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
        Where the object is (pixels); None if it has no pixels.
    atoms : tuple of int
        Labels of the atoms it is made of.
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
        The image it is about; empty where there is no name of it.
    """

    text: str
    image: str = ""

    def __str__(self) -> str:
        return f"{self.image}: {self.text}" if self.image else self.text


Event = StageStarted | Progress | LogLine | ObjectDiscarded | Warned
Emit = Callable[[Event], None]


def ignore(event: Event) -> None:
    """Take an event and do nothing."""


def naming(image: str, emit: Emit) -> Emit:
    """Return an `emit` that says of every warning which image it is about.

    Parameters
    ----------
    image : str
        Name of the image.
    emit : callable
        Takes the events.
    """

    def emit_named(event: Event) -> None:
        emit(replace(event, image=image) if isinstance(event, Warned) and not event.image else event)

    return emit_named
