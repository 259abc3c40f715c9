"""Work is shared among threads, and BLAS keeps to one."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_info

from superdsm_nb.parallel import STRIP, ordered_map, strips


@given(st.integers(1, 50), st.integers(1, 3 * STRIP))
@settings(deadline=None, max_examples=50)
def test_strips_are_disjoint_and_leave_nothing_out(size, length):
    touched = np.zeros(size, int)

    def touch(part):
        touched[part] += 1

    strips(touch, size, length)

    assert (touched == 1).all()


def test_what_a_map_maps_in_turn_runs_in_its_own_thread(monkeypatch):
    monkeypatch.setenv("SUPERDSM_NB_NUM_THREADS", "2")

    def inner(_):
        return threading.get_ident()

    def outer(_):
        return {threading.get_ident(), *ordered_map(inner, range(5))}

    assert [len(threads) for threads in ordered_map(outer, range(4))] == [1, 1, 1, 1]


def blas_threads(_=None):
    return [info["num_threads"] for info in threadpool_info() if info["user_api"] == "blas"]


def held_open():
    """A caller of `ordered_map` on a thread of its own, inside until it is told to leave."""
    entered, leave = threading.Event(), threading.Event()

    def hold(_):
        entered.set()
        leave.wait(10)

    caller = threading.Thread(target=ordered_map, args=(hold, [0]))
    caller.start()
    assert entered.wait(10)
    return caller, leave


@pytest.mark.parametrize("first_to_leave", [0, 1])
def test_blas_has_one_thread_while_any_of_several_callers_is_inside_and_all_afterwards(first_to_leave):
    before = blas_threads()
    ordered_map(blas_threads, [0])  # a caller that is gone has no say
    callers = [held_open(), held_open()]
    both_inside = ordered_map(blas_threads, [0])[0]

    seen = []
    for caller, leave in (callers[first_to_leave], callers[1 - first_to_leave]):
        seen.append(blas_threads())
        leave.set()
        caller.join()

    assert both_inside == [1] * len(before)
    assert seen == [[1] * len(before)] * 2
    assert blas_threads() == before
