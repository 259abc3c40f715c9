"""What of the settings is worth writing down, and the command that does the same."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from ..config import DECLARATIONS_OF, DEFAULT_PRESET, Config, Declarations, resolve_preset
from ..io import Source
from ..strictjson import strict_values


def settings_of(config: Config) -> Config:
    """Return the method and the hyperparameters that differ from its defaults.

    Parameters
    ----------
    config : Config
        Hyperparameters; not changed.
    """
    preset = resolve_preset(config)
    declared = DECLARATIONS_OF[preset]
    return Config({"preset": preset, **_differing("", config.entries, declared)})


def command_for(source: Source, config: Config) -> str:
    """Return the command line that segments an image file with these settings.

    Parameters
    ----------
    source : Source
        The file, and which channel, plane, time point and scene of it are used.
    config : Config
        Hyperparameters; only what differs from the defaults is named.

    Returns
    -------
    str
        One line, quoted for a shell.

    Examples
    --------
    >>> from pathlib import Path
    >>> command_for(Source(Path("my cells.tif"), channel=1), Config({"diameter": 31.0}))
    "superdsm-nb segment 'my cells.tif' -o 'my cells.labels.tif' --channel 1 --diameter 31.0"
    """
    words = ["superdsm-nb", "segment", str(source.path), "-o", f"{source.path.stem}.labels.tif"]
    for name, value in source.part.items():
        if value is not None:
            words += [f"--{name}", str(value)]
    settings = settings_of(config).entries
    preset = settings.pop("preset")
    if preset != DEFAULT_PRESET:
        words += ["--preset", preset]
    if settings.get("diameter") is not None:
        words += ["--diameter", str(settings.pop("diameter"))]
    for key, value in _leaves(settings):
        words += ["--set", f"{key}={json.dumps(strict_values(value))}"]
    return shlex.join(words)


def _differing(section: str, entries: Mapping[str, Any], declared: Declarations) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in entries.items():
        key = f"{section}{name}"
        if isinstance(value, Mapping):
            found |= _differing(f"{key}/", value, declared)
        elif key != "preset" and (declared[key].scaling is not None or value != declared[key].default):
            found[key] = value  # of what follows from the size, the default is not the declared one
    return found


def _leaves(entries: Mapping[str, Any], section: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in entries.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{section}{name}/")
        else:
            yield f"{section}{name}", value
