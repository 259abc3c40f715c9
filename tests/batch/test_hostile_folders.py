"""A folder of tasks from a stranger: links, pipes and devices in place of files change nothing outside."""

from __future__ import annotations

import json
import os
import shutil
import socket

import pytest

from superdsm_nb.batch.jobs import TABLES
from superdsm_nb.batch.lock import HOLDER_FILE, LOCK_FILE
from superdsm_nb.errors import TaskError

from support.command_line import assert_one_sentence
from support.jobs import write
from support.trees import contents, needs_links, run_tree, write_task

pytestmark = needs_links
PRECIOUS = b"precious"


@pytest.fixture
def elsewhere(tmp_path):
    """A folder outside of the tasks with a file that must not change."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "precious").write_bytes(PRECIOUS)
    yield tmp_path / "elsewhere"
    assert [path.name for path in (tmp_path / "elsewhere").iterdir()] == ["precious"]
    assert (tmp_path / "elsewhere" / "precious").read_bytes() == PRECIOUS


# ---------------------------------------------------------------- the lock


@pytest.mark.parametrize("make", [os.symlink, os.link], ids=["symbolic", "hard"])
def test_the_lock_follows_no_link(root, elsewhere, make):
    lock = root / "default" / LOCK_FILE
    lock.unlink(missing_ok=True)
    make(elsewhere / "precious", lock)
    with pytest.raises(TaskError, match=r"cannot be used \(.*\): it may belong to another user; delete it"):
        run_tree(root)


def put_a_pipe(path):
    os.mkfifo(path)


def put_a_socket(path):
    with socket.socket(socket.AF_UNIX) as made:
        here = os.open(path.parent, os.O_RDONLY)
        made.bind(f"/proc/self/fd/{here}/{path.name}")  # the path itself may be too long for a socket
        os.close(here)


def put_a_folder(path):
    path.mkdir()


def put_a_device(path):
    path.symlink_to("/dev/zero")


def put_a_loop(path):
    path.symlink_to(path.name)


def put_a_large_hole(path):
    with path.open("wb") as file:
        file.truncate(2**42)


OBSTACLES = [put_a_pipe, put_a_socket, put_a_folder, put_a_device, put_a_loop, put_a_large_hole]
every_obstacle = pytest.mark.parametrize("put", OBSTACLES, ids=lambda put: put.__name__.split("_", 2)[-1])


def remove(path):
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@pytest.mark.parametrize("put", [put_a_pipe, put_a_socket, put_a_folder, put_a_device, put_a_loop])
def test_what_is_no_file_in_place_of_the_lock_is_refused_at_once(root, put):
    (root / "default" / LOCK_FILE).unlink(missing_ok=True)
    put(root / "default" / LOCK_FILE)
    with pytest.raises(TaskError, match=f"{LOCK_FILE} cannot be used"):
        run_tree(root)


@every_obstacle
def test_what_is_no_file_says_nothing_of_who_holds_a_folder(root, put):
    from superdsm_nb.batch.lock import _holder

    put(root / HOLDER_FILE)
    assert "holder unknown" in _holder(root / HOLDER_FILE, root / LOCK_FILE)
    remove(root / HOLDER_FILE)


# ---------------------------------------------------------------- what is read


@every_obstacle
@pytest.mark.parametrize("name", ["task.json", "base.json"])
def test_what_is_no_file_in_place_of_settings_is_refused_at_once(run, tmp_path, name, put):
    write(tmp_path / "task", base_config_path="base.json")
    (tmp_path / "task" / "base.json").write_text("{}")
    remove(tmp_path / "task" / name)
    put(tmp_path / "task" / name)
    assert_one_sentence(run("batch", tmp_path / "task"), name)
    remove(tmp_path / "task" / name)


def test_json_that_is_too_large_is_refused_and_the_size_is_named(run, tmp_path):
    write(tmp_path)
    with (tmp_path / "task.json").open("a") as file:
        file.write(" " * 2**24)
    assert_one_sentence(run("batch", tmp_path), "task.json cannot be read: it is larger than 16777216 bytes")


@every_obstacle
def test_what_is_no_file_in_place_of_an_image_fails_alone(root, put):
    image = root / "images" / "a.tif"
    shutil.copy(root / "images" / "b.tif", root / "images" / "c.tif")
    write_task(root, **{**json.loads((root / "task.json").read_text()), "file_ids": ["a", "b", "c"]})
    for folder in ("default", "default/adapted"):
        shutil.rmtree(root / folder / "results")
    remove(image)
    put(image)
    failures, witness = run_tree(root)
    assert failures == 2
    assert (root / "default" / "seg" / "c.png").exists()
    assert "a.tif" in witness.results["default", "a"].reason
    remove(image)


@every_obstacle
@pytest.mark.parametrize("name", ["results/a.npz", "results/a.timings.json", *TABLES])
def test_what_is_no_file_in_place_of_what_a_run_made_is_replaced_or_named(root, elsewhere, name, put):
    before = contents(root)
    path = root / "default" / name
    path.unlink()
    put(path)
    failures, witness = run_tree(root)
    if put is put_a_folder and name != "results/a.timings.json":
        assert failures >= 1
        assert any(str(path) in text for text in [*witness.errors, *map(str, witness.results.values())])
        path.rmdir()
        failures, witness = run_tree(root)
    assert failures == 0
    if name != "results/a.timings.json":  # that is written with its result only
        assert contents(root) == before
    remove(path)


# ---------------------------------------------------------------- where pictures go


def test_export_writes_through_no_linked_folder(run, root, elsewhere):
    (root / "default" / "export-seg").symlink_to(elsewhere)
    assert_one_sentence(run("export", root, "default"), "leads outside the task's folder")


def test_export_writes_into_no_loop_of_links(run, root):
    (root / "default" / "export-seg").symlink_to("export-seg")
    assert_one_sentence(run("export", root, "default"), "gives an impossible path")


def test_export_follows_no_link_in_the_folder_that_is_asked_for(run, root, elsewhere, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "out").symlink_to("real")
    assert run("export", root, "default", "--outdir", tmp_path / "out").code == 0
    assert len(list((tmp_path / "real").iterdir())) == 2
    write_task(root, **{**json.loads((root / "task.json").read_text()), "file_ids": ["x/a", "b"]})
    shutil.copytree(root / "images", root / "images" / "x")
    run_tree(root)
    (tmp_path / "real" / "x").symlink_to(elsewhere)
    assert_one_sentence(run("export", root, "default", "--outdir", tmp_path / "out"), "leads outside")


def test_neither_pictures_nor_a_report_go_through_a_link_in_the_folder_of_the_tasks(run, root, elsewhere):
    (root / "out").symlink_to(elsewhere)
    outcome = run("export", root, "default", "--outdir", root / "out")
    assert_one_sentence(outcome, "leads outside")
    outcome = run("batch", root, "--run", "--report", root / "out" / "status.txt")
    assert_one_sentence(outcome, "is a link, and none is followed", code=1)
    assert run("batch", root, "--run", "--report", root / "new" / "status.txt").code == 0
    assert (root / "new" / "status.txt").exists()


def test_a_link_that_is_made_during_the_work_is_not_followed(root, elsewhere, monkeypatch):
    from superdsm_nb.batch import work

    def link_and_write(*arguments):
        shutil.rmtree(root / "default" / "seg")
        (root / "default" / "seg").symlink_to(elsewhere)
        return write_outputs(*arguments)

    write_outputs = work.write_outputs
    (root / "default" / "seg" / "a.png").unlink()
    monkeypatch.setattr(work, "write_outputs", link_and_write)
    failures, witness = run_tree(root)
    assert failures
    assert "is a link, and none is followed" in witness.results["default", "a"].reason
