"""Hyperparameters: how they are stored, and the declarations they are checked against.

Nothing here imports NumPy or Numba: a task is checked before anything is computed.
"""

from .config import Config, read_json_object
from .hyperparameters import Declarations, Hyperparameter, Section, StageSettings
from .kinds import Scaling
from .presets import (
    DECLARATIONS,
    DECLARATIONS_OF,
    DEFAULT_PRESET,
    GENERAL_SECTIONS,
    GENERAL_SECTIONS_OF,
    PRESETS,
    STAGE_NAMES,
    STAGE_SECTIONS,
    STAGE_SECTIONS_OF,
    preset_of,
    resolve_preset,
    with_preset,
)
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

__all__ = [
    "DECLARATIONS",
    "DECLARATIONS_OF",
    "DEFAULT_PRESET",
    "GENERAL_SECTIONS",
    "GENERAL_SECTIONS_OF",
    "PRESETS",
    "STAGE_NAMES",
    "STAGE_SECTIONS",
    "STAGE_SECTIONS_OF",
    "AutomaticEnergySettings",
    "AutomaticFitSettings",
    "AutomaticPostprocessSettings",
    "AutomaticPreprocessSettings",
    "AutomaticRegionSettings",
    "AutomationSettings",
    "CommonSettings",
    "Config",
    "Declarations",
    "EnergyMinimizationSettings",
    "FitParameters",
    "GeneralSettings",
    "Hyperparameter",
    "PostprocessSettings",
    "PreprocessSettings",
    "Preset",
    "RegionAnalysisSettings",
    "Scaling",
    "Section",
    "StageSettings",
    "preset_of",
    "read_json_object",
    "resolve_preset",
    "with_preset",
]
