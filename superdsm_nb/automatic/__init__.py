"""The automatic method: five stages with the names of the published ones, which need no tuning."""

from .ahead import compile_later_stages, start_compiling
from .dsm import AutomaticFitSetup
from .energy import AutomaticEnergyMinimization
from .postprocess import AutomaticPostprocessing
from .preprocess import AutomaticPreprocessing
from .regions import AutomaticRegionAnalysis

__all__ = [
    "AutomaticEnergyMinimization",
    "AutomaticFitSetup",
    "AutomaticPostprocessing",
    "AutomaticPreprocessing",
    "AutomaticRegionAnalysis",
    "compile_later_stages",
    "start_compiling",
]
