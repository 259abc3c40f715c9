"""The Numba policy, in one place.

``nogil`` lets a thread pool run kernels side by side, ``cache`` keeps the machine code on disk between
processes. ``parallel`` is never used: its threading layers do not survive forks and nested threads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba

# Sums may be re-associated and products fused, which is what vectorisation needs; NaN and infinity keep
# their meaning. The result depends on the machine code alone, not on the number of threads.
# A division by zero gives infinity or NaN as in NumPy: a test for it would keep loops from vectorising.
OPTIONS: dict[str, Any] = {"nogil": True, "fastmath": {"reassoc", "contract", "nsz"}, "error_model": "numpy"}


def jit(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile ``function`` lazily, without the GIL, cached on disk if any cache folder can be written."""
    try:
        compiled: Callable[..., Any] = numba.njit(cache=True, **OPTIONS)(function)
    except RuntimeError:  # what Numba raises where it finds no such folder
        compiled = numba.njit(**OPTIONS)(function)
    return compiled
