"""Types of hyperparameters, and how a default follows from the size of the objects."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Strict, ValidatorFunctionWrapHandler, WrapValidator
from pydantic_core import PydanticCustomError

Unit = Literal["scale", "scale^2", "radius", "diameter"]
NOT_OF_KIND, NOT_A_NUMBER, TOO_LARGE = "not_of_kind", "not_a_number", "too_large"  # types of errors


@dataclass(frozen=True)
class Scaling:
    """How a default follows from the scale of the objects: factor(scale) * AF value.

    Attributes
    ----------
    unit : {"scale", "scale^2", "radius", "diameter"}
        The factor; radius = scale * sqrt 2, diameter = 2 * radius (pixels).
    default : float
        Default of the ``AF_`` value, which is itself a hyperparameter.
    minimum : float or None
        Lower limit enforced on the product (after truncation, for integers).
    """

    unit: Unit
    default: float
    minimum: float | None = None

    def factor(self, scale: float) -> float:
        """Return the factor for a scale in pixels."""
        radius = scale * math.sqrt(2)
        return {"scale": scale, "scale^2": scale**2, "radius": radius, "diameter": 2 * radius}[self.unit]


def _as_float(value: Any) -> float:  # noqa: ANN401 - whatever a user writes
    """Accept numbers of any type, including NumPy's; pydantic alone would also take strings and booleans."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise PydanticCustomError(NOT_OF_KIND, "must be a number")
    try:
        return float(value)
    except OverflowError as error:
        raise PydanticCustomError(TOO_LARGE, "is too large") from error


def _number(value: Any) -> float:  # noqa: ANN401
    number = _as_float(value)
    if math.isnan(number):
        raise PydanticCustomError(NOT_A_NUMBER, "is not a number")
    return number


def _integer(value: Any) -> int:  # noqa: ANN401
    number = _as_float(value)
    if isinstance(value, Integral):
        return int(value)
    if not number.is_integer():
        raise PydanticCustomError(NOT_OF_KIND, "must be an integer")
    return int(number)


def _integer_choice(value: Any) -> Any:  # noqa: ANN401
    is_integer = isinstance(value, Real) and not isinstance(value, bool) and value == value // 1
    return int(value) if is_integer else value


def _accept_infinity(value: Any, validate: ValidatorFunctionWrapHandler) -> Any:  # noqa: ANN401
    return math.inf if isinstance(value, Real) and value == math.inf else validate(value)


Number = Annotated[float, BeforeValidator(_number)]
Integer = Annotated[int, BeforeValidator(_integer)]
Flag = Annotated[bool, Strict()]
INTEGER_CHOICE = BeforeValidator(_integer_choice)  # 8.0 is 8
OR_INFINITE = WrapValidator(_accept_infinity)  # infinity is allowed for an integer, beyond its range
DEPRECATED = "deprecated"  # accepted for compatibility; ignored
