"""Hyperparameters: how they are stored, and the declarations they are checked against.

Nothing here imports NumPy or Numba: a task is checked before anything is computed.
"""

from .config import Config, read_json_object
from .hyperparameters import Declarations, Hyperparameter, Section, StageSettings
from .kinds import Scaling
from .sections import (
    AutomationSettings,
    EnergyMinimizationSettings,
    FitParameters,
    GeneralSettings,
    PostprocessSettings,
    PreprocessSettings,
    RegionAnalysisSettings,
)

GENERAL_SECTIONS: tuple[type[Section], ...] = (GeneralSettings, AutomationSettings)
STAGE_SECTIONS: tuple[type[StageSettings], ...] = (
    PreprocessSettings,
    FitParameters,
    RegionAnalysisSettings,
    EnergyMinimizationSettings,
    PostprocessSettings,
)
STAGE_NAMES = tuple(each.section for each in STAGE_SECTIONS)
DECLARATIONS = Declarations({each.section: each for each in (*GENERAL_SECTIONS, *STAGE_SECTIONS)})

__all__ = [
    "DECLARATIONS",
    "GENERAL_SECTIONS",
    "STAGE_NAMES",
    "STAGE_SECTIONS",
    "AutomationSettings",
    "Config",
    "Declarations",
    "EnergyMinimizationSettings",
    "FitParameters",
    "GeneralSettings",
    "Hyperparameter",
    "PostprocessSettings",
    "PreprocessSettings",
    "RegionAnalysisSettings",
    "Scaling",
    "Section",
    "StageSettings",
    "read_json_object",
]
