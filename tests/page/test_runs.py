"""A label map can be told from its runs."""

from __future__ import annotations

import numpy as np
import pytest

from superdsm_nb.page.runs import packed


@pytest.mark.parametrize("dtype", [np.uint16, np.int32])
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (20, 31)])
def test_runs_give_the_label_map(shape, dtype):
    rng = np.random.default_rng(1)
    for labels in (rng.integers(0, 3, shape).astype(dtype), np.zeros(shape, dtype), np.full(shape, 9, dtype)):
        lengths, values = np.frombuffer(packed(labels), "<u4").reshape(-1, 2).T

        np.testing.assert_array_equal(np.repeat(values, lengths).reshape(shape), labels)
        assert (values[1:] != values[:-1]).all()


def test_runs_are_much_smaller_than_pixels():
    labels = np.zeros((500, 700), np.uint16)
    labels[100:200, 100:200] = 1

    assert len(packed(labels)) < labels.nbytes / 100
