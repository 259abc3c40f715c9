"""The first look at an image."""

from __future__ import annotations

import numpy as np

from superdsm_nb.automatic.sample import Thinned
from superdsm_nb.events import ignore
from superdsm_nb.image import normalized
from superdsm_nb.io import Source, save_zarr
from superdsm_nb.tiles.survey import survey


def backwards(function, jobs):
    return (function(job) for job in reversed(jobs))


def test_what_is_seen_does_not_depend_on_who_looks_first(tmp_path, monkeypatch):
    monkeypatch.setattr("superdsm_nb.automatic.sample.SIDE", 32)
    monkeypatch.setattr("superdsm_nb.tiles.survey.BLOCK", 64)
    image = np.random.default_rng(0).integers(3, 60_000, (333, 500)).astype(np.uint16)
    save_zarr(tmp_path / "image.zarr", image)
    box = slice(5, 331), slice(17, 500)
    part = image[box]
    g = normalized(part)

    found = survey(Source(tmp_path / "image.zarr"), box, backwards, ignore)

    assert (2 * found.low, 2 * found.high) == (part.min(), part.max())
    expected = Thinned.of(lambda rows, cols: g[rows, cols], g.shape)
    few = found.thinned(found.values)
    np.testing.assert_array_equal(few.values, expected.values)
    assert few.side == expected.side
