"""What a user decides about an object, in terms of positions that hold for other settings as well."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from ..errors import CorrectionError

Kind = Literal["merge", "split", "delete", "keep"]
Point = tuple[float, float]
MAX_POINTS = 1000  # of one correction


@dataclass(frozen=True)
class Correction:
    """A decision about objects.

    Attributes
    ----------
    kind : {"merge", "split", "delete", "keep"}
        Merge objects; take another combination of the parts of an object; leave an object out of the result;
        or keep one that would be discarded.
    points : tuple of (float, float)
        Row and column of a pixel inside each of the objects (pixels of the image).
    rank : int
        For "split": 0 for the best of the other combinations, 1 for the next, and so on.

    Raises
    ------
    CorrectionError
        If there is no such correction.
    """

    kind: Kind
    points: tuple[Point, ...]
    rank: int = 0

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise CorrectionError(f"A correction is one of {', '.join(get_args(Kind))}, not {self.kind!r}.")
        try:
            if any(isinstance(point, str) for point in self.points):
                raise TypeError
            points = tuple((float(row), float(col)) for row, col in self.points)
        except (TypeError, ValueError, OverflowError) as error:
            raise CorrectionError("Points of a correction are pairs of a row and a column.") from error
        if not all(math.isfinite(each) for point in points for each in point):
            raise CorrectionError("Points of a correction are finite numbers.")
        least, most = {"merge": (2, MAX_POINTS), "split": (1, 1)}.get(self.kind, (1, MAX_POINTS))
        if not least <= len(points) <= most:
            raise CorrectionError(f"The correction {self.kind} has {len(points)} points.")
        if isinstance(self.rank, bool) or not isinstance(self.rank, int) or self.rank < 0:
            raise CorrectionError("The rank of a correction is a whole number from 0.")
        object.__setattr__(self, "points", points)

    def __str__(self) -> str:
        places = " and ".join(f"row {row:g}, column {col:g}" for row, col in self.points)
        return f"{self.kind} at {places}"

    def to_plain(self) -> dict[str, Any]:
        """Return it as JSON values, as `corrections_of` reads them."""
        return {"kind": self.kind, "points": [list(point) for point in self.points], "rank": self.rank}


def corrections_of(entries: object) -> tuple[Correction, ...]:
    """Return the corrections from the JSON values of a description.

    Parameters
    ----------
    entries : list of dict
        As of `Correction.to_plain`; the entry ``corrections`` of ``Segmentation.provenance``.

    Returns
    -------
    tuple of Correction
        In their order.

    Raises
    ------
    CorrectionError
        If they are something else.
    """
    if not isinstance(entries, Sequence) or isinstance(entries, str):
        raise CorrectionError("Corrections are a list.")
    found = []
    for entry in entries:
        if not isinstance(entry, dict) or not {"kind", "points"} <= set(entry) <= {"kind", "points", "rank"}:
            raise CorrectionError("Each correction has a kind, points and a rank, and nothing else.")
        if not isinstance(entry["kind"], str) or not isinstance(entry["points"], list):
            raise CorrectionError("A correction has a kind, which is a word, and a list of points.")
        found.append(Correction(**entry))
    return tuple(found)
