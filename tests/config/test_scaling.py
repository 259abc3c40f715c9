"""Hyperparameters that follow from the scale."""

from __future__ import annotations

import math

import numpy as np
import pytest

from superdsm_nb.automation import create_config
from superdsm_nb.config import Config
from superdsm_nb.pipeline import create_default_pipeline

PIPELINE = create_default_pipeline()
DECLARED = PIPELINE.declarations
IMAGE = np.arange(12.0).reshape(3, 4)


def completed(entries):
    return create_config(PIPELINE, Config(entries), IMAGE)[0]


SQRT2 = math.sqrt(2)
TABLE = {  # key: (factor on the AF_ value for a scale, default of the AF_ value, smallest integer or None)
    "preprocess/sigma2": (lambda scale: scale, 1.0, None),
    "dsm/alpha": (lambda scale: scale**2, 0.0005, None),
    "dsm/smooth_amount": (lambda scale: scale, 0.2, 4),
    "dsm/smooth_subsample": (lambda scale: scale, 0.4, 8),
    "dsm/background_margin": (lambda scale: scale, 0.4, 8),
    "c2f-region-analysis/min_atom_radius": (lambda scale: scale * SQRT2, 0.33, 0),
    "global-energy-minimization/beta": (lambda scale: scale**2, 0.66, None),
    "global-energy-minimization/max_seed_distance": (lambda scale: 2 * scale * SQRT2, math.inf, None),
    "postprocess/min_object_radius": (lambda scale: scale * SQRT2, 0.0, None),
    "postprocess/max_object_radius": (lambda scale: scale * SQRT2, math.inf, None),
    "postprocess/min_glare_radius": (lambda scale: scale * SQRT2, math.inf, None),
}


def section_of(key):
    return key.rsplit("/", 1)


def factor_of(key):
    section, name = section_of(key)
    return f"{section}/AF_{name}"


def test_exactly_the_published_hyperparameters_scale():
    assert set(DECLARED.automatic) == set(TABLE)


@pytest.mark.parametrize("scale", [3.7, 11, 40.0, 63.96])
@pytest.mark.parametrize("key", TABLE)
def test_scaled_defaults_are_those_of_the_published_table(key, scale):
    factor, default, smallest = TABLE[key]
    expected = factor(scale) * default
    if smallest is not None:
        expected = max(math.floor(expected), smallest)
    config = completed({"AF_scale": scale})
    assert config[key] == pytest.approx(expected, rel=1e-12)
    assert config[factor_of(key)] == default


@pytest.mark.parametrize("key", [key for key, (*_, smallest) in TABLE.items() if smallest is not None])
def test_scaled_integers_are_truncated(key):
    factor, _, smallest = TABLE[key]
    af_value = (smallest + 10.9) / factor(40)
    value = completed({"AF_scale": 40, factor_of(key): af_value})[key]
    assert type(value) is int
    assert value == smallest + 10


@pytest.mark.parametrize("key", TABLE)
def test_an_explicit_value_is_kept(key):
    assert completed({"AF_scale": 40, key: 17})[key] == 17


@pytest.mark.parametrize("key", TABLE)
def test_none_counts_as_not_set(key):
    config = completed({"AF_scale": 40, key: None, factor_of(key): None})
    assert config == completed({"AF_scale": 40})


def test_an_infinite_factor_gives_an_infinite_integer():
    assert completed({"AF_scale": 40, "dsm/AF_smooth_amount": math.inf})["dsm/smooth_amount"] == math.inf


@pytest.mark.parametrize("key", TABLE)
def test_a_factor_of_zero_gives_the_smallest_value(key):
    smallest = TABLE[key][2] or 0
    assert completed({"AF_scale": 40, factor_of(key): 0})[key] == smallest


def test_completing_a_configuration_does_not_alter_what_the_user_gave():
    config = Config({"AF_scale": 40, "dsm": {"alpha": None}})
    before = config.copy()
    create_config(PIPELINE, config, IMAGE)
    assert config == before
