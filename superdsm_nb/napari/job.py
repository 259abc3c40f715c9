"""Work on a thread that can be cancelled."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable

from ..errors import Cancelled
from ..events import Emit
from ..timelimit import Deadline, until
from .inbox import Inbox

JOB = "job"  # kind of outcome


class Job:
    """Something long that runs once, besides the segmentation of the plane in view.

    Parameters
    ----------
    work : callable
        Takes an `emit` for its events, and returns the outcome.
    inbox : Inbox
        Gets the events, and the outcome or the error.
    """

    def __init__(self, work: Callable[[Emit], object], inbox: Inbox) -> None:
        self._work, self._inbox = work, inbox
        self._deadline = Deadline(math.inf, math.inf)
        self._thread = threading.Thread(target=self._run, name="superdsm-nb job", daemon=True)
        self._thread.start()

    def cancel(self) -> None:
        """End it soon; `Cancelled` is its outcome then."""
        self._deadline.is_cancelled = True

    def _run(self) -> None:
        outcome: object
        try:
            with until(self._deadline):
                outcome = self._work(self._inbox.put)
        except Cancelled as error:
            outcome = error
        except Exception as error:  # noqa: BLE001 - whatever it is, the window has to go on and say so
            outcome = error
        self._inbox.conclude(JOB, outcome)
