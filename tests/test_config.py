"""Hyperparameters: how they are stored, what is allowed, and what follows from the scale."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from superdsm_nb.automation import create_config
from superdsm_nb.config import Config
from superdsm_nb.errors import ConfigError
from superdsm_nb.hyperparameters import Declarations, Hyperparameter, Scaling
from superdsm_nb.pipeline import create_default_pipeline

PIPELINE = create_default_pipeline()
DECLARED = PIPELINE.declarations
NUMBERS = [key for key, declared in DECLARED.items() if declared.kind in ("float", "int")]
IMAGE = np.arange(12.0).reshape(3, 4)

names = st.text("abcdefg-_", min_size=1, max_size=6)
values = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
nested = st.dictionaries(names, values | st.dictionaries(names, values, max_size=4), max_size=4)
few = settings(deadline=None, max_examples=50, database=None)


def reordered(entries):
    """Return the same mapping with all keys in the opposite order."""
    if not isinstance(entries, dict):
        return entries
    return {key: reordered(entries[key]) for key in reversed(entries)}


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


def completed(entries):
    return create_config(PIPELINE, Config(entries), IMAGE)[0]


# ---------------------------------------------------------------- storing values


def test_a_value_is_found_by_its_path():
    assert Config({"dsm": {"alpha": 0.5}})["dsm/alpha"] == 0.5


def test_setting_a_path_creates_the_sections_on_its_way():
    config = Config()
    config["a/b/c"] = 1
    assert config.entries == {"a": {"b": {"c": 1}}}


def test_a_mapping_may_address_values_by_paths_too():
    assert Config({"dsm/alpha": 0.5, "dsm": {"epsilon": 2.0}}).entries == {
        "dsm": {"alpha": 0.5, "epsilon": 2.0}
    }


def test_setting_below_a_value_is_refused():
    config = Config({"AF_scale": 40})
    with pytest.raises(ConfigError, match="AF_scale is a value, not a section"):
        config["AF_scale/x"] = 1


@pytest.mark.parametrize("key", ["missing", "dsm/missing", "dsm/alpha/missing"])
def test_a_missing_path_raises_a_key_error_and_get_gives_the_default(key):
    config = Config({"dsm": {"alpha": 0.5}})
    with pytest.raises(KeyError, match=key):
        config[key]
    assert config.get(key, "default") == "default"
    assert key not in config


def test_none_is_a_value_that_is_there():
    config = Config({"AF_scale": None})
    assert "AF_scale" in config
    assert config.get("AF_scale", 1) is None


def test_set_default_keeps_what_is_set():
    config = Config({"a": 1})
    assert config.set_default("a", 2) == 1
    assert config["a"] == 1


def test_set_default_sets_what_is_not():
    config = Config()
    assert config.set_default("s/a", 2) == 2
    assert config["s/a"] == 2


@pytest.mark.parametrize(("override", "expected"), [(False, None), (True, 2)])
def test_set_default_replaces_none_only_if_asked_to(override, expected):
    config = Config({"a": None})
    assert config.set_default("a", 2, override_none=override) == expected
    assert config["a"] == expected


def test_update_replaces_a_value_by_a_function_of_it():
    config = Config({"a": 3})
    assert config.update("a", lambda value: value + 1) == 4
    assert config["a"] == 4


def test_update_calls_the_function_with_none_where_nothing_is_set():
    assert Config().update("a", lambda value: value is None) is True


def test_merge_lays_values_over_key_by_key_at_every_depth():
    config = Config({"a": 1, "s": {"x": 1, "t": {"y": 1, "z": 1}}})
    config.merge({"s": {"t": {"y": 2}}, "b": 2})
    assert config.entries == {"a": 1, "b": 2, "s": {"x": 1, "t": {"y": 2, "z": 1}}}


def test_merge_copies_what_it_takes():
    source = {"s": {"x": [1]}}
    config = Config().merge(source)
    config["s/x"].append(2)
    assert source == {"s": {"x": [1]}}


def test_derive_gives_a_merged_copy_and_alters_neither():
    base, other = Config({"s": {"x": 1, "y": 1}}), Config({"s": {"x": 2}})
    derived = base.derive(other)
    derived["s/y"] = 3
    assert derived.entries == {"s": {"x": 2, "y": 3}}
    assert base.entries == {"s": {"x": 1, "y": 1}}
    assert other.entries == {"s": {"x": 2}}


def test_a_copy_is_independent():
    config = Config({"s": {"x": 1}})
    config.copy()["s/x"] = 2
    assert config["s/x"] == 1


def test_pop_removes_a_value_and_returns_it():
    config = Config({"s": {"x": 1, "y": 2}})
    assert config.pop("s/x") == 1
    assert config.entries == {"s": {"y": 2}}


def test_pop_of_a_missing_path_gives_the_default():
    assert Config({"s": {}}).pop("s/x", 7) == 7


def test_a_config_shows_its_entries():
    config = Config({"a": 1})
    assert repr(config) == "Config({'a': 1})"
    assert json.loads(str(config)) == {"a": 1}


@few
@given(entries=nested)
def test_the_digest_does_not_depend_on_the_order_of_keys(entries):
    assert Config(entries).digest == Config(reordered(entries)).digest


@few
@given(entries=nested)
def test_another_value_gives_another_digest(entries):
    changed = Config(entries)
    changed["changed"] = 1
    assert changed.digest != Config(entries).digest


@few
@given(entries=nested)
def test_json_text_holds_all_of_a_config(entries):
    assert Config(json.loads(Config(entries).dumps())) == Config(entries)


def test_infinite_values_survive_a_json_file(tmp_path):
    config = Config({"a": math.inf, "s": {"b": -math.inf}})
    config.dump_json(tmp_path / "config.json")
    assert "Infinity" in (tmp_path / "config.json").read_text(encoding="utf-8")
    assert Config.load(tmp_path / "config.json") == config


def test_numpy_numbers_are_written_as_numbers():
    config = Config({"a": np.int64(3), "b": np.float32(0.5)})
    assert json.loads(config.dumps()) == {"a": 3, "b": 0.5}
    assert config.digest == Config({"a": 3, "b": 0.5}).digest


def test_a_callable_is_kept_as_it_is_and_described_in_json():
    config = Config({"dsm": {"init": max}})
    assert config["dsm/init"] is max
    assert "max" in json.loads(config.dumps())["dsm"]["init"]


def test_a_config_file_may_begin_with_a_byte_order_mark(tmp_path):
    path = tmp_path / "config.json"
    path.write_text('{"AF_scale": 11}', encoding="utf-8-sig")
    assert Config.load(path)["AF_scale"] == 11


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"AF_scale": 40,\n "dsm" 3}', "not valid JSON at line 2, column 8"),
        (b"", "not valid JSON at line 1, column 1"),
        (b"[1]", "must hold a JSON object"),
        (b"\xff\xfe{}", "not a UTF-8 text file"),
    ],
)
def test_a_config_file_that_holds_no_object_is_refused_with_its_name(tmp_path, content, message):
    path = tmp_path / "config.json"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=message) as error:
        Config.load(path)
    assert str(path) in str(error.value)


def test_a_missing_config_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere\.json cannot be read"):
        Config.load(tmp_path / "nowhere.json")


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
    with pytest.raises(ConfigError, match="Unknown hyperparameter zzzzzz: there is none of that name"):
        check("zzzzzz", 1)


def test_a_section_must_hold_hyperparameters():
    with pytest.raises(ConfigError, match="dsm is a section of hyperparameters, but its value is 3"):
        check("dsm", 3)


def test_the_range_of_an_unlimited_number_is_told_in_words():
    assert Hyperparameter("x", 0.0, "float", "anything").range_text() == "a number that is not NaN"


def test_declarations_hold_a_factor_beside_every_value_that_scales():
    scaled = Hyperparameter("width", 2, "int", "of something", scaling=Scaling("scale", 0.5))
    declared = Declarations([("stage", [scaled])])
    assert dict(declared.automatic) == {"stage/width": "stage/AF_width"}
    assert declared["stage/AF_width"].default == 0.5
    assert set(declared) == {"stage/width", "stage/AF_width"}
    assert len(declared) == 2


# ---------------------------------------------------------------- what follows from the scale

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


@pytest.mark.parametrize("entries", [11, "AF_scale=11", [("AF_scale", 11)]])
def test_what_is_no_mapping_is_no_configuration(entries):
    with pytest.raises(ConfigError, match="is a mapping such as"):
        Config(entries)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ('{"a": 1,\n}', "the comma before it is one too many"),
        ('{"a": [1,]}', "the comma before it is one too many"),
        ('{"a": "C:\\data"}', "write / in paths"),
    ],
)
def test_common_slips_in_json_are_named(tmp_path, text, hint):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ConfigError, match=hint):
        Config.load(tmp_path / "a.json")
