"""The stages in their order, and running them on an image."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

from numpy.typing import ArrayLike

from .automatic import (
    AutomaticEnergyMinimization,
    AutomaticFitSetup,
    AutomaticPostprocessing,
    AutomaticPreprocessing,
    AutomaticRegionAnalysis,
)
from .c2freganal import C2F_RegionAnalysis
from .config import (
    GENERAL_SECTIONS_OF,
    Config,
    Declarations,
    EnergyMinimizationSettings,
    GeneralSettings,
    PostprocessSettings,
    Preset,
)
from .corrections import Corrections, decide
from .dsmcfg import DSM_Config
from .errors import ConfigError, PipelineError
from .events import Emit, Warned, ignore
from .foreground import signed_foreground
from .globalenergymin import GlobalEnergyMinimization
from .image import intensities, normalized
from .minsetcover import SolvedCover
from .parallel import single_threaded_blas
from .postprocess import Postprocessing
from .preprocess import Preprocessing
from .stage import PipelineData, Stage

COVER, JUDGE = EnergyMinimizationSettings.section, PostprocessSettings.section  # corrections come in between


class Pipeline:
    """A sequence of stages.

    Parameters
    ----------
    stages : iterable of Stage
        In the order in which they run.
    preset : {"published", "automatic"}
        The method that the stages belong to.

    Attributes
    ----------
    stages : list of Stage
        The stages.
    preset : {"published", "automatic"}
        The method that they belong to.
    """

    def __init__(self, stages: Iterable[Stage[Any]] = (), preset: Preset = "published") -> None:
        self.preset: Preset = preset
        self.stages: list[Stage[Any]] = []
        for stage in stages:
            self.append(stage)

    def append(self, stage: Stage[Any], after: int | str | None = None) -> int:
        """Add a stage at the end, or after another one given by position or name; return its position."""
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
        general = {each.section: each for each in GENERAL_SECTIONS_OF[self.preset]}
        return Declarations(general | {stage.name: stage.settings_type for stage in self.stages})

    def check(self, config: Config) -> None:
        """Raise `ConfigError` for a hyperparameter that is unknown or out of its range."""
        self.declarations.check(config.entries)

    def completed(self, config: Config) -> Config:
        """Return a configuration with every default filled in, after it has been checked."""
        config = config.copy()
        self._is_histological(config)
        for stage in self.stages:
            stage.fill_defaults(config)
        return config

    def init(self, g_raw: ArrayLike, config: Config, foreground: ArrayLike | None = None) -> PipelineData:
        """Create the pipeline data object of an image.

        Parameters
        ----------
        g_raw : (H, W) array, or (H, W, 3) if ``histological`` is set
            Intensities in any unit.
        config : Config
            Hyperparameters, which are checked.
        foreground : (H, W) array, optional
            Foreground given by the user, as for `superdsm_nb.foreground.signed_foreground`; for the automatic
            method only.

        Returns
        -------
        PipelineData
            With ``g_raw``, the intensities scaled to [0, 1] (float64), and ``g_rgb``, the colour image if
            ``histological`` is set, else None; for the automatic method also with ``foreground`` and
            ``radius``, as far as the user gives them.

        Raises
        ------
        ImageError, ConfigError
            If the image, the foreground or a hyperparameter is not allowed.
        """
        g, g_rgb = intensities(g_raw, self._is_histological(config))
        given = self._given(config, foreground, g.shape)
        return {"g_raw": normalized(g), "g_rgb": g_rgb, **given}

    def _given(self, config: Config, foreground: ArrayLike | None, shape: tuple[int, ...]) -> PipelineData:
        """What the user gives instead of having it computed."""
        given: PipelineData = {}
        if self.preset != "automatic":
            if foreground is not None:
                raise ConfigError("A foreground is given, which the published method cannot use.")
            return given
        if foreground is not None:
            given["foreground"] = signed_foreground(foreground, shape)
        diameter = GeneralSettings.of(config).diameter
        if diameter is not None:
            given["radius"] = diameter / 2
        return given

    def _is_histological(self, config: Config) -> bool:
        """Check a configuration, and fill in the kind of image if it is not set."""
        self.check(config)
        preset = config.get("preset")
        if preset not in (None, self.preset):
            raise ConfigError(
                f"The preset is {preset}, but this is the pipeline of the {self.preset} method."
            )
        if self.preset == "automatic":
            config.set_default("preset", self.preset, override_none=True)
            config.set_default("diameter", None)
            return False
        is_histological: bool = config.set_default("histological", GeneralSettings.of(config).histological)
        return is_histological

    def process_image(
        self,
        g_raw: ArrayLike,
        config: Config,
        *,
        first_stage: str | None = None,
        last_stage: str | None = None,
        data: PipelineData | None = None,
        foreground: ArrayLike | None = None,
        corrections: Corrections | None = None,
        emit: Emit = ignore,
    ) -> tuple[PipelineData, Config, dict[str, float]]:
        """Run the stages on an image, with the hyperparameters as given.

        Scale-dependent hyperparameters are not derived here: `superdsm_nb.automation` does that.

        Parameters
        ----------
        g_raw : (H, W) array, or (H, W, 3) if ``histological`` is set
            The image.
        config : Config
            Hyperparameters; not changed.
        first_stage, last_stage : str, optional
            Names of the first and last stage to run; all by default.
        data : PipelineData, optional
            Pipeline data object of an earlier run, needed if `first_stage` is not the first; not changed.
        foreground : (H, W) array, optional
            Foreground given by the user, as for `init`; not used together with `data`.
        corrections : Corrections, optional
            Made before the last stage; those of `data` are not repeated.
        emit : callable, optional
            Receives the events.

        Returns
        -------
        data : PipelineData
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
        if data is None:
            data = self.init(g_raw, config, foreground)
        else:
            self._is_histological(config)
            data = data.copy()
            if first == 0 and self.preset == "automatic":
                data.pop("radius", None)  # of the earlier run, as opposed to one that is given
                data.update(self._given(config, None, data["g_raw"].shape))
        if first <= self._position(COVER):
            data.pop("decisions", None)  # about another cover
        timings = {}
        for stage in self.stages[:first]:
            stage.fill_defaults(config)  # the returned configuration covers all stages
        with single_threaded_blas():
            for stage in self.stages[first : last + 1]:
                start = time.perf_counter()
                if stage.name == JUDGE and (corrections is not None or "decisions" in data):
                    self._correct(data, config, corrections or Corrections(()), emit)
                stage(data, config, emit)
                timings[stage.name] = time.perf_counter() - start
        return data, config, timings

    def _position(self, name: str) -> int:
        """Position of a stage, or of the end if there is none of that name."""
        return next((at for at, stage in enumerate(self.stages) if stage.name == name), len(self.stages))

    def _correct(self, data: PipelineData, config: Config, corrections: Corrections, emit: Emit) -> None:
        """Correct the cover by hand."""
        if "cover" not in data:
            raise PipelineError(f"Corrections need a cover: the stage {COVER} has not run.")
        stage = self.stages[self.find(COVER)]
        settings = stage.settings(config)
        data.update(decide(data, corrections, lambda unions: stage.objects_of(data, settings, unions)))
        for text in data["decisions"].left_out:
            emit(Warned(text.rstrip(".")))
        if not self.stages[self.find(JUDGE)].settings(config).enabled:
            cover, deleted = data["cover"], data["decisions"].deleted
            left = [item for item in cover.solution if item.footprint not in deleted]
            data["cover"] = SolvedCover(cover.beta, left, cover.costs, cover.lower_bound)


def create_pipeline(stages: Sequence[Stage[Any]]) -> Pipeline:
    """Return a pipeline of the given stages."""
    return Pipeline(stages)


def create_default_pipeline() -> Pipeline:
    """Return the pipeline of the published method: five stages, from intensities to objects."""
    return create_pipeline(
        [
            Preprocessing(),
            DSM_Config(),
            C2F_RegionAnalysis(),
            GlobalEnergyMinimization(),
            Postprocessing(),
        ]
    )


def create_automatic_pipeline() -> Pipeline:
    """Return the pipeline of the automatic method: five stages with the same names."""
    return Pipeline(
        [
            AutomaticPreprocessing(),
            AutomaticFitSetup(),
            AutomaticRegionAnalysis(),
            AutomaticEnergyMinimization(),
            AutomaticPostprocessing(),
        ],
        "automatic",
    )


def pipeline_of(preset: Preset) -> Pipeline:
    """Return the pipeline of a method.

    Parameters
    ----------
    preset : {"automatic", "published"}
        The method, as `superdsm_nb.config.resolve_preset` returns it.
    """
    return create_automatic_pipeline() if preset == "automatic" else create_default_pipeline()
