"""Hyperparameters of the automatic method; lengths are in units of the radius of the nuclei."""

from typing import Annotated, ClassVar

from pydantic import Field
from pydantic.dataclasses import dataclass

from ..hyperparameters import STRICT, StageSettings
from ..kinds import Number


@dataclass(frozen=True, kw_only=True, config=STRICT)
class AutomaticPreprocessSettings(StageSettings):
    """How the image is resized, and how its foreground is found."""

    section: ClassVar[str] = "preprocess"

    canonical_radius: Annotated[
        Number,
        Field(ge=4, le=100, description="radius of the nuclei in the resized image (pixels)"),
    ] = 12.0
    max_zoom: Annotated[
        Number, Field(gt=0, le=16, description="the image is enlarged at most by this factor")
    ] = 4.0
    smoothing: Annotated[
        Number,
        Field(
            ge=0,
            le=10,
            description="smoothing against noise: standard deviation of a Gaussian, as a multiple of the "
            "radius of the nuclei",
        ),
    ] = 0.1


@dataclass(frozen=True, kw_only=True, config=STRICT)
class AutomaticFitSettings(StageSettings):
    """How flexible outlines are."""

    section: ClassVar[str] = "dsm"

    stiffness: Annotated[
        Number,
        Field(
            ge=0,
            le=1e6,
            description="strength of the regularisation, as a multiple of the squared radius of the nuclei: "
            "larger values keep outlines closer to ellipses",
        ),
    ] = 0.00025
    deformation_width: Annotated[
        Number,
        Field(
            gt=0,
            le=100,
            description="width of the deformations, as a multiple of the radius of the nuclei",
        ),
    ] = 0.33
    deformation_spacing: Annotated[
        Number,
        Field(
            gt=0,
            le=100,
            description="spacing of the deformations, as a multiple of the radius of the nuclei",
        ),
    ] = 0.67
    margin: Annotated[
        Number,
        Field(
            ge=0,
            le=100,
            description="background up to this distance from the foreground is part of the fits, as a "
            "multiple of the radius of the nuclei",
        ),
    ] = 0.67


@dataclass(frozen=True, kw_only=True, config=STRICT)
class AutomaticRegionSettings(StageSettings):
    """How the foreground is divided."""

    section: ClassVar[str] = "c2f-region-analysis"

    max_irregularity: Annotated[
        Number,
        Field(
            ge=0,
            description="foreground with a larger fraction of boundary pixels is discarded as noise",
        ),
    ] = 0.5


@dataclass(frozen=True, kw_only=True, config=STRICT)
class AutomaticEnergySettings(StageSettings):
    """How the best combination of objects is found."""

    section: ClassVar[str] = "global-energy-minimization"

    object_cost: Annotated[
        Number,
        Field(
            ge=0,
            le=1e6,
            description="constant cost per object, as a multiple of the squared radius of the nuclei: larger "
            "values give fewer, larger objects",
        ),
    ] = 0.33


@dataclass(frozen=True, kw_only=True, config=STRICT)
class AutomaticPostprocessSettings(StageSettings):
    """Which objects are discarded."""

    section: ClassVar[str] = "postprocess"

    min_radius: Annotated[
        Number,
        Field(
            ge=0,
            description="discard objects with a smaller radius, as a multiple of the radius of the nuclei",
        ),
    ] = 0.25
