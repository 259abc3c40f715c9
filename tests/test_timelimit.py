"""Time limits: what takes too long fails in one sentence, and only that."""

from __future__ import annotations

import math
import threading
import time

import numpy as np
import pytest

import superdsm_nb
from superdsm_nb.automatic import outlines, partition
from superdsm_nb.automatic.partition import minimum_partition
from superdsm_nb.errors import ConfigError, TimeLimitError
from superdsm_nb.events import Progress, StageStarted, Warned, ignore
from superdsm_nb.minsetcover.exact import Problem, minimum_covers
from superdsm_nb.parallel import finished_map, ordered_map
from superdsm_nb.synthetic import generate
from superdsm_nb.timelimit import check, has_passed, left, time_limit


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


class Clock:
    """A clock that can be put forward; hears the events of a segmentation."""

    def __init__(self, monkeypatch, is_late=lambda event: False):
        self.warnings = []
        self._monkeypatch = monkeypatch
        self._is_late = is_late

    def put_forward(self):
        now = time.monotonic()
        self._monkeypatch.setattr(time, "monotonic", lambda: now + 1e6)

    def __call__(self, event):
        if isinstance(event, Warned):
            self.warnings.append(event.text)
        elif self._is_late(event):
            self.put_forward()


def progress_of(what):
    """Whether an event is progress with things of a name."""
    return lambda event: isinstance(event, Progress) and event.what == what


def nuclei_of(labels):
    """The pixels of each nucleus."""
    return {np.flatnonzero(labels == label).tobytes() for label in range(1, labels.max() + 1)}


# Weak beta: the published search has to try unions in some of the clusters.
PUBLISHED = {
    "preset": "published",
    "AF_scale": 16 / math.sqrt(2),
    "global-energy-minimization/AF_beta": 0.3,
}


@pytest.fixture(scope="module")
def crowd():
    return generate(seed=3, shape=(220, 220), nuclei=9, clustering=0.6).image


def test_outlines_that_are_finished_are_kept_if_asked(crowd, monkeypatch):
    monkeypatch.setenv("SUPERDSM_NB_NUM_THREADS", "1")
    whole = superdsm_nb.analyze(crowd)
    clock, calls = Clock(monkeypatch), []

    def outline(*arguments, find=outlines.outline):
        calls.append(1)
        if len(calls) == 3:
            clock.put_forward()
        return find(*arguments)

    monkeypatch.setattr(outlines, "outline", outline)
    part = superdsm_nb.analyze(crowd, time_limit=600, keep_finished=True, emit=clock)

    assert whole.is_complete
    assert not part.is_complete
    assert part.object_count == 3
    assert nuclei_of(part.labels) < nuclei_of(whole.labels)
    assert part.provenance["complete"] is False
    (warning,) = clock.warnings
    assert f"3 of {len(whole.data['cover'].solution)} objects are finished" in warning


def test_published_clusters_that_are_searched_to_the_end_are_kept_if_asked(crowd, monkeypatch):
    whole = superdsm_nb.analyze(crowd, PUBLISHED)
    clock = Clock(monkeypatch, progress_of("unions of 2 atoms"))

    part = superdsm_nb.analyze(crowd, PUBLISHED, time_limit=600, keep_finished=True, emit=clock)

    assert part.performance.unfinished_cluster_count > 0
    assert len(part.performance.clusters) + part.performance.unfinished_cluster_count == len(
        whole.performance.clusters
    )
    assert 0 < part.object_count < whole.object_count
    cover = {item.footprint for item in part.data["cover"].solution}
    assert cover < {item.footprint for item in whole.data["cover"].solution}
    assert "clusters are finished" in clock.warnings[0]
    assert "left out because the time was over" in part.performance.statement("exact")


def test_published_objects_that_are_examined_are_kept_if_asked(crowd, monkeypatch):
    clock = Clock(monkeypatch, progress_of("objects"))

    part = superdsm_nb.analyze(crowd, PUBLISHED, time_limit=600, keep_finished=True, emit=clock)

    assert part.object_count == 1
    assert "1 of" in clock.warnings[0]


@pytest.mark.parametrize("preset", ["automatic", "published"])
def test_where_nothing_is_finished_there_is_no_result(image, preset):
    with pytest.raises(TimeLimitError):
        superdsm_nb.segment(image, preset=preset, time_limit=1e-9, keep_finished=True, emit=ignore)


def test_clusters_without_a_proof_in_time_are_left_out_if_asked(monkeypatch):
    unions, costs = hard_costs(15)
    unions += [frozenset((20,)), frozenset((21,)), frozenset((20, 21))]
    costs = np.append(costs, [1.0, 1.0, 1.5])
    groups = np.array([1] * 30 + [2] * 3)

    def late(*arguments, solve=partition._optimize):
        if arguments[-1] == 1:
            raise TimeLimitError("over")
        return solve(*arguments)

    monkeypatch.setattr(partition, "_optimize", late)
    with time_limit(600, keep_finished=True):
        result = minimum_partition(unions, costs, groups)
        assert has_passed()

    assert result.unfinished == {1}
    assert result.chosen.tolist() == [32]
    assert result.bounds == {2: 1.5}
    with time_limit(600), pytest.raises(TimeLimitError):
        minimum_partition(unions, costs, groups)


@pytest.mark.parametrize("threads", ["1", "2"])
def test_a_map_returns_what_is_finished_if_asked(threads, monkeypatch):
    monkeypatch.setenv("SUPERDSM_NB_NUM_THREADS", threads)

    def work(item):
        time.sleep(0.02)
        return item

    with time_limit(0.1, keep_finished=True):
        done = finished_map(work, range(1000))
        check()  # what is finished is brought to its end
        assert left() == math.inf
    assert 0 < len(done) < 100
    assert done == list(range(len(done)))
    with time_limit(0.1), pytest.raises(TimeLimitError):
        finished_map(work, range(1000))


def test_where_no_outline_is_finished_in_time_there_is_no_result(crowd, monkeypatch):
    monkeypatch.setenv("SUPERDSM_NB_NUM_THREADS", "1")
    clock = Clock(monkeypatch, lambda event: False)

    def late(*arguments, find=outlines.nearest_labels):
        clock.put_forward()
        return find(*arguments)

    monkeypatch.setattr(outlines, "nearest_labels", late)
    with pytest.raises(TimeLimitError):
        superdsm_nb.segment(crowd, time_limit=600, keep_finished=True, emit=ignore)
