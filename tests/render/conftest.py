"""Three drawn atoms."""

from __future__ import annotations

import numpy as np
import pytest

from superdsm_nb.atoms import AtomAdjacencyGraph
from superdsm_nb.objects import BaseObject

from support.pictures import SEEDS, SHAPE, box, drawn


@pytest.fixture
def data():
    """Three atoms in a row of which the first two touch in the foreground, one alone, and noise."""
    atoms = np.ones(SHAPE, np.int32)
    atoms[:20, 20:40] = 2
    atoms[:20, 40:] = 3
    atoms[20:] = 4
    clusters = np.where(np.arange(40)[:, None] < 20, 1, 2) * np.ones(SHAPE, np.int32)
    foreground = box(5, 15, 5, 35) | box(5, 15, 45, 55) | box(25, 35, 25, 35)
    noise = box(25, 30, 50, 55)
    y = np.where(foreground | noise, 0.5, -0.5)
    g = np.random.default_rng(0).random(SHAPE)
    return {
        "g_raw": g,
        "g_rgb": None,
        "y": y,
        "y_mask": ~noise,
        "atoms": atoms,
        "clusters": clusters,
        "adjacencies": AtomAdjacencyGraph(atoms, clusters, y > 0, SEEDS),
        "seeds": SEEDS,
        "postprocessed_objects": [drawn(box(5, 15, 5, 25)), drawn(box(5, 15, 20, 35)), BaseObject()],
    }
