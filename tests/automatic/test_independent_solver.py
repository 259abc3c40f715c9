"""The choice of unions on real images, against another integer programming solver (SCIP)."""

from __future__ import annotations

import math

import numpy as np
import pytest
from pyscipopt import Model, quicksum

import superdsm_nb
from superdsm_nb.events import ignore
from superdsm_nb.io import imread

from support.published import DATA

IMAGES = (
    ("BBBC039", 0),
    ("BBBC039", 5),
    ("U2OS", 1),
    ("NIH3T3", 3),
    ("HepG2", 1),
    ("HepG2", 4),
    ("Huh7", 2),
    ("DSB2018", 3),
    ("DSB2018", 40),
    ("DSB2018", 70),
)


def least_cost(objects, object_cost):
    """Least cost of a family of all these unions in which each atom is exactly once."""
    model = Model()
    model.hideOutput()
    model.setParam("limits/gap", 0.0)
    with_atom = {}
    for item in objects:
        take = model.addVar(vtype="B", obj=item.energy + object_cost)
        for atom in item.footprint:
            with_atom.setdefault(atom, []).append(take)
    for unions in with_atom.values():
        model.addCons(quicksum(unions) == 1)
    model.optimize()
    assert model.getStatus() == "optimal"
    return model.getObjVal()


@pytest.mark.slow
@pytest.mark.published
@pytest.mark.parametrize(("name", "index"), IMAGES)
def test_no_other_solver_finds_a_cheaper_choice_in_a_real_image(name, index):
    path = sorted((DATA / name / "images").iterdir())[index]
    result = superdsm_nb.analyze(imread(path), preset="automatic", emit=ignore)
    objects, cover = result.data["objects"], result.data["cover"]

    best = least_cost(objects, cover.beta)

    assert len(objects) > len(cover.solution)
    assert math.fsum(item.energy + cover.beta for item in cover.solution) == pytest.approx(best, rel=1e-9)
    assert result.performance.gap == 0
    assert result.performance.lower_bound <= best * (1 + 1e-9)
    covered = np.concatenate([sorted(item.footprint) for item in cover.solution])
    assert sorted(covered.tolist()) == list(range(1, int(result.data["atoms"].max()) + 1))
