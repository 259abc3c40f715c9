"""Which stages have to run again after a change of hyperparameters."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..config import AutomationSettings, Config, GeneralSettings, Preset, resolve_preset
from ..diameter import is_size_given
from ..pipeline import Pipeline
from .automation import scaled_config


def first_change(pipeline: Pipeline, used: Config, wanted: Config, scale: float) -> int:
    """Find the first stage that would give another result.

    Parameters
    ----------
    pipeline : Pipeline
        The stages.
    used : Config
        Hyperparameters that a result was made with, every default filled in.
    wanted : Config
        Hyperparameters that are set now; not changed.
    scale : float
        Scale that the result was made with (pixels).

    Returns
    -------
    int
        Its position; the number of stages if there is none.
    """
    if in_general(wanted) != in_general(used):
        return 0
    config = scaled_config(pipeline, wanted, scale)
    for position, stage in enumerate(pipeline.stages):
        stage.fill_defaults(config)
        if _in_effect(config, stage.name) != _in_effect(used, stage.name):
            return position
    return len(pipeline.stages)


def in_general(config: Config) -> tuple[Preset, GeneralSettings, str | None]:
    """What all stages depend on: method, size, kind of image, and the estimator if the size is estimated."""
    general = replace(GeneralSettings.of(config), preset=None)
    estimator = None if is_size_given(config) else AutomationSettings.of(config).estimator
    return resolve_preset(config), general, estimator


def _in_effect(config: Config, section: str) -> dict[str, Any]:
    """Values of a section without the factors they were derived from."""
    values: dict[str, Any] = config.get(section, {})
    return {name: value for name, value in values.items() if not name.startswith("AF_")}
