"""Content generated when the pages are built: tables from the code, and formulae as MathML.

A line such as ``<!-- table: fields -->`` is replaced by the table of that name. Formulae are written between
dollar signs, as in LaTeX; code between backticks is left unchanged.
"""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from superdsm_nb.batch import fields
from superdsm_nb.batch.spec import REQUIRED
from superdsm_nb.cli import app
from superdsm_nb.config import DECLARATIONS, DECLARATIONS_OF, Hyperparameter, Preset, preset_of

MARKER = re.compile(r"^<!-- table: ([\w-]+) -->$", re.MULTILINE)
CODE = re.compile(r"(^(`{3,}|~{3,}).*?^\2[ \t]*$|`[^`\n]+`)", re.MULTILINE | re.DOTALL)
FORMULA = re.compile(r"\$\$(.+?)\$\$|(?<![\\\w])\$(?!\s)([^$\n]+?)(?<!\s)\$(?!\w)", re.DOTALL)
PLACE = re.compile(r"FORMULA(BLOCK|INLINE)(\d+)E")
UNITS = {"scale": "scale", "scale^2": "scale²", "radius": "radius", "diameter": "diameter"}
KINDS = {"float": "number", "int": "whole number", "bool": "`true` or `false`", "str": "string", "any": "any"}
PLACEHOLDERS: dict[type, str] = {int: "N", Path: "PATH", str: "TEXT"}
PIPE = "\\|"
# Placeholders, JSON, values, names of fields and files, which Markdown might interpret.
VERBATIM = re.compile(
    r"(?<![`\w])(\{[^}]*\}|%0?\d?[sd]|(?:true|false|null)(?=:)|^(?:true|false)\b|[a-z]+_pathpattern|task\.json|AF_\w+=\d+"
    r"|dsm/\w+(?:=[\d.]+)?|--[a-z][\w-]*|~(?=:)|(?:\.[a-z]{3,}\b)|lo:hi:gain:cmap)(?!`)"
)

PATTERN = re.compile("a string in which .*")

_formulae: list[str] = []


def on_page_markdown(markdown: str, **_: Any) -> str:  # noqa: ANN401 - arguments of MkDocs
    """Insert tables, and take out formulae while the text is converted to HTML."""
    _formulae.clear()
    parts = CODE.split(expand(markdown))
    # Every third part is text; between them are code blocks and their opening marks.
    return "".join(
        FORMULA.sub(_take_out, part) if number % 3 == 0 else part
        for number, part in enumerate(parts)
        if number % 3 != 2 and part is not None
    )


def on_page_content(html: str, **_: Any) -> str:  # noqa: ANN401 - arguments of MkDocs
    """Insert the formulae again as MathML, which browsers render without a script."""
    from latex2mathml.converter import convert  # noqa: PLC0415 - not needed for tables

    def put_back(place: re.Match[str]) -> str:
        kind: Literal["block", "inline"] = "block" if place[1] == "BLOCK" else "inline"
        return convert(_formulae[int(place[2])], display=kind)

    return PLACE.sub(put_back, html)


def _take_out(formula: re.Match[str]) -> str:
    _formulae.append((formula[1] or formula[2]).strip())
    return f"FORMULA{'BLOCK' if formula[1] else 'INLINE'}{len(_formulae) - 1}E"


def expand(markdown: str) -> str:
    """Replace the markers of a page with the tables they name."""
    return MARKER.sub(lambda marker: "\n".join(TABLES[marker[1]]()), markdown)


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Lines of a table."""
    yield f"| {' | '.join(columns)} |"
    yield "|---" * len(columns) + "|"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', PIPE) for cell in row)} |"


def _anchored(name: str, shown: str | None = None) -> str:
    """A name in a table, with an anchor for links."""
    return f'<span id="{name.replace("/", "-").lower()}"></span>`{shown or name}`'


def _sentence(text: str) -> str:
    """A meaning as a sentence, with placeholders and names as code."""
    text = VERBATIM.sub(r"`\1`", text)
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


def hyperparameter_tables() -> Iterator[str]:
    """A table of what both methods share, and for each method one for every section of its own."""
    shared = [key for key in DECLARATIONS if preset_of(key) is None]
    yield "\n## Both methods\n"
    yield from _hyperparameter_table([(key, key) for key in shared])
    presets: tuple[Preset, ...] = ("automatic", "published")
    for preset in presets:
        yield f"\n## {preset.capitalize()} method\n"
        sections: dict[str, list[str]] = {}
        for key in DECLARATIONS_OF[preset]:
            if key not in shared:
                sections.setdefault(key.rpartition("/")[0], []).append(key)
        for section, keys in sections.items():
            yield f"\n### {section or 'General'}\n"
            yield from _hyperparameter_table([(key, key.rpartition("/")[2]) for key in keys])


def _hyperparameter_table(names: Sequence[tuple[str, str]]) -> Iterator[str]:
    """A table of hyperparameters, each given by its full name and the one to show."""
    yield from _table(
        ("name", "default", "range", "meaning"),
        [
            (
                _anchored(key, shown),
                _default(key),
                _range(DECLARATIONS[key]),
                _meaning(DECLARATIONS[key]),
            )
            for key, shown in names
        ],
    )


def _meaning(declared: Hyperparameter) -> str:
    """The meaning; for a factor, with the name of the value it scales."""
    if not declared.name.startswith("AF_") or declared.name == "AF_scale":
        return _sentence(declared.meaning)
    scaled = declared.name.removeprefix("AF_")
    return _sentence(re.sub(rf"\b{scaled}\b", f"`{scaled}`", declared.meaning).replace("^2", "²"))


def _default(key: str) -> str:
    """The default, or how it is derived from the size of the nuclei."""
    declared = DECLARATIONS[key]
    if declared.scaling is None:
        return _value(declared.default)
    text = f"`AF_{declared.name}` × {UNITS[declared.scaling.unit]}"
    if declared.kind == "int":
        text += ", truncated"
    return text if declared.scaling.minimum is None else f"{text}, at least {declared.scaling.minimum:g}"


def _value(value: object) -> str:
    """A value in JSON notation."""
    if isinstance(value, bool) or value is None:
        return {True: "`true`", False: "`false`", None: "`null`"}[value]
    if isinstance(value, float):
        return "`Infinity`" if math.isinf(value) else f"`{value:.6g}`"
    return f'`"{value}"`' if isinstance(value, str) else f"`{value}`"


def _range(declared: Hyperparameter) -> str:
    """The allowed values."""
    if declared.choices:
        return " or ".join(map(_value, declared.choices))
    text = KINDS[declared.kind]
    if declared.kind in ("float", "int"):
        limits = declared.range_text()
        text += "" if limits.startswith("a number") else f" {limits}"
    return f"{text}, or `null`" if declared.accepts_none else text


def field_table() -> Iterator[str]:
    """The fields of a ``task.json``."""
    described = fields.schema()["properties"]
    yield from _table(
        ("field", "must be", "meaning"),
        [
            (
                _anchored(name) + (" (required)" if name in REQUIRED else ""),
                VERBATIM.sub(r"`\1`", PATTERN.sub("a pattern", fields.expected(name))),
                _sentence(described[name]["description"]),
            )
            for name in fields.names()
        ],
    )


def command_tables() -> Iterator[str]:
    """A heading, a description, and the arguments and options of every command."""
    for command in app.registered_commands:
        callback = command.callback
        assert callback is not None
        name = command.name or callback.__name__.replace("_", "-")
        summary, _, more = inspect.cleandoc(callback.__doc__ or "").partition("\n\n")
        arguments, options = _parameters(callback)
        usage = [f"superdsm-nb {name}", *(["[OPTIONS]"] if options else []), *(row[0] for row in arguments)]
        yield f"\n## {name} {{#{name}}}\n"
        for paragraph in (summary, more):
            yield VERBATIM.sub(r"`\1`", paragraph.replace("\n", " ")) + "\n"
        yield f"```text\n{' '.join(usage)}\n```\n"
        if arguments:
            yield from _table(("argument", "meaning"), [(f"`{shown}`", text) for shown, text in arguments])
            yield ""
        if options:
            yield from _table(("option", "default", "meaning"), options)


def _parameters(callback: Callable[..., Any]) -> tuple[list[tuple[str, str]], list[tuple[str, str, str]]]:
    """Arguments and options of a command, from its signature."""
    arguments, options = [], []
    hints = get_type_hints(callback, include_extras=True)
    for name, parameter in inspect.signature(callback).parameters.items():
        kind, info = hints[name].__origin__, hints[name].__metadata__[0]
        kinds = [one for one in get_args(kind) if one is not type(None)] or [kind]
        several = get_origin(kinds[0]) is list or get_origin(kind) is list
        if type(info).__name__ == "ArgumentInfo":
            arguments.append((info.metavar + ("..." if several else ""), _sentence(info.help)))
            continue
        # In an annotation, the first name takes the place of a default.
        decls = [text for text in (info.default, *(info.param_decls or ())) if isinstance(text, str)]
        decls = decls or [f"--{name.replace('_', '-')}"]
        shown = ", ".join(f"`{decl}`" for decl in sorted(decls, key=len, reverse=True))
        default = parameter.default
        if get_origin(kind) is Literal:
            shown += f" {' or '.join(f'`{choice}`' for choice in get_args(kind))}"
        elif kind is not bool:
            shown += f" {info.metavar or PLACEHOLDERS.get(kinds[0], 'TEXT')}"
        if default is inspect.Parameter.empty:
            value = "required"
        elif default is None or default is False:
            value = ""
        else:
            value = f"`{default}`"
        options.append((shown, value, _sentence(info.help) + _limit(info.min)))
    return arguments, options


def _limit(least: float | None) -> str:
    return "" if not least else f" At least {least:g}."


TABLES: dict[str, Callable[[], Iterator[str]]] = {
    "hyperparameters": hyperparameter_tables,
    "fields": field_table,
    "commands": command_tables,
}
