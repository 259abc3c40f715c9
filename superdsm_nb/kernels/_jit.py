"""The Numba policy, in one place.

``nogil`` lets a thread pool run kernels side by side, the cache keeps the machine code on disk between
processes. ``parallel`` is never used: its threading layers do not survive forks and nested threads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba

from ._cache import KernelCache

# Sums may be re-associated and products fused, as vectorisation requires; NaN and infinity keep their
# meaning. The result depends on the machine code alone, not on the number of threads.
# A division by zero gives infinity or NaN as in NumPy: a test for it would keep loops from vectorising.
OPTIONS: dict[str, Any] = {"nogil": True, "fastmath": {"reassoc", "contract", "nsz"}, "error_model": "numpy"}


def jit(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile ``function`` lazily, without the GIL; its machine code is kept in a `KernelCache`."""
    compiled: Any = numba.njit(**OPTIONS)(function)
    if compiled is not function:  # with NUMBA_DISABLE_JIT they are the same
        compiled._cache = KernelCache(function)  # ``cache=True`` would set Numba's own cache
    return compiled
