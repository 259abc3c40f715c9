"""Hyperparameters as a nested mapping addressed by paths such as ``"dsm/alpha"``."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable, Mapping
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from ..errors import ConfigError, shortened
from ..regularfiles import read_regular
from ..strictjson import MAX_SIZE, NOT_FINITE, loads, strict_values

MAX_PARTS = 10  # of the name of a hyperparameter: "dsm/alpha" has two


class Config:
    """A set of hyperparameters.

    Parameters
    ----------
    entries : Config, mapping, or None
        Initial values (copied), nested: ``{"dsm": {"alpha": 0.5}}``.

    Examples
    --------
    >>> config = Config({"dsm": {"alpha": 0.5}})
    >>> config["dsm/epsilon"] = 2.0
    >>> config.get("dsm/alpha"), config.get("postprocess/min_contrast", 1.35)
    (0.5, 1.35)
    """

    def __init__(self, entries: Config | Mapping[str, Any] | None = None) -> None:
        source = entries.entries if isinstance(entries, Config) else entries
        if source is not None and not isinstance(source, Mapping):
            raise ConfigError(f'A configuration is a mapping such as {{"AF_scale": 11}}, not {source!r}.')
        self.entries: dict[str, Any] = _plain(source or {})

    @classmethod
    def load(cls, path: str | Path) -> Config:
        """Read a JSON file; ``Infinity``, ``-Infinity`` and ``NaN`` are accepted, also as strings.

        Raises
        ------
        ConfigError
            If the file cannot be read, is not JSON, or does not hold an object.
        """
        return cls(read_json_object(path))

    def get(self, key: str, default: Any = None) -> Any:  # noqa: ANN401
        """Value at `key`, or `default` if there is none."""
        node: Any = self.entries
        for name in key.split("/"):
            if not isinstance(node, Mapping) or name not in node:
                return default
            node = node[name]
        return node

    def set_default(self, key: str, default: Any, override_none: bool = False) -> Any:  # noqa: ANN401
        """Set `key` unless it is set (or, with `override_none`, is None); return its value."""
        if key not in self or (override_none and self[key] is None):
            self[key] = default
        return self[key]

    def update(self, key: str, function: Callable[[Any], Any]) -> Any:  # noqa: ANN401
        """Replace the value at `key` by ``function(value)`` (None if it is not set) and return it."""
        self[key] = function(self.get(key))
        return self[key]

    def merge(self, other: Config | Mapping[str, Any]) -> Config:
        """Merge the values of `other` into these, key by key, in place; return self."""
        _merge(self.entries, _plain(other.entries if isinstance(other, Config) else other))
        return self

    def pop(self, key: str, default: Any = None) -> Any:  # noqa: ANN401
        """Remove `key` and return its value, or `default` if there is none."""
        if key not in self:
            return default
        *path, name = key.split("/")
        node = self.entries
        for part in path:
            node = node[part]
        return node.pop(name)

    def copy(self) -> Config:
        """Return an independent copy."""
        return Config(self)

    def derive(self, other: Config | Mapping[str, Any]) -> Config:
        """Return a copy with the values of `other` merged into it."""
        return self.copy().merge(other)

    def dumps(self) -> str:
        """JSON text, two-space indented; infinite values are written as the string ``"Infinity"``."""
        return json.dumps(strict_values(self.entries), indent=2, default=_json_value, allow_nan=False)

    def dump_json(self, path: str | Path) -> None:
        """Write the JSON text to a file."""
        Path(path).write_text(self.dumps() + "\n", encoding="utf-8")

    @property
    def digest(self) -> str:
        """SHA-256 of the values, independent of the order of keys (hexadecimal)."""
        text = json.dumps(self.entries, sort_keys=True, separators=(",", ":"), default=_json_value)
        return hashlib.sha256(text.encode()).hexdigest()

    def __getitem__(self, key: str) -> Any:  # noqa: ANN401
        missing = object()
        value = self.get(key, missing)
        if value is missing:
            raise KeyError(key)
        return value

    def __setitem__(self, key: str, value: Any) -> None:  # noqa: ANN401
        *path, name = _parts(key)
        node = self.entries
        for part in path:
            node = node.setdefault(part, {})
            if not isinstance(node, dict):
                raise ConfigError(f"Cannot set {key}: {part} is a value, not a section of hyperparameters.")
        node[name] = _plain(value) if isinstance(value, (Mapping, Config, str)) else value

    def __contains__(self, key: str) -> bool:
        missing = object()
        return self.get(key, missing) is not missing

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Config) and self.entries == other.entries

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Config({self.entries!r})"

    def __str__(self) -> str:
        return self.dumps()


def read_json_object(path: str | Path) -> dict[str, Any]:
    """Read a JSON file that holds an object; ``Infinity``, ``-Infinity`` and ``NaN`` are accepted.

    Raises
    ------
    ConfigError
        If the file cannot be read, is not JSON, names a key twice, or does not hold an object.
    """
    try:
        text = read_regular(Path(path), MAX_SIZE).decode("utf-8-sig")  # Notepad writes a byte order mark
        entries = loads(text)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not a UTF-8 text file.") from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise ConfigError(f"{path} is not valid JSON at {where}: {error.msg}{_json_hint(error)}.") from error
    except ValueError as error:  # a key that occurs twice, or no measure
        raise ConfigError(f"{path} is not valid JSON: {error}.") from error
    if not isinstance(entries, dict):
        raise ConfigError(f"{path} must hold a JSON object, such as {{}}.")
    return entries


def _parts(key: str) -> list[str]:
    """Split the name of a hyperparameter at its slashes."""
    parts = key.split("/")
    if len(parts) > MAX_PARTS:
        raise ConfigError(f"There is no hyperparameter {shortened(key)}: its name has too many parts.")
    return parts


def _json_hint(error: json.JSONDecodeError) -> str:
    """A hint at the usual cause of a JSON error."""
    if error.doc[: error.pos].rstrip().endswith(",") and error.doc[error.pos : error.pos + 1] in "]}":
        return "; remove the comma before it"
    if error.msg.startswith("Invalid \\escape"):
        return "; write / in paths, or \\\\ for each \\"
    return ""


def _json_value(value: Any) -> Any:  # noqa: ANN401
    """A JSON value for `value`: plain numbers for NumPy's numbers, the repr of anything else."""
    if isinstance(value, Integral):
        return int(value)
    return float(value) if isinstance(value, Real) else repr(value)


def _plain(entries: Any) -> Any:  # noqa: ANN401
    """Copy, with mappings as dictionaries, keys such as ``"dsm/alpha"`` split, and infinity as a number."""
    if isinstance(entries, Config):
        entries = entries.entries
    if isinstance(entries, Mapping):
        result: dict[str, Any] = {}
        for key, value in entries.items():
            section, *rest = _parts(str(key))
            _merge(result, {section: _plain({"/".join(rest): value} if any(rest) else value)})
        return result
    if isinstance(entries, str):
        return NOT_FINITE.get(entries, entries)
    return entries if callable(entries) else copy.deepcopy(entries)


def _merge(target: dict[str, Any], source: Mapping[str, Any]) -> None:
    for key, value in source.items():
        if isinstance(value, Mapping) and isinstance(target.get(key), dict):
            _merge(target[key], value)
        else:
            target[key] = value
