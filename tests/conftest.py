"""What several test files need: a small image, its files, and the command line."""

from __future__ import annotations

import os
import shutil
import signal
from typing import NamedTuple

import pytest
from hypothesis import settings

from superdsm_nb.cli import main
from superdsm_nb.cli.console import INTERMEDIATE_VARIABLE
from superdsm_nb.io import imsave

from support.inline import InlinePool
from support.published import VARIABLE
from support.trees import cells, run_tree, write_tree

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # as in the background of a script; children inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)


# Whether there is progress to tell of depends on how long a run takes; tests of it set this themselves.
os.environ.setdefault(INTERMEDIATE_VARIABLE, "0")

settings.register_profile("quick", max_examples=25)  # a quarter of the usual; see naive.settings_for


def pytest_configure(config):
    """Let the quick run, which leaves out the slow tests, try fewer examples as well."""
    if "not slow" in config.option.markexpr:
        settings.load_profile("quick")


def pytest_runtest_setup(item):
    """Skip what needs the published images where there are none."""
    if item.get_closest_marker("published") and VARIABLE not in os.environ:
        pytest.skip(f"{VARIABLE} does not name the folder of published images")


class Outcome(NamedTuple):
    """What a run of the command line left behind."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="session")
def sample():
    """An image of a few nuclei, for the scale 11, with its truth."""
    return cells()


@pytest.fixture
def image_path(tmp_path, sample):
    """The same as a TIFF file."""
    path = tmp_path / "cells.tif"
    imsave(path, sample.image)
    return path


@pytest.fixture
def inline(monkeypatch):
    """Let batches work in this process."""
    monkeypatch.setattr("superdsm_nb.batch.run.ProcessPool", InlinePool)


@pytest.fixture
def run(monkeypatch, capsys, inline):
    """Run the command line with the given arguments, as the command `superdsm-nb` does; batches inline."""

    def run_main(*arguments):
        monkeypatch.setattr("sys.argv", ["superdsm-nb", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            main()
        captured = capsys.readouterr()
        return Outcome(stop.value.code or 0, captured.out, captured.err)

    return run_main


@pytest.fixture(scope="session")
def finished_tree(tmp_path_factory):
    """A tree whose tasks are complete."""
    root = write_tree(tmp_path_factory.mktemp("tree"))
    assert run_tree(root)[0] == 0
    return root


@pytest.fixture
def root(finished_tree, tmp_path):
    """A copy of it, to be changed."""
    shutil.copytree(finished_tree, tmp_path / "tree")
    return tmp_path / "tree"
