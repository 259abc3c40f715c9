"""A share of the images of all tasks, for array jobs that work side by side without a scheduler of ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from ..errors import ConfigError, shortened
from .jobs import Job

MAX_SHARDS = 100_000
T = TypeVar("T")


@dataclass(frozen=True)
class Shard:
    """One of several shares.

    Attributes
    ----------
    number : int
        Which one, from 1.
    count : int
        How many there are.
    """

    number: int
    count: int

    @classmethod
    def of(cls, text: str) -> Shard:
        """Read "3/40".

        Raises
        ------
        ConfigError
            If it is not like that.
        """
        number, slash, count = text.partition("/")
        is_written = all(each.isascii() and each.isdigit() and len(each) < 7 for each in (number, count))
        if not slash or not is_written or not 1 <= int(number) <= int(count) <= MAX_SHARDS:
            raise ConfigError(
                f"The shard is {shortened(text)!r}, but must be like 3/40, the third of 40: the first number "
                f"is from 1 to the second, which is at most {MAX_SHARDS}."
            )
        return cls(int(number), int(count))

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def own(self, plans: Sequence[tuple[T, list[Job]]]) -> list[tuple[T, list[Job]]]:
        """Return the jobs of this share of each task.

        All tasks that use an image belong to the same share, so results that one task picks up from another
        are made in the same run.

        Parameters
        ----------
        plans : sequence of (object, list of Job)
            All jobs of each task.
        """
        images = sorted({job.image for _, jobs in plans for job in jobs}, key=Path.as_posix)
        own = set(images[self.number - 1 :: self.count])
        return [(task, [job for job in jobs if job.image in own]) for task, jobs in plans]
