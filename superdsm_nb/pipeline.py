"""The stages in their order, and running them on an image."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

from numpy.typing import ArrayLike

from .c2freganal import C2F_RegionAnalysis
from .config import Config
from .dsmcfg import DSM_Config
from .errors import PipelineError
from .globalenergymin import GlobalEnergyMinimization
from .hyperparameters import Declarations, Hyperparameter
from .image import intensities, normalized
from .parallel import single_threaded_blas
from .postprocess import Postprocessing
from .preprocess import Preprocessing
from .stage import ENABLED, Output, Stage

__all__ = ["Output", "Pipeline", "Stage", "create_default_pipeline", "create_pipeline"]

GENERAL = (
    Hyperparameter(
        *("AF_scale", None, "float"),
        "scale of the objects (radius / sqrt 2, pixels); null: estimated from the image",
        above=0,
        maximum=1e5,
        optional=True,
    ),
    Hyperparameter(
        *("histological", False, "bool"),
        "true: bright-field colour image of stained nuclei; intensity is the inverted mean over the channels",
    ),
)


AUTOMATION = (
    Hyperparameter(
        *("estimator", "published", "str"),
        "how the scale is estimated where AF_scale is null: as published; or robust, which hardly moves with "
        "noise or a crop, and finds small nuclei, too",
        choices=("published", "robust"),
    ),
)


class Pipeline:
    """A sequence of stages.

    Parameters
    ----------
    stages : iterable of Stage
        In the order in which they run.

    Attributes
    ----------
    stages : list of Stage
        The stages.
    """

    def __init__(self, stages: Iterable[Stage] = ()) -> None:
        self.stages: list[Stage] = []
        for stage in stages:
            self.append(stage)

    def append(self, stage: Stage, after: int | str | None = None) -> int:
        """Add a stage at the end, or behind another one given by position or name; return its position."""
        if any(stage.name == other.name for other in self.stages):
            raise PipelineError(f"The pipeline already has a stage {stage.name}.")
        position = len(self.stages)
        if after is not None:
            position = (self.find(after) if isinstance(after, str) else after) + 1
        self.stages.insert(position, stage)
        return position

    def find(self, name: str) -> int:
        """Position of the stage `name`.

        Raises
        ------
        PipelineError
            If there is none.
        """
        names = [stage.name for stage in self.stages]
        if name not in names:
            raise PipelineError(f"There is no stage {name}: the stages are {', '.join(names)}.")
        return names.index(name)

    @property
    def declarations(self) -> Declarations:
        """All hyperparameters of the pipeline."""
        return Declarations(
            [
                ("", GENERAL),
                ("automation", AUTOMATION),
                *((stage.name, (ENABLED, *stage.hyperparameters)) for stage in self.stages),
            ]
        )

    def check(self, config: Config) -> None:
        """Raise `ConfigError` for a hyperparameter that is unknown or out of its range."""
        self.declarations.check(config.entries)

    def init(self, g_raw: ArrayLike, config: Config) -> dict[str, Any]:
        """Create the pipeline data object of an image.

        Parameters
        ----------
        g_raw : (H, W) array, or (H, W, 3) if ``histological`` is set
            Intensities in any unit.
        config : Config
            Hyperparameters, which are checked.

        Returns
        -------
        dict
            With ``g_raw``, the intensities scaled to [0, 1] (float64), and ``g_rgb``, the colour image if
            ``histological`` is set, else None.
        """
        self.check(config)
        g, g_rgb = intensities(g_raw, config.set_default("histological", False))
        return {"g_raw": normalized(g), "g_rgb": g_rgb}

    def process_image(
        self,
        g_raw: ArrayLike,
        config: Config,
        first_stage: str | None = None,
        last_stage: str | None = None,
        data: dict[str, Any] | None = None,
        out: Output | None = None,
    ) -> tuple[dict[str, Any], Config, dict[str, float]]:
        """Run the stages on an image, with the hyperparameters as they are.

        Scale-dependent hyperparameters are not derived here: `superdsm_nb.automation` does that.

        Parameters
        ----------
        g_raw : (H, W) array, or (H, W, 3) if ``histological`` is set
            The image.
        config : Config
            Hyperparameters; not changed.
        first_stage, last_stage : str, optional
            Names of the first and last stage to run; all by default.
        data : dict, optional
            Pipeline data object of an earlier run, needed if `first_stage` is not the first.
        out : Output, optional
            Takes progress and log lines.

        Returns
        -------
        data : dict
            Pipeline data object.
        config : Config
            Hyperparameters used, every default filled in.
        timings : dict of str to float
            Seconds by stage.

        Raises
        ------
        ImageError, ConfigError, PipelineError, WorkAmountError
            If the image or the hyperparameters do not allow a result.
        """
        config = config.copy()
        first = 0 if first_stage is None else self.find(first_stage)
        last = len(self.stages) - 1 if last_stage is None else self.find(last_stage)
        if first > last:
            raise PipelineError(f"The first stage {first_stage} comes after the last stage {last_stage}.")
        if first > 0 and data is None:
            raise PipelineError(f"Starting at {first_stage} needs the data of an earlier run.")
        self.check(config)
        config.set_default("histological", False)
        data = self.init(g_raw, config) if data is None else dict(data)
        timings = {}
        for stage in self.stages[:first]:
            stage.settings(config)  # the configuration that is returned tells of all stages
        with single_threaded_blas():
            for stage in self.stages[first : last + 1]:
                start = time.perf_counter()
                stage(data, config, out)
                timings[stage.name] = time.perf_counter() - start
        return data, config, timings


def create_pipeline(stages: Sequence[Stage]) -> Pipeline:
    """Return a pipeline of the given stages."""
    return Pipeline(stages)


def create_default_pipeline() -> Pipeline:
    """Return the pipeline of the method: five stages, from intensities to objects."""
    return create_pipeline(
        [
            Preprocessing(),
            DSM_Config(),
            C2F_RegionAnalysis(),
            GlobalEnergyMinimization(),
            Postprocessing(),
        ]
    )
