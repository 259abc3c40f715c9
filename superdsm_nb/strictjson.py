"""JSON that is strict and bounded: what is read is refused if it is ambiguous or without measure.

Infinity and NaN, which JSON does not have, are written as strings.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping
from numbers import Real
from typing import Any

from .errors import shortened

MAX_SIZE = 2**24  # bytes of a file of JSON that users write, such as task.json: a million file ids
MAX_DEPTH = 50  # brackets inside of each other
MAX_DIGITS = 300  # of a number; more would overflow
NOT_FINITE = {"Infinity": math.inf, "-Infinity": -math.inf, "NaN": math.nan}


def strict_values(value: Any) -> Any:  # noqa: ANN401
    """Replace infinity and NaN, which JSON does not have, by strings that `number_values` understands."""
    if isinstance(value, Mapping):
        return {key: strict_values(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [strict_values(each) for each in value]
    if isinstance(value, Real) and not math.isfinite(value):
        return next(name for name, each in NOT_FINITE.items() if str(each) == str(float(value)))
    return value


def number_values(value: Any) -> Any:  # noqa: ANN401
    """Replace the strings of `strict_values` by the numbers that they stand for."""
    if isinstance(value, Mapping):
        return {key: number_values(each) for key, each in value.items()}
    if isinstance(value, list):
        return [number_values(each) for each in value]
    return NOT_FINITE.get(value, value) if isinstance(value, str) else value


def loads(text: str | bytes) -> Any:  # noqa: ANN401
    """Return the value of a JSON text; ``Infinity``, ``-Infinity`` and ``NaN`` are accepted.

    Raises
    ------
    ValueError
        If it is not JSON, names a key of an object twice, is nested too deeply, or has a number of too many
        digits. The message is a clause, without a full stop.
    """
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_int=_integer)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise ValueError("it is nested too deeply")
        inner = (each.values() if isinstance(each, dict) else each for each in level)
        level = [each for part in inner if not isinstance(part, Leaf) for each in part]
    return value


Leaf = str | int | float | None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entries = dict(pairs)
    if len(entries) < len(pairs):
        twice = next(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        raise ValueError(f"the key {json.dumps(shortened(twice))} occurs twice in one object")
    return entries


def _integer(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError("a number is too long")
    return int(text)
