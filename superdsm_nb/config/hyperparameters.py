"""Declarations of hyperparameters: name, default, range, meaning and scaling of each, in one place.

Each section of the configuration is a class, and each of its fields declares a hyperparameter. Validation,
automatic configuration, the values written out with each result, the JSON Schema and the documentation all
read these fields.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import math
from collections.abc import Iterator, Mapping
from types import NoneType
from typing import Annotated, Any, ClassVar, Literal, Self, get_args, get_origin, get_type_hints

from annotated_types import Ge, Gt, Le, Lt
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass
from pydantic.fields import FieldInfo

from ..errors import ConfigError, PipelineError, shortened
from .config import Config
from .kinds import DEPRECATED, NOT_A_NUMBER, OR_INFINITE, TOO_LARGE, Flag, Number, Scaling

Kind = Literal["float", "int", "bool", "str", "any"]
KINDS: dict[Any, Kind] = {float: "float", int: "int", bool: "bool", str: "str", Any: "any"}
STRICT = ConfigDict(extra="forbid", defer_build=True)  # built when first used
LIMITS = {Ge: ("minimum", "ge"), Le: ("maximum", "le"), Gt: ("above", "gt"), Lt: ("below", "lt")}
OUT_OF_RANGE_ERRORS = {NOT_A_NUMBER, "greater_than_equal", "greater_than", "less_than_equal", "less_than"}
KIND_NOUNS = {
    "float": "a number",
    "int": "an integer",
    "bool": "true or false",
    "str": "a string",
    "any": "set",
}


@dataclasses.dataclass(frozen=True)
class Hyperparameter:
    """One hyperparameter, as its field of a section declares it.

    Attributes
    ----------
    name : str
        Name within its section.
    default : Any
        Value if neither the user nor the automatic configuration sets it.
    kind : {"float", "int", "bool", "str", "any"}
        Type of its value; integers are accepted where floats are expected.
    meaning : str
        Its effect on the result.
    minimum, maximum : float
        Closed range of numbers.
    above, below : float
        Open range of numbers.
    choices : tuple
        The only values allowed, if any are given.
    optional : bool
        Whether None is allowed as a value.
    infinite : bool
        Whether infinity is allowed, beyond `maximum` and for integers as well.
    scaling : Scaling or None
        How the automatic configuration computes it.
    deprecated : bool
        Whether it is accepted for compatibility only, and ignored.
    """

    name: str
    default: Any
    kind: Kind
    meaning: str
    minimum: float = -math.inf
    maximum: float = math.inf
    above: float = -math.inf
    below: float = math.inf
    choices: tuple[Any, ...] = ()
    optional: bool = False
    infinite: bool = False
    scaling: Scaling | None = None
    deprecated: bool = False

    @property
    def accepts_none(self) -> bool:
        """Whether None may be given: as a value, or to select the automatic configuration."""
        return self.optional or self.scaling is not None

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

    def complaint(self, key: str, value: Any, error: str) -> str:  # noqa: ANN401 - whatever a user writes
        """Describe why `value` is not allowed for the hyperparameter `key`.

        Parameters
        ----------
        key : str
            Full name.
        value : Any
            What the user wrote.
        error : str
            Type of the error, as named by pydantic.
        """
        if self.choices:
            return _must_be(key, _text(value), " or ".join(map(repr, self.choices)))
        if error == TOO_LARGE:
            return f"Hyperparameter {key} is an integer that is too large."
        if error in OUT_OF_RANGE_ERRORS:
            return _must_be(key, f"{float(value):g}", self.range_text())
        return _must_be(key, _text(value), KIND_NOUNS[self.kind])

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


def _must_be(key: str, text: str, expected: str) -> str:
    return f"Hyperparameter {key} is {text}, but must be {expected}."


def _text(value: Any) -> str:  # noqa: ANN401 - whatever a user writes
    try:
        return shortened(repr(value))
    except ValueError:  # Python refuses to print very long integers
        return "an integer with too many digits"


class Section:
    """A section of the configuration: subclasses are dataclasses that declare a hyperparameter per field.

    Examples
    --------
    >>> from superdsm_nb.config import Config, FitParameters
    >>> FitParameters.of(Config({"dsm": {"alpha": 2}})).alpha
    2.0
    """

    section: ClassVar[str] = ""

    @classmethod
    def declared(cls) -> Mapping[str, Hyperparameter]:
        """The hyperparameters that the fields declare, by name."""
        declaring: Any = cls  # mypy considers classes of frozen dataclasses unhashable
        return _declared_in(declaring)

    @classmethod
    def _adapter(cls) -> TypeAdapter[Self]:
        validating: Any = cls
        return _adapter_of(validating)

    @classmethod
    def of(cls, config: Config, section: str | None = None) -> Self:
        """Read the section from a configuration; what is not set has its default.

        Parameters
        ----------
        config : Config
            Hyperparameters; not changed.
        section : str, optional
            Name of the section, if it is not the one of this class.

        Raises
        ------
        ConfigError
            If a value is not allowed.
        """
        section = cls.section if section is None else section
        entries = config.get(section, {}) if section else config.entries
        declared = cls.declared()
        values = {
            name: entries[name]
            for name, parameter in declared.items()
            if name in entries and (entries[name] is not None or parameter.optional)
        }
        try:
            return cls._adapter().validate_python(values)
        except ValidationError as errors:
            name, error = next(_errors(errors))
            key = f"{section}/{name}" if section else name
            raise ConfigError(declared[name].complaint(key, values[name], error)) from errors


@dataclass(frozen=True, kw_only=True, config=STRICT)
class StageSettings(Section):
    """Settings that every stage has."""

    enabled: Annotated[Flag, Field(description="false skips the stage")] = True


@functools.cache
def _adapter_of(section: type[Any]) -> TypeAdapter[Any]:
    return TypeAdapter(section)


@functools.cache
def _factors() -> TypeAdapter[dict[str, float]]:
    return TypeAdapter(dict[str, Annotated[Number, Field(ge=0)]])


def _errors(errors: ValidationError) -> Iterator[tuple[str, str]]:
    """Name of each field that is wrong, and the type of the error."""
    for error in errors.errors(include_url=False, include_input=False):
        yield str(error["loc"][0]), error["type"]


@functools.cache
def _declared_in(section: type[Any]) -> Mapping[str, Hyperparameter]:
    hints = get_type_hints(section, include_extras=True)
    return {
        field.name: _declared(field.name, field.default, hints[field.name])
        for field in dataclasses.fields(section)
    }


def _declared(name: str, default: Any, hint: Any) -> Hyperparameter:  # noqa: ANN401 - of any type
    if not any(isinstance(each, FieldInfo) for each in getattr(hint, "__metadata__", ())):
        raise PipelineError(
            f"The hyperparameter {name} is not declared: write {name}: "
            "Annotated[Number, Field(description=...)] = ..."
        )
    described = next(each for each in hint.__metadata__ if isinstance(each, FieldInfo))
    limits = {}
    for each in described.metadata:
        for kind, (limit, short) in LIMITS.items():
            if isinstance(each, kind):
                limits[limit] = getattr(each, short)
    alternatives = get_args(hint.__origin__) if NoneType in get_args(hint.__origin__) else (hint.__origin__,)
    kind = next(each for each in alternatives if each is not NoneType)
    kind = kind.__origin__ if get_origin(kind) is Annotated else kind
    choices = get_args(kind) if get_origin(kind) is Literal else ()
    return Hyperparameter(
        name=name,
        default=default,
        kind=KINDS[type(choices[0]) if choices else kind],
        meaning=described.description or "",
        **limits,
        choices=choices,
        optional=NoneType in alternatives,
        infinite=OR_INFINITE in hint.__metadata__,
        scaling=next((each for each in hint.__metadata__ if isinstance(each, Scaling)), None),
        deprecated=DEPRECATED in hint.__metadata__,
    )


class Declarations(Mapping[str, Hyperparameter]):
    """All hyperparameters of a pipeline by their full names, such as ``"dsm/alpha"``.

    Parameters
    ----------
    sections : mapping of str to type of Section, or a tuple of them
        The sections by name; the empty name stands for the top level. Several classes declare one section
        together.

    Attributes
    ----------
    automatic : dict of str to str
        Full name of the ``AF_`` value of each hyperparameter that follows from the scale.
    """

    def __init__(self, sections: Mapping[str, type[Section] | tuple[type[Section], ...]]) -> None:
        self._sections = {
            name: declaring if isinstance(declaring, tuple) else (declaring,)
            for name, declaring in sections.items()
        }
        self._entries: dict[str, Hyperparameter] = {}
        self.automatic: dict[str, str] = {}
        for section, declaring in self._sections.items():
            prefix = f"{section}/" if section else ""
            parameters = (each for one in declaring for each in one.declared().items())
            for name, parameter in parameters:
                self._entries[prefix + name] = parameter
                if parameter.scaling is not None:
                    factor = f"{prefix}AF_{name}"
                    self.automatic[prefix + name] = factor
                    self._entries[factor] = Hyperparameter(
                        name=f"AF_{name}",
                        default=parameter.scaling.default,
                        kind="float",
                        meaning=f"{name} as a multiple of {parameter.scaling.unit}; "
                        f"used if {name} is not set",
                        minimum=0,
                        optional=True,
                    )

    def __getitem__(self, key: str) -> Hyperparameter:
        return self._entries[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def check(self, entries: Mapping[str, Any]) -> None:
        """Raise `ConfigError` for the first unknown name or value out of range in nested `entries`."""
        for problem in self.problems(entries):
            raise ConfigError(problem)

    def problems(self, entries: Mapping[str, Any]) -> Iterator[str]:
        """What is wrong with nested `entries`: unknown names and values out of range."""
        top = {name: value for name, value in entries.items() if not name or name not in self._sections}
        wrong = self._problems_in("", top)
        for name, value in entries.items():
            if name in top:
                yield from wrong.get(name, ())
            elif isinstance(value, Mapping):
                for problems in self._problems_in(name, value).values():
                    yield from problems
            else:
                yield f"{name} is a section of hyperparameters, but its value is {_text(value)}."

    def _problems_in(self, section: str, entries: Mapping[str, Any]) -> dict[str, list[str]]:
        """What is wrong with the entries of one section, by name, in their order."""
        prefix = f"{section}/" if section else ""
        factors: dict[str, Any] = {}
        values: dict[str, Any] = {}
        for name, value in entries.items():
            parameter = self.get(prefix + name)
            if parameter is not None and not (value is None and parameter.accepts_none):
                is_factor = prefix + name in self._factor_names
                (factors if is_factor else values)[name] = value
        errors: dict[str, str] = {}
        validators: list[tuple[TypeAdapter[Any], dict[str, Any]]] = [(_factors(), factors)]
        for declaring in self._sections.get(section, ()):
            own = {name: value for name, value in values.items() if name in declaring.declared()}
            validators.append((declaring._adapter(), own))
        for validator, given in validators:
            try:
                validator.validate_python(given)
            except ValidationError as found:
                errors.update(_errors(found))
        problems: dict[str, list[str]] = {}
        for name, value in entries.items():
            key = prefix + name
            if key not in self:
                shown = shortened(key)
                problems[name] = [f"Unknown hyperparameter {shown}{self._suggestion(shown)}"]
            elif name in errors:
                problems[name] = [self[key].complaint(key, value, errors[name])]
        return problems

    @functools.cached_property
    def _factor_names(self) -> frozenset[str]:
        return frozenset(self.automatic.values())

    def _suggestion(self, key: str) -> str:
        near = difflib.get_close_matches(key, self, 1, 0.7)
        if not near:
            same_name = [known for known in self if known.rsplit("/", 1)[-1] == key.rsplit("/", 1)[-1]]
            near = same_name[:1]
        if not near and "/" not in key:
            names = {known.rsplit("/", 1)[-1]: known for known in self}
            near = [names[name] for name in difflib.get_close_matches(key, names, 1, 0.7)]
        return f": did you mean {near[0]}?" if near else "."
