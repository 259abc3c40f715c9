"""Which of the two methods a configuration means."""

from __future__ import annotations

import pytest

from superdsm_nb.automation import process_image, scaled_config
from superdsm_nb.config import (
    DECLARATIONS,
    DECLARATIONS_OF,
    DEFAULT_PRESET,
    PRESETS,
    STAGE_NAMES,
    STAGE_SECTIONS_OF,
    Config,
    preset_of,
    resolve_preset,
    with_preset,
)
from superdsm_nb.diameter import with_diameter
from superdsm_nb.errors import ConfigError
from superdsm_nb.pipeline import create_automatic_pipeline, create_default_pipeline, pipeline_of

PUBLISHED = [key for key in DECLARATIONS if preset_of(key) == "published"]
AUTOMATIC = [key for key in DECLARATIONS if preset_of(key) == "automatic"]


def test_the_methods_have_stages_of_the_same_names_and_share_no_hyperparameter_but_enabled():
    for sections in zip(*STAGE_SECTIONS_OF.values(), strict=True):
        first, second = (set(section.declared()) for section in sections)
        assert sections[0].section == sections[1].section
        assert first & second == {"enabled"}


def test_each_pipeline_declares_the_hyperparameters_of_its_method():
    for preset in PRESETS:
        pipeline = pipeline_of(preset)
        assert pipeline.preset == preset
        assert [stage.name for stage in pipeline.stages] == list(STAGE_NAMES)
        assert dict(pipeline.declarations) == dict(DECLARATIONS_OF[preset])


@pytest.mark.parametrize("key", PUBLISHED)
def test_every_hyperparameter_of_the_published_method_selects_it(key):
    assert resolve_preset(Config({key: DECLARATIONS[key].default})) == "published"


@pytest.mark.parametrize("key", AUTOMATIC)
def test_every_hyperparameter_of_the_automatic_method_selects_it(key):
    assert resolve_preset({key: DECLARATIONS[key].default}) == "automatic"


@pytest.mark.parametrize("entries", [{}, {"diameter": 31}, {"preset": None}, {"dsm": {"enabled": True}}])
def test_what_both_methods_share_does_not_decide(entries):
    assert resolve_preset(entries) == DEFAULT_PRESET


@pytest.mark.parametrize("preset", PRESETS)
def test_the_preset_decides_if_it_is_set(preset):
    assert resolve_preset({"preset": preset, "diameter": 31}) == preset


def test_keys_of_both_methods_are_refused_and_one_of_each_is_named():
    with pytest.raises(ConfigError) as error:
        resolve_preset({"preprocess": {"max_zoom": 2, "sigma2": 30}})
    assert str(error.value) == (
        "preprocess/sigma2 is a hyperparameter of the published method and preprocess/max_zoom of the "
        "automatic one: remove the hyperparameters of one of them."
    )


@pytest.mark.parametrize(
    ("preset", "key", "other"),
    [("automatic", "AF_scale", "published"), ("published", "postprocess/min_area", "automatic")],
)
def test_a_key_of_the_other_method_is_refused_and_named(preset, key, other):
    with pytest.raises(ConfigError) as error:
        with_preset(Config({key: 1}), preset)
    assert str(error.value) == (
        f"The preset is {preset}, but {key} is a hyperparameter of the {other} method: remove one of them."
    )


@pytest.mark.parametrize("preset", ["other", 3, ["automatic"]])
def test_an_unknown_preset_is_refused(preset):
    with pytest.raises(ConfigError, match=r"preset is .*, but must be 'automatic' or 'published'"):
        resolve_preset({"preset": preset})


@pytest.mark.parametrize(
    ("written", "meant"), [("dsm/aplha", "dsm/alpha"), ("preprocess/max_zom", "preprocess/max_zoom")]
)
def test_an_unknown_name_is_answered_with_the_one_that_was_meant_of_either_method(written, meant):
    with pytest.raises(ConfigError, match=f"did you mean {meant}"):
        with_preset(Config({written: 1}))


def test_the_configuration_of_a_former_run_means_the_published_method():
    pipeline = create_default_pipeline()
    used = scaled_config(pipeline, Config(), 11.0)
    for stage in pipeline.stages:
        stage.fill_defaults(used)
    used.set_default("histological", False)

    assert "preset" not in used
    assert resolve_preset(used) == "published"
    assert with_preset(used) == used.derive({"preset": "published"})


def test_a_configuration_names_its_method_first_and_the_given_one_wins():
    given = Config({"diameter": 31, "preset": "published"})

    assert list(with_preset(given).entries) == ["preset", "diameter"]
    assert with_preset(given, "automatic")["preset"] == "automatic"
    assert given["preset"] == "published"


def test_a_foreground_selects_the_automatic_method():
    assert with_preset(Config(), has_foreground=True)["preset"] == "automatic"


@pytest.mark.parametrize("entries", [{"preset": "published"}, {"AF_scale": 11}])
def test_a_foreground_is_refused_by_the_published_method(entries):
    with pytest.raises(ConfigError, match=r"A foreground is given, .* published method.*: remove "):
        with_preset(Config(entries), has_foreground=True)


def test_a_diameter_sets_what_the_method_expects():
    assert with_diameter(Config({"preset": "automatic"}), "12um", (0.5, 0.5))["diameter"] == 24
    published = with_diameter(Config({"preset": "published", "diameter": 31}), None)
    assert published["AF_scale"] == 31 / 2 / 2**0.5
    assert "diameter" not in published


def test_a_diameter_is_given_once():
    with pytest.raises(ConfigError, match="Two diameters are given"):
        with_diameter(Config({"diameter": 31}), 31)
    with pytest.raises(ConfigError, match="Both a diameter and AF_scale are given"):
        with_diameter(Config({"diameter": 31, "AF_scale": 11}), None)


def test_a_pipeline_refuses_the_other_method(sample):
    with pytest.raises(ConfigError, match="preset is automatic, but this is the pipeline of the published"):
        process_image(create_default_pipeline(), Config({"preset": "automatic", "AF_scale": 1}), sample.image)
    with pytest.raises(ConfigError, match="Unknown hyperparameter dsm/alpha"):
        process_image(create_automatic_pipeline(), Config({"dsm": {"alpha": 1}}), sample.image)
    with pytest.raises(ConfigError, match="the published method cannot use"):
        process_image(
            create_default_pipeline(), Config({"AF_scale": 11}), sample.image, foreground=sample.labels
        )
