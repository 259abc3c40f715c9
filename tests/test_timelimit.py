"""Time limits: what takes too long fails in one sentence, and only that."""

from __future__ import annotations

import math
import threading
import time

import numpy as np
import pytest

import superdsm_nb
from superdsm_nb.automatic.partition import minimum_partition
from superdsm_nb.errors import ConfigError, TimeLimitError
from superdsm_nb.events import Progress, StageStarted, ignore
from superdsm_nb.minsetcover.exact import Problem, minimum_covers
from superdsm_nb.parallel import ordered_map
from superdsm_nb.synthetic import generate
from superdsm_nb.timelimit import check, left, time_limit


@pytest.fixture(scope="module")
def image():
    return generate(seed=1, shape=(160, 160), nuclei=4).image


@pytest.mark.parametrize("preset", ["automatic", "published"])
def test_an_image_that_takes_too_long_is_refused(image, preset):
    with pytest.raises(TimeLimitError, match="time limit of 1e-09 s is over"):
        superdsm_nb.segment(image, preset=preset, time_limit=1e-9, emit=ignore)


@pytest.mark.parametrize("preset", ["automatic", "published"])
def test_a_limit_that_is_kept_changes_nothing(image, preset):
    limited = superdsm_nb.segment(image, preset=preset, time_limit=600, emit=ignore)
    np.testing.assert_array_equal(limited, superdsm_nb.segment(image, preset=preset, emit=ignore))


@pytest.mark.parametrize("preset", ["automatic", "published"])
@pytest.mark.parametrize("stage", ["c2f-region-analysis", "global-energy-minimization", "postprocess"])
def test_the_time_is_checked_in_every_stage(image, preset, stage, monkeypatch):
    now = time.monotonic()
    seen = []

    def late(event):
        if isinstance(event, StageStarted):
            seen.append(event.name)
        if seen and seen[-1] == stage:
            monkeypatch.setattr(time, "monotonic", lambda: now + 1e6)

    with pytest.raises(TimeLimitError):
        superdsm_nb.segment(image, preset=preset, time_limit=600, emit=late)
    assert seen[-1] == stage


def test_fits_that_are_under_way_end_with_the_time(image, monkeypatch):
    now = time.monotonic()

    def late(event):
        if isinstance(event, Progress):
            monkeypatch.setattr(time, "monotonic", lambda: now + 1e6)

    with pytest.raises(TimeLimitError):
        superdsm_nb.segment(image, preset="published", time_limit=600, emit=late)


@pytest.mark.parametrize("seconds", [0, -1, math.inf, math.nan, "5", True])
def test_a_limit_is_a_positive_number(image, seconds):
    with pytest.raises(ConfigError, match="positive number of seconds"):
        superdsm_nb.segment(image, time_limit=seconds)


def test_without_a_limit_there_is_always_time_left():
    check()
    assert left() == math.inf
    with time_limit(None):
        assert left() == math.inf


def test_the_limit_ends_with_its_block_and_belongs_to_its_thread():
    seen = []
    with time_limit(1e-9):
        other = threading.Thread(target=lambda: seen.append(left()))
        other.start()
        other.join()
        with pytest.raises(TimeLimitError):
            check()
    check()
    assert seen == [math.inf]


@pytest.mark.parametrize("threads", ["1", "2"])
def test_a_map_stops_when_the_time_is_over_in_all_its_threads(threads, monkeypatch):
    monkeypatch.setenv("SUPERDSM_NB_NUM_THREADS", threads)
    done = []

    def work(item):
        time.sleep(0.02)
        done.append(item)

    with pytest.raises(TimeLimitError), time_limit(0.1):
        ordered_map(work, range(1000))
    time.sleep(0.1)  # for what had begun
    assert len(done) < 100


def long_map():
    """A map on another thread, with work for some seconds, and what it has done."""
    done = []

    def work(item):
        time.sleep(0.05)
        done.append(item)

    caller = threading.Thread(target=ordered_map, args=(work, range(100)))
    caller.start()
    while not done:
        time.sleep(0.01)
    return caller, done


def test_a_map_does_not_wait_for_all_work_of_another_one_and_keeps_its_limit(monkeypatch):
    monkeypatch.setenv("SUPERDSM_NB_NUM_THREADS", "2")
    caller, done = long_map()

    assert ordered_map(lambda item: item + 1, range(4)) == [1, 2, 3, 4]
    with pytest.raises(TimeLimitError), time_limit(1e-3):
        ordered_map(time.sleep, [0.01] * 50)

    assert len(done) < 50
    caller.join()
    assert sorted(done) == list(range(100))


def hard_costs(count):
    """Pairs on an odd ring, which no linear program solves, and single atoms."""
    unions = [frozenset((a,)) for a in range(1, count + 1)]
    unions += [frozenset((a, a % count + 1)) for a in range(1, count + 1)]
    return unions, np.array([1.0] * count + [1.5] * count)


def test_solvers_end_with_the_time():
    unions, costs = hard_costs(7)
    groups = np.ones(len(unions), np.int64)
    members = np.array([[atom in union for union in unions] for atom in range(1, 8)])

    assert costs[minimum_partition(unions, costs, groups).chosen].sum() == pytest.approx(5.5)
    with time_limit(1e-9), pytest.raises(TimeLimitError):
        minimum_partition(unions, costs, groups)
    with time_limit(1e-9), pytest.raises(TimeLimitError):
        minimum_covers([Problem(members, costs)])
