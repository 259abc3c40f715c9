"""Hyperparameters from the image: its scale, and what follows from it."""

from __future__ import annotations

import math
import time

from numpy.typing import ArrayLike

from ..config import AutomationSettings, Config, GeneralSettings
from ..corrections import Corrections
from ..diameter import is_size_given, with_diameter
from ..errors import PipelineError
from ..events import Emit, LogLine, StageStarted, Warned, ignore
from ..image import intensities
from ..parallel import single_threaded_blas
from ..pipeline import Pipeline
from ..stage import PipelineData
from .scale import ESTIMATORS, scale_warnings


def create_config(
    pipeline: Pipeline, base_config: Config, image: ArrayLike, *, emit: Emit = ignore
) -> tuple[Config, float]:
    """Complete a configuration with the hyperparameters that follow from the scale of the objects.

    Those of the automatic method do not depend on it: their configuration is returned as it is.

    Parameters
    ----------
    pipeline : Pipeline
        Its stages declare which hyperparameters scale, and how.
    base_config : Config
        What the user sets; not changed. Values that are set (and not None) are kept. ``AF_scale`` sets the
        scale; otherwise it is estimated from the image.
    image : (H, W) array, or (H, W, 3) if ``histological`` is set
        The image as it was read.
    emit : callable, optional
        Receives a warning if the estimate is unreliable.

    Returns
    -------
    config : Config
        The completed configuration.
    scale : float
        Scale of the objects in pixels: radius / sqrt 2.

    Raises
    ------
    ScaleEstimationError
        If no scale can be estimated.
    """
    pipeline.check(base_config)
    if pipeline.preset == "automatic":
        data, config, _ = pipeline.process_image(image, base_config, last_stage=pipeline.stages[0].name)
        return config, measured_scale(data)
    base_config = with_diameter(base_config, None)
    g, _ = intensities(image, GeneralSettings.of(base_config).histological)
    scale = base_config.get("AF_scale")
    if scale is None:
        estimator = AutomationSettings.of(base_config).estimator
        scale = ESTIMATORS[estimator](g)
        for warning in scale_warnings(estimator, scale):
            emit(Warned(warning))
    return scaled_config(pipeline, base_config, scale), float(scale)


def scaled_config(pipeline: Pipeline, base_config: Config, scale: float) -> Config:
    """Complete a configuration with the hyperparameters that follow from a known scale (pixels)."""
    config = base_config.copy()
    if pipeline.preset == "automatic":
        return config
    config.set_default("AF_scale", None)
    declarations = pipeline.declarations
    config.set_default("automation/estimator", declarations["automation/estimator"].default)
    for key, automatic in declarations.automatic.items():
        factor = config.set_default(automatic, declarations[automatic].default, override_none=True)
        config.set_default(key, declarations[key].scaled_default(scale, factor), override_none=True)
    return config


def measured_scale(data: PipelineData) -> float:
    """Return the scale of the nuclei that the first stage of the automatic method has measured (pixels)."""
    if "radius" not in data:
        raise PipelineError("The stage preprocess, which measures the size of the nuclei, has not run.")
    return data["radius"] / math.sqrt(2)


def process_image(
    pipeline: Pipeline,
    base_config: Config,
    image: ArrayLike,
    *,
    first_stage: str | None = None,
    last_stage: str | None = None,
    data: PipelineData | None = None,
    scale: float | None = None,
    foreground: ArrayLike | None = None,
    corrections: Corrections | None = None,
    emit: Emit = ignore,
) -> tuple[PipelineData, Config, dict[str, float]]:
    """Segment an image with hyperparameters that follow from its scale.

    With the automatic method no hyperparameter depends on the scale, which is a result of its first stage.

    Parameters
    ----------
    pipeline : Pipeline
        The stages.
    base_config : Config
        What the user sets; not changed.
    image : (H, W) array, or (H, W, 3) if ``histological`` is set
        The image.
    first_stage, last_stage : str, optional
        Names of the first and last stage to run; all by default.
    data : PipelineData, optional
        Pipeline data object of the stages before `first_stage`, needed if that is not the first; not changed.
    scale : float, optional
        Scale that these stages were run with (pixels); nothing is estimated then.
    foreground : (H, W) array, optional
        Foreground given by the user, as for `superdsm_nb.foreground.signed_foreground`; for the automatic
        method only.
    corrections : Corrections, optional
        By hand.
    emit : callable, optional
        Receives the events.

    Returns
    -------
    data : PipelineData
        Pipeline data object.
    config : Config
        Hyperparameters used, every default filled in.
    timings : dict of str to float
        Seconds by stage; ``"scale"`` for the estimation of the scale.
    """
    if pipeline.preset == "automatic":
        data, config, timings = pipeline.process_image(
            image,
            base_config,
            first_stage=first_stage,
            last_stage=last_stage,
            data=data,
            foreground=foreground,
            corrections=corrections,
            emit=emit,
        )
        data["scale"] = measured_scale(data)
        return data, config, timings
    seconds: dict[str, float] = {}
    with single_threaded_blas():
        if scale is None:
            emit(StageStarted("scale"))
            start = time.perf_counter()
            config, scale = create_config(pipeline, base_config, image, emit=emit)
            given = " (given)" if is_size_given(base_config) else ""
            emit(LogLine(f"scale {scale:.2f} pixels{given}"))
            seconds["scale"] = time.perf_counter() - start
        else:
            config = scaled_config(pipeline, base_config, scale)
        data, config, timings = pipeline.process_image(
            image,
            config,
            first_stage=first_stage,
            last_stage=last_stage,
            data=data,
            foreground=foreground,
            corrections=corrections,
            emit=emit,
        )
    data["scale"] = scale
    return data, config, {**seconds, **timings}
