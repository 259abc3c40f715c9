"""Segmentation of what is in view, on threads, and the results so far."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QObject, Signal

from ..automation import create_config
from ..config import Config
from ..corrections import Correction
from ..events import Emit
from ..pipeline import pipeline_of
from ..results.result import Segmentation
from ..results.stack import StackSegmentation
from ..session import Session
from ..stack import segment_stack
from ..tuning import Latest
from .inbox import Inbox, Mail
from .job import JOB, Job
from .planes import KINDS, axes_of
from .view import View

TUNING = "tuning"  # kind of outcome


@dataclass(frozen=True)
class Found:
    """The result of a view."""

    view: View
    result: Segmentation


@dataclass(frozen=True)
class AllFound:
    """The results of all planes of a view."""

    view: View
    result: StackSegmentation


@dataclass(frozen=True)
class Measured:
    """The diameter of a typical nucleus (pixels of the layer)."""

    diameter: float


@dataclass(frozen=True)
class _Told:
    """What the thread of a session has come to.

    Attributes
    ----------
    outcome : Found or Exception
        The result or the error.
    asked : int
        How often it had been asked for something by then.
    is_last : bool
        Whether nothing was waiting.
    """

    outcome: Found | Exception
    asked: int
    is_last: bool


class Work(QObject):
    """Segments the view that the user looks at, again whenever settings change.

    Signals: `told` with a `Mail` for what happens on the way, `ended` with a `Found`, an `AllFound`, a
    `Measured`, whatever else a job gives, or an error.
    """

    told = Signal(object)
    ended = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._inbox = Inbox()
        self._inbox.arrived.connect(self._open)
        self._latest: Latest | None = None
        self._job: Job | None = None
        self._asked = 0
        self._is_tuning = self._is_closed = False
        self._pixels: NDArray[Any] = np.empty((0, 0))
        self._corrections: dict[Hashable, tuple[Correction, ...]] = {}
        self.session: Session | None = None
        self.view: View | None = None

    @property
    def is_busy(self) -> bool:
        """Whether something is being computed, or its outcome is on the way."""
        return self._is_tuning or self._job is not None

    def segment(
        self, view: View, settings: Mapping[str, Any], changes: Mapping[str, Any], is_first_look: bool = True
    ) -> None:
        """Segment a view; never blocks.

        Parameters
        ----------
        view : View
            What is in view now.
        settings : mapping
            All settings that differ from the defaults, by their full names.
        changes : mapping
            The same for a session that may have others: None sets back.
        is_first_look : bool
            Whether somebody may have changed the pixels since the last call; to find out, they are read.
        """
        is_new = self.view is None or self.view.key != view.key
        if is_new or (is_first_look and not self._has_same_pixels(view)):
            self._begin(view, settings)
        self._ask(lambda latest: latest.request(in_pixels_of(view, changes)))

    def perform(self, action: Callable[[Session], Segmentation]) -> None:
        """Do something else with the session of the view, such as a correction; never blocks."""
        self._ask(lambda latest: latest.perform(action))

    def segment_all(self, view: View, settings: Mapping[str, Any]) -> None:
        """Segment all planes; never blocks.

        Raises
        ------
        ImageError
            If there are too many axes.
        """
        axes = "".join(letter for letter, _ in axes_of(view.layer))

        def work(emit: Emit) -> AllFound:
            found = segment_stack(
                view.image(view.planes()).pixels,
                Config(in_pixels_of(view, settings)),
                axes=f"{axes}YX",
                outputs=KINDS,
                emit=emit,
            )
            return AllFound(view, found)

        self.run(work)

    def measure(self, view: View, settings: Mapping[str, Any]) -> None:
        """Measure the diameter of a typical nucleus; never blocks."""
        given = Config({name: value for name, value in settings.items() if name != "diameter"})

        def work(emit: Emit) -> Measured:
            _, scale = create_config(pipeline_of(given["preset"]), given, view.pixels(), emit=emit)
            return Measured(diameter_of(scale, view))

        self.run(work)

    def run(self, work: Callable[[Emit], object]) -> None:
        """Run something on a thread; what it returns is `ended`."""
        if self._job is not None:
            self._job.cancel()
        self._job = Job(work, self._inbox)

    def cancel(self) -> None:
        """End what is running as soon as possible; never blocks."""
        if self._latest is not None:
            self._latest.cancel()
            self._is_tuning = self._latest.is_busy  # otherwise nothing more is told
        if self._job is not None:
            self._job.cancel()

    def forget(self) -> None:
        """Begin anew at the next segmentation; only the corrections of the view are kept."""
        if self._latest is not None:
            self._latest.close()
        if self.session is not None and self.view is not None:
            self._corrections[self.view.key] = self.session.corrections
        self._latest = self.session = self.view = None
        self._is_tuning = False
        self._asked += 1  # what is on its way is of no interest any more

    def close(self) -> None:
        """End all threads; nothing is told after that."""
        self._is_closed = True
        self.forget()
        if self._job is not None:
            self._job.cancel()

    def _begin(self, view: View, settings: Mapping[str, Any]) -> None:
        self.forget()
        self._pixels = view.pixels()
        config = Config(in_pixels_of(view, settings))
        corrections = self._corrections.get(view.key, ())
        session = Session(view.image(self._pixels), config, corrections=corrections, emit=self._inbox.put)

        def tell(outcome: Found | Exception) -> None:
            self._inbox.conclude(TUNING, _Told(outcome, self._asked, not latest.is_waiting))

        latest = Latest(session, lambda result: tell(Found(view, result)), tell)
        self.view, self.session, self._latest = view, session, latest

    def _ask(self, request: Callable[[Latest], None]) -> None:
        if self._latest is not None:
            self._asked += 1
            self._is_tuning = True
            request(self._latest)

    def _has_same_pixels(self, view: View) -> bool:
        """Whether nobody has changed the image since it was segmented."""
        return np.array_equal(self._pixels, view.pixels())

    def _open(self, mail: Mail) -> None:
        if self._is_closed:
            return
        self.told.emit(mail)
        told = mail.outcomes.get(TUNING)
        if isinstance(told, _Told) and self._latest is not None:
            if told.is_last and told.asked == self._asked:
                self._is_tuning = False
            self.ended.emit(told.outcome)
        if JOB in mail.outcomes:
            self._job = None
            self.ended.emit(mail.outcomes[JOB])


def in_pixels_of(view: View, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings with the diameter in pixels of the level of a view."""
    found = dict(settings)
    if found.get("diameter") is not None:
        found["diameter"] = found["diameter"] / math.sqrt(math.prod(view.factors))
    return found


def diameter_of(scale: float, view: View) -> float:
    """Return the diameter (pixels of the layer) for a scale in pixels of the level of a view."""
    return 2 * math.sqrt(2) * scale * math.sqrt(math.prod(view.factors))
