"""Threads for independent parts of one image; the kernels run without the GIL."""

from __future__ import annotations

import itertools
import math
import os
import threading
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import contextmanager
from functools import cache
from typing import TypeVar

from threadpoolctl import threadpool_limits

from .errors import ConfigError, TimeLimitError
from .timelimit import check, current, leave_undone, left, until

T = TypeVar("T")
R = TypeVar("R")

THREADS_VARIABLE = "SUPERDSM_NB_NUM_THREADS"
AHEAD = 2  # pieces of work per thread that wait; others have the threads as well
STRIP = 400_000  # pixels in a strip: enough work for a thread


def processor_kind() -> str:
    """Kind of processor that kernels are compiled for, which the last digits of results may depend on.

    Returns
    -------
    str
        As LLVM names it, with a digest of its features: "znver3 0c1d2e3f"; or what ``NUMBA_CPU_NAME`` and
        ``NUMBA_CPU_FEATURES`` say.
    """
    name = os.environ.get("NUMBA_CPU_NAME")
    if name:
        return f"{name} {os.environ.get('NUMBA_CPU_FEATURES', '')}".strip()
    return _own_processor()


@cache
def _own_processor() -> str:
    from llvmlite.binding import get_host_cpu_features, get_host_cpu_name  # noqa: PLC0415 - of Numba

    features = get_host_cpu_features().flatten()
    return f"{get_host_cpu_name()} {zlib.crc32(features.encode()):08x}"


def thread_count() -> int:
    """Number of threads to use: ``SUPERDSM_NB_NUM_THREADS``, or else the processors this process may use."""
    text = os.environ.get(THREADS_VARIABLE, "")
    if text:
        if not text.isdecimal() or int(text) < 1:
            raise ConfigError(f"{THREADS_VARIABLE} is {text!r}, but must be an integer of at least 1.")
        return int(text)
    return processors()


def processors() -> int:
    """Number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def ordered_map(
    function: Callable[[T], R], items: Iterable[T], report: Callable[[int, int], None] | None = None
) -> list[R]:
    """Apply `function` to every item on several threads; results come in the order of the items.

    The results do not depend on the number of threads, because nothing is shared between items.

    Parameters
    ----------
    function : callable
        Called once per item.
    items : iterable
        The pieces of work.
    report : callable, optional
        Called as ``report(done, total)`` as results come in, in order.

    Returns
    -------
    list
        What `function` returned for each item.
    """
    return list(mapped(function, list(items), report))


def finished_map(
    function: Callable[[T], R], items: Iterable[T], report: Callable[[int, int], None] | None = None
) -> list[R]:
    """Apply `function` as `ordered_map` does; if the time is over, return what is finished, if that is asked.

    Parameters
    ----------
    function : callable
        Called once per item.
    items : iterable
        The pieces of work.
    report : callable, optional
        As for `ordered_map`.

    Returns
    -------
    list
        What `function` returned, for as many items as were finished in time, from the first on: at least one.
    """
    results: list[R] = []
    try:
        results.extend(mapped(function, list(items), report))
    except TimeLimitError:
        if not results or not leave_undone():
            raise
    return results


def mapped(
    function: Callable[[T], R], work: Sequence[T], report: Callable[[int, int], None] | None = None
) -> Iterator[R]:
    """Yield what `ordered_map` returns, result by result as they come in."""
    done = 0
    threads = min(thread_count(), len(work))
    if threads < 2 or getattr(_inside, "map", False):
        with single_threaded_blas():
            for item in work:
                check()
                yield function(item)
                done += 1
                if report is not None:
                    report(done, len(work))
        return
    deadline = current()

    def timed(item: T) -> R:
        with until(deadline):
            check()
            return function(item)

    with single_threaded_blas():
        pool = _shared_pool()
        coming = iter(work)
        waiting = deque(pool.submit(timed, item) for item in itertools.islice(coming, AHEAD * threads))
        try:
            while waiting:
                yield _result(waiting.popleft())
                waiting.extend(pool.submit(timed, item) for item in itertools.islice(coming, 1))
                done += 1
                if report is not None:
                    report(done, len(work))
        finally:
            for future in waiting:
                future.cancel()


def _result(future: Future[R]) -> R:
    """Wait for a result as long as there is time."""
    seconds = left()
    try:
        return future.result(None if math.isinf(seconds) else max(0.0, seconds) + 0.01)
    except FutureTimeoutError:
        future.cancel()
        check()
        raise


def _shared_pool() -> ThreadPoolExecutor:
    """Return the threads of this process: to start them anew for each map takes longer than many maps do."""
    global _pool, _pool_size
    size = thread_count()
    with _lock:
        if _pool is None or _pool_size != size:
            _pool, _pool_size = ThreadPoolExecutor(size, initializer=_enter_map), size
        return _pool


def _forget_threads() -> None:
    """Start over in a forked process, which has none of the threads of its parent."""
    global _pool, _lock
    _pool, _lock = None, threading.Lock()


def strips(function: Callable[[slice], object], size: int, length: int, least: int = 1) -> None:
    """Apply `function` to strips of an image, on several threads if it is large.

    Parameters
    ----------
    function : callable
        Called with slices that together are ``slice(0, size)``. What it does to a pixel must not depend on
        the strip the pixel is in.
    size : int
        Number of rows (or columns).
    length : int
        Pixels in each of them.
    least : int
        Minimum number of rows of a strip, if pixels around it have to be computed as well.
    """
    count = min(size // max(least, 1), size * length // STRIP)
    if count < 2:
        function(slice(0, size))
        return
    bounds = [size * k // count for k in range(count + 1)]
    ordered_map(function, [slice(*pair) for pair in itertools.pairwise(bounds)])


def _enter_map() -> None:
    _inside.map = True


_inside = threading.local()  # marks the threads of a map: nested maps run in the same thread
_lock = threading.Lock()
_pool: ThreadPoolExecutor | None = None
_pool_size = 0
_users = 0
_owner: ThreadPoolExecutor | None = None
_limits: threadpool_limits | None = None
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_threads)


@contextmanager
def single_threaded_blas() -> Iterator[None]:
    """Keep BLAS at one thread while any caller is inside.

    The limit holds for the whole process, and only the thread that set it can lift it; the last caller to
    leave need not be the first that entered. So a thread that lives from the first entry to the last exit
    does both.
    """
    global _users, _owner, _limits  # noqa: PLW0603 - the limit is the process's
    with _lock:
        if _users == 0:
            _owner = ThreadPoolExecutor(1)
            _limits = _owner.submit(threadpool_limits, 1, "blas").result()
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                assert _owner is not None
                assert _limits is not None
                _owner.submit(_limits.__exit__, None, None, None).result()
                _owner.shutdown()
