"""Options of a run and the outcome of an image; this module must not import NumPy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..config import Preset
    from ..performance import PerformanceReport
    from .jobs import Job


@dataclass(frozen=True)
class Mode:
    """How a run treats what is stored.

    Attributes
    ----------
    fresh : bool
        Use no earlier result.
    oneshot : bool
        Store none.
    debug : bool
        Print a traceback for everything that fails.
    time_limit : float or None
        Seconds that an image may take, instead of what its task says.
    keep_finished : bool
        When the time is over, keep the nuclei that are finished, also where the task does not say so.
    token : str or None
        Of the run, if its workers may outlive it: they write nothing then.
    part : str or None
        Part of the images that the run holds.
    """

    fresh: bool = False
    oneshot: bool = False
    debug: bool = False
    time_limit: float | None = None
    keep_finished: bool = False
    token: str | None = None
    part: str | None = None

    def limit_of(self, job: Job) -> float | None:
        """Seconds that an image may take; None without a limit."""
        return job.time_limit if self.time_limit is None else self.time_limit


@dataclass(frozen=True)
class Summary:
    """The outcome of one image.

    Attributes
    ----------
    objects : int or None
        Number of objects; None if the pipeline ended before there were any.
    scale : float
        Scale used (pixels).
    is_scale_given : bool
        Whether the scale was given rather than estimated.
    seconds : float
        Time from reading to writing.
    fits : int
        Objects whose energy was computed.
    picked_up : (Path, int) or None
        Folder of the task whose result was reused, and the first stage that ran; None if it started from
        scratch.
    performance : PerformanceReport
        How the cover was found.
    written : tuple of str
        Kinds of the files that were written.
    pruning : str
        Rule by which unions were tried.
    preset : {"automatic", "published"}
        The method.
    is_complete : bool
        Whether nothing was left out because the time was over.
    """

    objects: int | None
    scale: float
    is_scale_given: bool
    seconds: float
    fits: int
    picked_up: tuple[Path, int] | None
    performance: PerformanceReport
    written: tuple[str, ...]
    pruning: str
    preset: Preset
    is_complete: bool = True


@dataclass(frozen=True)
class Failure:
    """Why an image failed, and in which stage."""

    stage: str
    reason: str


@dataclass(frozen=True)
class Crash(Failure):
    """The process that worked on the image died; its log does not say so yet."""
