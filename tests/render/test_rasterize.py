"""Objects are drawn into label maps and pictures."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from superdsm_nb.errors import ConfigError
from superdsm_nb.objects import BaseObject
from superdsm_nb.render import normalize_image, rasterize_labels, render_result_over_image

from support import naive
from support.drawn import MASK, SHAPE, disk_mask, drawn, image_of


def labels_of(*masks, **options):
    items = [drawn(mask, label=i) for i, mask in enumerate(masks, 1)]
    return rasterize_labels({"g_raw": np.zeros(SHAPE), "postprocessed_objects": items}, **options)


def test_objects_are_numbered_in_their_order_on_background_0():
    labels = labels_of(disk_mask(30, 30, 10), disk_mask(80, 100, 10))

    assert labels.dtype == np.uint16
    assert labels[30, 30] == 1
    assert labels[80, 100] == 2
    assert labels[0, 0] == 0


def test_contested_pixels_go_to_the_nearer_uncontested_ones():
    left, right = disk_mask(60, 50, 15), disk_mask(60, 70, 15)

    labels = labels_of(left, right)

    assert (labels > 0).sum() == (left | right).sum()
    assert labels[60, 57] == 1
    assert labels[60, 63] == 2


@pytest.mark.parametrize("seed", range(12))
def test_contested_pixels_are_flooded_by_their_distance_to_all_uncontested_ones(seed):
    rng = np.random.default_rng(seed)
    places = rng.integers((0, 0, 3), (*SHAPE, 28), (9, 3))
    masks = [disk_mask(*place) for place in places]
    labels = labels_of(*masks).astype(int)
    claims = np.sum(masks, axis=0)
    markers = np.where(claims == 1, np.einsum("kij,k->ij", masks, np.arange(1, 10)), 0)

    expected = naive.heap_flood(ndimage.distance_transform_edt(markers == 0), markers, claims > 0)

    assert (claims > 1).any()
    kept = np.isin(labels, expected)  # what was swallowed is drawn afterwards
    assert (labels[kept] == expected[kept]).all()
    assert kept[claims > 1].any()


def test_an_object_inside_another_keeps_its_own_label():
    labels = labels_of(disk_mask(60, 70, 20), disk_mask(60, 70, 5))

    assert (labels == 2).sum() == disk_mask(60, 70, 5).sum()
    assert (labels == 1).sum() == disk_mask(60, 70, 20).sum() - disk_mask(60, 70, 5).sum()


def test_of_several_objects_inside_each_other_none_is_lost():
    disks = [disk_mask(60, 70, radius) for radius in (3, 6, 10, 25)]

    labels = labels_of(*disks)

    assert np.unique(labels).tolist() == [0, 1, 2, 3, 4]
    assert (labels == 1).sum() == disks[0].sum()


def test_a_negative_overlap_threshold_is_refused():
    with pytest.raises(ConfigError, match="overlap threshold"):
        labels_of(MASK, merge_overlap_threshold=-1)


def test_objects_that_overlap_enough_become_one_transitively():
    masks = [disk_mask(60, column, 15) for column in (40, 50, 60)]

    assert labels_of(*masks).max() == 3
    assert labels_of(*masks, merge_overlap_threshold=0.4).max() == 1
    assert labels_of(*masks, merge_overlap_threshold=0.9).max() == 3


def test_dilation_and_erosion_act_on_every_object():
    assert np.array_equal(
        labels_of(MASK, dilate=3) > 0, ndimage.binary_dilation(MASK, disk_mask(3, 3, 3, (7, 7)))
    )
    assert np.array_equal(
        labels_of(MASK, dilate=-3) > 0, ndimage.binary_erosion(MASK, disk_mask(3, 3, 3, (7, 7)))
    )
    assert labels_of(disk_mask(60, 70, 2), dilate=-3).max() == 0


def test_a_negative_background_label_is_drawn_and_a_positive_one_refused():
    assert labels_of(MASK, background_label=-1).min() == -1
    with pytest.raises(ConfigError, match="must be 0 or negative"):
        labels_of(MASK, background_label=1)


def test_more_than_65535_objects_get_a_wider_type():
    items = []
    for index in range(65536):
        item = BaseObject()
        item.set_pixels(np.array([index // 256]), np.array([index % 256]))
        items.append(item)

    labels = rasterize_labels({"g_raw": np.zeros((256, 256)), "postprocessed_objects": items})

    assert labels.max() == 65536
    assert labels.dtype == np.int32


def test_contours_are_drawn_inside_objects_and_leave_the_rest_as_it_is():
    g = image_of(MASK)
    picture = render_result_over_image(g, MASK.astype(int), border_width=2, color=(0, 1, 0))
    grey = np.round(normalize_image(g) * 255)

    green = (picture == (0, 255, 0)).all(axis=2)

    assert green.any()
    assert not (green & ~MASK).any()
    assert not (green & disk_mask(60, 70, 11)).any()
    assert np.array_equal(picture[~green][:, 0], grey[~green])
