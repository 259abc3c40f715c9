"""What a tile takes of the memory, in copies of what it looks at."""

from __future__ import annotations

import math
import tracemalloc

import pytest

from superdsm_nb.config import Config
from superdsm_nb.events import ignore
from superdsm_nb.io import Source, save_zarr
from superdsm_nb.tiles import run
from superdsm_nb.tiles.crew import alone
from superdsm_nb.tiles.work import opened, segment_tile

from support.mosaics import mosaic


@pytest.mark.usefixtures("small_is_large")
def test_few_copies_of_the_surroundings_of_a_tile_are_there_at_once(tmp_path, monkeypatch):
    image = mosaic(5, 5)
    save_zarr(tmp_path / "image.zarr", image)
    plan, _ = run._plan(Source(tmp_path / "image.zarr"), tmp_path, Config({}), None, 4096, alone, ignore)
    monkeypatch.setattr("superdsm_nb.automatic.window.STRIP", 100_000)
    with opened(plan) as canvas:
        segment_tile(canvas, plan, (0, 0))
        tracemalloc.start()
        segment_tile(canvas, plan, (0, 0))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()

    copies = peak / (8 * math.prod(plan.canonical_shape))
    assert copies < 6
