"""Runs on disks that are full or read-only."""

from __future__ import annotations

import resource

import pytest

from support.commands import children, finish, start
from support.processes import as_an_ordinary_user
from support.trees import contents, unfinished

pytestmark = pytest.mark.slow


def test_a_full_disk_is_told_of_and_the_next_run_heals(finished_tree, root):
    def no_space():  # a file can be no larger than the smallest label map
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))

    code, _, err = finish(start(root, "--fresh", preexec_fn=no_space))
    assert code == 1
    assert f"{root / 'default' / 'seg' / 'a.png'} cannot be written: File too large" in err
    assert "Traceback" not in err
    assert not unfinished(root)
    assert not list(root.rglob("*.png"))
    assert finish(start(root))[0] == 0
    assert contents(root) == contents(finished_tree)


def test_a_disk_that_fills_up_during_the_run_costs_nothing_finished(finished_tree, root):
    process = start(root)
    next(line for line in process.stdout if "objects" in line)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
    for worker in children(process.pid):
        resource.prlimit(worker, resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
    code, _, err = finish(process)
    assert code == 1
    assert "cannot be written: File too large" in err
    finished = [path for path in contents(root) if path.endswith(".npz")]
    assert finished
    assert all(contents(root)[path] == contents(finished_tree)[path] for path in finished)
    assert finish(start(root))[0] == 0
    assert contents(root) == contents(finished_tree)


def test_a_folder_that_is_read_only_is_told_of_before_any_work(root):
    (root / "default").chmod(0o555)
    try:
        code, out, err = finish(start(root, preexec_fn=as_an_ordinary_user))
    finally:
        (root / "default").chmod(0o755)
    assert (code, out) == (2, "")
    assert err.startswith(f"Error: {root / 'default'} cannot be written to: Permission denied. ")
    assert len(err.splitlines()) == 1


def test_an_output_folder_that_is_read_only_is_told_of_and_the_next_run_heals(finished_tree, root):
    (root / "default" / "seg").mkdir()
    (root / "default" / "seg").chmod(0o555)
    try:
        code, _, err = finish(start(root, preexec_fn=as_an_ordinary_user))
    finally:
        (root / "default" / "seg").chmod(0o755)
    assert code == 1
    folder = root / "default" / "seg"
    assert f"{folder / 'a.png'} cannot be written: {folder} is read-only for you" in err  # before the work
    assert (root / "default" / "adapted" / "seg" / "a.png").exists()
    assert finish(start(root))[0] == 0
    assert contents(root) == contents(finished_tree)
