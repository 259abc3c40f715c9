"""Label maps as runs of equal pixels: small, and faster to make than anything else that browsers read."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def packed(labels: NDArray[Any]) -> bytes:
    """Return a label map as runs, row after row.

    Parameters
    ----------
    labels : (H, W) int array
        Labels from 0.

    Returns
    -------
    bytes
        For each run its length in pixels and its label, as little-endian uint32. A run may go on in the next
        row.
    """
    flat = labels.ravel()
    starts = np.concatenate(([0], np.flatnonzero(flat[1:] != flat[:-1]) + 1))
    lengths = np.diff(starts, append=flat.size)
    return np.stack([lengths, flat[starts]], axis=1).astype("<u4").tobytes()
