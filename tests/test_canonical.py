"""Maps, points and objects in pixels of the image."""

from __future__ import annotations

import numpy as np
import pytest

from superdsm_nb.canonical import Place, at_image_size, moved_object, moved_points, resized_map
from superdsm_nb.objects import BaseObject

SHAPES = [((7, 5), (14, 15)), ((14, 15), (7, 5)), ((10, 10), (13, 7)), ((6, 9), (6, 9)), ((1, 4), (3, 4))]


def test_a_map_is_enlarged_by_its_nearest_pixels():
    np.testing.assert_array_equal(resized_map(np.array([[1, 2]]), (2, 4)), [[1, 1, 2, 2], [1, 1, 2, 2]])


@pytest.mark.parametrize(("old", "new"), SHAPES)
def test_an_object_is_moved_like_a_map_of_it(old, new):
    rng = np.random.default_rng(0)
    for _ in range(20):
        mask = rng.random(old) < 0.4
        item = BaseObject()
        item.set_pixels(*np.nonzero(mask))
        np.testing.assert_array_equal(moved_object(item, old, new).get_mask(new), resized_map(mask, new))


def test_the_centre_of_an_image_stays_its_centre_and_points_can_be_moved_back():
    assert moved_points([(1.0, 1.5)], (3, 4), (9, 8)) == [(4.0, 3.5)]
    (back,) = moved_points(moved_points([(2.0, 1.0)], (3, 4), (9, 8)), (9, 8), (3, 4))
    assert back == pytest.approx((2.0, 1.0))


def test_data_of_the_published_method_are_left_as_they_are():
    data = {"g_raw": np.zeros((3, 3)), "y": np.zeros((3, 3))}
    assert at_image_size(data) is data


def test_maps_points_and_objects_lie_within_the_frame_of_the_image():
    atoms = np.array([[1, 0], [0, 2], [2, 2]], np.int32)
    content = (slice(1, 7), slice(3, 7))
    data = {
        "g_raw": np.zeros((8, 9)),
        "content": content,
        "canonical": np.zeros(atoms.shape),
        "y": np.where(atoms > 0, 0.5, -0.75),
        "y_mask": np.ones(atoms.shape, bool),
        "atoms": atoms,
        "seeds": [(0.0, 0.0), (2.0, 0.5)],
    }

    result = at_image_size(data)

    expected = np.zeros((8, 9), np.int32)
    expected[content] = resized_map(atoms, (6, 4))
    np.testing.assert_array_equal(result["atoms"], expected)
    np.testing.assert_array_equal(result["y"] > 0, expected > 0)
    assert result["y"].min() == -0.75
    assert result["y_mask"].all()
    assert result["seeds"] == [(1.5, 3.5), (5.5, 4.5)]
    assert at_image_size(result) is result
    for label in (1, 2):
        item = BaseObject()
        item.set_pixels(*np.nonzero(atoms == label))
        np.testing.assert_array_equal(Place.of(data).object(item).get_mask((8, 9)), expected == label)
