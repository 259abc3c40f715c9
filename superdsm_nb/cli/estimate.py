"""How far the work is, and how long the rest takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ..events import READING, WRITING

LEAST_SECONDS = 2.0  # before that, nothing is said
LEAST_SHARE = 0.1  # of the work; before that, nothing is known, the less as kernels may be compiled
# Where the stages begin, as parts of the time of an image: medians of real images of four sets.
AUTOMATIC: Mapping[str, float] = {
    READING: 0.0,
    "preprocess": 0.05,
    "dsm": 0.6,
    "c2f-region-analysis": 0.6,
    "global-energy-minimization": 0.7,
    "postprocess": 0.75,
    WRITING: 0.95,
}
PUBLISHED: Mapping[str, float] = {
    READING: 0.0,
    "scale": 0.02,
    "preprocess": 0.14,
    "dsm": 0.22,
    "c2f-region-analysis": 0.22,
    "global-energy-minimization": 0.57,
    "postprocess": 0.9,
    WRITING: 0.97,
}


@dataclass
class Running:
    """An image that is worked on.

    Attributes
    ----------
    name : str
        How the user refers to it.
    stage : str
        Its stage; empty before the first.
    detail : str
        What of the stage is done: "12 of 40 objects".
    shares : mapping of str to float
        Where the stages begin, as parts of its time.
    share : float
        Part of it that is done.
    """

    name: str
    stage: str = ""
    detail: str = ""
    shares: Mapping[str, float] = field(default_factory=lambda: AUTOMATIC)
    share: float = 0.0

    def begin(self, stage: str) -> None:
        """Begin a stage."""
        if stage == "scale":  # estimated before the stages by the published method only
            self.shares = PUBLISHED
        self.stage, self.detail = stage, ""
        self.share = max(self.share, self.shares.get(stage, 0.0))

    def advance(self, done: int, total: int, what: str) -> None:
        """Note what of the stage is done; several rounds of work never go backwards."""
        self.detail = f"{done} of {total} {what}"
        start = self.shares.get(self.stage, 0.0)
        end = min((share for share in self.shares.values() if share > start), default=1.0)
        self.share = max(self.share, start + (end - start) * done / max(total, 1))


class Estimate:
    """Progress of several images, some of them at the same time.

    Parameters
    ----------
    total : int
        Number of images.
    slots : int
        How many may be worked on at the same time.
    clock : callable
        Seconds that never go backwards.
    """

    def __init__(self, total: int, slots: int = 1, clock: Callable[[], float] = time.monotonic) -> None:
        self._total = total
        self._finished = 0
        self._running: list[Running | None] = [None] * slots
        self._clock = clock
        self._start = clock()

    def started(self, name: str, slot: int = 0) -> None:
        """Begin an image."""
        self._running[slot] = Running(name)

    def stage(self, name: str, slot: int = 0) -> None:
        """Begin a stage of an image."""
        running = self._running[slot]
        if running is not None:
            running.begin(name)

    def advanced(self, done: int, total: int, what: str, slot: int = 0) -> None:
        """Note what of a stage is done."""
        running = self._running[slot]
        if running is not None:
            running.advance(done, total, what)

    def finished(self, name: str) -> None:
        """End an image."""
        self._finished += 1
        self._running = [
            None if running is None or running.name == name else running for running in self._running
        ]

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return self._clock() - self._start

    @property
    def left(self) -> float | None:
        """Seconds that the rest takes if it goes on like this; None as long as that is not known."""
        share = sum(running.share for running in self._running if running is not None)
        done = (self._finished + share) / max(self._total, 1)
        if self.elapsed < LEAST_SECONDS or done < LEAST_SHARE:
            return None
        return self.elapsed * max(0.0, 1 - done) / done

    def line(self) -> str:
        """Say how far the work is and how long the rest takes."""
        running = [each for each in self._running if each is not None]
        parts = [f"{self._finished} of {self._total} images finished"] if self._total > 1 else []
        if len(running) == 1:
            (only,) = running
            parts.append(", ".join(filter(None, [f"{only.name}: {only.stage}".rstrip(": "), only.detail])))
        left = self.left
        if left is not None:
            parts.append(f"{duration(left)} left")
        return "; ".join(parts)


def duration(seconds: float) -> str:
    """Say a time in rough figures: "about 40 s", "about 3 min", "about 2.5 h"."""
    if seconds < 99.5:
        return f"about {seconds:.0f} s"
    if seconds < 99.5 * 60:
        return f"about {seconds / 60:.0f} min"
    return f"about {seconds / 3600:.1f} h"
