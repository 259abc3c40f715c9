"""Hyperparameters of the automatic method; nothing is in pixels, so nothing depends on the resolution."""

from typing import Annotated, ClassVar

from pydantic import Field
from pydantic.dataclasses import dataclass

from ..hyperparameters import STRICT, StageSettings
from ..kinds import Integer, Number


@dataclass(frozen=True, kw_only=True, config=STRICT)
class AutomaticPreprocessSettings(StageSettings):
    """How the image is resized, and how its foreground is found."""

    section: ClassVar[str] = "preprocess"

    canonical_radius: Annotated[
        Number, Field(ge=4, le=100, description="radius of the nuclei in the resized image (pixels)")
    ] = 16.0
    max_zoom: Annotated[
        Number, Field(gt=0, le=16, description="the image is enlarged at most by this factor")
    ] = 4.0
    noise_smoothing: Annotated[
        Number,
        Field(
            ge=0,
            le=10,
            description="smoothing against noise: standard deviation of a Gaussian, as a multiple of the "
            "radius of the nuclei",
        ),
    ] = 0.0625
    reach: Annotated[
        Number,
        Field(
            gt=0,
            le=100,
            description="how far around a pixel foreground and background are compared: standard deviation "
            "of a Gaussian, as a multiple of the radius of the nuclei",
        ),
    ] = 1.5
    threshold_height: Annotated[
        Number,
        Field(
            gt=0,
            lt=1,
            description="where the threshold of the foreground lies between the background (0) and the "
            "foreground (1) around a pixel",
        ),
    ] = 0.4
    min_local_contrast: Annotated[
        Number,
        Field(
            ge=0,
            le=1,
            description="lowest local contrast, as a multiple of that of the whole image: smaller values "
            "find fainter nuclei",
        ),
    ] = 0.12
    min_noises: Annotated[
        Number,
        Field(
            ge=0,
            le=1e6,
            description="the threshold is above the background by at least this many standard deviations of "
            "the noise",
        ),
    ] = 3.0


@dataclass(frozen=True, kw_only=True, config=STRICT)
class AutomaticFitSettings(StageSettings):
    """Nothing: the automatic method fits no deformable models."""

    section: ClassVar[str] = "dsm"


@dataclass(frozen=True, kw_only=True, config=STRICT)
class AutomaticRegionSettings(StageSettings):
    """How the foreground is divided into atoms."""

    section: ClassVar[str] = "c2f-region-analysis"

    seed_smoothing: Annotated[
        Number,
        Field(
            ge=0,
            le=10,
            description="smoothing of the distance to the background, whose maxima are seeds: standard "
            "deviation of a Gaussian, as a multiple of the radius of the nuclei",
        ),
    ] = 0.07
    blob_size: Annotated[
        Number,
        Field(
            gt=0,
            le=10,
            description="radius of the bright blobs that count as seeds, as a multiple of that of the nuclei",
        ),
    ] = 0.35
    blob_weight: Annotated[
        Number,
        Field(ge=0, le=1e3, description="weight of brightness in the choice of seeds; distance has 1"),
    ] = 0.5
    log_blob_weight: Annotated[
        Number,
        Field(ge=0, le=1e3, description="weight of the logarithm of brightness in the choice of seeds"),
    ] = 0.2
    min_seed_depth: Annotated[
        Number,
        Field(
            ge=0,
            le=1e3,
            description="two seeds are separate if distance and brightness together fall by more than this "
            "between them: smaller values give more atoms",
        ),
    ] = 0.005


@dataclass(frozen=True, kw_only=True, config=STRICT)
class AutomaticEnergySettings(StageSettings):
    """How the best combination of objects is found; energies are in areas of a typical nucleus."""

    section: ClassVar[str] = "global-energy-minimization"

    object_cost: Annotated[
        Number,
        Field(
            ge=0,
            le=1e6,
            description="constant cost per object: larger values give fewer, larger objects",
        ),
    ] = 0.25
    ellipticity_weight: Annotated[
        Number,
        Field(ge=0, le=1e6, description="cost of the area that an object lacks to an ellipse"),
    ] = 1.8
    convexity_weight: Annotated[
        Number,
        Field(ge=0, le=1e6, description="cost of the area that an object lacks to its convex hull"),
    ] = 2.7
    large_weight: Annotated[
        Number, Field(ge=0, le=1e6, description="cost of the area of an object above large_above")
    ] = 0.3
    large_above: Annotated[
        Number, Field(ge=0, le=1e6, description="area from which on objects count as large")
    ] = 1.0
    small_weight: Annotated[
        Number,
        Field(
            ge=0,
            le=1e6,
            description="cost of the area that an object lacks to small_below, unless it is on the image "
            "border",
        ),
    ] = 0.6
    small_below: Annotated[
        Number, Field(ge=0, le=1e6, description="area up to which objects count as small")
    ] = 0.5
    border_smoothing: Annotated[
        Number,
        Field(
            ge=0,
            le=10,
            description="smoothing of the image before borders between atoms are judged: standard deviation "
            "of a Gaussian, as a multiple of the radius of the nuclei",
        ),
    ] = 0.12
    dark_border_weight: Annotated[
        Number,
        Field(ge=0, le=1e6, description="cost of dark borders inside an object, per radius of length"),
    ] = 0.5
    dark_below: Annotated[
        Number,
        Field(
            ge=0,
            le=10,
            description="borders are dark below this multiple of the brightness of the darker side",
        ),
    ] = 0.93
    step_weight: Annotated[
        Number,
        Field(
            ge=0,
            le=1e6,
            description="cost of borders inside an object whose sides differ in brightness, per radius of "
            "length and for a factor of e",
        ),
    ] = 0.3
    bright_border_weight: Annotated[
        Number,
        Field(ge=0, le=1e6, description="cost of bright borders between objects, per radius of length"),
    ] = 0.3
    bright_above: Annotated[
        Number,
        Field(
            ge=0,
            le=10,
            description="borders are bright above this multiple of the brightness of the darker side",
        ),
    ] = 0.96
    max_area: Annotated[Number, Field(gt=0, le=1e3, description="no union of atoms is larger than this")] = (
        3.2
    )
    max_reach: Annotated[
        Number,
        Field(
            gt=0,
            le=1e3,
            description="atoms whose centres are farther apart than this multiple of the radius of the "
            "nuclei are never part of one object",
        ),
    ] = 2.8
    max_atoms: Annotated[Integer, Field(ge=1, le=50, description="no union has more atoms than this")] = 7


@dataclass(frozen=True, kw_only=True, config=STRICT)
class AutomaticPostprocessSettings(StageSettings):
    """Where outlines lie, and which objects are discarded."""

    section: ClassVar[str] = "postprocess"

    outline_height: Annotated[
        Number,
        Field(
            gt=0,
            lt=1,
            description="where outlines lie between the intensity of the background around an object (0) "
            "and that of its core (1): smaller values give larger objects",
        ),
    ] = 0.35
    large_outline_height: Annotated[
        Number,
        Field(
            gt=0,
            lt=1,
            description="the same for nuclei with a radius of 45 pixels or more, which are outlined farther "
            "out by hand; for radii from 25 to 45 pixels it lies in between",
        ),
    ] = 0.24
    outline_reach: Annotated[
        Number,
        Field(
            ge=0,
            le=10,
            description="how far outlines may move, as a multiple of the radius of the nuclei",
        ),
    ] = 0.35
    min_area: Annotated[
        Number,
        Field(
            ge=0,
            le=1e3,
            description="discard objects with a smaller area, as a multiple of that of a typical nucleus; "
            "a quarter of it is enough on the image border",
        ),
    ] = 0.1
    min_brightness: Annotated[
        Number,
        Field(
            ge=0,
            le=1e3,
            description="discard objects that are less bright above the threshold of the foreground, in "
            "units of the local contrast; three fifths of it are enough for objects of at least .4 of the "
            "typical contrast, if typical objects are brighter",
        ),
    ] = 0.17
    small_area: Annotated[
        Number,
        Field(
            ge=0,
            le=1e3,
            description="area below which objects have to be brighter, as a multiple of that of a typical "
            "nucleus",
        ),
    ] = 0.2
    small_min_brightness: Annotated[
        Number,
        Field(
            ge=0, le=1e3, description="what min_brightness is for objects that are smaller than small_area"
        ),
    ] = 0.25
    min_relative_contrast: Annotated[
        Number,
        Field(
            ge=0,
            le=1e3,
            description="discard objects with a smaller contrast, as a multiple of that of a typical object "
            "of the image",
        ),
    ] = 0.25
    min_significance: Annotated[
        Number,
        Field(
            ge=0,
            le=1e6,
            description="discard objects that stand out less from the noise: contrast times square root of "
            "the area, in standard deviations of the noise",
        ),
    ] = 8.0
