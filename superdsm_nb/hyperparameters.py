"""Declaration of hyperparameters: name, default, range, meaning and how each scales, said once.

Every stage declares its own beside its code. Validation, automatic configuration, the values written out
with each result and the documentation all read these declarations.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Literal

from .errors import ConfigError, shortened

Unit = Literal["scale", "scale^2", "radius", "diameter"]


@dataclass(frozen=True)
class Scaling:
    """How a default follows from the scale of the objects: factor(scale) * AF value.

    Parameters
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


@dataclass(frozen=True)
class Hyperparameter:
    """One hyperparameter of a stage.

    Parameters
    ----------
    name : str
        Name within its section.
    default : Any
        Value if neither the user nor the automatic configuration sets it.
    kind : {"float", "int", "bool", "str", "any"}
        Type of its value; integers are accepted where floats are expected.
    meaning : str
        What it does to the result.
    minimum, maximum : float
        Closed range of numbers.
    above, below : float
        Open range of numbers.
    choices : tuple
        The only values allowed, if any are given.
    optional : bool
        Whether None is a value.
    infinite : bool
        Whether infinity is a value beyond `maximum`, and one of an integer.
    scaling : Scaling or None
        How the automatic configuration computes it.
    """

    name: str
    default: Any
    kind: Literal["float", "int", "bool", "str", "any"]
    meaning: str
    minimum: float = -math.inf
    maximum: float = math.inf
    above: float = -math.inf
    below: float = math.inf
    choices: tuple[Any, ...] = ()
    optional: bool = False
    infinite: bool = False
    scaling: Scaling | None = None

    def scaled_default(self, scale: float, factor: float) -> float:
        """Value for objects of `scale` (pixels) and an ``AF_`` value `factor`."""
        assert self.scaling is not None
        unit = self.scaling.factor(scale)
        value = 0.0 if factor == 0 else unit * factor
        if self.kind == "int" and math.isfinite(value):
            value = int(value)
        if self.scaling.minimum is not None:
            value = max(value, self.scaling.minimum)
        return value

    def check(self, key: str, value: Any) -> None:  # noqa: ANN401 - whatever a user writes
        """Raise `ConfigError` if `value` is not allowed for the hyperparameter `key`."""
        if value is None and (self.optional or self.scaling is not None):
            return
        if self.kind == "any":
            return
        if self.choices:
            if isinstance(value, bool) or value not in self.choices:
                allowed = " or ".join(repr(choice) for choice in self.choices)
                raise ConfigError(f"Hyperparameter {key} is {_text(value)}, but must be {allowed}.")
            return
        if not self._is_of_kind(value):
            names = {"float": "a number", "int": "an integer", "bool": "true or false", "str": "a text"}
            raise ConfigError(f"Hyperparameter {key} is {_text(value)}, but must be {names[self.kind]}.")
        if self.kind in ("float", "int"):
            try:
                self._check_range(key, float(value))
            except OverflowError as error:
                raise ConfigError(f"Hyperparameter {key} is an integer beyond all bounds.") from error

    def _is_of_kind(self, value: Any) -> bool:  # noqa: ANN401
        if self.kind == "bool":
            return isinstance(value, bool)
        if self.kind == "str":
            return isinstance(value, str)
        if isinstance(value, bool) or not isinstance(value, Real):
            return False
        return (
            self.kind == "float"
            or isinstance(value, Integral)
            or float(value).is_integer()
            or (self.infinite and value == math.inf)
        )

    def _check_range(self, key: str, value: float) -> None:
        inside = self.minimum <= value <= self.maximum or (self.infinite and value == math.inf)
        inside = inside and (value > self.above or self.above == -math.inf)
        inside = inside and (value < self.below or self.below == math.inf)
        if not inside:
            raise ConfigError(f"Hyperparameter {key} is {value:g}, but must be {self.range_text()}.")

    def range_text(self) -> str:
        """The range in words."""
        limits = [
            f"{word} {limit:g}"
            for word, limit in (
                ("at least", self.minimum),
                ("above", self.above),
                ("at most", self.maximum),
                ("below", self.below),
            )
            if math.isfinite(limit)
        ]
        text = " and ".join(limits) or "a number that is not NaN"
        return f"{text}, or infinite" if self.infinite else text


class Declarations(Mapping[str, Hyperparameter]):
    """All hyperparameters of a pipeline by their full names, such as ``"dsm/alpha"``.

    Parameters
    ----------
    sections : iterable of (str, iterable of Hyperparameter)
        Name of each section with its hyperparameters; the empty name stands for the top level.
    """

    def __init__(self, sections: Iterable[tuple[str, Iterable[Hyperparameter]]]) -> None:
        self._entries: dict[str, Hyperparameter] = {}
        self.automatic: dict[str, str] = {}
        for section, parameters in sections:
            prefix = f"{section}/" if section else ""
            for parameter in parameters:
                key = prefix + parameter.name
                self._entries[key] = parameter
                if parameter.scaling is not None:
                    factor = f"{prefix}AF_{parameter.name}"
                    self.automatic[key] = factor
                    self._entries[factor] = Hyperparameter(
                        f"AF_{parameter.name}",
                        parameter.scaling.default,
                        "float",
                        f"{parameter.name} as a multiple of {parameter.scaling.unit}; used where "
                        f"{parameter.name} is not set",
                        minimum=0,
                        optional=True,
                    )

    def __getitem__(self, key: str) -> Hyperparameter:
        return self._entries[key]

    def __iter__(self) -> Any:  # noqa: ANN401
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def check(self, entries: Mapping[str, Any]) -> None:
        """Raise `ConfigError` for the first unknown name or value out of range in nested `entries`."""
        for problem in self.problems(entries):
            raise ConfigError(problem)

    def problems(self, entries: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
        """What is wrong with nested `entries`: unknown names and values out of range."""
        for name, value in entries.items():
            key = f"{prefix}{name}"
            section = any(known.startswith(f"{key}/") for known in self)
            if section and isinstance(value, Mapping):
                yield from self.problems(value, f"{key}/")
            elif section:
                yield f"{key} is a section of hyperparameters, but its value is {_text(value)}."
            elif key not in self:
                key = shortened(key)
                yield f"Unknown hyperparameter {key}{self._suggestion(key)}"
            else:
                try:
                    self[key].check(key, value)
                except ConfigError as error:
                    yield str(error)

    def _suggestion(self, key: str) -> str:
        near = difflib.get_close_matches(key, self, 1, 0.7)
        if not near:
            same_name = [known for known in self if known.rsplit("/", 1)[-1] == key.rsplit("/", 1)[-1]]
            near = same_name[:1]
        if not near and "/" not in key:
            names = {known.rsplit("/", 1)[-1]: known for known in self}
            near = [names[name] for name in difflib.get_close_matches(key, names, 1, 0.7)]
        return f": did you mean {near[0]}?" if near else ": there is none of that name."


def _text(value: Any) -> str:  # noqa: ANN401 - whatever a user writes
    try:
        return shortened(repr(value))
    except ValueError:  # Python refuses to write more than some thousand digits
        return "an integer of very many digits"
