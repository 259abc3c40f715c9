"""Hyperparameters of the third stage."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from ..hyperparameters import STRICT, StageSettings
from ..kinds import INTEGER_CHOICE, Integer, Number, Scaling


@dataclass(frozen=True, kw_only=True, config=STRICT)
class RegionAnalysisSettings(StageSettings):
    """How the foreground is divided into clusters, and these into atoms."""

    section: ClassVar[str] = "c2f-region-analysis"

    seed_connectivity: Annotated[
        Literal[4, 8],
        INTEGER_CHOICE,
        Field(description="number of neighbours among which a seed is the brightest pixel"),
    ] = 8
    min_atom_radius: Annotated[
        Integer,
        Field(ge=0, le=1e5, description="no atom is smaller than a disk of this radius (pixels)"),
        Scaling(unit="radius", default=0.33),
    ] = 15
    max_atom_norm_energy: Annotated[
        Number,
        Field(ge=0, description="regions with at most this energy per pixel are not split"),
    ] = 0.05
    min_norm_energy_improvement: Annotated[
        Number,
        Field(le=1, description="a split must lower the energy per pixel by at least this fraction"),
    ] = 0.1
    max_cluster_marker_irregularity: Annotated[
        Number,
        Field(
            ge=0,
            description="foreground with a larger fraction of boundary pixels is discarded as noise",
        ),
    ] = 0.2
    max_work_amount: Annotated[
        Number,
        Field(
            ge=0,
            description="a cluster whose pixels times maxima exceed this is refused with an error, since "
            "splitting it would take hours",
        ),
    ] = 10**10
