"""The seconds of the stages of an image, as far as they are known."""

from __future__ import annotations

import math
from collections.abc import Iterable

from ..events import PLANES, WRITING
from ..regularfiles import read_regular
from ..strictjson import loads
from .jobs import STAGES, Job

MAX_TIMINGS_SIZE = 100_000  # bytes


def timed_stages(jobs: Iterable[Job]) -> tuple[str, ...]:
    """Stages of the images of a task whose seconds are known: of stacks, all planes together are one."""
    return (PLANES, WRITING) if any(job.source.is_stack for job in jobs) else (*STAGES, WRITING)


def read_timings(job: Job) -> dict[str, float]:
    """Seconds of each stage of an image when it ran last; empty if they are not known.

    The file may have been edited: only what is a time is returned.
    """
    try:
        timings = loads(read_regular(job.timings, MAX_TIMINGS_SIZE))
    except (OSError, ValueError):
        return {}
    if not isinstance(timings, dict):
        return {}
    return {name: float(value) for name, value in timings.items() if _is_time(value)}


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf
