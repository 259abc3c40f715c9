"""Images of several parts, and the comparison of label maps."""

from __future__ import annotations

import numpy as np

from superdsm_nb.synthetic import generate


def mosaic(rows=3, cols=3, side=192, nuclei=14, radius=11):
    """Generated images side by side, so that nuclei are cut at seams; the middle one is empty."""
    parts = []
    for row in range(rows):
        line = []
        for col in range(cols):
            found = generate(
                seed=10 * row + col, shape=(side, side), nuclei=nuclei, radius=radius, clustering=0.7
            ).image.astype(np.float64)
            if (row, col) == (1, 1):
                found = np.random.default_rng(0).normal(np.median(found), found.std() / 40, found.shape)
            line.append(found)
        parts.append(np.hstack(line))
    image = np.vstack(parts)
    image -= image.min()
    return np.rint(image / image.max() * 20_000).astype(np.uint16)


def differing(one, other):
    """Number of pixels in which two label maps differ as partitions."""
    one, other = one.astype(np.int64), other.astype(np.int64)
    pairs, count = np.unique(np.stack([one.ravel(), other.ravel()]), axis=1, return_counts=True)
    good = np.zeros(pairs.shape[1], bool)
    for at, (a, b) in enumerate(pairs.T):
        alone = (pairs[0] == a).sum() == 1 and (pairs[1] == b).sum() == 1
        good[at] = alone and (a == 0) == (b == 0)
    return int(count[~good].sum())
