"""The sections of the configuration: a class each, whose fields declare the hyperparameters."""

from .automatic import (
    AutomaticEnergySettings,
    AutomaticFitSettings,
    AutomaticPostprocessSettings,
    AutomaticPreprocessSettings,
    AutomaticRegionSettings,
)
from .c2freganal import RegionAnalysisSettings
from .dsm import FitParameters
from .general import AutomationSettings, CommonSettings, GeneralSettings, Preset
from .globalenergymin import EnergyMinimizationSettings
from .postprocess import PostprocessSettings
from .preprocess import PreprocessSettings

__all__ = [
    "AutomaticEnergySettings",
    "AutomaticFitSettings",
    "AutomaticPostprocessSettings",
    "AutomaticPreprocessSettings",
    "AutomaticRegionSettings",
    "AutomationSettings",
    "CommonSettings",
    "EnergyMinimizationSettings",
    "FitParameters",
    "GeneralSettings",
    "PostprocessSettings",
    "PreprocessSettings",
    "Preset",
    "RegionAnalysisSettings",
]
