"""The sections of the configuration: a class each, whose fields declare the hyperparameters."""

from .c2freganal import RegionAnalysisSettings
from .dsm import FitParameters
from .general import AutomationSettings, GeneralSettings
from .globalenergymin import EnergyMinimizationSettings
from .postprocess import PostprocessSettings
from .preprocess import PreprocessSettings

__all__ = [
    "AutomationSettings",
    "EnergyMinimizationSettings",
    "FitParameters",
    "GeneralSettings",
    "PostprocessSettings",
    "PreprocessSettings",
    "RegionAnalysisSettings",
]
