"""Energies of unions of atoms against loops over pixels, and the choice among them."""

from __future__ import annotations

import itertools
import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage
from scipy.spatial import ConvexHull

from superdsm_nb.automatic.choice import find_unions, union_energies
from superdsm_nb.automatic.unions import find_borders, measure_shapes
from superdsm_nb.config import AutomaticEnergySettings

from support import naive

seeds = st.integers(0, 2**32 - 1)


def chosen_settings(**changes):
    """Settings of which none is a default."""
    values = {
        "object_cost": 0.3,
        "ellipticity_weight": 1.1,
        "convexity_weight": 1.3,
        "large_weight": 0.7,
        "large_above": 0.9,
        "small_weight": 0.55,
        "small_below": 0.45,
        "border_smoothing": 0.0,
        "dark_border_weight": 0.65,
        "dark_below": 0.95,
        "step_weight": 0.25,
        "bright_border_weight": 0.35,
        "bright_above": 0.9,
        "max_area": 100.0,
        "max_reach": 100.0,
        "max_atoms": 4,
    }
    return AutomaticEnergySettings(**{**values, **changes})


def random_atoms(rng, shape=(13, 16), count=5):
    """Labels without gaps: the nearest of some points within a random part of the image."""
    points = rng.random((count, 2)) * shape
    distances = ((np.indices(shape).transpose(1, 2, 0)[..., np.newaxis, :] - points) ** 2).sum(axis=-1)
    atoms = distances.argmin(axis=-1) + 1
    atoms[:, : rng.integers(0, 4)] = 0
    atoms[: rng.integers(0, 4)] = 0
    _, labels = np.unique(np.append(0, atoms.ravel()), return_inverse=True)
    return labels.ravel()[1:].reshape(shape).astype(np.int32)


def all_unions(atoms):
    """All sets of labels, connected or not."""
    labels = range(1, int(atoms.max()) + 1)
    sizes = range(1, len(labels) + 1)
    return [frozenset(union) for size in sizes for union in itertools.combinations(labels, size)]


def naive_energy(atoms, union, contrast_of, step_of, radius, settings):
    """The energy of a union in areas of a typical nucleus, from its pixels one by one."""
    pixels = [position for position, label in np.ndenumerate(atoms) if label in union]
    area = len(pixels)
    corners = [(r + a, c + b) for r, c in pixels for a in (-0.5, 0.5) for b in (-0.5, 0.5)]
    covariance = np.cov(np.array(pixels).T, ddof=0) if area > 1 else np.zeros((2, 2))
    ellipse = 4 * math.pi * math.sqrt(np.linalg.det(covariance + np.eye(2) / 12))
    typical = math.pi * radius**2
    energy = settings.ellipticity_weight * max(0, ellipse - area) / typical
    energy += settings.convexity_weight * (ConvexHull(corners).volume - area) / typical
    energy += settings.large_weight * max(0, area / typical - settings.large_above)
    height, width = atoms.shape
    if all(0 < row < height - 1 and 0 < col < width - 1 for row, col in pixels):
        energy += settings.small_weight * max(0, settings.small_below - area / typical)
    for row, col in np.argwhere(atoms):
        for other in ((row + 1, col), (row, col + 1)):
            if other[0] >= height or other[1] >= width or atoms[other] in (0, atoms[row, col]):
                continue
            pair = frozenset((int(atoms[row, col]), int(atoms[other])))
            if pair <= union:
                dark = max(0, settings.dark_below - contrast_of[pair])
                energy += settings.dark_border_weight * dark / radius
                energy += settings.step_weight * step_of[pair] / radius
            elif pair & union:
                bright = max(0, contrast_of[pair] - settings.bright_above)
                energy += 0.5 * settings.bright_border_weight * bright / radius
    return energy


@naive.settings_for(60)
@given(seed=seeds, radius=st.sampled_from([2.0, 4.5, 7.0]))
def test_the_energy_is_the_sum_over_pixels_and_borders(seed, radius):
    rng = np.random.default_rng(seed)
    settings = chosen_settings()
    atoms = random_atoms(rng)
    unions = all_unions(atoms)
    found = find_borders(atoms, np.zeros(atoms.shape))
    contrast = rng.uniform(0.5, 1.4, len(found.pairs))
    steps = rng.uniform(0, 1.2, len(found.pairs))
    contrast_of, step_of = (
        {frozenset(pair): value for pair, value in zip(found.pairs.tolist(), values, strict=True)}
        for values in (contrast, steps)
    )

    energies = union_energies(measure_shapes(atoms, unions, found), found, contrast, steps, radius, settings)

    expected = [naive_energy(atoms, union, contrast_of, step_of, radius, settings) for union in unions]
    np.testing.assert_allclose(energies, expected, rtol=1e-9, atol=1e-12)


@naive.settings_for(100)
@given(seed=seeds)
def test_energies_are_never_negative(seed):
    rng = np.random.default_rng(seed)
    atoms = random_atoms(rng, count=7)
    unions = all_unions(atoms)
    found = find_borders(atoms, np.zeros(atoms.shape))
    contrast, steps = rng.uniform(0, 3, (2, len(found.pairs)))
    settings = chosen_settings(
        **{
            name: rng.uniform(0, 2)
            for name in ("ellipticity_weight", "convexity_weight", "large_weight", "small_weight")
        }
    )

    energies = union_energies(measure_shapes(atoms, unions, found), found, contrast, steps, 4.0, settings)

    assert energies.min() > -1e-12


@naive.settings_for(40)
@given(seed=seeds, factor=st.integers(2, 4))
def test_the_resolution_matters_no_more_than_the_steps_of_a_diagonal(seed, factor):
    rng = np.random.default_rng(seed)
    atoms = random_atoms(rng)
    fine = np.kron(atoms, np.ones((factor, factor), np.int32))
    unions = all_unions(atoms)
    energies = []
    for labels, radius in ((atoms, 5.0), (fine, 5.0 * factor)):
        found = find_borders(labels, np.zeros(labels.shape))
        contrast = 0.5 + found.pairs.sum(axis=1) / 10
        steps = found.pairs.sum(axis=1) / 7
        shapes = measure_shapes(labels, unions, found)
        energies.append(union_energies(shapes, found, contrast, steps, radius, chosen_settings()))

    np.testing.assert_allclose(energies[1], energies[0], rtol=1e-9, atol=1e-9)


def picture(centers, radius=8, shape=(40, 60)):
    """Return y of smooth disks, 1 inside, and the distance of each pixel to the nearest centre."""
    rows, cols = np.indices(shape)
    distances = np.array([np.hypot(rows - row, cols - col) for row, col in centers])
    return np.clip(radius - distances.min(axis=0), -0.5, 1), distances


def choose(y, atoms, radius=8.0, **changes):
    clusters, _ = ndimage.label(atoms > 0, output=np.int32)
    settings = chosen_settings(border_smoothing=0.1, **changes)
    found = find_unions(y, atoms, clusters, radius, settings)
    return SimpleNamespace(**vars(found), partition=found.least(settings.object_cost))


def chosen_unions(choice):
    return {choice.unions[index] for index in choice.partition.chosen}


def test_a_disk_that_is_divided_becomes_whole_again():
    y, _ = picture([(20, 30)])
    cols = np.indices(y.shape)[1]
    atoms = np.where(y > 0, 1 + (cols >= 30), 0).astype(np.int32)

    choice = choose(y, atoms)

    assert chosen_unions(choice) == {frozenset((1, 2))}


@pytest.mark.parametrize("brighter", [3.0, 10.0])
def test_halves_of_a_disk_stay_apart_if_one_is_much_brighter(brighter):
    y, _ = picture([(20, 30)])
    cols = np.indices(y.shape)[1]
    atoms = np.where(y > 0, 1 + (cols >= 30), 0).astype(np.int32)

    choice = choose(np.where(atoms == 2, brighter * y, y), atoms, step_weight=1.0)

    assert chosen_unions(choice) == {frozenset((1,)), frozenset((2,))}


def test_two_disks_that_touch_stay_two_objects():
    y, distances = picture([(20, 22), (20, 37)])
    atoms = np.where(y > 0, 1 + distances.argmin(axis=0), 0).astype(np.int32)

    choice = choose(y, atoms)

    assert chosen_unions(choice) == {frozenset((1,)), frozenset((2,))}


def test_a_high_cost_of_objects_joins_what_touches():
    y, distances = picture([(20, 22), (20, 37)])
    atoms = np.where(y > 0, 1 + distances.argmin(axis=0), 0).astype(np.int32)

    choice = choose(y, atoms, object_cost=100)

    assert chosen_unions(choice) == {frozenset((1, 2))}


@pytest.mark.parametrize(
    "limit", [{"max_atoms": 1}, {"max_area": 1.5}, {"max_reach": 1.5}], ids=lambda limit: next(iter(limit))
)
def test_limits_keep_apart_what_would_be_joined(limit):
    y, distances = picture([(20, 22), (20, 37)])
    atoms = np.where(y > 0, 1 + distances.argmin(axis=0), 0).astype(np.int32)

    choice = choose(y, atoms, object_cost=100, **limit)

    assert choice.unions == [frozenset((1,)), frozenset((2,))]


@naive.settings_for(60)
@given(seed=seeds)
def test_each_atom_is_in_one_chosen_union_within_its_cluster_and_bounds_are_the_costs(seed):
    rng = np.random.default_rng(seed)
    atoms = random_atoms(rng, (20, 25), 12)
    clusters, _ = ndimage.label(atoms > 0, output=np.int32)

    choice = choose(rng.random(atoms.shape), atoms, 6.0)

    chosen, bounds, _ = choice.partition
    members = sorted(atom for index in chosen for atom in choice.unions[index])
    assert members == list(range(1, int(atoms.max()) + 1))
    for union, group in zip(choice.unions, choice.groups, strict=True):
        assert set(clusters[np.isin(atoms, list(union))]) == {group}
    total = (choice.energies[chosen] + 0.3).sum()
    assert sum(bounds.values()) == pytest.approx(total)
