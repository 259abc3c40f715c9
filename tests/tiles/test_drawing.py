"""Label maps that are drawn in parts."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from superdsm_nb.tiles.drawing import objects_in

from support import naive


@naive.settings_for(30)
@given(seed=st.integers(0, 2**32 - 1), side=st.integers(1, 30))
def test_every_part_knows_the_objects_in_it(seed, side):
    rng = np.random.default_rng(seed)
    shape = rng.integers(1, 60, 2)
    corner = rng.integers(0, shape, (int(rng.integers(0, 20)), 2))
    boxes = np.concatenate([corner, rng.integers(1, shape - corner + 1)], axis=1)
    parts = [
        (slice(row, min(row + side, shape[0])), slice(col, min(col + side, shape[1])))
        for row in range(0, shape[0], side)
        for col in range(0, shape[1], side)
    ]

    found = objects_in(parts, boxes)

    for (rows, cols), inside in zip(parts, found, strict=True):
        expected = [
            number
            for number, (top, left, height, width) in enumerate(boxes.tolist())
            if top < rows.stop
            and top + height > rows.start
            and left < cols.stop
            and left + width > cols.start
        ]
        assert inside.tolist() == expected
