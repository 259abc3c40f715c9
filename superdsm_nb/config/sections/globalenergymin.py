"""Hyperparameters of the fourth stage."""

import math
from typing import Annotated, ClassVar, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from ..hyperparameters import STRICT, StageSettings
from ..kinds import Integer, Number, Scaling


@dataclass(frozen=True, kw_only=True, config=STRICT)
class EnergyMinimizationSettings(StageSettings):
    """How the best combination of objects is found."""

    section: ClassVar[str] = "global-energy-minimization"

    beta: Annotated[
        Number,
        Field(
            ge=0,
            le=1e15,
            description="constant cost per object, added to its energy: larger values give fewer, larger "
            "objects",
        ),
        Scaling(unit="scale^2", default=0.66),
    ] = 0.0
    pruning: Annotated[
        Literal["exact", "isbi24"],
        Field(
            description="which unions of atoms are skipped: exact skips those that cannot be part of the "
            "best result, since a union has at least the energy of its parts; isbi24 also skips those that "
            "do not improve on their parts (faster)"
        ),
    ] = "exact"
    solver: Annotated[
        Literal["exact", "greedy"],
        Field(
            description="how the objects are chosen: exact finds the combination of least cost and proves "
            "that it is the best; greedy is the published heuristic, with the published bounds for pruning"
        ),
    ] = "exact"
    max_seed_distance: Annotated[
        Number,
        Field(
            ge=0,
            description="atoms whose seeds are farther apart than this are never part of one object (pixels)",
        ),
        Scaling(unit="diameter", default=math.inf),
    ] = math.inf
    max_iter: Annotated[Integer, Field(ge=1, le=100, description="rounds of the greedy heuristic")] = 5
    gamma: Annotated[
        Number, Field(gt=0, lt=1, description="factor on beta between rounds of the greedy heuristic")
    ] = 0.8
    max_work_amount: Annotated[
        Number,
        Field(
            ge=0,
            description="an image with more possible objects than this is refused with an error, unless "
            "large_clusters says otherwise",
        ),
    ] = 10**6
    large_clusters: Annotated[
        Literal["refuse", "isbi24"],
        Field(
            description="what to do if there are too many possible objects: refuse an image with more than "
            "max_work_amount; or isbi24: in each cluster with more than max_cluster_work_amount, try only "
            "those that isbi24 pruning keeps, up to that number, with a warning"
        ),
    ] = "refuse"
    max_cluster_work_amount: Annotated[
        Number,
        Field(
            ge=1,
            description="clusters with more possible objects than this count as large if large_clusters is "
            "isbi24",
        ),
    ] = 10**4
