"""Where a nucleus fits in, against the definition."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from superdsm_nb.kernels.placing import first_fit

from support import naive

MARGIN = 6
SIDE = 7


def first_fit_by_definition(owner, coverage, inside, tops, lefts, areas, allowed, min_pixels):
    image = np.zeros(owner.shape, bool)
    image[MARGIN:-MARGIN, MARGIN:-MARGIN] = True
    for place, (top, left) in enumerate(zip(tops, lefts, strict=True)):
        box = slice(top, top + SIDE), slice(left, left + SIDE)
        if not image[top + SIDE // 2, left + SIDE // 2] or (image[box] & inside).sum() < min_pixels:
            return -1
        shared = np.bincount(owner[box][inside], minlength=areas.size + 1)[1:]
        is_clear = not (coverage[box][inside] > 1).any()
        if is_clear and (shared <= allowed * np.minimum(areas, inside.sum())).all():
            return place
    return -1


@given(st.integers(0, 2**32 - 1), st.floats(0, 0.6))
@naive.settings_for(300)
def test_the_first_place_that_fits_is_found(seed, allowed):
    rng = np.random.default_rng(seed)
    shape = tuple(2 * MARGIN + rng.integers(2, 14, 2))
    owner = rng.integers(-6, 3, shape).clip(0).astype(np.int32)
    coverage = ((owner > 0) + (rng.random(shape) < 0.01 * rng.integers(3))).astype(np.int32)
    inside = rng.random((SIDE, SIDE)) < rng.random()
    tops, lefts = (
        rng.integers(MARGIN - SIDE // 2 - (rng.random() < 0.3), size - MARGIN - SIDE // 2, 12)
        for size in shape
    )
    areas = rng.integers(0, 60, 2)
    found = first_fit(owner, coverage, inside, tops, lefts, areas, allowed, MARGIN, 5)
    assert found == first_fit_by_definition(owner, coverage, inside, tops, lefts, areas, allowed, 5)
