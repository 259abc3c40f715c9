"""The fields of a ``task.json``, declared once: type, meaning, and the message for a wrong value."""

from __future__ import annotations

import difflib
import functools
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from ..config import DECLARATIONS, STAGE_NAMES, Hyperparameter
from ..errors import joined, shortened
from ..parallel import THREADS_VARIABLE
from ..results.outputs import OUTPUTS
from ..results.ringwidth import WIDTH_PATTERN, is_ring_width

# The environment variables that a task may set: none of them says what code is loaded, or from where.
ENVIRON_NAMES = (
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS"),
    *("VECLIB_MAXIMUM_THREADS", "NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS", THREADS_VARIABLE),
)
MAX_THREADS = 1024
JSON_TYPES = {"float": "number", "int": "integer", "bool": "boolean", "str": "string"}


@dataclass(frozen=True)
class Expected:
    """What a field must be, in words."""

    text: str


Text = Annotated[str, Expected("a string")]
Pattern = Annotated[str, Expected("a string in which %s, %d or %03d stands for the file id")]
Count = Annotated[int, Expected("an integer")]
Size = Annotated[int, Field(ge=1), Expected("an integer of at least 1")]
Index = Annotated[
    Annotated[int, Field(ge=0)] | Literal["max", "mean", "all"],
    Expected('an integer of at least 0, "max" or "mean" of all, or "all", each by itself'),
]
Scene = Annotated[
    Annotated[int, Field(ge=0)] | str,
    Expected("an integer of at least 0, or the name of a scene"),
]
Channel = Annotated[
    Annotated[int, Field(ge=0)] | str,
    Expected(
        'an integer of at least 0, the name of a channel, "max" or "mean" of all, or "all", each by itself'
    ),
]


def _output_fields() -> dict[str, Any]:
    """A pattern for every kind of output."""
    fields = {}
    for kind, output in OUTPUTS.items():
        text = f"{output.meaning} ({output.suffix_text})."
        fields[f"{kind}_pathpattern"] = Annotated[Pattern, Field(description=text)]
    return fields


FIELDS: dict[str, Any] = {
    "runnable": Annotated[
        bool,
        Expected("true or false"),
        Field(description="true: the task runs; false: a template for derived tasks. Not inherited."),
    ],
    "num_cpus": Annotated[Size, Field(description="Number of parallel workers. Default: all processors.")],
    "environ": Annotated[
        dict[str, str | int],
        Expected('an object of numbers of threads, such as {"OMP_NUM_THREADS": 1}'),
        Field(
            description="Numbers of threads, set as environment variables of the workers: "
            f"{joined(ENVIRON_NAMES, 'or')}. A task sets no other variables.",
            json_schema_extra={"propertyNames": {"enum": list(ENVIRON_NAMES)}},
        ),
    ],
    "img_pathpattern": Annotated[
        Pattern,
        Field(
            description="Input images, absolute or relative to the working directory; {DIRNAME}: name of the "
            "task's folder, {TASKDIR}: the folder of the task.json that contains the pattern, {ROOTDIR}: the "
            "root given on the command line, ~: the home folder."
        ),
    ],
    **_output_fields(),
    "log_pathpattern": Annotated[
        Pattern, Field(description="Log folders, stored as compressed archives; .tgz is appended if missing.")
    ],
    "file_ids": Annotated[
        list[int | str] | str,
        Expected('a list of integers or strings, or a pattern such as "*"'),
        Field(
            description="Images: each file id replaces the placeholder in every pattern; it may contain /. "
            'A single string is a pattern, such as "*", that is matched against the names of the images.'
        ),
    ],
    "last_stage": Annotated[
        str,
        Field(
            description="The pipeline ends with this stage.", json_schema_extra={"enum": list(STAGE_NAMES)}
        ),
        Expected("one of " + ", ".join(STAGE_NAMES)),
    ],
    "dilate": Annotated[
        Count,
        Field(description="Dilate (negative: erode) all masks by this many pixels. Default: 0."),
    ],
    "merge_overlap_threshold": Annotated[
        float,
        Field(
            ge=0,
            description="Two objects are merged if they share more than this fraction of the smaller one. "
            "Default: never.",
        ),
        Expected("a number of at least 0"),
    ],
    "seg_border": Annotated[Size, Field(description="Width of the contours in pixels. Default: 2.")],
    "scene": Annotated[
        Scene,
        Field(
            description="Picture of a file that holds several (series, wells, positions): its number "
            "(zero-based), or its name."
        ),
    ],
    "channel": Annotated[
        Channel,
        Field(
            description='Channel of a multichannel file: its number (zero-based), its name, "max" or '
            '"mean" of all channels, or "all", each by itself.'
        ),
    ],
    "plane": Annotated[
        Index,
        Field(
            description='Plane of a stack (zero-based), "max" or "mean" of all planes, or "all", each by '
            "itself."
        ),
    ],
    "time": Annotated[
        Index,
        Field(
            description='Time point of a series (zero-based), "max" or "mean" of all, or "all", each by '
            "itself."
        ),
    ],
    "measure": Annotated[
        list[Annotated[int, Field(ge=0)] | str],
        Expected("a list of channels, each an integer of at least 0, a name, or a pattern of files"),
        Field(
            description="Other channels whose intensities in each nucleus are columns of the tables: those "
            "of the file, by number (zero-based) or name, and other files, by a pattern such as "
            "{TASKDIR}/p53/%s.tif, with the placeholders of img_pathpattern."
        ),
    ],
    "ring": Annotated[
        str,
        Expected('a width in pixels or as a length, such as "4" or "2um"'),
        Field(
            description="Measure them also in a ring around each nucleus that is this wide: pixels or a "
            "length, as a string.",
            json_schema_extra={"pattern": WIDTH_PATTERN},
        ),
    ],
    "time_limit": Annotated[
        float,
        Field(
            gt=0,
            allow_inf_nan=False,
            description="Seconds that an image may take; one that takes longer fails. Default: no limit.",
        ),
        Expected("a number above 0"),
    ],
    "keep_finished": Annotated[
        bool,
        Field(
            description="When the time limit is over, keep the nuclei that are finished instead of failing; "
            "the next run tries the image again. Default: false."
        ),
        Expected("true or false"),
    ],
    "diameter": Annotated[
        float,
        Field(
            gt=0,
            allow_inf_nan=False,
            description="Diameter of a typical nucleus in pixels; replaces AF_scale.",
        ),
        Expected("a number above 0"),
    ],
    "config": Annotated[
        dict[str, Any],
        Expected("an object of hyperparameters"),
        Field(description="Hyperparameters, merged key by key into those of the ancestor task."),
    ],
    "base_config_path": Annotated[
        Text,
        Field(
            description="JSON file of hyperparameters, merged between those of the ancestor task and the "
            "task's own; absolute, or relative to this file; placeholders as in img_pathpattern."
        ),
    ],
}

Fields = TypedDict("Fields", FIELDS, total=False)  # type: ignore[misc]
Fields.__pydantic_config__ = ConfigDict(extra="forbid", strict=True)  # type: ignore[attr-defined]
Fields.__doc__ = "The fields of a ``task.json``; those left out are inherited from the nearest ancestor task."


@functools.cache
def _adapter() -> TypeAdapter[Any]:
    return TypeAdapter(Fields)


def names() -> list[str]:
    """Names of all fields."""
    return list(FIELDS)


def expected(name: str) -> str:
    """What the field `name` must be, in words."""
    return next(entry.text for entry in FIELDS[name].__metadata__ if isinstance(entry, Expected))


def problems(entries: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Name of each wrong field, and the problem."""
    wrong = {name: _unknown(name) for name in entries if not _is_unicode(name)}
    try:
        _adapter().validate_python({name: value for name, value in entries.items() if name not in wrong})
    except ValidationError as errors:
        for error in errors.errors():
            name = str(error["loc"][0])
            if error["type"] == "extra_forbidden":
                wrong[name] = _unknown(name)
            else:
                wrong[name] = _mismatch(name, entries[name])
    if "environ" not in wrong:
        wrong.update(("environ", problem) for problem in _environ_problems(entries.get("environ", {})))
    stage = entries.get("last_stage")
    if isinstance(stage, str) and stage not in STAGE_NAMES:
        wrong["last_stage"] = _mismatch("last_stage", stage)
    overlap = entries.get("merge_overlap_threshold")
    if isinstance(overlap, float) and math.isnan(overlap):
        wrong["merge_overlap_threshold"] = _mismatch("merge_overlap_threshold", overlap)
    ring = entries.get("ring")
    if "ring" not in wrong and ring is not None and not is_ring_width(ring):
        wrong["ring"] = _mismatch("ring", ring)
    yield from wrong.items()


def _is_unicode(text: str) -> bool:
    """Whether a string is valid Unicode: JSON can hold lone surrogates, which pydantic cannot read."""
    return not any("\ud800" <= each <= "\udfff" for each in text)


def _unknown(name: str) -> str:
    """Report an unknown field, with a suggestion."""
    name = shortened(name)
    if name in DECLARATIONS or any(key.startswith(f"{name}/") for key in DECLARATIONS):
        return f'unknown field {name}: it is a hyperparameter and belongs in "config".'
    near = difflib.get_close_matches(name, names(), 1, 0.6)
    return f"unknown field {name}" + (f": did you mean {near[0]}?" if near else ".")


def _environ_problems(environ: Mapping[str, str | int]) -> Iterator[str]:
    """What is wrong with the environment variables of a task, if anything."""
    forbidden = [json.dumps(name) for name in sorted(set(environ) - set(ENVIRON_NAMES))]
    if forbidden:
        yield (
            f"the field environ sets {shortened(joined(forbidden))}, but a task may only set "
            f"{joined(ENVIRON_NAMES)}: set other variables in the shell that runs the batch."
        )
    elif not all(map(_is_thread_count, environ.values())):
        yield f"the numbers in the field environ must be integers from 1 to {MAX_THREADS}."


def _is_thread_count(value: str | int) -> bool:
    text = str(value) if isinstance(value, str) or abs(value) <= MAX_THREADS else ""
    return text.isascii() and text.isdigit() and len(text) <= 4 and 1 <= int(text) <= MAX_THREADS


def _mismatch(name: str, value: Any) -> str:  # noqa: ANN401 - whatever a user writes
    text = shortened(json.dumps(value, ensure_ascii=False))
    return f"the field {name} is {text}, but must be {expected(name)}."


def schema() -> dict[str, Any]:
    """JSON Schema of ``task.json``, hyperparameters included."""
    result = _adapter().json_schema()
    config = _schema_of_config()
    config["description"] = result["properties"]["config"]["description"]
    result["properties"]["config"] = config
    result["properties"]["$schema"] = {
        "type": "string",
        "description": "Location of this schema, for editors.",
    }
    result["description"] = "A task; fields left out are inherited from the nearest ancestor task."
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **result, "title": "task.json"}


def _schema_of_config() -> dict[str, Any]:
    properties: dict[str, Any] = {}
    for key, parameter in DECLARATIONS.items():
        section, _, name = key.rpartition("/")
        where = properties
        if section:
            where = properties.setdefault(section, {**OBJECT, "properties": {}})["properties"]
        where[name] = _schema_of(parameter)
    return {
        **OBJECT,
        "properties": properties,
        "patternProperties": {"/": {"description": "A hyperparameter by its full name, such as dsm/alpha."}},
    }


OBJECT = {"type": "object", "additionalProperties": False}


def _schema_of(parameter: Hyperparameter) -> dict[str, Any]:
    result: dict[str, Any] = {"description": parameter.meaning}
    kinds = [JSON_TYPES[parameter.kind]] if parameter.kind in JSON_TYPES else []
    if parameter.accepts_none:
        kinds.append("null")
    if parameter.choices:
        result["enum"] = [*parameter.choices, *([None] if parameter.accepts_none else [])]
    elif kinds and parameter.kind != "any":
        result["type"] = kinds if len(kinds) > 1 else kinds[0]
    for word, limit in (
        ("minimum", parameter.minimum),
        ("maximum", parameter.maximum),
        ("exclusiveMinimum", parameter.above),
        ("exclusiveMaximum", parameter.below),
    ):
        if math.isfinite(limit):
            result[word] = limit
    if parameter.scaling is not None:
        result["description"] += f" (follows from the {parameter.scaling.unit} of the objects unless set)"
    elif isinstance(parameter.default, float) and not math.isfinite(parameter.default):
        result["description"] += f" (default: {'-' if parameter.default < 0 else ''}Infinity)"
    else:
        result["default"] = parameter.default
    if parameter.deprecated:
        result["deprecated"] = True
    return result
