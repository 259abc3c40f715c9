"""The JSON Schema of task.json says what the reader accepts."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import pytest

from superdsm_nb.batch.fields import names, schema
from superdsm_nb.config import DECLARATIONS

from support.task_fields import EXAMPLES, WRONG

TASKS = Path(__file__).parents[2] / "tasks"
READY = sorted(TASKS.rglob("task.json"))
DECLARED = DECLARATIONS
TYPES = {
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "string": lambda value: isinstance(value, str),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
    "null": lambda value: value is None,
}
LIMITS = {
    "minimum": lambda value, limit: value >= limit,
    "maximum": lambda value, limit: value <= limit,
    "exclusiveMinimum": lambda value, limit: value > limit,
    "exclusiveMaximum": lambda value, limit: value < limit,
}
REMARKS = {"$schema", "title", "description", "default"}
KEYWORDS = {
    *(
        "type",
        "enum",
        "pattern",
        "deprecated",
        "anyOf",
        "items",
        "properties",
        "propertyNames",
        "patternProperties",
        "additionalProperties",
    ),
    *LIMITS,
    *REMARKS,
}


def parts_of(part):
    """A schema and all schemas in it."""
    yield part
    inner = [*part.get("anyOf", ()), *part.get("properties", {}).values()]
    inner += [*part.get("patternProperties", {}).values()]
    inner += [part[key] for key in ("items", "additionalProperties") if isinstance(part.get(key), dict)]
    for entry in inner:
        yield from parts_of(entry)


def conforms(value, part):
    """Whether a value conforms to a schema, as far as KEYWORDS go."""
    kinds = part.get("type", list(TYPES))
    if not any(TYPES[kind](value) for kind in ([kinds] if isinstance(kinds, str) else kinds)):
        return False
    if "enum" in part and value not in part["enum"]:
        return False
    if "propertyNames" in part and not all(conforms(name, part["propertyNames"]) for name in value):
        return False
    if "pattern" in part and not re.search(part["pattern"], value):
        return False
    if "anyOf" in part and not any(conforms(value, option) for option in part["anyOf"]):
        return False
    if TYPES["number"](value):
        return all(holds(value, part[name]) for name, holds in LIMITS.items() if name in part)
    if isinstance(value, list):
        return all(conforms(entry, part.get("items", {})) for entry in value)
    if isinstance(value, dict):
        return all(conforms_as(part, name, entry) for name, entry in value.items())
    return True


def conforms_as(part, name, value):
    """Whether an object of a schema may have a property of that value."""
    found = [part["properties"][name]] if name in part.get("properties", {}) else []
    found += [entry for infix, entry in part.get("patternProperties", {}).items() if infix in name]
    if not found:
        rest = part.get("additionalProperties", True)
        return rest if isinstance(rest, bool) else conforms(value, rest)
    return all(conforms(value, entry) for entry in found)


def schema_of(key):
    """What the schema says of a hyperparameter."""
    part = schema()["properties"]["config"]
    for name in key.split("/"):
        part = part["properties"][name]
    return part


def test_the_schema_is_json_that_every_reader_understands():
    text = json.dumps(schema(), allow_nan=False)

    assert json.loads(text) == schema()
    assert schema()["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_the_schema_uses_the_words_of_json_schema_only():
    for part in parts_of(schema()):
        kinds = part.get("type", [])
        assert set(part) <= KEYWORDS
        assert set([kinds] if isinstance(kinds, str) else kinds) <= set(TYPES)
        assert "default" not in part or conforms(part["default"], part)


def test_the_schema_describes_every_field_and_allows_no_other():
    properties = schema()["properties"]

    assert list(properties) == [*names(), "$schema"]
    assert all(part["description"].endswith(".") for part in properties.values())
    assert schema()["additionalProperties"] is False


@pytest.mark.parametrize("key", DECLARED)
def test_the_schema_gives_the_meaning_default_and_range_of_every_hyperparameter(key):
    parameter, part = DECLARED[key], schema_of(key)

    assert part["description"].startswith(parameter.meaning)
    if parameter.scaling is not None:
        assert "follows from the" in part["description"]
    elif parameter.default in (math.inf, -math.inf):
        assert "Infinity" in part["description"]
    else:
        assert part["default"] == parameter.default
    limits = zip(
        ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
        (parameter.minimum, parameter.maximum, parameter.above, parameter.below),
        strict=True,
    )
    assert {name: part[name] for name in LIMITS if name in part} == {
        name: limit for name, limit in limits if math.isfinite(limit)
    }


def test_the_schema_allows_no_other_hyperparameter():
    described = [
        key
        for section, part in schema()["properties"]["config"]["properties"].items()
        for key in (
            [f"{section}/{name}" for name in part["properties"]] if "properties" in part else [section]
        )
    ]

    assert sorted(described) == sorted(DECLARED)
    assert not conforms({"config": {"dsm": {"aplha": 1}}}, schema())
    assert not conforms({"config": {"AF_scal": 1}}, schema())


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize("index", [0, 1])
def test_the_schema_allows_what_is_read(name, index):
    assert conforms({name: EXAMPLES[name][index]}, schema())


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, value, _ in WRONG if value not in (2.0, math.inf)]
)
def test_the_schema_refuses_what_is_not_read(name, value):
    assert not conforms({name: value}, schema())


@pytest.mark.parametrize(
    "config",
    [{"AF_scale": 0}, {"AF_scale": "11"}, {"dsm": 1}, {"dsm": {"solver": "none"}}, {"dsm": {"alpha": -1}}],
)
def test_the_schema_refuses_hyperparameters_that_are_not_read(config):
    assert not conforms({"config": config}, schema())


@pytest.mark.parametrize("path", READY, ids=lambda path: path.parent.relative_to(TASKS).as_posix())
def test_the_ready_tasks_conform_to_the_schema(path):
    assert conforms(json.loads(path.read_text(encoding="utf-8")), schema())
