"""Post-processing of drawn objects."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage.measure import regionprops

from superdsm_nb.config import Config
from superdsm_nb.postprocess import Postprocessing, eccentricity

from support.drawn import MASK, SHAPE, Cover, disk_mask, drawn, image_of


def postprocess(g, items, **values):
    data = {"g_raw": g, "cover": Cover(items)}
    config = {"mask_max_distance": 0, **values}
    Postprocessing()(data, Config({"postprocess": config}))
    return data["postprocessed_objects"]


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


@given(st.integers(1, 12), st.integers(1, 12), st.floats(0.05, 1), st.integers(0, 99))
@settings(deadline=None, max_examples=100)
def test_the_eccentricity_is_that_of_scikit_image(height, width, density, seed):
    rng = np.random.default_rng(seed)
    mask = rng.random((height, width)) < density
    mask[rng.integers(height), rng.integers(width)] = True

    expected = regionprops(mask.astype(np.uint8))[0].eccentricity

    assert eccentricity(mask) == pytest.approx(expected, abs=1e-6)
