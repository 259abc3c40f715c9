"""What of a configuration is worth writing down."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..config import DECLARATIONS_OF, Config, Declarations, resolve_preset


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


def _differing(section: str, entries: Mapping[str, Any], declared: Declarations) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in entries.items():
        key = f"{section}{name}"
        if isinstance(value, Mapping):
            found |= _differing(f"{key}/", value, declared)
        elif key != "preset" and (declared[key].scaling is not None or value != declared[key].default):
            found[key] = value  # of what follows from the size, the default is not the declared one
    return found
