"""The hyperparameters that would be used for an image, and where each value comes from."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from numpy.typing import ArrayLike

from ..config import Config
from ..diameter import is_size_given
from ..events import Emit, ignore
from ..pipeline import Pipeline
from .automation import create_config

GIVEN, DEFAULT, ESTIMATED = "given", "default", "estimated from the image"


@dataclass(frozen=True)
class Explanation:
    """One hyperparameter.

    Attributes
    ----------
    key : str
        Its full name, such as "dsm/alpha".
    value : Any
        Its value.
    origin : str
        "given", "default", "estimated from the image", or a factor and its unit, such as "0.5 x scale".
    default : Any
        Its value if the user does not set it; for values that follow from the scale, the factor and its unit.
    meaning : str
        Its effect on the result.
    deprecated : bool
        Whether it is accepted for compatibility only, and ignored.
    """

    key: str
    value: Any
    origin: str
    default: Any
    meaning: str
    deprecated: bool = False


def explain(
    pipeline: Pipeline, base_config: Config, image: ArrayLike, *, emit: Emit = ignore
) -> tuple[list[Explanation], float]:
    """Complete a configuration for an image and explain where each value comes from.

    Parameters
    ----------
    pipeline : Pipeline
        Its stages declare the hyperparameters.
    base_config : Config
        What the user sets; not changed.
    image : (H, W) array, or (H, W, 3) if ``histological`` is set
        The image.
    emit : callable, optional
        Receives a warning if the estimated scale is unreliable.

    Returns
    -------
    explanations : list of Explanation
        In the order of the stages.
    scale : float
        Scale used (pixels).

    Raises
    ------
    ScaleEstimationError
        If no scale can be estimated and ``AF_scale`` is not set.
    """
    config, scale = create_config(pipeline, base_config, image, emit=emit)
    for stage in pipeline.stages:
        stage.fill_defaults(config)
    declarations = pipeline.declarations
    found = []
    for key, declared in declarations.items():
        if key == "diameter" and pipeline.preset == "published":
            continue  # it stands for AF_scale
        value, default, origin = config.get(key, declared.default), declared.default, DEFAULT
        if key == "diameter":
            value, default, origin = 2 * math.sqrt(2) * scale, ESTIMATED, ESTIMATED
        elif key == "preset":
            value = pipeline.preset
        elif key == "AF_scale":
            value, default, origin = scale, ESTIMATED, ESTIMATED
        elif declared.scaling is not None:
            factor, unit = declarations.automatic[key], declared.scaling.unit
            origin = f"{config[factor]:g} x {unit}"
            default = f"{declarations[factor].default:g} x {unit}"
        if base_config.get(key) is not None or (key == "AF_scale" and is_size_given(base_config)):
            origin = GIVEN
        found.append(Explanation(key, value, origin, default, declared.meaning, declared.deprecated))
    return found, scale
