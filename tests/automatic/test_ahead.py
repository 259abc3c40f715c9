"""Compiling ahead: the same machine code as a segmentation needs, and only where it is worth it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from superdsm_nb.automatic import ahead
from superdsm_nb.kernels import _cache

from support import naive

SCRIPT = """
import superdsm_nb
from superdsm_nb.automatic import compile_later_stages
from superdsm_nb.kernels import hulls, outlines, regions
from superdsm_nb.synthetic import generate

kernels = [hulls.borders, hulls.hull_areas, hulls.run_corners, outlines.outline, regions.moments_by_label]

def versions():
    return [len(kernel.signatures) for kernel in kernels]

compile_later_stages()
ahead = versions()
superdsm_nb.segment(generate(seed=1, shape=(200, 200), nuclei=8, clustering=0.5).image)
print(min(ahead), ahead == versions())
"""


@naive.compiled_only
def test_what_is_compiled_ahead_is_what_a_segmentation_needs():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "True"]


@pytest.fixture
def started(monkeypatch):
    """The processes that are started."""
    started = []

    monkeypatch.setattr(ahead.subprocess, "Popen", lambda command, **_: started.append(command))
    monkeypatch.setattr(ahead.atexit, "register", lambda *_: None)
    monkeypatch.setenv("SUPERDSM_NB_NUM_THREADS", "2")
    return started


@pytest.mark.parametrize("files", [[], ["hulls.hull_areas-0.nbc"]])
def test_a_process_compiles_ahead_in_a_fresh_installation(files, started, monkeypatch, tmp_path):
    monkeypatch.setattr(_cache, "folders", lambda: [tmp_path / "missing", tmp_path])
    for name in files:
        (tmp_path / name).touch()
    ahead.start_compiling()
    assert len(started) == 1


def test_nothing_is_started_where_it_was_done_before(started, monkeypatch, tmp_path):
    monkeypatch.setattr(_cache, "folders", lambda: [tmp_path])
    (tmp_path / "outlines.outline-0.nbc").touch()
    ahead.start_compiling()
    assert not started


def test_nothing_is_started_on_a_single_processor(started, monkeypatch, tmp_path):
    monkeypatch.setattr(_cache, "folders", lambda: [tmp_path])
    monkeypatch.setenv("SUPERDSM_NB_NUM_THREADS", "1")
    ahead.start_compiling()
    assert not started


@naive.compiled_only
def test_the_process_ends_with_the_one_that_started_it(tmp_path):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    child = subprocess.Popen(
        [sys.executable, "-P", "-c", ahead.SCRIPT], stdin=subprocess.PIPE, env=environment
    )
    child.stdin.close()
    assert child.wait(10) == 0  # to compile takes longer
