"""Label maps against the published ones and the hand segmentations (see `published`).

The published solver fails now and then and then keeps the best ellipse of a region. Ours does not: there
the energy is lower and the outline follows the nucleus. That is the only way in which results differ:
when exactly those fits are made to fall back, all 2989 published rows come out pixel for pixel.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from superdsm_nb.dsm import fit
from superdsm_nb.image import AtomRegions
from superdsm_nb.io import imread
from superdsm_nb.metrics import score
from superdsm_nb.objects import Object
from superdsm_nb.postprocess import Postprocessing
from superdsm_nb.render import rasterize_labels

from support.published import (
    CONFIGS,
    DATA,
    Reference,
    Row,
    image_names,
    image_path,
    is_near,
    is_same,
    published_rows,
    references,
    rows_of,
    run,
    segment_published,
)

pytestmark = pytest.mark.published
IMAGES = [(d, c, n) for d, c in CONFIGS for n in image_names(d)] if DATA.name else []


@functools.cache
def counted(dataset: str, config_name: str, name: str) -> dict[str, Any]:
    """Rows published by each machine: all, ours exactly, ours nearly, and ours with their failed fits."""
    data = segment_published(dataset, config_name, name)
    ours = rows_of(data)
    result = {}
    for machine in "ab":
        published = published_rows(dataset, config_name, name, machine)
        differing = [row for row in published if not any(is_same(mine, row) for mine in ours)]
        explained = rows_with_fallback(data, differing) if differing else ours
        result[machine] = {
            "all": len(published),
            "same": len(published) - len(differing),
            "near": sum(any(is_near(mine, row) for mine in ours) for row in published),
            "explained": sum(any(is_same(mine, row) for mine in explained) for row in published),
        }
    result["extra"] = len(ours) - result["a"]["all"]
    return result


def rows_with_fallback(data: dict[str, Any], differing: Iterable[Row]) -> list[Row]:
    """Our rows if the fits behind the differing ones fell back to the best ellipse, as published."""
    regions = AtomRegions(data["y_img"], data["atoms"])
    parameters = data["dsm_cfg"].without_deformations()
    fallbacks = {}
    for _, x, y in differing:
        objects = data["postprocessed_objects"]
        original = min(objects, key=lambda item: np.hypot(*(center(item) - (y, x)))).original
        region = regions.region(original.footprint)
        ellipse = fit(region, parameters)
        # This is why we differ: the published outline is one of a higher energy.
        assert ellipse.energy > original.energy
        fallen = replace(original, energy=ellipse.energy)
        inside = ellipse.surface > 0
        fallen.set_pixels(region.rows[inside], region.cols[inside])
        fallbacks[original.footprint] = fallen
    cover = Cover([fallbacks.get(item.footprint, item) for item in data["cover"].solution])
    changed = {**data, "cover": cover}
    Postprocessing()(changed, data["config"])
    return rows_of(changed)


class Cover:
    """A cover that is given."""

    def __init__(self, solution: list[Object]) -> None:
        self.solution = solution


def center(item: Any) -> np.ndarray:
    """Row and column of the centre of mass of an object."""
    return np.argwhere(item.fg_fragment).mean(axis=0) + item.fg_offset


@pytest.mark.parametrize(("dataset", "config_name", "name"), IMAGES)
def test_every_published_object_is_found_and_only_those(dataset, config_name, name):
    counts = counted(dataset, config_name, name)

    assert counts["a"]["near"] == counts["a"]["all"]
    assert counts["extra"] == 0


@pytest.mark.parametrize(("dataset", "config_name", "name"), IMAGES)
def test_where_an_object_differs_the_published_fit_had_fallen_back_to_an_ellipse(dataset, config_name, name):
    counts = counted(dataset, config_name, name)

    assert counts["a"]["explained"] == counts["a"]["all"]


@pytest.mark.parametrize("machine", ["a", "b"])
def test_at_least_99_percent_of_the_published_rows_come_out_exactly(machine, capsys):
    counts = [counted(*image)[machine] for image in IMAGES]
    total, same, near = (sum(count[key] for count in counts) for key in ("all", "same", "near"))

    with capsys.disabled():
        print(f"\npublished rows, machine {machine}: {total}; exactly {same}, nearly {near}")
    assert same >= 0.99 * total
    assert near >= 0.999 * total


def test_accuracy_is_that_of_the_reference(capsys):
    lines = [f"{'':28}{'SEG':>8}{'Dice':>8}{'AP@0.5':>8}{'AP@0.75':>8}"]
    for dataset in ("U2OS", "NIH3T3", "BBBC039"):
        runs = [item for item in references() if item.dataset == dataset]
        ours = np.array([figures(item, rasterize_labels(run(item))) for item in runs])
        theirs = np.array([figures(item, item.labels) for item in runs])
        lines += [
            f"{dataset + ' (' + str(len(runs)) + ' runs) ' + who:28}" + "".join(f"{x:8.4f}" for x in mean)
            for who, mean in (("ours", ours.mean(axis=0)), ("reference", theirs.mean(axis=0)))
        ]
        assert (ours.mean(axis=0) >= theirs.mean(axis=0) - 1e-3).all()
    with capsys.disabled():
        print("\n" + "\n".join(lines))


def figures(item: Reference, labels: np.ndarray) -> tuple[float, ...]:
    """SEG, Dice and AP against the hand segmentation."""
    (path,) = (image_path(item.dataset, item.name).parents[1] / "truth").glob(f"{item.name}.*")
    result = score(labels.astype(int), imread(path).astype(int))
    return result.seg, result.dice, result.ap50, result.ap75
