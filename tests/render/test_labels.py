"""Label maps are coloured, shuffled and taken apart."""

from __future__ import annotations

import numpy as np
import pytest

from superdsm_nb.errors import ConfigError
from superdsm_nb.render import (
    colorize_labels,
    rasterize_labels,
    rasterize_objects,
    rasterize_regions,
    shuffle_labels,
)

from support.pictures import BLACK, SHAPE, TURQUOISE, WHITE, box, drawn, where


@pytest.mark.parametrize("seed", range(5))
def test_labels_that_touch_or_face_each_other_have_colours_far_apart(seed):
    rows, cols = np.indices((60, 60)) // 10
    labels = 1 + rows * 6 + cols
    labels[20:, 28:32] = 0

    colors = colorize_labels(labels, seed=seed)[5::10, 5::10].astype(int)

    assert np.abs(np.diff(colors, axis=0)).max(axis=2).min() >= 60
    assert np.abs(np.diff(colors, axis=1)).max(axis=2).min() >= 60


def test_a_label_has_one_colour_and_the_background_the_one_asked_for():
    labels = 900 * box(0, 9, 0, 9) + 5 * box(20, 30, 20, 30) - 1 * box(35, 40, 0, 60)

    picture = colorize_labels(labels, background="w")

    assert np.array_equal(where(picture, WHITE), labels <= 0)
    assert len(np.unique(picture[labels == 900], axis=0)) == 1
    assert len(np.unique(picture[labels == 5], axis=0)) == 1
    assert where(colorize_labels(labels), BLACK)[labels <= 0].all()


def test_colours_follow_the_seed():
    labels = 1 + np.indices((60, 60))[0] // 10

    assert np.array_equal(colorize_labels(labels, seed=1), colorize_labels(labels, seed=1))
    assert not np.array_equal(colorize_labels(labels, seed=1), colorize_labels(labels, seed=2))


def test_an_object_with_too_many_neighbours_is_coloured_all_the_same():
    labels = np.ones((12, 60), np.uint16)
    labels[:4] = 2 + np.arange(60) // 5

    assert not where(colorize_labels(labels), BLACK).any()


def test_a_label_map_without_objects_is_background():
    assert where(colorize_labels(np.zeros(SHAPE, int), "t"), TURQUOISE).all()


@pytest.mark.parametrize("seed", range(3))
def test_shuffling_permutes_the_labels_and_keeps_the_background(seed):
    labels = (np.indices(SHAPE)[1] // 3 * 2 - 1).astype(np.int16)

    shuffled = shuffle_labels(labels, seed)

    assert shuffled.dtype == np.int16
    assert np.array_equal(shuffled <= 0, labels <= 0)
    assert (shuffled[labels < 0] == -1).all()
    assert not np.array_equal(shuffled, labels)
    pairs = np.unique(np.stack([labels, shuffled]).reshape(2, -1), axis=1)
    assert pairs.shape[1] == np.unique(labels).size
    assert sorted(pairs[1]) == sorted(pairs[0])


def test_objects_become_masks_that_may_overlap(data):
    first, second = rasterize_objects(data)

    assert np.array_equal(first, box(5, 15, 5, 25))
    assert np.array_equal(second, box(5, 15, 20, 35))
    assert next(iter(rasterize_objects(data, dilate=-2))).sum() == 6 * 16
    assert len(list(rasterize_objects(data, dilate=-5))) == 0


def test_masks_and_label_maps_tell_of_the_same_objects(data):
    union = np.any(list(rasterize_objects(data, dilate=1)), axis=0)

    assert np.array_equal(union, rasterize_labels(data, dilate=1) > 0)


def test_later_regions_are_drawn_over_earlier_ones():
    regions = [box(0, 10, 0, 10), drawn(box(5, 15, 5, 15)), np.zeros(SHAPE, bool), box(30, 32, 0, 2)]

    labels = rasterize_regions(regions, SHAPE)

    assert labels.dtype == np.uint16
    assert [(labels == label).sum() for label in range(1, 5)] == [75, 100, 0, 4]
    assert labels[20, 20] == 0


def test_the_background_of_regions_may_be_negative_but_not_positive():
    assert rasterize_regions([], SHAPE, -1).min() == -1
    with pytest.raises(ConfigError, match="must be 0 or negative"):
        rasterize_regions([], SHAPE, 1)
