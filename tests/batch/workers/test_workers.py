"""Runs in several processes: as many as asked for, with the same results as in one."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import tarfile
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import pytest

from superdsm_nb.batch.outcome import Failure, Mode, Summary
from superdsm_nb.batch.pool import ProcessPool, Worker
from superdsm_nb.batch.run import Runner, WorkerPool
from superdsm_nb.batch.spec import find_tasks
from superdsm_nb.batch.survey import survey
from superdsm_nb.errors import TaskError
from superdsm_nb.events import ImageStarted, StageStarted
from superdsm_nb.io import imsave
from superdsm_nb.pipeline import create_default_pipeline
from superdsm_nb.synthetic import generate

from support import naive
from support.commands import IMAGES, NAMES, finish, start
from support.trees import (
    NUCLEI,
    PATTERNS,
    RADIUS,
    SHAPE,
    Witness,
    contents,
    run_tree,
    write_images,
    write_task,
    write_tree,
)

STAGES = ("scale", *(stage.name for stage in create_default_pipeline().stages), "writing")


def test_workers_give_the_same_files_as_one_process(finished_tree, tmp_path):
    root = write_tree(tmp_path / "tree", names=NAMES, num_cpus=2)
    assert run_tree(root)[0] == 0
    assert contents(root) == contents(finished_tree)


@pytest.mark.slow
def test_a_worker_that_dies_while_it_waits_costs_no_image(tmp_path):
    root = write_tree(tmp_path)
    (plan, _) = [plan for plan in survey(find_tasks(root), root) if plan.task.runnable]
    with ProcessPool(2, {}, Mode()) as pool:
        done = list(pool.run(plan.jobs, lambda *_: None))
        for process in multiprocessing.active_children():
            process.kill()
            process.join()
        done += pool.run(plan.jobs, lambda *_: None)
    assert len(done) == 4
    assert all(isinstance(finished.result, Summary) for finished in done)


class Killer(Witness):
    """Kills the worker that has reached a stage of one image, a number of times."""

    def __init__(self, times):
        super().__init__()
        self.left, self.at, self.beside = times, {}, []

    def emit(self, event, slot=0):
        super().emit(event, slot)
        if isinstance(event, ImageStarted):
            self.at[slot] = event.name
        elif isinstance(event, StageStarted) and self.at[slot] == "c" and self.left:
            name = f"superdsm-nb-{slot}"
            workers = [process for process in multiprocessing.active_children() if process.name == name]
            if not workers:  # what the last one said before its end is still coming
                return
            (worker,) = workers
            self.left -= 1
            self.beside.append([name for name in self.at.values() if ("default", name) not in self.results])
            os.kill(worker.pid, signal.SIGKILL)
            worker.join()


@pytest.mark.slow
def test_an_image_that_kills_its_worker_is_tried_alone_and_fails_alone(root):
    witness = Killer(2)
    plans = [plan for plan in survey(find_tasks(root), root) if plan.task.folder.name != "adapted"]
    assert Runner(root, witness, Mode()).run(plans) == 1
    assert witness.left == 0
    assert witness.beside[1] == ["c"]
    failure = witness.results["default", "c"]
    assert isinstance(failure, Failure)
    assert "its worker process died (out of memory?), also with no other image beside it" in failure.reason
    assert failure.stage in STAGES
    with tarfile.open(root / "default" / "log" / "c.tgz") as archive:
        assert failure.reason in archive.extractfile("c/log.txt").read().decode()
    assert sum(isinstance(result, Summary) for result in witness.results.values()) == len(NAMES) - 1


def test_an_image_whose_worker_died_once_is_finished_alone(finished_tree, tmp_path):
    root = write_tree(tmp_path / "tree", names=("a", "b", "c"), num_cpus=2)
    witness = Killer(1)
    assert Runner(root, witness, Mode()).run(survey(find_tasks(root), root)) == 0
    assert witness.left == 0
    assert isinstance(witness.results["default", "c"], Summary)


def test_workers_that_cannot_be_started_are_done_without(root, monkeypatch):
    start = ProcessPool._start

    def refuse_from(number):
        def refuse(pool, slot):
            if slot >= number:
                raise OSError(24, "Too many open files")
            return start(pool, slot)

        monkeypatch.setattr(ProcessPool, "_start", refuse)

    refuse_from(0)
    with pytest.raises(TaskError, match=r"No worker process can be started: Too many open files\. Raise"):
        Runner(root, Witness(), Mode()).run(survey(find_tasks(root), root))
    refuse_from(1)
    assert Runner(root, Witness(), Mode()).run(survey(find_tasks(root), root)) == 0


@pytest.fixture
def processors(monkeypatch):
    """A machine with four processors."""
    monkeypatch.setattr("superdsm_nb.batch.run.processors", lambda: 4)


def test_as_many_workers_as_asked_are_used_and_no_more_than_images(tmp_path, processors):
    root = write_tree(tmp_path, num_cpus=3)
    witness = run_workers(root)
    assert witness.sizes == [("default", 2, 2), ("adapted", 2, 2)]
    assert witness.warnings == []


@pytest.mark.parametrize("asked", [5, 10**6, 10**200])
def test_no_more_workers_are_used_than_there_are_processors_and_that_is_said(tmp_path, processors, asked):
    root = write_tree(tmp_path, num_cpus=asked)
    plan = survey(find_tasks(root), root)[1]
    assert WorkerPool(ExitStack(), Mode()).size(plan.task, 100) == 4
    witness = run_workers(root)
    assert len(witness.warnings) == 2
    assert f"num_cpus is {str(asked)[:7]}" in witness.warnings[0]
    assert witness.warnings[0].endswith("but there are only 4 processors: no more are used")


def run_workers(root):
    witness = Witness()
    assert Runner(root, witness, Mode()).run(survey(find_tasks(root), root)) == 0
    return witness


def test_environment_variables_reach_the_workers(tmp_path, monkeypatch):
    monkeypatch.setenv("SUPERDSM_NB_NUM_THREADS", "none")
    for number, (environ, failed) in enumerate([({}, 4), ({"SUPERDSM_NB_NUM_THREADS": 1}, 0)]):
        root = write_tree(tmp_path / str(number), environ=environ, num_cpus=1)
        witness = Witness()
        assert Runner(root, witness, Mode()).run(survey(find_tasks(root), root)) == failed


def test_workers_are_silent_about_warnings_unless_python_was_told_otherwise(tmp_path):
    root = write_tree(tmp_path / "tree", names=("a",))
    script = tmp_path / "warn.py"  # workers run it as well, up to its last two lines
    script.write_text(
        "import sys, warnings\n"
        "from superdsm_nb.batch import work\n"
        "from superdsm_nb.cli import main\n"
        "process = work.process\n"
        "def warn(*arguments):\n"
        "    warnings.warn('a word of a library', stacklevel=1)\n"
        "    return process(*arguments)\n"
        "work.process = warn\n"
        "if __name__ == '__main__':\n"
        "    main()\n"
    )
    for options, told in (((), False), (("-W", "default"), True)):
        ended = subprocess.run(
            [sys.executable, *options, script, "batch", root, "--run", "--force"],
            env={name: value for name, value in os.environ.items() if name != "PYTHONWARNINGS"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 0
        assert ("UserWarning: a word of a library" in ended.stderr) == told


@pytest.mark.slow
def test_the_memory_of_a_worker_does_not_grow_with_the_number_of_images(tmp_path):
    write_images(tmp_path / "images", ["x"])
    write_task(
        tmp_path,
        runnable=True,
        img_pathpattern="{ROOTDIR}/images/x.tif%.0s",
        file_ids=[f"{number:03d}" for number in range(IMAGES)],
        config={"AF_scale": 11},
        **PATTERNS,
    )
    ((plan),) = survey(find_tasks(tmp_path), tmp_path)
    resident = []
    with ProcessPool(1, {}, Mode()) as pool:
        for finished in pool.run(plan.jobs, lambda *_: None):
            assert isinstance(finished.result, Summary)
            (pid,) = [process.pid for process in __import__("multiprocessing").active_children()]
            with open(f"/proc/{pid}/statm") as file:  # noqa: PTH123 - not a file of ours
                resident.append(int(file.read().split()[1]))
    assert len(resident) == IMAGES
    assert resident[-1] < 1.1 * resident[19]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("verbosity", "shown"), [("0", (False, False)), ("1", (True, False)), ("2", (True, True))]
)
def test_the_verbosity_decides_how_much_is_shown(tmp_path, verbosity, shown):
    root = write_tree(tmp_path, names=("a",))
    if not naive.COMPILED:  # the images are too small for unions
        imsave(root / "images" / "a.tif", generate(14, SHAPE, NUCLEI, RADIUS).image)
    code, out, err = finish(start(root, "--verbosity", verbosity))
    assert code == 0
    assert ("objects" in out, "unions of 2 atoms" in err) == shown


def test_without_a_terminal_there_are_plain_lines_only(root):
    _, out, err = finish(start(root))
    assert "\x1b" not in out + err
    assert sum(" objects, scale 11.0 pixels (given)" in line for line in out.splitlines()) == 2 * len(NAMES)


def test_tracebacks_are_for_debugging(root):
    (root / "images" / "a.tif").write_bytes(b"no image")
    assert "Traceback" not in finish(start(root))[2]
    assert "Traceback (most recent call last)" in finish(start(root, "--debug"))[2]


@pytest.mark.slow
def test_force_fresh_task_and_report_reach_the_run(finished_tree, tmp_path):
    root = tmp_path / "tree"
    shutil.copytree(finished_tree, root)
    report = tmp_path / "report.txt"
    _, out, _ = finish(start(root, "--task", "default/adapted", "--report", str(report)))
    assert out.splitlines() == [
        f"{root / 'default' / 'adapted'}: complete, nothing to do",
        f"0 of {len(NAMES)} failed",
    ]
    assert report.read_text() == "default/adapted: skipped, complete already\n"
    _, out, _ = finish(start(root, "--task", "default/adapted", "--force"))
    assert out.count("from its stored result, only files are written") == len(NAMES)
    _, out, _ = finish(start(root, "--task-dir", "default", "--force", "--fresh"))
    assert out.count(" objects, ") == 2 * len(NAMES)
    assert "picked up" not in out
    assert contents(root) == contents(finished_tree)


def test_a_oneshot_run_stores_nothing(root):
    code, _, _ = finish(start(root, "--oneshot", "--last-stage", "c2f-region-analysis"))
    assert code == 0
    assert (root / "default" / "adj" / "a.png").exists()
    assert not list(root.rglob("*.npz"))
    assert not list(root.rglob("provenance.json"))
    used = json.loads((root / "default" / "cfg" / "a.json").read_text())
    assert "postprocess" not in used or "min_contrast" not in used["postprocess"]


@pytest.mark.slow
@pytest.mark.parametrize("where", ["task", "command line"])
def test_images_that_pass_the_time_limit_fail_and_say_so(root, tmp_path, where):
    if where == "task":
        root = write_tree(tmp_path / "limited", names=NAMES, num_cpus=2, time_limit=1e-6)
    witness = Witness()
    mode = Mode() if where == "task" else Mode(time_limit=1e-6)

    failed = Runner(root, witness, mode).run(survey(find_tasks(root), root))

    assert failed == 12  # in two tasks
    reasons = [result.reason for result in witness.results.values() if isinstance(result, Failure)]
    assert len(reasons) == 12
    assert all("time limit of 1e-06 s is over" in reason for reason in reasons)


@pytest.mark.slow
def test_a_worker_that_does_not_keep_the_time_limit_is_stopped(root, monkeypatch):
    from superdsm_nb.batch import pool as module

    monkeypatch.setattr(module, "START_SECONDS", 0.0)  # no process starts in two milliseconds
    (plan, *_) = [plan for plan in survey(find_tasks(root), root) if plan.task.runnable]

    with ProcessPool(1, {}, Mode(time_limit=1e-3)) as workers:
        done = list(workers.run(plan.jobs[:1], lambda *_: None))

    (finished,) = done
    assert isinstance(finished.result, Failure)
    assert "time limit of 0.001 s is over" in finished.result.reason


def test_a_result_that_waits_to_be_read_is_not_late():
    class Process:
        """A process that must not be stopped."""

        def kill(self):
            raise AssertionError("stopped")

        def join(self, _=None):
            pass

        def is_alive(self):
            return False

    pool = ProcessPool(2, {}, Mode(time_limit=1.0))
    theirs = []
    for slot in range(2):
        ours, other = multiprocessing.Pipe()
        job = SimpleNamespace(file_id=str(slot), image=Path(f"{slot}.tif"), stored=Path(f"{slot}.npz"))
        pool._workers.append(Worker(slot, Process(), ours, job, "dsm"))
        theirs.append(other)
    with pool:
        results = pool.run([], lambda *_: None)
        theirs[0].send(Failure("dsm", "first"))
        first = next(results)
        theirs[1].send(Failure("dsm", "second"))  # in time, but read late
        pool._workers[1].latest_end = 0.0
        second = next(results)

    assert [first.result.reason, second.result.reason] == ["first", "second"]
