"""Exceptions for users: one sentence each that says what is wrong, where, and what to do."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import ClassVar

MAX_WORD_LENGTH = 300  # characters; that of a path, for example


def visible(text: str) -> str:
    """Escape all that cannot be seen in a line of text, for whatever shows names from files.

    These are control characters, line ends, marks that turn the direction of the text, and half characters:
    they could control a terminal, forge lines of a log, or let a name look like another one.
    """
    return "".join(
        each if each.isprintable() or unicodedata.category(each) == "Zs" else _escaped(each) for each in text
    )


def printable(text: str) -> str:
    """Escape as `visible` does, and shorten very long words."""
    words = visible(text).split(" ")
    half = MAX_WORD_LENGTH // 2
    return " ".join(
        word if len(word) <= MAX_WORD_LENGTH else f"{word[:half]}...{word[-half:]}" for word in words
    )


def _escaped(text: str) -> str:
    return text.encode("unicode_escape").decode("ascii")


def shortened(text: str, length: int = 100) -> str:
    """Truncate a string that is too long for a message."""
    return text if len(text) <= length else f"{text[: length - 3]}..."


def joined(parts: Sequence[str], word: str = "and") -> str:
    """List words in a sentence: "a, b and c"."""
    return f" {word} ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


class SuperDSMError(Exception):
    """Base of every error this package raises on purpose.

    Parameters
    ----------
    message : str
        One sentence per line. It may contain names from files, so unprintable characters are escaped: they
        cannot control a terminal, and a log can always be written.
    path : Path, optional
        The file it is about, if the message does not name it.

    Attributes
    ----------
    exit_code : int
        Exit code of the command line: 2 for wrong use, 1 if an image or a file failed.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str = "", path: object = None) -> None:
        super().__init__(message)
        self.message = message
        self.path = path

    def worded(self, option: Callable[[str], str]) -> str:
        """Return the message in the words of an interface.

        Parameters
        ----------
        option : callable
            Turns the name of a parameter ("plane") into what the user has to write ("--plane N").
        """
        text = self._sentence(option)
        text = text if self.path is None else f"{self.path}: {text}"
        return "\n".join(map(printable, text.split("\n")))

    def _sentence(self, option: Callable[[str], str]) -> str:
        return self.message

    def __str__(self) -> str:
        return self.worded("{}=N".format)


class ImageError(SuperDSMError, ValueError):
    """An image cannot be read or cannot be segmented (wrong shape, constant, NaN or infinite values)."""


class AxisChoiceError(ImageError):
    """A file holds several scenes, planes, channels or time points, and none was chosen.

    Parameters
    ----------
    file : Path
        The file.
    contents : str
        What is ambiguous: "has more than two dimensions (3 in Z, 64 in Y, 64 in X)".
    axes : sequence of str
        What has to be chosen: "scene", or some of "plane", "channel" and "time".
    """

    def __init__(self, file: object, contents: str, axes: Sequence[str]) -> None:
        super().__init__(f"{file} {contents}")
        self.file = file
        self.contents = contents
        self.axes = tuple(axes)

    def _sentence(self, option: Callable[[str], str]) -> str:
        choices = [f"a {'time point' if axis == 'time' else axis} ({option(axis)})" for axis in self.axes]
        return f"{self.message}: choose {joined(choices)}."

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.file, self.contents, self.axes), self.__dict__


class ConfigError(SuperDSMError, ValueError):
    """A hyperparameter or an option is unknown, of the wrong type or out of its range."""

    exit_code = 2


class TaskError(SuperDSMError, ValueError):
    """A batch task cannot be run as it is written."""

    exit_code = 2


class ScaleEstimationError(SuperDSMError, ValueError):
    """No object scale can be estimated from an image."""


class WorkAmountError(SuperDSMError, RuntimeError):
    """An image has more possible objects than ``global-energy-minimization/max_work_amount`` allows."""


class TimeLimitError(SuperDSMError, TimeoutError):
    """An image takes longer than it may."""


class RunOverError(SuperDSMError, RuntimeError):
    """A batch has ended while one of its images was still in work elsewhere."""


class Cancelled(SuperDSMError, RuntimeError):  # noqa: N818 - not a failure
    """The work was cancelled on request."""


class PipelineError(SuperDSMError, RuntimeError):
    """Stages were combined or requested in a way that cannot work."""


class SolverError(SuperDSMError, RuntimeError):
    """The integer program of a cover could not be solved."""


class CorrectionError(SuperDSMError, ValueError):
    """A correction by hand cannot be made."""

    exit_code = 2


class StoredResultError(SuperDSMError, ValueError):
    """A stored result of a batch is damaged or does not fit; it is not used."""


class OutputError(SuperDSMError, OSError):
    """A result cannot be written: no space, no permission, or something else is in the way."""


@contextmanager
def errors_name(path: object) -> Iterator[None]:
    """Name a file in every `SuperDSMError` that is raised inside.

    Parameters
    ----------
    path : Path
        The image being processed.

    Raises
    ------
    ConfigError
        Instead of the errors that Python raises if numbers or arrays become too large.
    """
    try:
        yield
    except SuperDSMError as error:
        error.path = error.path or path
        raise
    except (OverflowError, MemoryError, RecursionError) as error:
        raise ConfigError(
            "segmenting the image would overflow or exhaust memory: check that AF_scale and the "
            "other hyperparameters are not too large",
            path,
        ) from error
