"""Sections of the configuration as typed values."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import pytest
from pydantic.dataclasses import dataclass

from superdsm_nb.config import (
    DECLARATIONS,
    DECLARATIONS_OF,
    STAGE_NAMES,
    STAGE_SECTIONS,
    Config,
    FitParameters,
    GeneralSettings,
    PostprocessSettings,
    StageSettings,
)
from superdsm_nb.config.hyperparameters import STRICT
from superdsm_nb.errors import ConfigError, PipelineError
from superdsm_nb.pipeline import create_default_pipeline
from superdsm_nb.postprocess import Postprocessing
from superdsm_nb.stage import Stage


def test_a_section_reads_what_is_set_and_has_defaults_for_the_rest():
    parameters = FitParameters.of(Config({"dsm": {"epsilon": 2, "alpha": None, "cp_timeout": None}}))

    assert (parameters.epsilon, type(parameters.epsilon)) == (2.0, float)
    assert parameters.alpha == DECLARATIONS["dsm/alpha"].default
    assert parameters.cp_timeout is None


def test_a_section_is_not_read_from_what_is_not_allowed():
    with pytest.raises(ConfigError, match=r"Hyperparameter dsm/alpha is -1, but must be at least 0"):
        FitParameters.of(Config({"dsm": {"alpha": -1}}))
    with pytest.raises(ConfigError, match=r"Hyperparameter histological is 1, but must be true or false"):
        GeneralSettings.of(Config({"histological": 1}))


def test_a_section_is_a_value():
    assert FitParameters(alpha=2) == dataclasses.replace(FitParameters(), alpha=2.0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        FitParameters().alpha = 1.0


@pytest.mark.parametrize("section", STAGE_SECTIONS)
def test_the_defaults_of_a_section_are_those_of_its_declarations(section):
    assert dataclasses.asdict(section()) == {
        name: parameter.default for name, parameter in section.declared().items()
    }


def test_the_stages_are_those_that_are_declared():
    pipeline = create_default_pipeline()

    assert tuple(stage.name for stage in pipeline.stages) == STAGE_NAMES
    assert dict(pipeline.declarations) == dict(DECLARATIONS_OF["published"])


def test_six_hyperparameters_are_deprecated_and_none_of_them_does_anything():
    deprecated = [key for key, parameter in DECLARATIONS.items() if parameter.deprecated]

    assert len(deprecated) == 6
    assert {DECLARATIONS[key].meaning for key in deprecated} == {"accepted for compatibility; ignored"}


def test_on_the_image_border_what_is_not_set_is_as_inside():
    inside = {"max_eccentricity": 1, "min_glare_radius": 50}
    config = Config({"postprocess": {**inside, "max_boundary_eccentricity": None}})

    settings = Postprocessing().settings(config)

    assert settings.eccentricity_limit(True) == config["postprocess/max_boundary_eccentricity"] == 1
    assert settings.glare_radius(True) == config["postprocess/min_boundary_glare_radius"] == 50
    # Also where no stage has filled them in.
    settings = PostprocessSettings(max_eccentricity=0.5, max_boundary_eccentricity=None)
    assert settings.eccentricity_limit(True) == 0.5


def test_a_hyperparameter_without_a_declaration_is_named():
    @dataclass(frozen=True, kw_only=True, config=STRICT)
    class OwnSettings(StageSettings):
        strength: int = 3

    class Own(Stage):
        name = "own"
        settings_type = OwnSettings

    with pytest.raises(
        PipelineError, match="The hyperparameter strength is not declared: write strength: Annot"
    ):
        Own().settings(Config())


def test_a_stage_of_ones_own_can_be_disabled_and_nothing_else():
    class Own(Stage):
        name = "own"

    assert Own().settings(Config({"own": {"enabled": False}})).enabled is False


def test_configurations_are_read_and_checked_without_numpy_and_numba():
    code = (
        "import sys, superdsm_nb.config, superdsm_nb.batch.fields as fields\n"
        "fields.schema(), list(fields.problems({'x': 1}))\n"
        "superdsm_nb.config.DECLARATIONS.check({'dsm': {'alpha': 1}})\n"
        "print({'numpy', 'scipy', 'numba', 'superdsm_nb.pipeline'} & set(sys.modules))"
    )

    outcome = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert outcome.stdout == "set()\n"
