"""Every stage against what the reference computed on real images (see `published`)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import superdsm_nb
from superdsm_nb.automation.scale import estimate_scale
from superdsm_nb.dsm import fit
from superdsm_nb.image import AtomRegions
from superdsm_nb.io import imread
from superdsm_nb.minsetcover.exact import minimum_covers
from superdsm_nb.minsetcover.packing import problem_of
from superdsm_nb.objects import Object, compute_objects
from superdsm_nb.pipeline import create_default_pipeline

from support.published import DATA, Reference, image_names, image_path, references, run, scales

pytestmark = pytest.mark.published
# Called optimal by the reference at 1194.59, where its solver ended without a decision somewhere between
# the best ellipse (1317.86) and the minimum (437.52, which both of our solvers find).
ENDED_UNDECIDED = ("A18_s1", [20, 22, 25, 26])
REFERENCES = references()
STAGE = "global-energy-minimization"
with_scale = [(d, n) for d in ("U2OS", "NIH3T3") for n in image_names(d)] if DATA.name else []


def label_map(ours: np.ndarray, theirs: np.ndarray) -> dict[int, int]:
    """Translate our labels into theirs; fails unless both are the same partition of the image."""
    pairs = np.unique(np.stack([ours.ravel().astype(int), theirs.ravel().astype(int)]), axis=1)
    assert pairs.shape[1] == len(np.unique(pairs[0])) == len(np.unique(pairs[1])), "the partitions differ"
    return dict(pairs.T.tolist())


@pytest.fixture(params=REFERENCES, ids=str, scope="module")
def reference(request: pytest.FixtureRequest) -> Iterator[Reference]:
    return request.param


@pytest.mark.parametrize(
    # The reference stores y with the default configuration only.
    "reference",
    [item for item in REFERENCES if item.config_name == "default"],
    ids=str,
    scope="module",
)
def test_offset_intensities_equal_those_of_the_reference_to_1e_5(reference):
    y = run(reference)["y"]

    assert np.abs(y - reference.arrays["y"]).max() <= 1e-5
    assert np.array_equal(y > 0, reference.arrays["y"] > 0)


def test_clusters_atoms_and_discarded_foreground_equal_those_of_the_reference(reference):
    data = run(reference)

    assert np.array_equal(data["y_mask"], reference.arrays["y_mask"])
    label_map(data["clusters"], reference.arrays["clusters"])
    label_map(data["atoms"], reference.arrays["atoms"])


def test_seeds_and_adjacent_pairs_equal_those_of_the_reference(reference):
    data = run(reference)
    theirs = label_map(data["atoms"], reference.arrays["atoms"])

    graph = data["adjacencies"]
    pairs = {tuple(sorted((theirs[a], theirs[b]))) for a in graph.atoms for b in graph[a]}
    seeds = {theirs[label]: seed for label, seed in enumerate(data["seeds"], 1)}

    assert pairs == {tuple(sorted(pair)) for pair in reference.record["adjacent"]}
    assert [list(seeds[label]) for label in sorted(seeds)] == reference.record["seeds"]


# The solver of SciPy takes many times as long, so it gets one object of sixteen.
@pytest.mark.parametrize(("solver", "step"), [("newton", 1), ("trust-exact", 16)])
def test_no_energy_is_above_that_of_the_reference_nor_below_where_its_fit_succeeded(reference, solver, step):
    data = run(reference)
    regions = AtomRegions(data["y_img"], reference.arrays["atoms"])
    parameters = replace(data["dsm_cfg"], solver=solver)

    for item in reference.record["objects"][::step]:
        energy = fit(regions.region(item["footprint"]), parameters).energy
        unit = max(1.0, item["energy"])
        assert energy <= item["energy"] + 1e-6 * unit, item
        # Where their solver failed they kept the best ellipse, which we undercut. An energy of ours is the
        # value of psi at parameters that `fit` returns, so a lower one proves theirs not to be the minimum.
        failed = not item["is_optimal"] or (reference.name[:6], item["footprint"]) == ENDED_UNDECIDED
        assert energy >= item["energy"] - 1e-5 * unit or failed, item


def test_objects_reach_beyond_the_border_where_those_of_the_reference_do(reference):
    data = run(reference)
    theirs = label_map(data["atoms"], reference.arrays["atoms"])
    ours = {frozenset(theirs[atom] for atom in item.footprint): item for item in data["objects"]}

    for item in reference.record["objects"]:
        # A separable region has no single best surface, and one that fell back is another surface.
        if item["energy"] > 1e-6 and item["is_optimal"] and frozenset(item["footprint"]) in ours:
            assert ours[frozenset(item["footprint"])].on_boundary == item["on_boundary"], item


def test_the_cover_is_that_of_the_reference(reference):
    data = run(reference)
    theirs = label_map(data["atoms"], reference.arrays["atoms"])

    cover = {frozenset(theirs[atom] for atom in item.footprint) for item in data["cover"].solution}
    kept = {
        frozenset(theirs[atom] for atom in item.original.footprint) for item in data["postprocessed_objects"]
    }

    assert cover == {frozenset(footprint) for footprint in reference.record["cover"]}
    assert kept == {frozenset(footprint) for footprint in reference.record["postprocessed"]}
    assert data["cover"].costs <= reference.record["cover_cost"] * (1 + 1e-6)


def test_the_counts_of_the_search_are_those_of_the_reference_but_for_its_failed_fits(reference):
    data = run(reference)
    # The reference computes and counts clusters of a single atom twice.
    graph = data["adjacencies"]
    singles = sum(len(graph.get_atoms_in_cluster(label)) == 1 for label in graph.cluster_labels)
    counts = reference.record["performance"]
    failed = sum(not item["is_optimal"] for item in reference.record["objects"])

    ours = data["performance"]

    assert ours.direct_solution_trial_count == counts["direct_solution_trial_count"]
    assert ours.overall_object_count + singles == counts["overall_object_count"]
    assert ours.nontrivial_object_count == counts["nontrivial_object_count"]
    # A better energy where theirs fell back changes which clusters need a search, and how far it goes.
    assert abs(ours.direct_solution_success_count - counts["direct_solution_success_count"]) <= failed
    # One more than failed: the fit that ended undecided.
    failed += reference.name[:6] == ENDED_UNDECIDED[0]
    assert (
        abs(ours.overall_computed_object_count + singles - counts["overall_computed_object_count"]) <= failed
    )


def exact_run(reference: Reference) -> dict[str, Any]:
    """Our pipeline data object with the exact cover instead of the published one."""
    config = reference.config.derive({STAGE: {"solver": "exact"}})
    data = run(reference)
    return create_default_pipeline().process_image(
        data["g_raw"], config, first_stage=STAGE, last_stage=STAGE, data=data
    )[0]


def test_the_exact_cover_is_proven_and_costs_no_more_than_the_greedy_one_with_no_more_fits(reference):
    exact, greedy = exact_run(reference), run(reference)
    theirs = reference.record["objects"]

    assert all(cluster.gap == 0 for cluster in exact["performance"].clusters)
    assert exact["cover"].costs <= greedy["cover"].costs * (1 + 1e-9)
    assert len(exact["objects"]) <= len({frozenset(item["footprint"]) for item in theirs})
    # By the energies of the reference no family of its objects costs less than what we find with ours.
    if reference.config_name != "isbi24":
        beta = reference.record["config"][STAGE]["beta"]
        candidates = [Object(footprint=frozenset(o["footprint"]), energy=o["energy"]) for o in theirs]
        (possible,) = minimum_covers([problem_of(candidates, beta)])
        assert exact["cover"].costs <= possible.bound * (1 + 1e-6)


@pytest.mark.parametrize(
    # The pruning of ISBI 2024 may leave out what would be better.
    "reference",
    [item for item in REFERENCES if item.config_name != "isbi24"],
    ids=str,
    scope="module",
)
def test_no_family_of_any_connected_unions_costs_less_than_the_exact_cover(reference):
    data = exact_run(reference)
    graph, beta = data["adjacencies"], reference.record["config"][STAGE]["beta"]
    unions = {frozenset((atom,)) for atom in graph.atoms}
    generation = unions
    while generation:
        generation = {grown for union in generation for grown in graph.extensions(union, np.inf)}
        unions |= generation
    known = {item.footprint for item in data["objects"]}
    others = compute_objects(
        sorted(unions - known, key=sorted),
        AtomRegions(data["y_img"], data["atoms"]),
        data["dsm_cfg"],
    )

    (best,) = minimum_covers([problem_of([*data["objects"], *others], beta)])

    assert data["cover"].costs == pytest.approx(best.bound, rel=1e-9)


@pytest.mark.parametrize(("dataset", "name"), with_scale)
def test_the_estimated_scale_is_within_5_percent_of_the_reference(dataset, name):
    expected = scales()[f"{dataset}/{name}"]

    scale = estimate_scale(imread(image_path(dataset, name)))

    assert scale == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize(("dataset", "name"), [("U2OS", "dna-0"), ("NIH3T3", "dna-1")])
def test_no_real_label_map_depends_on_the_number_of_threads(dataset, name, monkeypatch):
    image = imread(image_path(dataset, name))
    results = []
    for threads in ("1", "2", "4"):
        monkeypatch.setenv("SUPERDSM_NB_NUM_THREADS", threads)
        results.append(superdsm_nb.segment(image).tobytes())

    assert results[0] == results[1] == results[2]


def test_the_estimated_scale_of_the_slice_of_bbbc033_is_within_5_percent_of_the_reference():
    (reference,) = [item for item in REFERENCES if item.dataset == "BBBC033"]

    scale = estimate_scale(imread(image_path("BBBC033", reference.name)))

    assert scale == pytest.approx(reference.record["estimated_scale"], rel=0.05)
