"""Post-processing and label maps on drawn objects."""

from __future__ import annotations

import naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage.measure import regionprops

from superdsm_nb.config import Config
from superdsm_nb.errors import ConfigError
from superdsm_nb.objects import BaseObject, Object
from superdsm_nb.postprocess import Postprocessing, eccentricity
from superdsm_nb.render import normalize_image, rasterize_labels, render_result_over_image

SHAPE = (120, 140)


class Cover:
    """A cover that is given."""

    def __init__(self, solution):
        self.solution = solution


def drawn(mask, energy=1.0, on_boundary=False, label=1):
    """An object of the given mask whose region is twice as large."""
    item = Object(
        footprint=frozenset((label,)), energy=energy, pixels=2 * int(mask.sum()), on_boundary=on_boundary
    )
    item.set_pixels(*np.nonzero(mask))
    return item


def disk_mask(row, col, radius, shape=SHAPE):
    rows, cols = np.ogrid[: shape[0], : shape[1]]
    return (rows - row) ** 2 + (cols - col) ** 2 <= radius**2


def image_of(*masks, background=0.1, foreground=0.8):
    g = np.full(SHAPE, background)
    for mask in masks:
        g[mask] = foreground
    return g + np.random.default_rng(0).normal(0, 0.01, SHAPE)


def postprocess(g, items, **values):
    data = {"g_raw": g, "cover": Cover(items)}
    config = {"mask_max_distance": 0, **values}
    Postprocessing()(data, Config({"postprocess": config}))
    return data["postprocessed_objects"]


MASK = disk_mask(60, 70, 15)


@pytest.mark.parametrize(
    ("item", "values"),
    [
        (drawn(MASK, energy=0.21 * 2 * MASK.sum()), {}),
        (drawn(MASK), {"min_contrast": 9.0}),
        (drawn(MASK), {"min_object_radius": 15.5}),
        (drawn(MASK), {"max_object_radius": 14.5}),
        (drawn(MASK, on_boundary=True), {"discard_image_boundary": True}),
        (drawn(MASK, on_boundary=True), {"min_boundary_obj_radius": 15.5}),
        (drawn(disk_mask(60, 70, 15) & (np.arange(140) == 70)), {}),
        (drawn(np.zeros(SHAPE, bool)), {}),
    ],
)
def test_an_object_that_fails_one_of_the_criteria_is_discarded(item, values):
    assert postprocess(image_of(MASK), [item], **values) == []


@pytest.mark.parametrize(
    "values",
    [
        {"min_object_radius": 14.5, "max_object_radius": 15.5},
        {"discard_image_boundary": True, "min_boundary_obj_radius": 99},
        {"max_boundary_eccentricity": 0},
        {"min_contrast": 5.0},
    ],
)
def test_an_object_inside_the_image_that_meets_all_criteria_is_kept(values):
    (kept,) = postprocess(image_of(MASK), [drawn(MASK)], **values)

    assert np.array_equal(kept.get_mask(SHAPE), MASK)


def contrast_oracle(g, mask, others):
    """Mean intensity inside over the weighted mean around, on the whole image."""
    g = g / g.std()
    distance = np.maximum(0, ndimage.distance_transform_edt(~mask) - 5) / 5
    rows, cols = np.ogrid[-5:6, -5:6]
    background = ~ndimage.binary_dilation(mask | others, rows**2 + cols**2 <= 25)
    around = (distance <= 5) & ~mask & background
    weights = np.exp(-distance[around])
    return (g[mask].mean() + 1e-4) / ((g[around] * weights).sum() / weights.sum() + 1e-4)


def test_the_contrast_compares_with_the_surroundings_that_belong_to_no_object():
    other = disk_mask(60, 105, 12)
    g = image_of(MASK, other)

    first, second = postprocess(g, [drawn(MASK), drawn(other, label=2)])

    assert first.contrast == pytest.approx(contrast_oracle(g, MASK, other))
    assert second.contrast == pytest.approx(contrast_oracle(g, other, MASK))


def test_refinement_follows_its_definition_on_the_whole_image():
    mask = disk_mask(60, 70, 14)
    g = image_of(MASK)
    smooth = ndimage.gaussian_filter(g, 3)
    cross = ndimage.generate_binary_structure(2, 1)
    band = ndimage.binary_dilation(mask, cross) ^ ndimage.binary_erosion(mask, cross)
    expected = np.where(band, np.abs(smooth - smooth[mask].mean()) <= 2 * smooth[mask].std(), mask)

    (kept,) = postprocess(g, [drawn(mask)], mask_max_distance=1)

    assert np.array_equal(kept.get_mask(SHAPE), ndimage.binary_fill_holes(expected))


def test_holes_are_filled_only_if_asked():
    ring = MASK & ~disk_mask(60, 70, 5)

    (filled,) = postprocess(image_of(MASK), [drawn(ring)])
    (kept,) = postprocess(image_of(MASK), [drawn(ring)], fill_holes=False)

    assert filled.area == MASK.sum()
    assert kept.area == ring.sum()


def test_a_large_object_with_a_single_bright_core_is_a_glare_and_one_with_two_is_none():
    rows, cols = np.ogrid[: SHAPE[0], : SHAPE[1]]
    one = 0.1 + np.exp(-((rows - 60) ** 2 + (cols - 70) ** 2) / 200)
    two = 0.1 + sum(np.exp(-((rows - 60) ** 2 + (cols - c) ** 2) / 10) for c in (62, 78))

    assert postprocess(one, [drawn(MASK)], min_glare_radius=10, min_contrast=0) == []
    assert len(postprocess(two, [drawn(MASK)], min_glare_radius=10, min_contrast=0)) == 1
    assert len(postprocess(one, [drawn(MASK)], min_glare_radius=16, min_contrast=0)) == 1


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


@given(st.integers(1, 12), st.integers(1, 12), st.floats(0.05, 1), st.integers(0, 99))
@settings(deadline=None, max_examples=100)
def test_the_eccentricity_is_that_of_scikit_image(height, width, density, seed):
    rng = np.random.default_rng(seed)
    mask = rng.random((height, width)) < density
    mask[rng.integers(height), rng.integers(width)] = True

    expected = regionprops(mask.astype(np.uint8))[0].eccentricity

    assert eccentricity(mask) == pytest.approx(expected, abs=1e-6)
