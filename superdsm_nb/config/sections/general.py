"""General hyperparameters: the method, the size of the objects and the kind of image."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from ..hyperparameters import STRICT, Section
from ..kinds import Flag, Number

Preset = Literal["automatic", "published"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class CommonSettings(Section):
    """The top level of a configuration, as far as both methods share it."""

    preset: Annotated[
        Preset | None,
        Field(
            description="which method runs: automatic, which measures the nuclei and needs no tuning; or "
            "published, as in the publication; null: decided by the hyperparameters that are set"
        ),
    ] = None
    diameter: Annotated[
        Number | None,
        Field(
            gt=0,
            le=282_842,
            description="diameter of a typical nucleus (pixels); null: estimated from the image",
        ),
    ] = None


@dataclass(frozen=True, kw_only=True, config=STRICT)
class GeneralSettings(CommonSettings):
    """The top level of a configuration of the published method."""

    AF_scale: Annotated[
        Number | None,
        Field(
            gt=0,
            le=1e5,
            description="scale of the objects (radius / sqrt 2, pixels); null: estimated from the image",
        ),
    ] = None
    histological: Annotated[
        Flag,
        Field(
            description="true: bright-field colour image of stained nuclei; intensity is the inverted mean "
            "over the channels"
        ),
    ] = False


@dataclass(frozen=True, kw_only=True, config=STRICT)
class AutomationSettings(Section):
    """How hyperparameters are derived from the image."""

    section: ClassVar[str] = "automation"

    estimator: Annotated[
        Literal["published", "robust"],
        Field(
            description="how the scale is estimated if AF_scale is null: published, as in the publication; "
            "or robust, which is nearly insensitive to noise and crops, and finds small nuclei, too"
        ),
    ] = "published"
