"""Unions of atoms and their shapes, against all subsets, scikit-image and loops over pixels."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage
from skimage.measure import regionprops

from superdsm_nb.automatic.unions import find_borders, grow_unions, measure_shapes

from support import naive

SQUARE = 1 / 12  # variance inside a pixel; scikit-image takes pixels for points

seeds = st.integers(0, 2**32 - 1)


def random_atoms(rng, shape=(14, 17), count=6):
    """Labels from 1 to at most `count`, each present: the nearest of some points, with holes."""
    points = rng.random((count, 2)) * shape
    distances = ((np.indices(shape).transpose(1, 2, 0)[..., np.newaxis, :] - points) ** 2).sum(axis=-1)
    atoms = distances.argmin(axis=-1) + 1
    atoms[rng.random(shape) < rng.choice([0, 0.1, 0.4])] = 0
    _, labels = np.unique(np.append(0, atoms.ravel()), return_inverse=True)
    return labels.ravel()[1:].reshape(shape).astype(np.int32)


def random_unions(rng, atoms):
    """Each atom alone, and some unions, connected or not."""
    count = int(atoms.max())
    singles = [frozenset((label,)) for label in range(1, count + 1)]
    sizes = rng.integers(1, count + 1, 5)
    return singles + [frozenset((rng.permutation(count)[:size] + 1).tolist()) for size in sizes]


def edges(atoms):
    """Pairs of pixels with a common edge: two arrays (n, 2) of positions."""
    index = np.indices(atoms.shape).transpose(1, 2, 0)
    first = np.concatenate([index[:-1].reshape(-1, 2), index[:, :-1].reshape(-1, 2)])
    second = np.concatenate([index[1:].reshape(-1, 2), index[:, 1:].reshape(-1, 2)])
    return first, second


@naive.settings_for(100)
@given(seed=seeds)
def test_borders_have_a_length_and_the_mean_of_the_values_along_them(seed):
    rng = np.random.default_rng(seed)
    atoms = random_atoms(rng)
    values = rng.normal(size=atoms.shape)
    expected: dict[tuple[int, int], list[float]] = {}
    for one, other in zip(*(map(tuple, side.tolist()) for side in edges(atoms)), strict=True):
        pair = sorted((int(atoms[one]), int(atoms[other])))
        if pair[0] and pair[0] != pair[1]:
            expected.setdefault(tuple(pair), []).append((values[one] + values[other]) / 2)

    found = find_borders(atoms, values)

    assert [tuple(pair) for pair in found.pairs.tolist()] == sorted(expected)
    assert found.lengths.tolist() == [len(expected[pair]) for pair in sorted(expected)]
    np.testing.assert_allclose(found.values, [np.mean(expected[pair]) for pair in sorted(expected)])


def test_without_neighbours_there_are_no_borders():
    found = find_borders(np.array([[1, 0, 2]], np.int32), np.zeros((1, 3)))
    assert [part.shape for part in found] == [(0, 2), (0,), (0,)]


@st.composite
def graphs(draw):
    """Atoms with areas, positions and neighbours, and limits."""
    rng = np.random.default_rng(draw(seeds))
    count = draw(st.integers(1, 7))
    areas, centers = rng.integers(1, 10, count + 1), rng.integers(0, 10, (count + 1, 2))
    joined = rng.random((count + 1, count + 1)) < draw(st.sampled_from([0.1, 0.4, 1.0]))
    neighbors: dict[int, set[int]] = {label: set() for label in range(1, count + 1)}
    for a, b in itertools.combinations(neighbors, 2):
        if joined[a, b]:
            neighbors[a].add(b)
            neighbors[b].add(a)
    limits = {
        "max_area": float(draw(st.sampled_from([0, 7, 15, 25, 1000]))),
        "max_distance": float(draw(st.sampled_from([0, 3, 6, 9, 1000]))),
        "max_atoms": draw(st.integers(1, 7)),
    }
    return areas.astype(float), centers.astype(float), neighbors, limits


def is_connected(union, neighbors):
    reached, waiting = set(), [min(union)]
    while waiting:
        atom = waiting.pop()
        reached.add(atom)
        waiting += (neighbors[atom] & union) - reached
    return reached == union


def is_allowed(union, areas, centers, neighbors, limits):
    """Whether a union is within the limits; single atoms are in any case."""
    return len(union) == 1 or (
        is_connected(union, neighbors)
        and len(union) <= limits["max_atoms"]
        and areas[list(union)].sum() <= limits["max_area"]
        and all(
            math.dist(centers[a], centers[b]) <= limits["max_distance"]
            for a, b in itertools.combinations(union, 2)
        )
    )


def allowed_unions(areas, centers, neighbors, limits):
    """All subsets that are within the limits."""
    subsets = itertools.chain.from_iterable(
        itertools.combinations(neighbors, size) for size in range(1, len(neighbors) + 1)
    )
    return [union for union in map(set, subsets) if is_allowed(union, areas, centers, neighbors, limits)]


@naive.settings_for(400)
@given(graph=graphs())
def test_unions_are_all_connected_subsets_within_the_limits_smaller_ones_first(graph):
    areas, centers, neighbors, limits = graph
    expected = allowed_unions(*graph)

    unions = grow_unions(areas, centers, neighbors, **limits)

    assert len(unions) == len(set(unions))
    assert set(unions) == set(map(frozenset, expected))
    sizes = [len(union) for union in unions]
    assert sizes == sorted(sizes)
    assert unions[: len(neighbors)] == [frozenset((label,)) for label in sorted(neighbors)]


@naive.settings_for(200)
@given(graph=graphs())
def test_each_union_can_grow_from_a_smaller_one_within_the_limits(graph):
    *_, neighbors, _ = graph
    unions = set(map(frozenset, allowed_unions(*graph)))

    for union in unions - {frozenset((label,)) for label in neighbors}:
        assert any(union - {atom} in unions for atom in union)


def test_the_order_of_unions_does_not_depend_on_that_of_the_neighbours():
    areas, centers = np.ones(5), np.zeros((5, 2))
    pairs = {1: {2, 3}, 2: {1, 4}, 3: {1, 4}, 4: {2, 3}}
    limits = {"max_area": 9, "max_distance": 9, "max_atoms": 4}

    forward = grow_unions(areas, centers, pairs, **limits)
    backward = grow_unions(areas, centers, dict(reversed(pairs.items())), **limits)

    assert forward == backward


@naive.settings_for(60)
@given(seed=seeds)
def test_areas_and_ellipses_are_those_of_scikit_image(seed):
    rng = np.random.default_rng(seed)
    atoms = random_atoms(rng)
    unions = random_unions(rng, atoms)

    shapes = measure_shapes(atoms, unions, find_borders(atoms, np.zeros(atoms.shape)))

    for index, union in enumerate(unions):
        (region,) = regionprops(np.isin(atoms, list(union)).astype(np.uint8))
        half_axes = 2 * np.sqrt(np.array(region.inertia_tensor_eigvals) + SQUARE)
        assert shapes.areas[index] == region.area
        assert shapes.ellipses[index] == pytest.approx(math.pi * half_axes.prod(), rel=1e-9)


@naive.settings_for(40)
@given(seed=seeds)
def test_the_ellipse_is_the_limit_of_that_of_scikit_image_with_ever_smaller_pixels(seed):
    parts = 12
    atoms = random_atoms(np.random.default_rng(seed))
    fine = np.kron(atoms == 1, np.ones((parts, parts), np.uint8))
    (region,) = regionprops(fine)

    shapes = measure_shapes(atoms, [frozenset((1,))], find_borders(atoms, np.zeros(atoms.shape)))

    expected = math.pi / 4 * region.axis_major_length * region.axis_minor_length / parts**2
    assert shapes.ellipses[0] == pytest.approx(expected, rel=0.01)


@naive.settings_for(100)
@given(seed=seeds)
def test_borders_are_inner_with_both_atoms_in_the_union_and_outer_with_one(seed):
    rng = np.random.default_rng(seed)
    atoms = random_atoms(rng)
    unions = random_unions(rng, atoms)
    found = find_borders(atoms, np.zeros(atoms.shape))
    within = [[len(union & set(pair)) for pair in found.pairs.tolist()] for union in unions]

    shapes = measure_shapes(atoms, unions, found)

    np.testing.assert_array_equal(shapes.inner.toarray(), np.array(within) == 2)
    np.testing.assert_array_equal(shapes.outer.toarray(), np.array(within) == 1)


@naive.settings_for(100)
@given(seed=seeds)
def test_a_union_is_inside_unless_one_of_its_pixels_is_on_the_border_of_the_image(seed):
    rng = np.random.default_rng(seed)
    atoms = random_atoms(rng, count=12)
    unions = random_unions(rng, atoms)
    rim = np.pad(np.zeros(np.subtract(atoms.shape, 2), bool), 1, constant_values=True)

    shapes = measure_shapes(atoms, unions, find_borders(atoms, np.zeros(atoms.shape)))

    expected = [not (np.isin(atoms, list(union)) & rim).any() for union in unions]
    assert shapes.is_inside.tolist() == expected


def measure_mask(mask):
    """Measure a mask as one atom."""
    atoms = mask.astype(np.int32)
    return measure_shapes(atoms, [frozenset((1,))], find_borders(atoms, np.zeros(mask.shape)))


@pytest.mark.parametrize("axes", [(12, 12), (30, 30), (12, 20), (15, 45)])
@pytest.mark.parametrize("angle", [0.0, 0.4, 1.2])
def test_a_digital_ellipse_is_an_ellipse_and_convex(axes, angle):
    rows, cols = np.indices((121, 121)) - 60.3
    along = rows * math.cos(angle) + cols * math.sin(angle)
    across = cols * math.cos(angle) - rows * math.sin(angle)

    shapes = measure_mask((along / axes[0]) ** 2 + (across / axes[1]) ** 2 <= 1)

    assert shapes.areas[0] == pytest.approx(math.pi * axes[0] * axes[1], rel=0.02)
    assert shapes.ellipses[0] / shapes.areas[0] == pytest.approx(1, abs=0.005)
    assert 1 <= shapes.hulls[0] / shapes.areas[0] < 1.08


def test_two_disks_apart_are_neither_an_ellipse_nor_convex():
    rows, cols = np.indices((41, 81))
    disks = [(rows - 20) ** 2 + (cols - col) ** 2 <= 15**2 for col in (20, 60)]

    shapes = measure_mask(disks[0] | disks[1])

    assert shapes.ellipses[0] > 1.2 * shapes.areas[0]
    assert shapes.hulls[0] > 1.2 * shapes.areas[0]


def test_a_pixel_has_the_ellipse_of_a_square():
    shapes = measure_mask(np.ones((1, 1), bool))
    assert (shapes.areas[0], shapes.hulls[0]) == (1, 1)
    assert shapes.ellipses[0] == pytest.approx(math.pi / 3)


def test_the_union_of_all_atoms_is_the_whole():
    atoms = random_atoms(np.random.default_rng(3))
    whole = measure_mask(atoms > 0)

    labels = frozenset(range(1, int(atoms.max()) + 1))
    shapes = measure_shapes(atoms, [labels], find_borders(atoms, np.zeros(atoms.shape)))

    assert shapes.areas[0] == whole.areas[0] == np.count_nonzero(atoms)
    assert shapes.hulls[0] == whole.hulls[0]
    assert shapes.ellipses[0] == pytest.approx(whole.ellipses[0], rel=1e-9)
    assert ndimage.sum(shapes.outer.toarray()) == 0
