"""Hyperparameters from the image: its scale, what follows from it, and where each value comes from."""

from .automation import create_config, process_image, scaled_config
from .explanation import Explanation, explain
from .scale import estimate_scale, estimate_scale_robustly

__all__ = [
    "Explanation",
    "create_config",
    "estimate_scale",
    "estimate_scale_robustly",
    "explain",
    "process_image",
    "scaled_config",
]
