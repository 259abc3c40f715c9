"""A base configuration lies between what a task inherits and what it sets itself."""

from __future__ import annotations

import math

import pytest

from support.specs import complaints, configs, write, write_json
from support.trees import write_task


def test_a_base_configuration_lies_between_the_inherited_and_the_own_one(tmp_path):
    write_json(tmp_path / "base.json", dsm={"alpha": 2, "epsilon": 2})
    write(tmp_path, config={"AF_scale": 1, "dsm": {"alpha": 1, "epsilon": 1}})
    write_task(tmp_path / "sub", base_config_path="../base.json", config={"dsm": {"epsilon": 3}})

    _, config = configs(tmp_path)

    assert config == {"AF_scale": 1, "dsm": {"alpha": 2, "epsilon": 3}}


def test_a_base_configuration_may_hold_infinity(tmp_path):
    (tmp_path / "base.json").write_text('{"dsm": {"smooth_amount": Infinity}}')
    write(tmp_path, base_config_path="base.json")

    assert configs(tmp_path) == [{"dsm": {"smooth_amount": math.inf}}]


@pytest.mark.parametrize(
    "pattern",
    ["../files/base.json", "{root}/files/base.json", "{ROOTDIR}/files/base.json", "~/base.json"],
    ids=["relative", "absolute", "root", "home"],
)
def test_the_base_configuration_is_found_by(tmp_path, monkeypatch, pattern):
    monkeypatch.setenv("HOME", str(tmp_path / "files"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "files"))
    write_json(tmp_path / "files" / "base.json", AF_scale=7)
    write(tmp_path / "task", base_config_path=pattern.replace("{root}", str(tmp_path)))

    assert configs(tmp_path) == [{"AF_scale": 7}]


def test_a_relative_base_configuration_is_looked_for_where_it_is_written_and_not_where_it_is_inherited(
    tmp_path,
):
    write_json(tmp_path / "base.json", AF_scale=7)
    write_json(tmp_path / "sub" / "base.json", AF_scale=8)
    write(tmp_path, base_config_path="base.json")
    write_task(tmp_path / "sub", runnable=True)

    assert configs(tmp_path) == [{"AF_scale": 7}, {"AF_scale": 7}]


def test_dirname_is_the_folder_of_the_task_that_inherits_the_base_configuration(tmp_path):
    for folder, scale in (("a", 7), ("b", 8)):
        write_json(tmp_path / f"{folder}.json", AF_scale=scale)
        write_task(tmp_path / folder, runnable=True)
    write(tmp_path, runnable=False, base_config_path="{DIRNAME}.json")

    assert configs(tmp_path) == [{}, {"AF_scale": 7}, {"AF_scale": 8}]


@pytest.mark.parametrize("runnable", [True, False])
def test_what_an_ancestor_changed_of_a_base_configuration_stays_changed(tmp_path, runnable):
    write_json(tmp_path / "base.json", AF_scale=7, dsm={"alpha": 1})
    write(tmp_path, runnable=runnable, base_config_path="base.json", config={"AF_scale": 9})
    write_task(tmp_path / "sub", runnable=True)

    assert configs(tmp_path) == [{"AF_scale": 9, "dsm": {"alpha": 1}}] * 2


def test_another_base_configuration_is_laid_over_what_an_ancestor_set(tmp_path):
    write_json(tmp_path / "base.json", AF_scale=7, dsm={"alpha": 1})
    write_json(tmp_path / "sub" / "base.json", AF_scale=8)
    write(tmp_path, base_config_path="base.json", config={"AF_scale": 9})
    write_task(tmp_path / "sub", base_config_path="base.json")

    assert configs(tmp_path)[1] == {"AF_scale": 8, "dsm": {"alpha": 1}}


def test_a_task_that_runs_needs_its_base_configuration(tmp_path):
    write(tmp_path, base_config_path="nowhere.json")

    (line,) = complaints(tmp_path)

    assert f"{tmp_path / 'nowhere.json'} cannot be read" in line


def test_a_template_needs_no_base_configuration(tmp_path):
    write(tmp_path, runnable=False, base_config_path="nowhere.json", config={"AF_scale": 9})

    assert configs(tmp_path) == [{"AF_scale": 9}]


@pytest.mark.parametrize("runnable", [True, False])
@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ('{"AF_scale": 7', " is not valid JSON at line 1, column 15: "),
        ("[]", " must hold a JSON object, such as {}."),
        ('{"AF_scal": 7}', ": Unknown hyperparameter AF_scal: did you mean AF_scale?"),
        ('{"AF_scale": 0}', ": Hyperparameter AF_scale is 0, but must be above 0"),
    ],
)
def test_what_is_wrong_with_a_base_configuration_is_said_of_its_file(tmp_path, runnable, content, sentence):
    (tmp_path / "base.json").write_text(content)
    write(tmp_path, runnable=runnable, base_config_path="base.json")
    write_task(tmp_path / "sub", runnable=True)

    (line,) = complaints(tmp_path)

    assert f"{tmp_path / 'base.json'}{sentence}" in line
