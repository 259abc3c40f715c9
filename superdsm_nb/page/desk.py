"""The image that is worked on: its session, what is told about it, and who listens."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..config import Config, Preset, resolve_preset
from ..errors import CorrectionError, SuperDSMError
from ..events import Event, Progress, StageStarted, Warned
from ..io import LoadedImage
from ..tuning import Latest
from .correcting import Make

if TYPE_CHECKING:  # Numba is slow to import, and the page is there before it
    from ..segmentation import Segmentation
    from ..session import Session

MAX_MESSAGES = 50
SOON = 2.0  # seconds


@dataclass(frozen=True)
class State:
    """What the page shows while it waits.

    Attributes
    ----------
    version : int
        Number of the result; 0 before there is one.
    is_busy : bool
        Whether a newer result is on its way.
    stage : str
        What is done for it.
    done, total : int
        How far that is; a total of 0 if it is not known.
    messages : tuple of (str, str)
        Kind ("warning" or "error") and text, the latest last.
    failures : int
        How many changes have failed.
    asked : int
        How many changes were asked for.
    """

    version: int = 0
    is_busy: bool = True
    stage: str = "starting"
    done: int = 0
    total: int = 0
    messages: tuple[tuple[str, str], ...] = ()
    failures: int = 0
    asked: int = 0


class Desk:
    """Segments an image again and again, on a thread of its own, and tells listeners.

    Parameters
    ----------
    image : LoadedImage
        The image.
    config : Config
        Hyperparameters to begin with.
    """

    def __init__(self, image: LoadedImage, config: Config) -> None:
        self.image = image
        self._config = config
        self._lock = threading.Lock()
        self._state = State()
        self._result: Segmentation | None = None
        self._session: Session | None = None
        self._latest: Latest | None = None
        self._early: dict[str, Any] = {}
        self._coming: Preset | None = None
        self._listeners: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}
        self._is_closed = False
        self._opening = threading.Thread(target=self._open, name="superdsm-nb opening", daemon=True)

    def start(self) -> None:
        """Begin with the first segmentation."""
        self._opening.start()

    @property
    def config(self) -> Config:
        """Hyperparameters that are set now."""
        return self._config if self._session is None else self._session.config

    @property
    def preset(self) -> Preset:
        """The method that is used, or the one that was asked for and is on its way."""
        return self._coming or resolve_preset(self.config)

    @property
    def newest(self) -> tuple[int, Segmentation | None]:
        """Number of the newest result, and the result."""
        with self._lock:
            return self._state.version, self._result

    def change(self, changes: Mapping[str, Any]) -> int:
        """Ask for changes of settings, of which the latest wins; return how many were asked for so far."""
        with self._lock:
            self._coming = changes.get("preset", self._coming)
            if self._latest is None:
                self._early.update(changes)
            else:
                self._latest.request(changes)
        return self._tell_asked()

    def correct(self, version: int, make: Make) -> int:
        """Ask for a correction of a result; return how many changes were asked for so far.

        Parameters
        ----------
        version : int
            Number of the result that the user has seen: labels are those of it.
        make : callable
            Takes the session and returns the new result.

        Raises
        ------
        CorrectionError
            If there is no result yet.
        """

        def correct(session: Session) -> Segmentation:
            if self.newest[0] != version:
                raise CorrectionError("The segmentation has changed meanwhile: select again.")
            return make(session)

        with self._lock:
            if self._latest is None or self._result is None:
                raise CorrectionError("There is no result yet that could be corrected.")
            self._latest.perform(correct)
        return self._tell_asked()

    def cancel(self) -> None:
        """End what is running."""
        if self._latest is not None:
            with self._lock:
                self._coming = None
            self._latest.cancel()

    def close(self) -> bool:
        """Let the listeners go and end the work; return whether it has ended."""
        self.dismiss()
        self._opening.join(SOON)
        if self._latest is not None:
            return self._latest.close(SOON)
        return not self._opening.is_alive()

    def dismiss(self) -> None:
        """Let the listeners go."""
        self._is_closed = True
        self._wake()

    async def states(self) -> AsyncIterator[State]:
        """Yield the state, and again whenever it has changed; what was missed meanwhile is left out."""
        changed = asyncio.Event()
        with self._lock:
            self._listeners[changed] = asyncio.get_running_loop()
        try:
            while not self._is_closed:
                changed.clear()
                yield self._state
                await changed.wait()
        finally:
            with self._lock:
                del self._listeners[changed]

    def _open(self) -> None:
        from ..session import Session  # noqa: PLC0415 - the page is there before Numba is

        try:
            session = Session(self.image, self._config, emit=self._emit)
        except SuperDSMError as error:
            self._failed(error)
            return
        with self._lock:
            self._session = session
            self._latest = Latest(session, self._done, self._failed)
            self._latest.request(self._early)

    def _emit(self, event: Event) -> None:
        match event:
            case StageStarted(name):
                self._tell_progress(name, 0, 0)
            case Progress(done, total, _):
                self._tell_progress(self._state.stage, done, total)
            case Warned(text):
                self._say("warning", text)

    def _done(self, result: Segmentation) -> None:
        _ = result.labels  # drawn here, not by the first request
        with self._lock:
            self._result = result
        self._tell_end(version=1)

    def _failed(self, error: Exception) -> None:
        text = str(error) if isinstance(error, SuperDSMError) else f"{type(error).__name__}: {error}"
        self._say("error", text)
        self._tell_end(failures=1)

    def _say(self, kind: str, text: str) -> None:
        with self._lock:
            kept = [each for each in self._state.messages if each != (kind, text)]
            self._state = replace(self._state, messages=(*kept, (kind, text))[-MAX_MESSAGES:])
        self._wake()

    def _tell_progress(self, stage: str, done: int, total: int) -> None:
        with self._lock:
            self._state = replace(self._state, stage=stage, done=done, total=total)
        self._wake()

    def _tell_end(self, version: int = 0, failures: int = 0) -> None:
        """Count a result or a failure; it is told before the thread goes on, which is busy if more waits."""
        with self._lock:
            is_waiting = self._latest is not None and self._latest.is_waiting
            if not is_waiting:
                self._coming = None
            self._state = replace(
                self._state,
                version=self._state.version + version,
                failures=self._state.failures + failures,
                is_busy=is_waiting,
                stage="",
                done=0,
                total=0,
            )
        self._wake()

    def _tell_asked(self) -> int:
        with self._lock:
            is_busy = self._latest is None or self._latest.is_busy
            self._state = replace(self._state, asked=self._state.asked + 1, is_busy=is_busy)
            asked = self._state.asked
        self._wake()
        return asked

    def _wake(self) -> None:
        with self._lock:
            listeners = list(self._listeners.items())
        for changed, loop in listeners:
            loop.call_soon_threadsafe(changed.set)
