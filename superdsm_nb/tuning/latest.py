"""A thread that always works on the newest changes, so that dragging a slider never queues up."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..errors import Cancelled

if TYPE_CHECKING:  # Numba is slow to import, and a window is there before it
    from ..segmentation import Segmentation
    from ..session import Session

PATIENCE = 0.3  # seconds
Action = Callable[["Session"], "Segmentation"]


class Latest:
    """Keeps a session up to date with what the user wants, on a thread of its own.

    Parameters
    ----------
    session : Session
        What is changed; its events are emitted on the thread.
    done : callable
        Takes each result, on the thread.
    failed : callable
        Takes each error, on the thread; the settings are then as before. `Cancelled` only if the user has
        cancelled.
    patience : float
        Seconds after which an update is given up that newer changes have made stale; earlier it may end, so
        that something is seen while a slider is dragged. They double with each update that is given up after
        another one.
    """

    def __init__(
        self,
        session: Session,
        done: Callable[[Segmentation], None],
        failed: Callable[[Exception], None],
        patience: float = PATIENCE,
    ) -> None:
        self._session = session
        self._done, self._failed = done, failed
        self._patience = self._least_patience = patience
        self._changed = threading.Condition()
        self._waiting: list[dict[str, Any] | Action] = []  # changes, or something else
        self._running: _Run | None = None
        self._is_closed = False
        self._thread = threading.Thread(target=self._work, name="superdsm-nb tuning", daemon=True)
        self._thread.start()

    def request(self, changes: Mapping[str, Any]) -> None:
        """Ask for changes of settings, as `Session.update` takes them by their full names; never blocks.

        Changes that are still waiting are merged with them.
        """
        with self._changed:
            if self._waiting and isinstance(self._waiting[-1], dict):
                self._waiting[-1].update(changes)
            else:
                self._waiting.append(dict(changes))
            if self._running is not None and len(self._waiting) == 1:
                self._give_up_soon(self._running)
            self._changed.notify()

    def perform(self, action: Action) -> None:
        """Ask for something else, such as a correction, after all changes before it; never blocks.

        Parameters
        ----------
        action : callable
            Takes the session and returns the result, on the thread. It is never given up for newer changes.
        """
        with self._changed:
            self._waiting.append(action)
            self._changed.notify()

    def cancel(self) -> None:
        """Forget what is waiting and end what is running; never blocks."""
        with self._changed:
            self._waiting.clear()
            if self._running is not None:
                self._running.is_stale = False
                self._session.cancel()

    @property
    def is_busy(self) -> bool:
        """Whether something is running or waiting, or a callback is called."""
        with self._changed:
            return self._running is not None or bool(self._waiting)

    @property
    def is_waiting(self) -> bool:
        """Whether there is more to come after what is running, or is told just now."""
        with self._changed:
            return bool(self._waiting)

    def close(self, seconds: float | None = None) -> bool:
        """End what is running, and the thread; nothing is called after that.

        Parameters
        ----------
        seconds : float, optional
            How long to wait for that; kernels that are being compiled cannot be interrupted.

        Returns
        -------
        bool
            Whether the thread has ended.
        """
        with self._changed:
            self._is_closed = True
        self.cancel()
        with self._changed:
            self._changed.notify()
        if threading.current_thread() is not self._thread:
            self._thread.join(seconds)
        return not self._thread.is_alive()

    def _give_up_soon(self, run: _Run) -> None:
        """Cancel a stale update, but not at its beginning."""
        if run.changes is None or run.is_stale:
            return
        run.is_stale = True
        left = self._patience - (time.monotonic() - run.start)
        if left <= 0:
            self._session.cancel()
        elif left < math.inf:
            timer = threading.Timer(left, self._give_up, [run])
            timer.daemon = True
            timer.start()

    def _give_up(self, run: _Run) -> None:
        with self._changed:
            if self._running is run and run.is_stale:
                self._session.cancel()

    def _work(self) -> None:
        while (run := self._next()) is not None:
            try:
                result = run.work(self._session)
            except Exception as error:  # noqa: BLE001 - whatever it is, the window has to go on and say so
                if not (isinstance(error, Cancelled) and self._is_for_newer(run)):
                    self._tell(self._failed, error)
            else:
                self._patience = self._least_patience
                self._tell(self._done, result)
            with self._changed:
                self._running = None

    def _next(self) -> _Run | None:
        """Wait for work; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_closed or self._waiting)
            if self._is_closed:
                return None
            self._running = _Run(self._waiting.pop(0))
            return self._running

    def _is_for_newer(self, run: _Run) -> bool:
        """Whether a run was cancelled for newer changes, to which its own belong from now on."""
        with self._changed:
            newer = self._waiting[0] if run.is_stale else None
            if not isinstance(newer, dict):
                return False
            self._waiting[0] = {**(run.changes or {}), **newer}
            self._patience *= 2
            return True

    def _tell(self, callback: Callable[[Any], None], value: Any) -> None:  # noqa: ANN401
        if not self._is_closed:
            callback(value)


class _Run:
    """Something that is worked on."""

    def __init__(self, what: dict[str, Any] | Action) -> None:
        self.changes = what if isinstance(what, dict) else None
        self._what = what
        self.start = time.monotonic()
        self.is_stale = False

    def work(self, session: Session) -> Segmentation:
        """Do it, and return the result."""
        return session.update(self._what) if isinstance(self._what, dict) else self._what(session)
