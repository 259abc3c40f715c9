"""Hyperparameters are stored, merged, copied, and written to files."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from superdsm_nb.config import Config
from superdsm_nb.errors import ConfigError

names = st.text("abcdefg-_", min_size=1, max_size=6)
values = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
nested = st.dictionaries(names, values | st.dictionaries(names, values, max_size=4), max_size=4)
few = settings(deadline=None, max_examples=50, database=None)


def reordered(entries):
    """Return the same mapping with all keys in the opposite order."""
    if not isinstance(entries, dict):
        return entries
    return {key: reordered(entries[key]) for key in reversed(entries)}


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


# ---------------------------------------------------------------- what follows from the scale


@pytest.mark.parametrize("entries", [11, "AF_scale=11", [("AF_scale", 11)]])
def test_what_is_no_mapping_is_no_configuration(entries):
    with pytest.raises(ConfigError, match="is a mapping such as"):
        Config(entries)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ('{"a": 1,\n}', "remove the comma before it"),
        ('{"a": [1,]}', "remove the comma before it"),
        ('{"a": "C:\\data"}', "write / in paths"),
    ],
)
def test_common_slips_in_json_are_named(tmp_path, text, hint):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ConfigError, match=hint):
        Config.load(tmp_path / "a.json")
