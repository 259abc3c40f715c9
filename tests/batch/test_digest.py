"""What decides whether the results of a task still hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from superdsm_nb.batch.jobs import digest_of, expand_jobs
from superdsm_nb.batch.spec import find_tasks

from support.jobs import SUFFIXES, job, jobs, write
from support.trees import write_task

FULL = {f"{kind}_pathpattern": f"{kind}/%s{suffix}" for kind, suffix in SUFFIXES.items()}


@pytest.mark.parametrize(
    "changes",
    [
        {"config": {"AF_scale": 12}},
        {"config": {}},
        {"config": {"AF_scale": 11, "postprocess": {"min_contrast": 1.5}}},
        {"last_stage": "dsm"},
        {"scene": 0},
        {"channel": 0},
        {"plane": 0},
        {"dilate": 1},
        {"dilate": -1},
        {"merge_overlap_threshold": 0.5},
        {"seg_border": 7},
        *({name: f"other/{pattern}"} for name, pattern in FULL.items()),
        *({name: None} for name in FULL if name != "seg_pathpattern"),
    ],
    ids=str,
)
def test_the_digest_tells_of_everything_that_results_depend_on(tmp_path, changes):
    base = {**FULL, "config": {"AF_scale": 11}}

    assert job(tmp_path, **base).digest != job(tmp_path, **{**base, **changes}).digest


@pytest.mark.parametrize(
    "changes",
    [
        {"num_cpus": 2},
        {"time_limit": 60},
        {"keep_finished": True},
        {"environ": {"OMP_NUM_THREADS": "1"}},
        {"file_ids": ["a", "b"]},
        {"img_pathpattern": "elsewhere/%s.tif"},
        {"dilate": 0},
        {"seg_border": 2},
        {"merge_overlap_threshold": float("inf")},
        {"config": {"dsm/alpha": 2.5, "AF_scale": 11}},
        {"log_pathpattern": "log/%s.tgz"},
        {"seg_pathpattern": "{DIRNAME}/%s.png"},
    ],
    ids=str,
)
def test_the_digest_tells_of_nothing_else(tmp_path, changes):
    base = {
        "config": {"AF_scale": 11, "dsm": {"alpha": 2.5}},
        "log_pathpattern": "log/%s",
        "seg_pathpattern": "task/%s.png",
    }

    first = job(tmp_path / "task", **base)
    second = jobs(tmp_path / "task", **{**base, **changes})[0]

    assert first.digest == second.digest


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"merge_overlap_threshold": 1}, {"merge_overlap_threshold": 1.0}),
        ({"file_ids": [1]}, {"file_ids": ["1"]}),
    ],
    ids=str,
)
def test_the_digest_does_not_depend_on_how_a_number_is_written(tmp_path, one, other):
    assert job(tmp_path, **one).digest == job(tmp_path, **other).digest


def test_the_digest_is_the_same_wherever_the_tasks_are(tmp_path, monkeypatch):
    digests = [job(tmp_path / name / "task").digest for name in ("here", "there")]
    monkeypatch.chdir(tmp_path / "here")
    (task,) = find_tasks(Path())
    digests.append(expand_jobs(task, Path())[0].digest)

    assert len(set(digests)) == 1


def test_inherited_and_own_fields_count_alike(tmp_path):
    own = job(tmp_path / "own", dilate=2, config={"AF_scale": 11})
    write(tmp_path / "parent", dilate=2, config={"AF_scale": 11})
    write_task(tmp_path / "parent" / "sub", runnable=True)

    *_, task = find_tasks(tmp_path / "parent")

    assert expand_jobs(task, tmp_path)[0].digest == own.digest


def test_a_base_configuration_counts_like_the_own_one(tmp_path):
    own = job(tmp_path / "own", config={"AF_scale": 11})
    (tmp_path / "base.json").write_text('{"AF_scale": 11}')

    assert job(tmp_path / "task", base_config_path="../base.json").digest == own.digest


def test_the_order_of_keys_leaves_a_digest_as_it_is():
    assert digest_of({"a": 1, "b": [None, True]}) == digest_of({"b": [None, True], "a": 1})
    assert digest_of({"a": 1, "b": [None, True]}) != digest_of({"a": 1, "b": [True, None]})
