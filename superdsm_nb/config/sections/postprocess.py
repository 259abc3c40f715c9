"""Hyperparameters of the fifth stage."""

import math
from typing import Annotated, ClassVar

from pydantic import Field
from pydantic.dataclasses import dataclass

from ..hyperparameters import STRICT, StageSettings
from ..kinds import Flag, Integer, Number, Scaling


@dataclass(frozen=True, kw_only=True, config=STRICT)
class PostprocessSettings(StageSettings):
    """Which objects are discarded, and how the masks of the others are refined."""

    section: ClassVar[str] = "postprocess"

    max_norm_energy: Annotated[
        Number, Field(ge=0, description="discard objects with more energy per pixel")
    ] = 0.2
    discard_image_boundary: Annotated[
        Flag, Field(description="true: discard objects on the image border")
    ] = False
    min_boundary_obj_radius: Annotated[
        Number, Field(ge=0, description="discard objects on the image border with a smaller radius (pixels)")
    ] = 0.0
    min_object_radius: Annotated[
        Number,
        Field(ge=0, description="discard objects with a smaller radius (pixels)"),
        Scaling(unit="radius", default=0.0),
    ] = 0.0
    max_object_radius: Annotated[
        Number,
        Field(ge=0, description="discard objects with a larger radius (pixels)"),
        Scaling(unit="radius", default=math.inf),
    ] = math.inf
    max_eccentricity: Annotated[
        Number, Field(ge=0, description="discard more elongated objects (0: a disk, 1: a line)")
    ] = 0.99
    max_boundary_eccentricity: Annotated[
        Number | None,
        Field(ge=0, description="the same for objects on the image border; null: max_eccentricity"),
    ] = math.inf
    exterior_scale: Annotated[
        Number,
        Field(
            ge=1e-3,
            le=1e5,
            description="how fast the weight of the surroundings decreases with distance (pixels)",
        ),
    ] = 5.0
    exterior_offset: Annotated[
        Number,
        Field(
            ge=0,
            le=1e5,
            description="gap between an object and its surroundings in the contrast (pixels)",
        ),
    ] = 5.0
    min_contrast: Annotated[
        Number,
        Field(
            ge=0,
            description="discard objects whose mean intensity is less than this multiple of that of their "
            "surroundings",
        ),
    ] = 1.35
    contrast_epsilon: Annotated[
        Number, Field(ge=0, le=1e6, description="keeps the contrast finite on black surroundings")
    ] = 1e-4
    mask_stdamp: Annotated[
        Number,
        Field(
            ge=0,
            description="pixels near the outline belong to an object if they are within this many standard "
            "deviations of its mean intensity; 0: masks are not refined",
        ),
    ] = 2.0
    mask_max_distance: Annotated[
        Integer,
        Field(
            ge=0,
            le=1000,
            description="refinement moves the outline by at most this many pixels; 0: masks are not refined",
        ),
    ] = 1
    mask_smoothness: Annotated[
        Number,
        Field(
            ge=0,
            le=1e5,
            description="smoothing for the refinement: standard deviation of a Gaussian (pixels)",
        ),
    ] = 3.0
    fill_holes: Annotated[Flag, Field(description="true: fill holes also in masks that are not refined")] = (
        True
    )
    glare_detection_smoothness: Annotated[
        Number,
        Field(
            ge=0,
            le=1e5,
            description="smoothing for the detection of glares: standard deviation of a Gaussian (pixels)",
        ),
    ] = 3.0
    glare_detection_num_layers: Annotated[
        Integer, Field(ge=1, le=1000, description="number of intensity layers examined in a possible glare")
    ] = 5
    glare_detection_min_layer: Annotated[
        Number,
        Field(
            ge=0,
            le=1,
            description="lowest of these layers, as a fraction of the range of intensities of the object",
        ),
    ] = 0.5
    min_glare_radius: Annotated[
        Number,
        Field(ge=0, description="objects with a larger radius may be glares, which are discarded (pixels)"),
        Scaling(unit="radius", default=math.inf),
    ] = math.inf
    min_boundary_glare_radius: Annotated[
        Number | None,
        Field(ge=0, description="the same for objects on the image border; null: min_glare_radius"),
    ] = None

    def glare_radius(self, on_boundary: bool) -> float:
        """Radius above which an object may be a glare (pixels)."""
        boundary = self.min_boundary_glare_radius
        return boundary if on_boundary and boundary is not None else self.min_glare_radius

    def eccentricity_limit(self, on_boundary: bool) -> float:
        """Largest eccentricity of an object that is kept."""
        boundary = self.max_boundary_eccentricity
        return boundary if on_boundary and boundary is not None else self.max_eccentricity

    def least_radius(self, on_boundary: bool) -> float:
        """Smallest radius of an object that is kept (pixels)."""
        return self.min_boundary_obj_radius if on_boundary else self.min_object_radius
