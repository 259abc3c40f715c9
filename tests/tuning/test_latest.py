"""The newest changes win, nothing that was asked for is lost, and errors do not end the work."""

from __future__ import annotations

import math
import queue
import threading

import pytest

from superdsm_nb import Session, analyze
from superdsm_nb.errors import Cancelled, ConfigError
from superdsm_nb.events import StageStarted, ignore
from superdsm_nb.synthetic import generate
from superdsm_nb.tuning import Latest

from support import naive

SOON = 60  # seconds; nothing is waited for that long unless it is broken


class SlowSession:
    """Remembers its updates; each waits until it is let go or cancelled."""

    def __init__(self):
        self.begun, self.finished = queue.Queue(), []
        self.go, self._end, self.is_cancelled = threading.Event(), threading.Event(), False

    def update(self, changes):
        self._end.clear()
        self.is_cancelled = False
        self.begun.put(dict(changes))
        if not self.go.is_set():
            assert self._end.wait(SOON)
        if self.is_cancelled:
            raise Cancelled("cancelled")
        self.finished.append(dict(changes))
        return changes

    def let_go(self):
        self.go.set()
        self._end.set()

    def cancel(self):
        self.is_cancelled = True
        self._end.set()


@pytest.fixture
def session():
    return SlowSession()


@pytest.fixture
def told():
    return queue.Queue()


def start(session, told, patience):
    return Latest(session, told.put, told.put, patience)


def test_changes_that_wait_are_merged(session, told):
    latest = start(session, told, math.inf)
    latest.request({"a": 1})
    assert session.begun.get(timeout=SOON) == {"a": 1}
    for value in range(100):
        latest.request({"b": value})
    latest.request({"c": 5})
    session.let_go()

    assert [told.get(timeout=SOON) for _ in range(2)] == [{"a": 1}, {"b": 99, "c": 5}]
    latest.close()
    assert len(session.finished) == 2


@pytest.mark.parametrize("patience", [0, 1e-3])
def test_a_stale_update_is_given_up_and_its_changes_are_kept(session, told, patience):
    latest = start(session, told, patience)
    latest.request({"a": 1, "b": 1})
    session.begun.get(timeout=SOON)
    latest.request({"b": 2})
    assert session.begun.get(timeout=SOON) == {"a": 1, "b": 2}
    session.let_go()

    assert told.get(timeout=SOON) == {"a": 1, "b": 2}
    latest.close()
    assert session.finished == [{"a": 1, "b": 2}]
    assert told.empty()


def test_patience_grows_until_something_is_seen(session, told):
    latest = start(session, told, 1e-4)
    latest.request({"a": 0})
    for value in range(1, 8):
        session.begun.get(timeout=SOON)
        latest.request({"a": value})
    grown = latest._patience
    session.begun.get(timeout=SOON)
    session.let_go()

    assert told.get(timeout=SOON) == {"a": 7}
    latest.close()
    assert grown >= 6e-3
    assert latest._patience == 1e-4


def test_actions_come_in_their_order_and_are_not_given_up(session, told):
    latest = start(session, told, 0)
    latest.request({"a": 1})
    session.begun.get(timeout=SOON)
    latest.perform(lambda _: "first")
    latest.request({"b": 2})
    latest.perform(lambda _: "second")
    session.let_go()

    assert [told.get(timeout=SOON) for _ in range(4)] == [{"a": 1}, "first", {"b": 2}, "second"]
    latest.close()


def test_cancelling_ends_what_runs_and_forgets_what_waits(session, told):
    latest = start(session, told, math.inf)
    latest.request({"a": 1})
    session.begun.get(timeout=SOON)
    latest.request({"b": 2})
    latest.perform(lambda _: "never")
    latest.cancel()

    assert isinstance(told.get(timeout=SOON), Cancelled)
    session.let_go()
    latest.request({"c": 3})
    assert told.get(timeout=SOON) == {"c": 3}
    latest.close()


def test_an_error_is_told_and_the_next_change_works(session, told):
    session.let_go()
    latest = start(session, told, 0)

    def fail(_):
        raise ConfigError("wrong")

    latest.perform(fail)
    latest.request({"a": 1})

    assert str(told.get(timeout=SOON)) == "wrong"
    assert told.get(timeout=SOON) == {"a": 1}
    latest.close()


def test_closing_ends_the_work_and_tells_nothing_more(session, told):
    latest = start(session, told, math.inf)
    latest.request({"a": 1})
    session.begun.get(timeout=SOON)
    latest.close()

    assert told.empty()
    assert session.finished == []
    latest.close()


@naive.compiled_only
def test_the_last_result_of_a_drag_is_that_of_a_fresh_run(told):
    image = generate(seed=3, shape=(128, 150), nuclei=8, radius=12).image
    events = []
    session = Session(image, emit=events.append)
    latest = Latest(session, told.put, told.put)
    key = "global-energy-minimization/object_cost"
    for value in (0.1, 0.2, 0.3, 0.4):
        latest.request({key: value})
    latest.request({"postprocess/min_area": 0.2})
    wanted = {key: 0.4, "postprocess/min_area": 0.2}
    while (result := told.get(timeout=SOON)).config.get("postprocess/min_area") != 0.2:
        pass
    latest.close()

    expected = analyze(image, wanted, emit=ignore)
    assert (result.labels == expected.labels).all()
    assert result.config == expected.config
    assert StageStarted("postprocess") in events
