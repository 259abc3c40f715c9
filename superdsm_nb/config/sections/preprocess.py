"""Hyperparameters of the first stage."""

import math
from typing import Annotated, ClassVar

from pydantic import Field
from pydantic.dataclasses import dataclass

from ..hyperparameters import STRICT, StageSettings
from ..kinds import Flag, Number, Scaling


@dataclass(frozen=True, kw_only=True, config=STRICT)
class PreprocessSettings(StageSettings):
    """How offset intensities are computed."""

    section: ClassVar[str] = "preprocess"

    sigma1: Annotated[
        Number,
        Field(
            ge=0,
            le=1e5,
            description="smoothing against noise: standard deviation of a Gaussian (pixels)",
        ),
    ] = math.sqrt(2)
    sigma2: Annotated[
        Number,
        Field(
            ge=0,
            le=1e5,
            description="width of the local mean that is subtracted as background (pixels); about the scale "
            "of the objects",
        ),
        Scaling(unit="scale", default=1.0),
    ] = 40.0
    offset_clip: Annotated[
        Number,
        Field(
            gt=0,
            description="brighter pixels count towards the local background only up to this many standard "
            "deviations of the image; infinite: in full",
        ),
    ] = 3.0
    lower_clip_mean: Annotated[
        Flag, Field(description="true: the local background is never below the mean of the image")
    ] = False
