"""Exceptions that speak to the user: one sentence each, naming what is wrong, where, and what to do."""

from __future__ import annotations

import unicodedata

LONGEST_WORD = 300  # characters; that of a path, for example


def printable(text: str) -> str:
    """Escape the characters of a line that cannot be printed, and cut words that no line can hold."""
    text = "".join(
        each if each.isprintable() or unicodedata.category(each) == "Zs" else _escaped(each) for each in text
    )
    words = text.split(" ")
    half = LONGEST_WORD // 2
    return " ".join(
        word if len(word) <= LONGEST_WORD else f"{word[:half]}...{word[-half:]}" for word in words
    )


def _escaped(text: str) -> str:
    return text.encode("unicode_escape").decode("ascii")


def shortened(text: str, length: int = 100) -> str:
    """Cut a text that is longer than a message can hold."""
    return text if len(text) <= length else f"{text[: length - 3]}..."


class SuperDSMError(Exception):
    """Base of every error this package raises on purpose; the command line turns it into exit code 2.

    Parameters
    ----------
    message : str
        One sentence a line. Names from files are part of it, so what cannot be printed is escaped: a terminal
        takes no orders from them, and a log can be written.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__("\n".join(map(printable, message.split("\n"))))


class ImageError(SuperDSMError):
    """An image cannot be read or cannot be segmented (wrong shape, constant, NaN or infinite values)."""


class ConfigError(SuperDSMError):
    """A hyperparameter is unknown, of the wrong type or out of its range."""


class TaskError(SuperDSMError):
    """A batch task cannot be run as it is written."""


class ScaleEstimationError(SuperDSMError):
    """No object scale can be estimated from an image."""


class WorkAmountError(SuperDSMError):
    """An image has more possible objects than ``global-energy-minimization/max_work_amount`` allows."""


class PipelineError(SuperDSMError):
    """Stages were combined or asked for in a way that cannot work."""


class SolverError(SuperDSMError):
    """The integer programme of a cover could not be solved."""


class StoredResultError(SuperDSMError):
    """A stored result of a batch is damaged or does not fit; it is not used."""


class OutputError(SuperDSMError):
    """A result cannot be written: no space, no permission, or something else is in the way."""
