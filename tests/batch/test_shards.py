"""Shares of the images: each image belongs to one, and together they give what one run gives."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superdsm_nb.batch.lock import LOCK_FILE, exclusive
from superdsm_nb.batch.shard import Shard
from superdsm_nb.batch.spec import find_tasks
from superdsm_nb.batch.survey import survey
from superdsm_nb.errors import ConfigError, TaskError

from support.commands import finish, start
from support.trees import contents, run_tree, write_tree

NAMES = "abcde"


@given(st.lists(st.lists(st.integers(0, 30), max_size=12), max_size=4), st.integers(1, 9))
def test_each_image_is_in_one_shard_with_all_tasks_that_use_it(tasks, count):
    plans = [
        (number, [SimpleNamespace(image=Path(f"{image}.tif"), task=number) for image in images])
        for number, images in enumerate(tasks)
    ]
    shares = [Shard(number, count).own(plans) for number in range(1, count + 1)]
    for number, (_, jobs) in enumerate(plans):
        assert sorted(map(id, jobs)) == sorted(id(job) for share in shares for job in share[number][1])
    images = [{job.image for _, jobs in share for job in jobs} for share in shares]
    assert sum(map(len, images)) == len(set().union(*images))
    assert max(map(len, images)) - min(map(len, images)) <= 1


@pytest.mark.parametrize(
    "text", ["3", "0/4", "5/4", "a/b", "-1/4", "1/0", "1/4/2", "", "1/9999999", "³/4", " 1/2"]
)
def test_what_is_no_shard_is_refused(run, text, tmp_path):
    with pytest.raises(ConfigError, match="must be like 3/40"):
        Shard.of(text)
    assert run("batch", tmp_path, "--shard", text).code == 2


def test_a_shard_reads_only_its_own_images(tmp_path):
    root = write_tree(tmp_path, names=NAMES)
    plans = survey(find_tasks(root), root, shard=Shard(2, 3))
    assert [[state.job.file_id for state in plan.states] for plan in plans] == [[], ["b", "e"], ["b", "e"]]


def test_shards_and_their_collection_give_what_one_run_gives(run, tmp_path):
    whole, parts = (write_tree(tmp_path / name, names=NAMES) for name in ("whole", "parts"))
    assert run_tree(whole)[0] == 0
    for number in (2, 1):
        done = run("batch", parts, "--run", "--debug", "--shard", f"{number}/2")
        assert done.code == 0, done.err
        assert f"Shard {number}/2 is done" in done.out
    assert not list(parts.rglob("objects.csv"))
    collected = run("batch", parts, "--run", "--collect")
    assert collected.code == 0, collected.err
    assert contents(parts) == contents(whole)
    assert "complete, nothing to do" in run("batch", parts, "--run").out


def test_the_collection_names_what_is_missing_and_computes_nothing(run, tmp_path):
    root = write_tree(tmp_path, names="ab")
    assert run("batch", root, "--run", "--debug", "--shard", "1/2").code == 0
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*.npz")}
    done = run("batch", root, "--run", "--collect")
    assert done.code == 1
    assert re.findall(r"b \(reading\): .*b\.tif: there is no result", done.err)
    assert "2 of 4 failed" in done.out
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*.npz")} == before
    assert "\na," in (root / "default" / "objects.csv").read_text()
    assert "there is no result" in (root / "default" / "report.html").read_text()
    assert not (root / "default" / "provenance.json").exists()
    assert run("batch", root, "--run", "--debug").code == 0


@pytest.mark.parametrize("options", [["--shard", "1/2"], ["--force"], ["--fresh"], ["--oneshot"]])
def test_a_collection_goes_with_nothing_that_computes(run, tmp_path, options):
    assert run("batch", tmp_path, "--run", "--collect", *options).code == 2
    assert run("batch", tmp_path, "--collect").code == 2


def test_shards_of_one_division_work_side_by_side_and_nothing_else(tmp_path):
    with exclusive([tmp_path], "1-of-3"):
        with exclusive([tmp_path], "2-of-3"):
            pass
        for other in (None, "1-of-3", "1-of-2", "1-of-13"):
            with pytest.raises(TaskError, match="in use by another run"), exclusive([tmp_path], other):
                pass
    with exclusive([tmp_path]):
        assert [path.name for path in tmp_path.iterdir() if path.suffix == ".lock"] == [LOCK_FILE]
    with exclusive([tmp_path], "1-of-2"):
        pass


def test_a_shard_waits_for_others_that_begin_but_not_for_a_run(tmp_path, monkeypatch):
    monkeypatch.setattr("superdsm_nb.batch.lock.ENTRANCE_SECONDS", 0.1)
    with (
        exclusive([tmp_path]),
        pytest.raises(TaskError, match="in use by another run"),
        exclusive([tmp_path], "1-of-2"),
    ):
        pass


@pytest.mark.slow
def test_eight_shards_at_once_one_of_them_killed(tmp_path):
    names = "abcdefghijklmnop"
    whole, parts = (write_tree(tmp_path / name, names=names) for name in ("whole", "parts"))
    assert run_tree(whole)[0] == 0
    processes = [start(parts, "--shard", f"{number}/8") for number in range(1, 9)]
    processes[3].stdout.readline()
    processes[3].kill()
    codes = [finish(process)[0] for process in processes]
    assert [code for number, code in enumerate(codes) if number != 3] == [0] * 7
    assert codes[3] != 0
    assert finish(start(parts, "--collect"))[0] == 1
    assert finish(start(parts, "--shard", "4/8"))[0] == 0
    assert finish(start(parts, "--collect"))[0] == 0
    assert contents(parts) == contents(whole)
