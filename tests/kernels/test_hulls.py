"""Convex hulls and borders of label maps against SciPy and loops over pixels."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.spatial import ConvexHull

from superdsm_nb.kernels import hulls

from support import naive

CORNERS = np.array([[-1, -1], [1, -1], [-1, 1], [1, 1]])  # of a pixel, in half pixels

seeds = st.integers(0, 2**32 - 1)


@st.composite
def label_maps(draw, longest=12):
    """Draw labels from 0 to at most 6: scattered pixels, blocks, or lines; some labels may be missing."""
    height, width = draw(st.integers(1, longest)), draw(st.integers(1, longest))
    rng = np.random.default_rng(draw(seeds))
    block = draw(st.sampled_from([1, 3]))
    coarse = rng.integers(0, draw(st.integers(2, 7)), (-(-height // block), -(-width // block)))
    labels = np.kron(coarse, np.ones((block, block), int))[:height, :width]
    labels[rng.random(labels.shape) < draw(st.sampled_from([0.0, 0.5, 0.95]))] = 0
    return labels.astype(np.int32)


def corners_of(mask):
    """All corners of the pixels of a mask, in half pixels."""
    return (2 * np.argwhere(mask)[:, np.newaxis] + CORNERS).reshape(-1, 2)


def oracle_area(mask):
    """Area of the convex hull of the squares of the pixels."""
    return ConvexHull(corners_of(mask) / 2).volume


def areas_of(labels, unions):
    """Hull areas of unions of labels, from run corners to areas."""
    members = np.array([label for union in unions for label in union], np.int64)
    first = np.concatenate([[0], np.cumsum([len(union) for union in unions])]).astype(np.int64)
    corners = hulls.run_corners(labels, int(labels.max()))
    return hulls.hull_areas(*hulls.hull_points(*corners), members, first)


def points_by_label(points, start):
    """Points of each label from 1, as sorted tuples."""
    return [sorted(map(tuple, points[begin:end].tolist())) for begin, end in itertools.pairwise(start[1:])]


def oracle_borders(labels, values):
    """Pairs of different labels at a common edge, with the mean value of the two pixels, sorted."""
    found = []
    for row, col in np.argwhere(labels):
        for other in ((row + 1, col), (row, col + 1)):
            inside = other[0] < labels.shape[0] and other[1] < labels.shape[1]
            if inside and labels[other] not in (0, labels[row, col]):
                pair = sorted((int(labels[row, col]), int(labels[other])))
                found.append((*pair, (values[row, col] + values[other]) / 2))
    return sorted(found)


@naive.settings_for(200)
@given(labels=label_maps())
@example(labels=np.zeros((2, 3), np.int32))
def test_corners_of_runs_are_those_of_its_first_and_its_last_pixel(labels):
    count = int(labels.max())
    expected = [[] for _ in range(count)]
    for (row, col), label in np.ndenumerate(labels):
        if label and (col == 0 or labels[row, col - 1] != label):
            expected[label - 1] += [(2 * row - 1, 2 * col - 1), (2 * row + 1, 2 * col - 1)]
        if label and (col == labels.shape[1] - 1 or labels[row, col + 1] != label):
            expected[label - 1] += [(2 * row - 1, 2 * col + 1), (2 * row + 1, 2 * col + 1)]

    points, start = hulls.run_corners(labels, count)

    assert start.size == count + 2
    assert (start[0], start[1], start[-1]) == (0, 0, len(points))
    assert points_by_label(points, start) == [sorted(corners) for corners in expected]


@naive.settings_for(200)
@given(labels=label_maps())
def test_vertices_of_hulls_are_those_of_scipy(labels):
    points, start = hulls.hull_points(*hulls.run_corners(labels, int(labels.max())))

    for label, vertices in enumerate(points_by_label(points, start), 1):
        expected = []
        if (labels == label).any():
            corners = corners_of(labels == label)
            expected = sorted({tuple(corner) for corner in corners[ConvexHull(corners).vertices].tolist()})
        assert vertices == expected


@naive.settings_for(200)
@given(labels=label_maps())
def test_the_hull_of_a_hull_is_the_hull(labels):
    points, start = hulls.hull_points(*hulls.run_corners(labels, int(labels.max())))

    again, again_start = hulls.hull_points(points, start)

    np.testing.assert_array_equal(again, points)
    np.testing.assert_array_equal(again_start, start)


@naive.settings_for(100)
@given(labels=label_maps())
def test_vertices_go_around_their_hull_and_no_three_are_on_a_line(labels):
    points, start = hulls.hull_points(*hulls.run_corners(labels, int(labels.max())))

    for begin, end in itertools.pairwise(start[1:]):
        to_next = np.roll(points[begin:end], -1, axis=0) - points[begin:end]
        to_next_but_one = np.roll(to_next, -1, axis=0)
        turn = to_next[:, 0] * to_next_but_one[:, 1] - to_next[:, 1] * to_next_but_one[:, 0]
        assert (turn > 0).all()


@naive.settings_for(200)
@given(labels=label_maps(), seed=seeds)
def test_areas_of_hulls_of_unions_are_those_of_scipy(labels, seed):
    rng = np.random.default_rng(seed)
    present = np.unique(labels[labels > 0])
    sizes = rng.integers(1, present.size + 1, 5) if present.size else []
    unions = [sorted(rng.choice(present, size, replace=False).tolist()) for size in sizes]

    areas = areas_of(labels, unions)

    expected = [oracle_area(np.isin(labels, union)) for union in unions]
    np.testing.assert_allclose(areas, expected, rtol=1e-12)


def test_a_pixel_is_its_own_hull():
    labels = np.zeros((4, 5), np.int32)
    labels[2, 3] = 1
    assert areas_of(labels, [[1]]).tolist() == [1]


@pytest.mark.parametrize("shape", [(1, 9), (9, 1)])
def test_a_line_is_its_own_hull(shape):
    assert areas_of(np.ones(shape, np.int32), [[1]]).tolist() == [9]


def test_a_diagonal_has_the_hull_of_its_two_end_pixels():
    assert areas_of(np.eye(5, dtype=np.int32), [[1]]).tolist() == [1 + 2 * 4]


def test_two_pixels_in_line_span_the_pixels_between_them():
    labels = np.array([[1, 0, 0, 0, 2]], np.int32)
    assert areas_of(labels, [[1], [2], [1, 2]]).tolist() == [1, 1, 5]


def test_the_order_in_which_a_union_is_told_does_not_matter():
    labels = np.random.default_rng(0).integers(0, 9, (20, 20)).astype(np.int32)
    one, other = areas_of(labels, [[3, 5, 8], [8, 3, 5]])
    assert one == other


def test_the_square_of_many_regions_has_a_hull_of_all_its_pixels():
    labels = np.arange(1, 30 * 30 + 1, dtype=np.int32).reshape(30, 30)

    areas = areas_of(labels, [[label] for label in range(1, 901)] + [list(range(1, 901))])

    assert areas.tolist() == [1] * 900 + [900]


def test_no_union_has_no_area():
    assert areas_of(np.ones((2, 2), np.int32), []).size == 0


def test_a_label_without_pixels_has_no_points():
    points, start = hulls.hull_points(*hulls.run_corners(np.array([[1, 0, 3]], np.int32), 3))
    assert np.diff(start).tolist() == [0, 4, 0, 4]
    assert len(points) == 8


@naive.settings_for(200)
@given(labels=label_maps(), seed=seeds)
def test_borders_are_the_edges_between_different_labels(labels, seed):
    values = np.random.default_rng(seed).integers(-9, 9, labels.shape) / 2
    expected = oracle_borders(labels, values)

    count = hulls.border_count(labels)
    pairs, between = hulls.borders(labels, values, count)

    assert count == len(expected)
    found = [(*pair, value) for pair, value in zip(pairs.tolist(), between.tolist(), strict=True)]
    assert sorted(found) == expected
