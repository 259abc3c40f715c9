"""Sliders, switches and choices: which there are, made from the declarations of the hyperparameters."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ..config import DECLARATIONS_OF, Config, Hyperparameter, Preset

Kind = Literal["float", "int", "bool", "choice"]
REACH = 4.0  # sliders of advanced settings end at this multiple of the default
LARGE = 10.0  # or there, if the default is zero or infinite
# Not for a slider: what a diameter sets as well, what decides how the file is read, what leaves no result.
LEFT_OUT = {"preset", "diameter", "AF_scale", "histological"}
LEFT_OUT_NAMES = {"enabled"}
UNITS_OF_SCALING = {"scale": "× scale", "scale^2": "× scale²", "radius": "× radius", "diameter": "× diameter"}


@dataclass(frozen=True)
class Control:
    """What the user moves, switches or chooses to change one setting, or several that belong together.

    Attributes
    ----------
    key : str
        Full name of the hyperparameter.
    label : str
        What it does, in plain words; "left / right" for a slider.
    low, high : float
        Ends of the slider. Values beyond may be typed; the declarations decide whether they are allowed.
    default : Any
        Value if nothing is set; None if it is measured then, or has no limit; infinity has none either.
    is_logarithmic : bool
        Whether equal ways on the slider are equal factors.
    help : str
        The meaning of the hyperparameter, from its declaration; of a factor, that of what it scales.
    unit : str
        Of its values; empty if they have none.
    kind : {"float", "int", "bool", "choice"}
        A slider for numbers, a switch, or a choice.
    choices : tuple
        What there is to choose.
    is_optional : bool
        Whether None is a value.
    linked : tuple of (str, float)
        Full names of hyperparameters that move along, each with its multiple of the value.
    """

    key: str
    label: str
    low: float
    high: float
    default: Any
    is_logarithmic: bool
    help: str
    unit: str = ""
    kind: Kind = "float"
    choices: tuple[Any, ...] = ()
    is_optional: bool = False
    linked: tuple[tuple[str, float], ...] = ()

    @property
    def section(self) -> str:
        """Section of the hyperparameter; empty at the top level."""
        return self.key.rpartition("/")[0]

    def value(self, config: Config) -> Any:  # noqa: ANN401 - of the kind of the hyperparameter
        """Return the value that a configuration has, or the default."""
        return config.get(self.key, self.default)

    def changes(self, value: Any) -> dict[str, Any]:  # noqa: ANN401
        """Return what a value changes, as `Session.update` takes it; None sets back."""
        found = {self.key: value}
        for key, ratio in self.linked:
            found[key] = None if value is None else value * ratio
        if "/AF_" in self.key:  # which counts only if the value itself is not set
            found[self.key.replace("/AF_", "/")] = None
        return found

    def at(self, position: float) -> float:
        """Return the value at a position of the slider from 0 to 1."""
        if self.is_logarithmic:
            value = self.low * (self.high / self.low) ** position
        else:
            value = self.low + (self.high - self.low) * position
        return round(value) if self.kind == "int" else value

    def position(self, value: float) -> float:
        """Return the position of a value on the slider, from 0 to 1."""
        value = min(max(value, self.low), self.high)
        if self.is_logarithmic:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)


@dataclass(frozen=True)
class _Main:
    """Where a slider in plain words ends, and what it moves."""

    label: str
    key: str
    low: float
    high: float
    is_logarithmic: bool = False
    unit: str = ""
    linked: tuple[str, ...] = ()


DIAMETER = _Main("Diameter", "diameter", 5, 300, True, "pixels")
PIECES, SMALLEST, FAINTER = "More / fewer pieces", "Smallest size", "Fainter / brighter nuclei"
MAIN: dict[Preset, tuple[_Main, ...]] = {
    "automatic": (
        DIAMETER,
        _Main(PIECES, "global-energy-minimization/object_cost", 0.02, 3, True),
        _Main(
            "Wider / tighter outlines",
            "postprocess/outline_height",
            0.05,
            0.9,
            linked=("postprocess/large_outline_height",),
        ),
        _Main(
            FAINTER,
            "preprocess/min_local_contrast",
            0.01,
            0.8,
            True,
            linked=("postprocess/min_relative_contrast",),
        ),
        _Main(SMALLEST, "postprocess/min_area", 0, 1, unit="× typical area"),
    ),
    "published": (
        DIAMETER,
        _Main(PIECES, "global-energy-minimization/AF_beta", 0.05, 10, True),
        _Main("Freer / smoother outlines", "dsm/AF_alpha", 5e-6, 0.05, True),
        _Main(FAINTER, "postprocess/min_contrast", 1, 4, True, "× surroundings"),
        _Main(SMALLEST, "postprocess/AF_min_object_radius", 0, 1, unit="× radius"),
    ),
}


def main_controls(preset: Preset) -> Sequence[Control]:
    """Return what users of a method reach for first, in plain words.

    Parameters
    ----------
    preset : {"automatic", "published"}
        The method.
    """
    return [_main(preset, each) for each in MAIN[preset]]


def advanced_controls(preset: Preset) -> Sequence[Control]:
    """Return all other settings of a method, in the order of their declarations.

    What follows from the size of the nuclei is set by its factor.

    Parameters
    ----------
    preset : {"automatic", "published"}
        The method.
    """
    main = {each.key for each in MAIN[preset]}
    return [
        _advanced(preset, key, parameter)
        for key, parameter in DECLARATIONS_OF[preset].items()
        if key not in main | LEFT_OUT
        and parameter.name not in LEFT_OUT_NAMES
        and not parameter.deprecated
        and parameter.scaling is None
        and (parameter.choices or parameter.kind in ("float", "int", "bool"))
    ]


def _main(preset: Preset, main: _Main) -> Control:
    declared = DECLARATIONS_OF[preset]
    parameter = declared[main.key]
    return Control(
        key=main.key,
        label=main.label,
        low=main.low,
        high=main.high,
        default=parameter.default,
        is_logarithmic=main.is_logarithmic,
        help=_help(preset, main.key),
        unit=main.unit,
        is_optional=parameter.accepts_none,
        linked=tuple((key, declared[key].default / parameter.default) for key in main.linked),
    )


def _advanced(preset: Preset, key: str, parameter: Hyperparameter) -> Control:
    low, high = _ends(parameter)
    kind: Any = "choice" if parameter.choices else parameter.kind
    return Control(
        key=key,
        label=parameter.name.removeprefix("AF_").replace("_", " "),
        low=low,
        high=high,
        default=parameter.default,
        is_logarithmic=False,
        help=_help(preset, key),
        unit=_unit(preset, key, parameter),
        kind=kind,
        choices=parameter.choices,
        is_optional=parameter.accepts_none,
    )


def _help(preset: Preset, key: str) -> str:
    """The meaning of a hyperparameter; of a factor, that of the value that it scales."""
    declared = DECLARATIONS_OF[preset]
    for scaled, factor in declared.automatic.items():
        if factor == key:
            return declared[scaled].meaning.replace(" (pixels)", "")
    return declared[key].meaning


def _ends(parameter: Hyperparameter) -> tuple[float, float]:
    """Where a slider ends: at the limits that are declared, or not too far from the default."""
    if parameter.choices or parameter.kind == "bool":
        return 0.0, 1.0
    default = parameter.default
    is_number = default is not None and math.isfinite(default) and default != 0
    reach = REACH * abs(default) if is_number else LARGE
    low = max(parameter.minimum, parameter.above)
    high = min(parameter.maximum, parameter.below)
    slack = reach * 1e-3  # open limits are no values
    low = -reach if math.isinf(low) else low + (slack if low == parameter.above else 0.0)
    high = min(reach, high - (slack if high == parameter.below else 0.0))
    return low, max(high, low)


def _unit(preset: Preset, key: str, parameter: Hyperparameter) -> str:
    for scaled, factor in DECLARATIONS_OF[preset].automatic.items():
        scaling = DECLARATIONS_OF[preset][scaled].scaling
        if factor == key and scaling is not None:
            return UNITS_OF_SCALING[scaling.unit]
    found = re.search(r"\((pixels|seconds)\)", parameter.meaning)
    return found[1] if found else ""
