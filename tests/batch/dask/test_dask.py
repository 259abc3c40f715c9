"""Workers of a Dask cluster write what processes of this computer write, whatever dies on the way."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time

import numpy as np
import pytest

from superdsm_nb.batch.lock import check_token, exclusive
from superdsm_nb.errors import RunOverError
from superdsm_nb.parallel import processor_kind

from support import naive
from support.commands import finish, start
from support.daskcluster import Cluster
from support.trees import contents, unfinished, write_tree

pytestmark = [pytest.mark.slow, naive.compiled_only]
NAMES = "abcdefgh"
POISON = """
import os
from superdsm_nb.batch import work

if work.process.__name__ != "poisoned":  # this file is read more than once
    original = work.process

    def poisoned(job, *rest):
        return os._exit(1) if job.file_id == "c" else original(job, *rest)

    work.process = poisoned
"""
OTHER = """
from superdsm_nb.batch import daskwork

daskwork.__version__ = "0.0.1"
"""


LACKING = """
import sys

sys.modules["superdsm_nb"] = None
"""
OLDER = """
from superdsm_nb.batch import daskwork, work

daskwork.processor_kind = work.processor_kind = lambda: "x86-64-v2"
"""


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory):
    cluster = Cluster(tmp_path_factory.mktemp("cluster"))
    yield cluster
    cluster.close()


@pytest.fixture
def cluster(scheduler):
    """A scheduler without workers."""
    yield scheduler
    scheduler.clear()


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """What processes of this computer write."""
    root = write_tree(tmp_path_factory.mktemp("expected"), names=NAMES)
    code, out, err = finish(start(root))
    assert code == 0, out + err
    return contents(root)


@pytest.fixture
def tree(tmp_path):
    return write_tree(tmp_path / "tree", names=NAMES)


def first_result(process):
    next(line for line in process.stdout if "objects" in line)


def test_two_workers_write_the_same_files(cluster, expected, tree):
    for _ in range(2):
        cluster.start_worker()
    cluster.wait_for(2)
    code, out, err = finish(start(tree, "--scheduler", cluster.address))
    assert (code, err) == (0, ""), out
    assert contents(tree) == expected
    assert not unfinished(tree)


def test_workers_come_and_go_and_are_killed(cluster, expected, tree):
    first = cluster.start_worker()
    cluster.wait_for(1)
    process = start(tree, "--scheduler", cluster.address)
    first_result(process)
    cluster.start_worker()
    cluster.wait_for(2)
    cluster.kill(first)
    code, out, err = finish(process)
    assert code == 0, out + err
    assert contents(tree) == expected


def test_a_client_that_is_killed_continues_to_the_same_files(cluster, expected, tree):
    for _ in range(2):
        cluster.start_worker()
    cluster.wait_for(2)
    rng = np.random.default_rng(0)
    for _ in range(3):
        process = start(tree, "--scheduler", cluster.address)
        with contextlib.suppress(StopIteration):
            first_result(process)
        time.sleep(rng.uniform(0, 0.5))
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    code, out, err = finish(start(tree, "--scheduler", cluster.address))
    assert code == 0, out + err
    assert contents(tree) == expected


def test_without_its_scheduler_a_run_ends_and_continues_later(cluster, expected, tree):
    cluster.start_worker()
    cluster.wait_for(1)
    process = start(tree, "--scheduler", cluster.address)
    first_result(process)
    cluster.kill(cluster.scheduler)
    code, _, err = finish(process)
    assert code == 2, err
    assert "connection to the Dask scheduler was lost" in err
    cluster.start_scheduler()
    cluster.start_worker()
    cluster.wait_for(1)
    assert finish(start(tree, "--scheduler", cluster.address))[0] == 0
    assert contents(tree) == expected


def test_processors_of_different_kinds_are_told_and_recorded(cluster, tree):
    cluster.start_worker()
    cluster.start_worker(preload=OLDER)
    cluster.wait_for(2)
    code, out, err = finish(start(tree, "--scheduler", cluster.address))
    assert code == 0, out + err
    said = " ".join((out + err).split())
    assert said.count("processors of different kinds") == 1
    assert "start all workers with NUMBA_CPU_NAME set to one name" in said
    images = json.loads((tree / "default" / "provenance.json").read_text())["images"]
    kinds = {each["processor"] for each in images.values()}
    assert kinds == {processor_kind(), "x86-64-v2"}


def test_an_image_that_kills_its_worker_is_named_and_the_others_are_done(cluster, tree):
    for _ in range(2):
        cluster.start_worker(preload=POISON)
    cluster.wait_for(2)
    code, _, err = finish(start(tree, "--scheduler", cluster.address))
    assert code == 1
    assert "c (reading): " in err
    assert "the Dask workers that began with it died" in err
    assert len(list((tree / "default" / "seg").iterdir())) == len(NAMES) - 1


@pytest.mark.parametrize(
    ("options", "preload", "message"),
    [
        (("--nthreads", "2"), None, "has several threads"),
        ((), OTHER, "has superdsm_nb 0.0.1, but this is"),
        ((), LACKING, "cannot load this program ("),
    ],
)
def test_workers_that_do_not_fit_are_refused(cluster, tree, options, preload, message):
    cluster.start_worker(*options, preload=preload)
    cluster.wait_for(1)
    code, _, err = finish(start(tree, "--scheduler", cluster.address))
    assert code == 2
    assert message in err
    assert err.count("\n") == 1


def test_where_nobody_answers_the_run_ends_with_a_sentence(tree):
    code, _, err = finish(start(tree, "--scheduler", "tcp://127.0.0.1:9"))
    assert code == 2
    assert err.startswith("Error: No Dask scheduler answers at tcp://127.0.0.1:9 ")
    assert err.count("\n") == 1


def test_an_interrupt_ends_a_local_cluster_without_tracebacks(expected, tree):
    run = start(tree, "--scheduler", "local", env={**os.environ, "SUPERDSM_NB_NUM_THREADS": "2"})
    while " objects" not in (line := run.stdout.readline()):
        assert line, run.stderr.read()
    os.killpg(run.pid, signal.SIGINT)
    code, out, err = finish(run)
    assert code == 130
    assert "Traceback" not in out + err
    assert "finished results are kept" in err
    code, out, err = finish(start(tree))
    assert code == 0, out + err
    assert contents(tree) == expected


def test_a_worker_of_a_run_that_is_over_writes_nothing(tmp_path):
    token = "of a run"
    with exclusive([tmp_path], token=token):
        check_token(tmp_path, token)
        with pytest.raises(RunOverError):
            check_token(tmp_path, "another")
    with pytest.raises(RunOverError):
        check_token(tmp_path, token)
    with exclusive([tmp_path], "1-of-2", token):
        check_token(tmp_path, token, "1-of-2")
        with pytest.raises(RunOverError):
            check_token(tmp_path, token, "2-of-2")
