"""Corrections by hand, as the page asks for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import CorrectionError

if TYPE_CHECKING:  # Numba is slow to import, and the page is there before it
    from ..segmentation import Segmentation
    from ..session import Session

Make = Callable[["Session"], "Segmentation"]


def correction_of(given: Mapping[str, Any]) -> Make:
    """Return what a request of the page does to a session.

    Parameters
    ----------
    given : mapping of str to Any
        ``what``: "merge", "split", "delete" with ``labels``; "keep" with ``position`` (row and column of the
        discarded object); "other split" or "undo".

    Raises
    ------
    CorrectionError
        If it is none of them, or does not say what of.
    """
    what, labels = given.get("what"), _integers(given.get("labels"))
    match what:
        case "merge" if len(labels) > 1:
            return lambda session: session.merge(*labels)
        case "split" if len(labels) == 1:
            return lambda session: session.split(labels[0])
        case "other split":
            return lambda session: session.split_otherwise()
        case "delete" if labels:
            return lambda session: session.delete(*labels)
        case "keep" if len(position := _integers(given.get("position"))) == 2:
            return lambda session: session.keep(*position)
        case "undo":
            return lambda session: session.undo()
    raise CorrectionError(f"There is no correction {str(what)[:20]!r} of what is selected.")


def _integers(value: Any) -> Sequence[int]:  # noqa: ANN401 - whatever a request holds
    is_list = isinstance(value, list) and all(type(each) is int for each in value)
    return value if is_list else ()
