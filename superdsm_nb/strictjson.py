"""Infinity and NaN in JSON, which has no such numbers: they are written as strings."""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Real
from typing import Any

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
