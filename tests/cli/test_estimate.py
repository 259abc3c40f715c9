"""How far the work is, and how long the rest takes: on a terminal and elsewhere."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time

import pytest
from rich.console import Console

from superdsm_nb.cli import console
from superdsm_nb.cli.console import INTERMEDIATE_VARIABLE, QUIET, ProgressDisplay
from superdsm_nb.cli.estimate import AUTOMATIC, PUBLISHED, Estimate, duration
from superdsm_nb.config import STAGE_NAMES
from superdsm_nb.events import ImageStarted, Progress, StageStarted


class Clock:
    """Time that goes when it is told to."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.mark.parametrize("shares", [AUTOMATIC, PUBLISHED])
def test_the_shares_of_the_stages_name_all_stages_in_their_order(shares):
    known = [name for name in shares if name in STAGE_NAMES]
    assert tuple(known) == tuple(STAGE_NAMES)
    assert list(shares.values()) == sorted(shares.values())


def test_nothing_is_estimated_in_the_first_two_seconds():
    clock = Clock()
    estimate = Estimate(10, clock=clock)
    for number in range(5):
        estimate.started(str(number))
        estimate.finished(str(number))
    clock.now += 1.9
    assert estimate.left is None
    clock.now += 0.2
    assert estimate.left == pytest.approx(2.1)


def test_images_that_are_finished_and_those_that_are_worked_on_both_count():
    clock = Clock()
    estimate = Estimate(4, slots=2, clock=clock)
    estimate.started("a", 0)
    estimate.started("b", 1)
    estimate.finished("a")
    estimate.stage("postprocess", 1)
    estimate.advanced(5, 10, "objects", 1)
    clock.now += 10
    share = AUTOMATIC["postprocess"] + 0.5 * (AUTOMATIC["writing"] - AUTOMATIC["postprocess"])
    assert estimate.left == pytest.approx(10 * (4 - 1 - share) / (1 + share))
    assert estimate.line().startswith("1 of 4 images finished; b: postprocess, 5 of 10 objects; about ")


def test_the_estimate_never_goes_backwards_within_a_stage():
    clock = Clock()
    estimate = Estimate(1, clock=clock)
    estimate.started("a")
    estimate.stage("scale")
    estimate.stage("global-energy-minimization")
    clock.now += 10
    left = []
    for done, total in ((10, 10), (1, 100), (50, 100)):  # rounds of unions, each counted from the start
        estimate.advanced(done, total, "unions")
        left.append(estimate.left)
    assert left[0] == left[1] == left[2] == pytest.approx(10 * 0.1 / 0.9)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(3.2, "about 3 s"), (99, "about 99 s"), (120, "about 2 min"), (9000, "about 2.5 h")],
)
def test_times_are_said_in_rough_figures(seconds, text):
    assert duration(seconds) == text


@pytest.fixture
def no_wait(monkeypatch):
    monkeypatch.setattr(console, "LEAST_SECONDS", 0.05)
    monkeypatch.setattr(console, "MOST_SECONDS", 0.05)


def shown(monkeypatch, verbosity=1, **variables):
    """What is said on standard error, without a terminal, while an image is worked on for a while."""
    for name, value in {INTERMEDIATE_VARIABLE: "1", **variables}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stderr", said := io.StringIO())
    with ProgressDisplay(3, verbosity) as display:
        display.emit(ImageStarted("a.tif"))
        display.emit(StageStarted("postprocess"))
        display.emit(Progress(2, 8, "objects"))
        time.sleep(0.3)
    return said.getvalue()


def test_progress_is_said_without_a_terminal(no_wait, monkeypatch):
    first, *_ = shown(monkeypatch).splitlines()
    assert first == "Progress: 0 of 3 images finished; a.tif: postprocess, 2 of 8 objects"


def test_progress_is_not_said_where_it_is_not_wanted(no_wait, monkeypatch):
    assert shown(monkeypatch, QUIET) == ""
    assert shown(monkeypatch, SUPERDSM_NB_INTERMEDIATE_OUTPUT="0") == ""


def test_work_of_less_than_two_seconds_says_nothing(monkeypatch):
    assert shown(monkeypatch) == ""


def test_bars_on_a_terminal_show_the_image_and_what_is_left(monkeypatch):
    said = io.StringIO()
    monkeypatch.setattr(
        console, "ErrorConsole", lambda: Console(file=said, force_terminal=True, width=150, color_system=None)
    )
    monkeypatch.setattr("superdsm_nb.cli.estimate.LEAST_SECONDS", 0.0)
    monkeypatch.setenv(INTERMEDIATE_VARIABLE, "1")
    with ProgressDisplay(2, workers=2) as display:
        display.emit(ImageStarted("a.tif"), 0)
        display.emit(ImageStarted("b.tif"), 1)
        display.emit(StageStarted("postprocess"), 0)
        display.image_finished("b.tif")
        time.sleep(0.3)
    assert "a.tif: postprocess" in said.getvalue()
    assert "left: about 0 s" in said.getvalue()


def test_a_reader_of_errors_that_is_gone_takes_nothing_of_the_results_with_it(image_path, tmp_path):
    script = (
        "from superdsm_nb.cli import console, main\n"
        "console.LEAST_SECONDS = console.MOST_SECONDS = 0.01\n"
        "import superdsm_nb.segmentation as s, time; run = s.segment_file\n"
        "def slow(*a, emit, **k):\n"
        "    emit(s.Warned('w')); time.sleep(0.2)\n"
        "    return run(*a, emit=emit, **k)\n"
        "s.segment_file = slow\n"
        "main()"
    )
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-c", script, "segment", image_path, "-o", tmp_path / "l.png", "--json"],
        env={**os.environ, INTERMEDIATE_VARIABLE: "1"},
        stdout=subprocess.PIPE,
        stderr=writer,
        text=True,
        check=False,
    )
    os.close(writer)
    assert json.loads(done.stdout)["status"] == "done"
    assert done.returncode == 0
