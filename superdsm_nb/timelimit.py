"""A limit on the time that an image may take, kept by all that may take long.

The limit belongs to the running call, not to the process: calls side by side have limits of their own.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from numbers import Real

from .errors import Cancelled, ConfigError, TimeLimitError

MANY_SECONDS = 1e8


@dataclass
class Deadline:
    """When work has to end.

    Attributes
    ----------
    seconds : float
        The limit, as the user gave it.
    end : float
        In seconds of the monotonic clock.
    keep_finished : bool
        Whether the nuclei that are finished by then are kept, rather than none.
    has_passed : bool
        Whether work was left undone for it. What is finished then is brought to its end without a limit:
        that takes a time that is bounded by the time until then.
    is_cancelled : bool
        Whether somebody no longer wants the result; set by another thread.
    """

    seconds: float
    end: float
    keep_finished: bool = False
    has_passed: bool = False
    is_cancelled: bool = False


_deadline: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


def current() -> Deadline | None:
    """Return the deadline of the running call, to be handed on to another thread."""
    return _deadline.get()


@contextmanager
def time_limit(seconds: float | None, keep_finished: bool = False) -> Iterator[None]:
    """Limit the time of what runs inside; None changes nothing.

    Parameters
    ----------
    seconds : float or None
        From now on.
    keep_finished : bool
        Keep what is finished when the time is over, as far as the running work can (see `leave_undone`).

    Raises
    ------
    ConfigError
        If the limit is not a positive number.
    TimeLimitError
        From inside, at the next `check` after the time is over.
    """
    if seconds is None:
        yield
        return
    check_time_limit(seconds)
    with until(Deadline(seconds, time.monotonic() + seconds, keep_finished)):
        yield


def check_time_limit(seconds: float | None) -> None:
    """Raise a `ConfigError` for a limit that is not a positive number."""
    is_number = isinstance(seconds, Real) and not isinstance(seconds, bool)
    if seconds is not None and not (is_number and 0 < seconds < math.inf):
        raise ConfigError(f"The time limit is {seconds!r}, but must be a positive number of seconds.")


@contextmanager
def until(deadline: Deadline | None) -> Iterator[None]:
    """Keep a deadline of another thread."""
    token = _deadline.set(deadline)
    try:
        yield
    finally:
        _deadline.reset(token)


def left() -> float:
    """Seconds that are left; infinite without a limit."""
    deadline = _deadline.get()
    if deadline is not None and deadline.is_cancelled:
        return 0.0
    return math.inf if deadline is None or deadline.has_passed else deadline.end - time.monotonic()


def over(seconds: float) -> str:
    """Say that the time is over."""
    return f"The time limit of {seconds:g} s is over: raise it, or check the diameter of the nuclei."


def solver_seconds() -> float:
    """Seconds for a solver, finite and not negative; a little more than are left, so that `check` agrees."""
    return max(0.0, min(left() + 0.01, MANY_SECONDS))


def check() -> None:
    """Raise a `TimeLimitError` if the time is over, or `Cancelled` if the work was cancelled."""
    deadline = _deadline.get()
    if deadline is not None and deadline.is_cancelled:
        raise Cancelled("The segmentation was cancelled.")
    if deadline is not None and not deadline.has_passed and time.monotonic() > deadline.end:
        raise TimeLimitError(over(deadline.seconds))


def leave_undone() -> bool:
    """Answer to a `TimeLimitError`: whether the rest of the work is left undone, and what is finished kept.

    If so, nothing more is limited: the caller ends with what it has.
    """
    deadline = _deadline.get()
    if deadline is None or not deadline.keep_finished:
        return False
    deadline.has_passed = True
    return True


def has_passed() -> bool:
    """Whether work was left undone."""
    deadline = _deadline.get()
    return deadline is not None and deadline.has_passed


def undone(finished: int, total: int, what: str) -> str:
    """Say what was left undone: "objects", say."""
    deadline = _deadline.get()
    assert deadline is not None, "the time of a limit is over"
    return (
        f"the time limit of {deadline.seconds:g} s is over: {finished} of {total} {what} are finished, "
        "the others are left out"
    )
