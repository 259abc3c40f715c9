"""Runs in processes of their own: interrupted, killed, short of space, or two at a time."""

from __future__ import annotations

import contextlib
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tarfile
import time

import naive
import numpy as np
import pytest
from processes import as_an_ordinary_user
from trees import (
    NUCLEI,
    PATTERNS,
    RADIUS,
    SHAPE,
    Witness,
    contents,
    run_tree,
    unfinished,
    write_images,
    write_task,
    write_tree,
)

from superdsm_nb.batch.lock import exclusive
from superdsm_nb.batch.outcome import Failure, Mode, Summary
from superdsm_nb.batch.pool import Pool
from superdsm_nb.batch.run import Runner
from superdsm_nb.batch.spec import find_tasks
from superdsm_nb.batch.survey import survey
from superdsm_nb.io import imsave
from superdsm_nb.pipeline import create_default_pipeline
from superdsm_nb.synthetic import generate

COMMAND = [sys.executable, "-m", "superdsm_nb.batch"]
KILLS, IMAGES, NAMES = (20, 200, "abcdef") if naive.COMPILED else (5, 25, "abcd")
STAGES = ("scale", *(stage.name for stage in create_default_pipeline().stages), "writing")
HOLD = """
import sys, time, pathlib
from superdsm_nb.batch.lock import exclusive
with exclusive([pathlib.Path(sys.argv[1])]):
    print("held", flush=True)
    time.sleep(60)
"""


def start(root, *options, **arguments):
    """Start a run in a process group of its own."""
    return subprocess.Popen(
        [*COMMAND, str(root), "--run", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **arguments,
    )


def finish(process):
    out, err = process.communicate(timeout=120 if naive.COMPILED else 600)
    return process.returncode, out, err


@pytest.fixture(scope="module")
def finished_tree(tmp_path_factory):
    """A tree of six images whose tasks are complete, by workers."""
    root = write_tree(tmp_path_factory.mktemp("undisturbed") / "tree", names=NAMES, num_cpus=2)
    code, out, err = finish(start(root))
    assert code == 0, out + err
    return root


@pytest.fixture
def root(finished_tree, tmp_path):
    """The same tree before any run."""
    return write_tree(tmp_path / "tree", names=NAMES, num_cpus=2)


def test_workers_give_the_same_files_as_one_process(finished_tree, tmp_path):
    root = write_tree(tmp_path / "tree", names=NAMES, num_cpus=2)
    assert run_tree(root)[0] == 0
    assert contents(root) == contents(finished_tree)


def stored(root):
    """How many images are done."""
    return len(list(root.rglob("*.npz")))


def test_a_run_that_is_killed_at_any_moment_continues_to_the_same_files(finished_tree, root):
    rng = np.random.default_rng(0)
    expected, total = contents(finished_tree), stored(finished_tree)
    counts = []
    for kill in range(KILLS):
        if stored(root) >= total - 2:  # from the beginning again, or there would be nothing left to kill
            shutil.rmtree(root)
            write_tree(root, names=NAMES, num_cpus=2)
        goal = stored(root) + rng.integers(0, 4)
        process = start(root)
        while stored(root) < goal and process.poll() is None:
            time.sleep(0.001)
        time.sleep(rng.uniform(0, 0.2))
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        found = contents(root)
        counts.append(len(found))
        # Tables are of what is there; everything else is as it will be, or not there at all.
        wrong = {name for name in found if found[name] != expected[name] and not name.endswith(".csv")}
        assert not wrong, f"after kill {kill}"
    assert len(set(counts)) > KILLS // 4  # the moments were different ones
    code, out, err = finish(start(root))
    assert code == 0, out + err
    assert contents(root) == expected
    assert not unfinished(root)


def test_an_interrupt_ends_the_run_soon_and_loses_no_finished_image(finished_tree, root):
    process = start(root)
    first = next(line for line in process.stdout if "objects" in line)
    begin = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    code, _, err = finish(process)
    assert time.monotonic() - begin < (5 if naive.COMPILED else 20)
    assert code == 130
    assert err == "Interrupted: what was finished is kept.\n"
    assert not unfinished(root)
    name = re.match(r"\s+(\w): ", first)[1]
    stored = root / "default" / "results" / f"{name}.npz"
    before = stored.stat().st_mtime_ns
    code, out, _ = finish(start(root))
    assert code == 0
    assert stored.stat().st_mtime_ns == before
    assert "of them up to date" in out
    assert contents(root) == contents(finished_tree)


def test_of_two_runs_the_second_says_who_holds_the_folder_and_stops(root):
    with exclusive([root]):
        code, out, err = finish(start(root))
    assert (code, out) == (2, "")
    assert err.startswith(f"Error: {root} is in use by another run (process {os.getpid()} on ")
    assert not (root / "default" / "seg").exists()
    assert finish(start(root))[0] == 0


def test_a_run_on_a_part_of_the_tree_is_held_up_as_well(tmp_path):
    part = write_tree(tmp_path / "whole" / "part", names=("a",))
    with exclusive([tmp_path / "whole", part, part / "default"]):
        code, _, err = finish(start(part))
    assert code == 2
    assert f"{part} is in use by another run" in err


def test_a_folder_is_free_again_after_a_crash(root):
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            HOLD,
            str(root),
        ],
        stdout=subprocess.PIPE,
    )
    assert holder.stdout.readline() == b"held\n"
    assert finish(start(root))[0] == 2
    holder.kill()
    holder.communicate()
    assert finish(start(root))[0] == 0


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


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:  # noqa: PTH123 - not a file of ours
        return [int(text) for text in file.read().split()]


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
    assert f"{root / 'default' / 'seg' / 'a.png'} cannot be written: Permission denied" in err
    assert (root / "default" / "adapted" / "seg" / "a.png").exists()
    assert finish(start(root))[0] == 0
    assert contents(root) == contents(finished_tree)


def workers_of(process):
    return [pid for pid in children(process.pid) if "spawn_main" in command_of(pid)]


def command_of(pid):
    try:
        with open(f"/proc/{pid}/cmdline") as file:  # noqa: PTH123 - not a file of ours
            return file.read()
    except FileNotFoundError:
        return ""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_workers_end_with_the_process_that_started_them(finished_tree, root, number):
    process = start(root)
    next(line for line in process.stdout if "objects" in line)
    workers = workers_of(process)
    assert workers
    os.kill(process.pid, number)
    process.wait(timeout=10)
    deadline = time.monotonic() + 5
    while any(command_of(pid) for pid in workers):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.communicate()
    assert finish(start(root))[0] == 0
    assert contents(root) == contents(finished_tree)


def test_a_rerun_of_complete_tasks_that_is_killed_continues_to_the_same_files(finished_tree, tmp_path):
    root = tmp_path / "tree"
    shutil.copytree(finished_tree, root)
    write_images(root / "images", NAMES[::-1])
    undisturbed = tmp_path / "undisturbed"
    shutil.copytree(root, undisturbed)
    assert finish(start(undisturbed))[0] == 0
    rng = np.random.default_rng(1)
    for _ in range(4):
        process = start(root)
        first = next((line for line in process.stdout if "objects" in line), None)
        time.sleep(rng.uniform(0, 0.3))
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        if first is None:
            break
    assert finish(start(root))[0] == 0
    assert contents(root) == contents(undisturbed)
    assert contents(root) != contents(finished_tree)


def test_a_worker_that_dies_while_it_waits_costs_no_image(tmp_path):
    import multiprocessing

    root = write_tree(tmp_path)
    (plan, _) = [plan for plan in survey(find_tasks(root), root) if plan.task.runnable]
    with Pool(2, {}, Mode()) as pool:
        done = list(pool.run(plan.jobs, lambda *_: None))
        for process in multiprocessing.active_children():
            process.kill()
            process.join()
        done += pool.run(plan.jobs, lambda *_: None)
    assert len(done) == 4
    assert all(isinstance(finished.result, Summary) for finished in done)


def test_an_image_that_kills_its_worker_fails_alone(root):
    class Killer(Witness):
        """Kills the worker that has reached a stage of one image."""

        def __init__(self):
            super().__init__()
            self.at = {}
            self.killed = False

        def tell(self, place, kind, values):
            super().tell(place, kind, values)
            if kind == "image":
                self.at[place] = values[0].file_id
            elif kind == "stage" and self.at[place] == "c" and not self.killed:
                self.killed = True
                os.kill(worker_of(place), signal.SIGKILL)

    def worker_of(place):
        import multiprocessing

        (worker,) = [
            process for process in multiprocessing.active_children() if process.name == f"superdsm-nb-{place}"
        ]
        return worker.pid

    witness = Killer()
    plans = [plan for plan in survey(find_tasks(root), root) if plan.task.folder.name != "adapted"]
    assert Runner(root, witness, Mode()).run(plans) == 1
    failure = witness.results["default", "c"]
    assert isinstance(failure, Failure)
    assert "the process that worked on it died (out of memory?)" in failure.reason
    assert failure.stage in STAGES
    with tarfile.open(root / "default" / "log" / "c.tgz") as archive:
        assert failure.reason in archive.extractfile("c/log.txt").read().decode()
    assert sum(isinstance(result, Summary) for result in witness.results.values()) == len(NAMES) - 1


def test_as_many_workers_as_asked_are_used_and_no_more_than_images(tmp_path):
    root = write_tree(tmp_path, num_cpus=7)
    assert run_workers(root).sizes == [("default", 2, 2), ("adapted", 2, 2)]


def run_workers(root):
    witness = Witness()
    assert Runner(root, witness, Mode()).run(survey(find_tasks(root), root)) == 0
    return witness


def test_environment_variables_reach_the_workers(tmp_path):
    root = write_tree(tmp_path, environ={"SUPERDSM_NB_NUM_THREADS": "none"})
    witness = Witness()
    failures = Runner(root, witness, Mode()).run(survey(find_tasks(root), root))
    assert failures == 4
    assert "SUPERDSM_NB_NUM_THREADS is 'none'" in witness.results["default", "a"].reason


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
    with Pool(1, {}, Mode()) as pool:
        for finished in pool.run(plan.jobs, lambda *_: None):
            assert isinstance(finished.result, Summary)
            (pid,) = [process.pid for process in __import__("multiprocessing").active_children()]
            with open(f"/proc/{pid}/statm") as file:  # noqa: PTH123 - not a file of ours
                resident.append(int(file.read().split()[1]))
    assert len(resident) == IMAGES
    assert resident[-1] < 1.1 * resident[19]


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


def test_force_fresh_task_and_report_reach_the_run(finished_tree, tmp_path):
    root = tmp_path / "tree"
    shutil.copytree(finished_tree, root)
    report = tmp_path / "report.txt"
    _, out, _ = finish(start(root, "--task", "default/adapted", "--report", str(report)))
    assert out == f"{root / 'default' / 'adapted'}: complete, nothing to do\n"
    assert report.read_text() == "default/adapted: skipped, complete already\n"
    _, out, _ = finish(start(root, "--task", "default/adapted", "--force"))
    assert out.count("from its stored result, files written only") == len(NAMES)
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
