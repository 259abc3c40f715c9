"""Hyperparameters of the fits, which several stages share."""

import math
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field
from pydantic.dataclasses import dataclass

from ..hyperparameters import STRICT, StageSettings
from ..kinds import DEPRECATED, OR_INFINITE, Integer, Number, Scaling

IGNORED = Field(description="accepted for compatibility; ignored")


@dataclass(frozen=True, kw_only=True, config=STRICT)
class FitParameters(StageSettings):
    """The settings of a fit.

    Attributes
    ----------
    alpha, epsilon : float
        Weight of the regularisation of the deformations, and the smoothness of its absolute norm.
    smooth_amount : int
        Standard deviation of the Gaussian deformation basis (pixels); infinity means no deformations.
    smooth_subsample : int
        Spacing of the centres of the basis (pixels).
    gaussian_shape_multiplier : float
        Side of the Gaussian window: 1 + 4 * smooth_amount * gaussian_shape_multiplier pixels.
    background_margin : int
        Background up to this distance from the foreground is part of regions (pixels).
    init : str or callable
        Start of the fit: "elliptical" starts from the best ellipse, refined on a subset of the pixels if
        there are many; a callable is given M and returns the start (theta, xi), 6 + M values; anything else
        starts from zeros. The minimum does not depend on it.
    cp_timeout : float or None
        Seconds after which a fit falls back to the best ellipse.
    solver : {"newton", "trust-exact"}
        Compiled Newton method, or SciPy's trust-region method.
    """

    section: ClassVar[str] = "dsm"

    alpha: Annotated[
        Number,
        Field(
            ge=0,
            le=1e12,
            description="strength of the regularisation: larger values keep outlines closer to ellipses",
        ),
        Scaling(unit="scale^2", default=0.0005),
    ] = 0.5
    epsilon: Annotated[
        Number,
        Field(ge=1e-12, le=1e12, description="smoothness of the absolute value in the regularisation"),
    ] = 1.0
    smooth_amount: Annotated[
        Integer,
        Field(
            gt=0,
            le=1e5,
            description="width of the deformations: standard deviation of a Gaussian (pixels); infinite: "
            "ellipses only",
        ),
        OR_INFINITE,
        Scaling(unit="scale", default=0.2, minimum=4),
    ] = 10
    smooth_subsample: Annotated[
        Integer,
        Field(
            ge=1,
            le=1e5,
            description="spacing of the deformations (pixels): smaller values give more flexible outlines "
            "and take longer",
        ),
        Scaling(unit="scale", default=0.4, minimum=8),
    ] = 20
    gaussian_shape_multiplier: Annotated[
        Number,
        Field(
            gt=0,
            le=100,
            description="size of the window of a deformation, in multiples of 4 standard deviations",
        ),
    ] = 2
    background_margin: Annotated[
        Integer,
        Field(
            ge=0,
            le=1e5,
            description="background up to this distance from the foreground is part of the fits (pixels)",
        ),
        Scaling(unit="scale", default=0.4, minimum=8),
    ] = 20
    init: Annotated[
        Any | None,
        Field(
            description="start of the fits: elliptical, which is the best ellipse, or a callable that "
            "returns 6 + M values; the result does not depend on it"
        ),
    ] = "elliptical"
    cp_timeout: Annotated[
        Number | None,
        Field(
            gt=0,
            description="time limit of a fit (seconds), after which it falls back to the best ellipse; null: "
            "no limit",
        ),
    ] = 300
    solver: Annotated[
        Literal["newton", "trust-exact"],
        Field(
            description="how fits are computed: newton, a compiled Newton method; or trust-exact, the "
            "trust-region method of SciPy (slower, the same minimum)"
        ),
    ] = "newton"
    cachesize: Annotated[Any, IGNORED, DEPRECATED] = 1
    cachetest: Annotated[Any, IGNORED, DEPRECATED] = None
    sparsity_tol: Annotated[Any, IGNORED, DEPRECATED] = 0
    scale: Annotated[Any, IGNORED, DEPRECATED] = 1000
    smooth_mat_dtype: Annotated[Any, IGNORED, DEPRECATED] = "float32"
    smooth_mat_max_allocations: Annotated[Any, IGNORED, DEPRECATED] = math.inf

    def without_deformations(self) -> Self:
        """The same for an ellipse-only model (M = 0)."""
        infinite: Any = math.inf  # which OR_INFINITE allows for an integer
        return replace(self, smooth_amount=infinite, init="elliptical")
