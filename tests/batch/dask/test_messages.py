"""What a Dask worker tells while it works, and how much of it."""

from __future__ import annotations

from dataclasses import asdict
from types import SimpleNamespace

import distributed
import pytest

from superdsm_nb.batch import daskwork, work
from superdsm_nb.batch.daskpool import DaskPool, remark_on_processors
from superdsm_nb.batch.outcome import Mode
from superdsm_nb.errors import TaskError
from superdsm_nb.events import ImageStarted, LogLine, ObjectDiscarded, Progress, StageStarted, Warned


def test_a_worker_tells_at_most_twice_a_second_but_every_warning(monkeypatch):
    told, now = [], [0.0]
    worker = SimpleNamespace(
        address="tcp://a", log_event=lambda topic, message: told.append((now[0], message))
    )
    monkeypatch.setattr(distributed, "get_worker", lambda: worker)
    monkeypatch.setattr(daskwork, "_last", {})
    monkeypatch.setattr(daskwork.time, "monotonic", lambda: now[0])

    def process(job, mode, emit):
        emit(StageStarted("a stage"))
        for done in range(10):
            emit(Progress(done, 10, "fits"))
            now[0] += 0.01
        if job.file_id == 5:
            emit(Warned("a warning"))
            emit(Warned("another"))
        return job.file_id

    monkeypatch.setattr(work, "process", process)
    for number in range(100):  # 10 seconds
        job = SimpleNamespace(file_id=number)
        assert daskwork.work(job, Mode(), {}, daskwork.versions(), "topic") == number
    warnings = [
        each for _, each in told if [event["kind"] for event in each["events"]] == ["Warned", "Warned"]
    ]
    assert [each["image"] for each in warnings] == [5]
    rest = [moment for moment, each in told if each not in warnings]
    assert 15 <= len(rest) <= 20
    assert all(each["processor"] == daskwork.processor_kind() for _, each in told)


def test_what_a_worker_tells_arrives_as_it_was():
    """Dask hands lists on as tuples."""
    pool, said, got = object.__new__(DaskPool), [], []
    pool._slots, pool._images, pool._size, pool._is_warned = {}, {}, 2, False
    pool._processors, pool._warn = {"tcp://a": "znver3 1"}, said.append
    events = [
        ImageStarted("b"),
        StageStarted("a stage"),
        Progress(1, 2, "fits"),
        Warned("a warning", "b"),
        ObjectDiscarded("it is small", 3, 4, (5, 6)),
        LogLine("a line"),
    ]
    told = [{"kind": type(each).__name__, "event": asdict(each)} for each in events]
    for number in range(2):
        message = {"worker": "tcp://b", "processor": "skylake 2", "image": f"b{number}", "events": told}
        pool._tell(message, lambda event, slot: got.append(event))
    assert got == [ImageStarted("b0"), *events[1:], ImageStarted("b1"), *events[1:]]
    assert len(said) == 1, "of the worker that has joined"


def test_processors_of_one_kind_are_nothing_to_tell():
    assert remark_on_processors({}) is None
    assert remark_on_processors({"tcp://a": "znver3 1", "tcp://b": "znver3 1"}) is None
    remark = remark_on_processors({"tcp://a": "znver3 1", "tcp://b": "skylake 2", "tcp://c": "znver3 1"})
    assert "skylake 2 at tcp://b and znver3 1 at tcp://a" in remark


def test_whatever_is_asked_of_a_scheduler_that_is_gone_ends_with_the_same_sentence():
    def gone(*arguments, **options):
        raise distributed.comm.CommClosedError("the scheduler is gone")

    pool = object.__new__(DaskPool)
    pool._client = SimpleNamespace(
        status="connecting", subscribe_topic=gone, scheduler_info=gone, submit=gone, cancel=gone
    )
    pool._mode, pool._look_again, pool._workers = Mode(), 0.0, 1
    for known in ("subscribe_topic", "scheduler_info"):
        with pytest.raises(TaskError, match="The connection to the Dask scheduler was lost"):
            list(pool.work(SimpleNamespace(environ={}), [SimpleNamespace(image="a")], print))
        setattr(pool._client, known, lambda *_, **__: {"workers": {}})
