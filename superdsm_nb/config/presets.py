"""The two methods, what each declares, and which of them a configuration means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args

from ..errors import ConfigError
from .config import Config
from .hyperparameters import Declarations, Section, StageSettings
from .sections import (
    AutomaticEnergySettings,
    AutomaticFitSettings,
    AutomaticPostprocessSettings,
    AutomaticPreprocessSettings,
    AutomaticRegionSettings,
    AutomationSettings,
    CommonSettings,
    EnergyMinimizationSettings,
    FitParameters,
    GeneralSettings,
    PostprocessSettings,
    PreprocessSettings,
    Preset,
    RegionAnalysisSettings,
)

DEFAULT_PRESET: Preset = "automatic"  # if nothing decides
PRESETS: tuple[Preset, ...] = get_args(Preset)

GENERAL_SECTIONS: tuple[type[Section], ...] = (GeneralSettings, AutomationSettings)
STAGE_SECTIONS: tuple[type[StageSettings], ...] = (
    PreprocessSettings,
    FitParameters,
    RegionAnalysisSettings,
    EnergyMinimizationSettings,
    PostprocessSettings,
)
AUTOMATIC_STAGE_SECTIONS: tuple[type[StageSettings], ...] = (
    AutomaticPreprocessSettings,
    AutomaticFitSettings,
    AutomaticRegionSettings,
    AutomaticEnergySettings,
    AutomaticPostprocessSettings,
)
GENERAL_SECTIONS_OF: Mapping[Preset, tuple[type[Section], ...]] = {
    "automatic": (CommonSettings,),
    "published": GENERAL_SECTIONS,
}
STAGE_SECTIONS_OF: Mapping[Preset, tuple[type[StageSettings], ...]] = {
    "automatic": AUTOMATIC_STAGE_SECTIONS,
    "published": STAGE_SECTIONS,
}
STAGE_NAMES = tuple(each.section for each in STAGE_SECTIONS)


def _declarations(*presets: Preset) -> Declarations:
    sections: dict[str, tuple[type[Section], ...]] = {}
    for preset in presets:
        for each in (*GENERAL_SECTIONS_OF[preset], *STAGE_SECTIONS_OF[preset]):
            sections[each.section] = (*sections.get(each.section, ()), each)
    return Declarations(sections)


DECLARATIONS_OF: Mapping[Preset, Declarations] = {preset: _declarations(preset) for preset in PRESETS}
DECLARATIONS = _declarations("published", "automatic")  # of both methods


def resolve_preset(entries: Config | Mapping[str, Any]) -> Preset:
    """Return the method that a configuration means.

    The hyperparameter ``preset`` decides; if it is not set, the method that declares the hyperparameters that
    are set; without any that only one method declares, `DEFAULT_PRESET`.

    Parameters
    ----------
    entries : Config or mapping
        Hyperparameters that are set; unknown ones are ignored.

    Returns
    -------
    {"automatic", "published"}
        The method.

    Raises
    ------
    ConfigError
        If hyperparameters of both methods are set, or of the method that ``preset`` does not name.

    Examples
    --------
    >>> resolve_preset({"dsm": {"alpha": 0.5}}), resolve_preset({"preset": "automatic", "diameter": 31})
    ('published', 'automatic')
    """
    config = Config(entries)
    given = config.get("preset")
    if given is not None and given not in PRESETS:
        raise ConfigError(DECLARATIONS["preset"].complaint("preset", given, "literal_error"))
    first: dict[Preset, str] = {}
    for key in _keys(config.entries):
        preset = preset_of(key)
        if preset is not None:
            first.setdefault(preset, key)
    if given is not None:
        foreign = next((key for preset, key in first.items() if preset != given), None)
        if foreign is not None:
            raise ConfigError(
                f"The preset is {given}, but {foreign} is a hyperparameter of the {_other(given)} method: "
                "remove one of them."
            )
        return given
    if len(first) > 1:
        raise ConfigError(
            f"{first['published']} is a hyperparameter of the published method and {first['automatic']} of "
            "the automatic one: remove the hyperparameters of one of them."
        )
    return next(iter(first), DEFAULT_PRESET)


def preset_of(key: str) -> Preset | None:
    """Return the only method that declares a hyperparameter; None if both or none of them do."""
    declaring = [preset for preset in PRESETS if key in DECLARATIONS_OF[preset]]
    return declaring[0] if len(declaring) == 1 else None


def with_preset(config: Config, preset: Preset | None = None, *, has_foreground: bool = False) -> Config:
    """Return a configuration that names its method.

    Parameters
    ----------
    config : Config
        Not changed.
    preset : {"automatic", "published"}, optional
        The method, whatever ``preset`` is in the configuration.
    has_foreground : bool
        Whether the user gives the foreground, which the automatic method needs to use it.

    Returns
    -------
    Config
        A copy in which ``preset`` is set, and is the first entry.

    Raises
    ------
    ConfigError
        As for `resolve_preset`, or if a hyperparameter is unknown or out of its range, or if a foreground is
        given for the published method.
    """
    entries = dict(config.entries)
    if preset is not None:
        entries["preset"] = preset
    if has_foreground:
        entries = _for_foreground(entries)
    DECLARATIONS.check(entries)
    return Config({"preset": resolve_preset(entries), **_without_preset(entries)})


def _for_foreground(entries: dict[str, Any]) -> dict[str, Any]:
    if entries.get("preset") == "published":
        raise ConfigError(
            "A foreground is given, which the published method cannot use: remove it, or set preset to "
            "automatic."
        )
    published = next((key for key in _keys(entries) if preset_of(key) == "published"), None)
    if published is not None:
        raise ConfigError(
            f"A foreground is given, which only the automatic method can use, but {published} is a "
            "hyperparameter of the published method: remove one of them."
        )
    return {**entries, "preset": "automatic"}


def _without_preset(entries: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in entries.items() if key != "preset"}


def _other(preset: Preset) -> Preset:
    return "published" if preset == "automatic" else "automatic"


def _keys(entries: Mapping[str, Any]) -> Iterator[str]:
    """Full names of the hyperparameters that are set."""
    for section, value in entries.items():
        if isinstance(value, Mapping):
            yield from (f"{section}/{name}" for name in value)
        else:
            yield section
