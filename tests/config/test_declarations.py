"""What is declared of each hyperparameter decides which values are allowed."""

import math
from typing import Annotated

import numpy as np
import pytest
from pydantic import Field
from pydantic.dataclasses import dataclass

from superdsm_nb.config import Config, Declarations, Hyperparameter, Scaling, Section
from superdsm_nb.config.hyperparameters import STRICT
from superdsm_nb.config.kinds import Integer
from superdsm_nb.errors import ConfigError
from superdsm_nb.pipeline import create_default_pipeline

PIPELINE = create_default_pipeline()
DECLARED = PIPELINE.declarations
NUMBERS = [key for key, declared in DECLARED.items() if declared.kind in ("float", "int")]


def violations():
    """Yield every declared number with a value just outside each of its limits, and those limits."""
    for key in NUMBERS:
        declared = DECLARED[key]
        step = 1 if declared.kind == "int" else 1e-9
        if math.isfinite(declared.minimum):
            yield pytest.param(key, declared.minimum - step, id=f"{key} below its minimum")
        if math.isfinite(declared.maximum):
            yield pytest.param(
                key, declared.maximum + max(step, math.ulp(declared.maximum)), id=f"{key} over its maximum"
            )
        if math.isfinite(declared.above):
            yield pytest.param(key, declared.above, id=f"{key} at its lower limit")
        if math.isfinite(declared.below):
            yield pytest.param(key, declared.below, id=f"{key} at its upper limit")


def closed_limits():
    """Yield every declared number with the limits that belong to its range."""
    for key in NUMBERS:
        for limit in (DECLARED[key].minimum, DECLARED[key].maximum):
            if math.isfinite(limit):
                yield pytest.param(key, limit, id=f"{key} {limit:g}")


def check(key, value):
    config = Config()
    config[key] = value
    PIPELINE.check(config)


# ---------------------------------------------------------------- what is allowed


@pytest.mark.parametrize("key", DECLARED)
def test_every_default_passes_its_own_check(key):
    check(key, DECLARED[key].default)


@pytest.mark.parametrize("key", DECLARED)
def test_every_hyperparameter_says_what_it_does(key):
    assert len(DECLARED[key].meaning) > 10


@pytest.mark.parametrize(("key", "value"), list(violations()))
def test_a_value_outside_the_documented_range_is_refused_and_the_range_named(key, value):
    with pytest.raises(ConfigError) as error:
        check(key, value)
    assert key in str(error.value)
    assert DECLARED[key].range_text() in str(error.value)


@pytest.mark.parametrize(("key", "value"), list(closed_limits()))
def test_a_closed_limit_belongs_to_the_range(key, value):
    check(key, int(value) if DECLARED[key].kind == "int" and not DECLARED[key].choices else value)


@pytest.mark.parametrize("key", NUMBERS)
def test_no_number_may_be_nan(key):
    with pytest.raises(ConfigError, match=f"{key} is nan"):
        check(key, math.nan)


@pytest.mark.parametrize("value", ["40", True, [1], {"x": 1}])
@pytest.mark.parametrize("key", NUMBERS)
def test_what_is_not_a_number_is_refused_where_a_number_is_expected(key, value):
    with pytest.raises(ConfigError, match=f"Hyperparameter {key} is .*, but must be"):
        check(key, value)


@pytest.mark.parametrize("value", [1, 0, "true", None])
@pytest.mark.parametrize("key", [key for key in DECLARED if DECLARED[key].kind == "bool"])
def test_only_true_and_false_are_accepted_as_such(key, value):
    with pytest.raises(ConfigError, match=f"{key} is .*, but must be true or false"):
        check(key, value)


@pytest.mark.parametrize("key", [key for key in DECLARED if DECLARED[key].choices])
def test_every_choice_is_accepted_and_nothing_else(key):
    for choice in DECLARED[key].choices:
        check(key, choice)
    with pytest.raises(ConfigError, match=f"{key} is 'other', but must be {DECLARED[key].choices[0]!r}"):
        check(key, "other")


@pytest.mark.parametrize("value", [1.5, -0.5])
def test_a_broken_number_is_refused_where_an_integer_is_expected(value):
    with pytest.raises(ConfigError, match=r"dsm/smooth_subsample is .*, but must be an integer"):
        check("dsm/smooth_subsample", value)


@pytest.mark.parametrize("value", [8, 8.0, np.int64(8), math.inf])
def test_an_integer_may_be_written_in_any_numeric_type_or_be_infinite(value):
    check("dsm/smooth_amount", value)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("dsm/aplha", "dsm/alpha"),
        ("alpha", "dsm/alpha"),
        ("AF_scal", "AF_scale"),
        ("AF_aplha", "dsm/AF_alpha"),
        ("postprocess/min_contrst", "postprocess/min_contrast"),
    ],
)
def test_an_unknown_name_is_answered_with_the_one_that_was_meant(written, meant):
    with pytest.raises(ConfigError, match=f"Unknown hyperparameter {written}: did you mean {meant}\\?"):
        check(written, 1)


def test_a_name_like_no_other_gets_no_suggestion():
    with pytest.raises(ConfigError, match=r"Unknown hyperparameter zzzzzz\."):
        check("zzzzzz", 1)


def test_a_section_must_hold_hyperparameters():
    with pytest.raises(ConfigError, match="dsm is a section of hyperparameters, but its value is 3"):
        check("dsm", 3)


def test_the_range_of_an_unlimited_number_is_told_in_words():
    assert Hyperparameter("x", 0.0, "float", "anything").range_text() == "a number that is not NaN"


def test_declarations_hold_a_factor_beside_every_value_that_scales():
    @dataclass(frozen=True, kw_only=True, config=STRICT)
    class Settings(Section):
        width: Annotated[Integer, Field(description="of something"), Scaling("scale", 0.5)] = 2

    declared = Declarations({"stage": Settings})
    assert dict(declared.automatic) == {"stage/width": "stage/AF_width"}
    assert declared["stage/AF_width"].default == 0.5
    assert set(declared) == {"stage/width", "stage/AF_width"}
    assert len(declared) == 2


# ---------------------------------------------------------------- what follows from the scale


@pytest.mark.parametrize("value", [math.inf, -math.inf])
@pytest.mark.parametrize(
    "key", ["global-energy-minimization/gamma", "dsm/epsilon", "dsm/alpha", "dsm/gaussian_shape_multiplier"]
)
def test_an_infinite_value_is_refused_where_the_range_is_finite(key, value):
    with pytest.raises(ConfigError, match=key):
        DECLARED.check(Config({key: value}).entries)


def test_an_infinite_smoothness_means_no_deformations_and_a_negative_one_is_refused():
    DECLARED.check({"dsm": {"smooth_amount": math.inf}})
    with pytest.raises(ConfigError, match="dsm/smooth_amount"):
        DECLARED.check({"dsm": {"smooth_amount": -math.inf}})


def test_an_integer_beyond_all_bounds_is_refused():
    with pytest.raises(ConfigError, match="AF_scale"):
        DECLARED.check({"AF_scale": 10**400})
