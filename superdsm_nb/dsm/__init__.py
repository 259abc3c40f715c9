"""Deformable shape models: the energy of a region, its minimisation, and the fit that does both."""

from ..config import FitParameters
from .energy import Energy
from .fitting import Fit, FitResult, fit
from .model import DeformableShapeModel, Frame, change_frame
from .solvers import Solution, minimize

__all__ = [
    "DeformableShapeModel",
    "Energy",
    "Fit",
    "FitParameters",
    "FitResult",
    "Frame",
    "Solution",
    "change_frame",
    "fit",
    "minimize",
]
