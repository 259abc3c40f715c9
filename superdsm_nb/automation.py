"""Hyperparameters from the image: its scale, and what follows from it."""

from __future__ import annotations

import time
from typing import Any

from numpy.typing import ArrayLike

from .config import Config
from .image import intensities
from .parallel import single_threaded_blas
from .pipeline import Output, Pipeline
from .scale import ESTIMATORS, doubts


def create_config(
    pipeline: Pipeline, base_config: Config, image: ArrayLike, out: Output | None = None
) -> tuple[Config, float]:
    """Complete a configuration with the hyperparameters that follow from the scale of the objects.

    Parameters
    ----------
    pipeline : Pipeline
        Its stages declare which hyperparameters scale, and how.
    base_config : Config
        What the user sets; not changed. Values that are set (and not None) are kept. ``AF_scale`` sets the
        scale; otherwise it is estimated from the image.
    image : (H, W) array, or (H, W, 3) if ``histological`` is set
        The image as it was read.
    out : Output, optional
        Takes the warning that an estimate is not to be trusted.

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
    g, _ = intensities(image, base_config.get("histological", False))
    scale = base_config.get("AF_scale")
    if scale is None:
        estimator = base_config.get("automation/estimator") or "published"
        scale = ESTIMATORS[estimator](g)
        for doubt in doubts(estimator, scale):
            (out or Output()).warn(doubt)
    return scaled_config(pipeline, base_config, scale), float(scale)


def scaled_config(pipeline: Pipeline, base_config: Config, scale: float) -> Config:
    """Complete a configuration with the hyperparameters that follow from a known scale (pixels)."""
    config = base_config.copy()
    config.set_default("AF_scale", None)
    declarations = pipeline.declarations
    config.set_default("automation/estimator", declarations["automation/estimator"].default)
    for key, automatic in declarations.automatic.items():
        factor = config.set_default(automatic, declarations[automatic].default, override_none=True)
        config.set_default(key, declarations[key].scaled_default(scale, factor), override_none=True)
    return config


def process_image(
    pipeline: Pipeline,
    base_config: Config,
    image: ArrayLike,
    last_stage: str | None = None,
    out: Output | None = None,
    first_stage: str | None = None,
    data: dict[str, Any] | None = None,
    scale: float | None = None,
) -> tuple[dict[str, Any], Config, dict[str, float]]:
    """Segment an image with hyperparameters that follow from its scale.

    Parameters
    ----------
    pipeline : Pipeline
        The stages.
    base_config : Config
        What the user sets; not changed.
    image : (H, W) array, or (H, W, 3) if ``histological`` is set
        The image.
    last_stage : str, optional
        Name of the last stage to run.
    out : Output, optional
        Takes progress and log lines.
    first_stage, data, scale : optional
        To start at a later stage: its name, the pipeline data object of the stages before it, and the scale
        that they were run with.

    Returns
    -------
    data : dict
        Pipeline data object.
    config : Config
        Hyperparameters used, every default filled in.
    timings : dict of str to float
        Seconds by stage; ``"scale"`` for the estimation of the scale.
    """
    out = out or Output()
    seconds: dict[str, float] = {}
    with single_threaded_blas():
        if scale is None:
            out.stage("scale")
            start = time.perf_counter()
            config, scale = create_config(pipeline, base_config, image, out)
            given = " (given)" if base_config.get("AF_scale") is not None else ""
            out.log(f"scale {scale:.2f} pixels{given}")
            seconds["scale"] = time.perf_counter() - start
        else:
            config = scaled_config(pipeline, base_config, scale)
        data, config, timings = pipeline.process_image(image, config, first_stage, last_stage, data, out)
    data["scale"] = scale
    return data, config, {**seconds, **timings}
