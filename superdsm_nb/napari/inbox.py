"""From threads that work to the window: only the newest, so that the window never falls behind."""

from __future__ import annotations

import threading
from collections import Counter, deque
from dataclasses import dataclass, field

from qtpy.QtCore import QObject, Qt, QTimer, Signal

from ..events import Event, ImageStarted, Progress, StageStarted, Warned

PAUSE = 30  # milliseconds between two looks at what happens on the way
MOST = 20  # warnings that are handed over at once


@dataclass
class Mail:
    """What has happened since the window looked last.

    Attributes
    ----------
    warnings : Counter
        How often each warning came; of very many, the last.
    stage : str
        The stage that has begun last; empty if none has.
    image : str
        The image that was begun last; empty if none was.
    progress : Progress or None
        The latest progress of the stage.
    outcomes : dict of str to object
        The latest result or error of each kind of work.
    """

    warnings: Counter[str] = field(default_factory=Counter)
    stage: str = ""
    image: str = ""
    progress: Progress | None = None
    outcomes: dict[str, object] = field(default_factory=dict)


class Inbox(QObject):
    """Collects what threads tell, until the window has time for it; then `arrived` is emitted with a `Mail`.

    It belongs to nobody in Qt, so that threads can tell it things even while the window is being closed.
    """

    arrived = Signal(object)
    _filled = Signal()
    _concluded = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._mail = Mail()
        self._order: deque[str] = deque()
        self._is_waiting = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(PAUSE)
        self._timer.timeout.connect(self._deliver)
        self._filled.connect(self._timer.start, Qt.ConnectionType.QueuedConnection)
        self._concluded.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    def put(self, event: Event) -> None:
        """Take an event; any thread may call this."""
        with self._lock:
            if isinstance(event, Warned):
                self._take_warning(str(event))
            elif isinstance(event, StageStarted):
                self._mail.stage, self._mail.progress = event.name, None
            elif isinstance(event, Progress):
                self._mail.progress = event
            elif isinstance(event, ImageStarted):
                self._mail.image = event.name
            else:
                return
            if not self._is_waiting:
                self._is_waiting = True
                self._filled.emit()

    def conclude(self, kind: str, outcome: object) -> None:
        """Take a result or an error, in place of one that nobody has seen yet; any thread may call this."""
        with self._lock:
            self._mail.outcomes[kind] = outcome
            self._concluded.emit()

    def _take_warning(self, text: str) -> None:
        if text not in self._mail.warnings:
            self._order.append(text)
            if len(self._order) > MOST:
                del self._mail.warnings[self._order.popleft()]
        self._mail.warnings[text] += 1

    def _deliver(self) -> None:
        with self._lock:
            mail, self._mail, self._is_waiting = self._mail, Mail(), False
            self._order.clear()
        self.arrived.emit(mail)
