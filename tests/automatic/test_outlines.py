"""Outlines of objects on the pixels of the image."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage
from skimage.segmentation import expand_labels

from superdsm_nb.automatic.outlines import find_outlines
from superdsm_nb.automatic.postprocess import height_of_outlines
from superdsm_nb.config import AutomaticPostprocessSettings
from superdsm_nb.objects import Object

from support import naive

CANONICAL = 16.0  # radius in canonical pixels

CROWDED = list(itertools.product([5, 12, 30], [1.5, 1.9, 2.1, 3.0]))


def distance_to(centers, shape):
    rows, cols = np.indices(shape)
    return np.array([np.hypot(rows - row, cols - col) for row, col in centers])


def rough_object(mask, footprint=()):
    item = Object(footprint=frozenset(footprint))
    item.set_pixels(*np.nonzero(mask))
    return item


def placed(outline, shape):
    """The mask of an outline in an image of a shape."""
    result = np.zeros(shape, bool)
    row, col = outline.offset
    height, width = outline.mask.shape
    result[row : row + height, col : col + width] = outline.mask
    return result


def outlines_of_disks(centers, radius, shape, rough=1.0, level=None, blur=0.0):
    """Outlines, as masks, of anti-aliased disks that were found on canonical pixels as rough disks."""
    distances = distance_to(centers, shape)
    image = np.clip(radius + 0.5 - distances.min(axis=0), 0, 1)
    image = ndimage.gaussian_filter(image, blur) if blur else image
    zoom = CANONICAL / radius
    small = tuple(round(size * zoom) for size in shape)
    middle = [((row + 0.5) * zoom - 0.5, (col + 0.5) * zoom - 0.5) for row, col in centers]
    near = distance_to(middle, small)
    owner = near.argmin(axis=0)
    items = [rough_object((near[k] <= rough * CANONICAL) & (owner == k)) for k in range(len(centers))]
    found = find_outlines(items, small, image, radius, zoom, height=0.5, reach=0.35, level=level).outlines
    return [placed(outline, shape) for outline in found], found


@pytest.mark.parametrize("rough", [0.85, 1.0, 1.15])
@pytest.mark.parametrize(("radius", "tolerance"), [(5, 0.08), (7, 0.03), (15, 0.03), (40, 0.03), (150, 0.03)])
def test_a_clean_disk_has_the_area_of_a_circle(radius, tolerance, rough):
    side = 4 * radius + 1
    areas = []
    for shift in (0.11, 0.27, 0.43):  # whole pixels lie on circles of whole radii around whole pixels
        center = (side / 2 + shift, side / 2 - 0.7 * shift)

        (mask,), (outline,) = outlines_of_disks([center], radius, (side, side), rough)

        areas.append(np.count_nonzero(mask))
        assert outline.area == areas[-1]
        assert outline.low == pytest.approx(0, abs=0.05)
        assert outline.high == pytest.approx(1, abs=0.05)
    assert areas == pytest.approx([math.pi * radius**2] * 3, rel=tolerance)


@pytest.mark.parametrize(("radius", "gap"), CROWDED)
def test_outlines_of_neighbours_are_disjoint(radius, gap):
    middle = 2 * radius
    centers = [(middle, middle), (middle, middle + gap * radius), (middle + gap * radius, middle)]

    masks, _ = outlines_of_disks(centers, radius, (7 * radius, 7 * radius), 1.1, blur=1.0)

    assert np.sum(masks, axis=0).max() == 1
    assert all(mask.any() for mask in masks)


@naive.settings_for(60)
@given(seed=st.integers(0, 2**32 - 1), level=st.floats(-0.3, 0.5))
def test_with_a_level_the_outline_is_the_foreground_above_it_within_the_zone(seed, level):
    rng = np.random.default_rng(seed)
    shape, radius, reach = (40, 50), 10.0, 0.4
    image = ndimage.gaussian_filter(rng.normal(size=shape), 3) * 5
    distances = distance_to([(20, 15), (20, 34)], shape)
    labels = np.where(distances.min(axis=0) <= 9, 1 + distances.argmin(axis=0), 0).astype(np.int32)
    items = [rough_object(labels == number) for number in (1, 2)]
    zones = expand_labels(labels, reach * radius)

    found = find_outlines(items, shape, image, radius, 1.0, height=0.5, reach=reach, level=level).outlines

    for number, outline in enumerate(found, 1):
        mask = placed(outline, shape)
        above = (zones == number) & (image > level)
        parts, count = ndimage.label(above)
        kept = [part for part in range(1, count + 1) if mask[parts == part].any()]
        np.testing.assert_array_equal(mask, np.isin(parts, kept))  # whole parts, and nothing else


def test_with_a_level_a_disk_is_exactly_what_exceeds_it():
    (mask,), _ = outlines_of_disks([(40, 40)], 16, (81, 81), level=0.25)
    expected = np.clip(16.5 - distance_to([(40, 40)], (81, 81))[0], 0, 1) > 0.25
    np.testing.assert_array_equal(mask, expected)


@pytest.mark.parametrize(("factor", "constant"), [(1000, 0), (0.01, 0), (1, 50)])
def test_the_unit_of_the_intensities_does_not_matter(factor, constant):
    image = np.clip(16.5 - distance_to([(40, 40)], (81, 81))[0], 0, 1)
    item = rough_object(distance_to([(40, 40)], (81, 81))[0] <= 17)
    one, other = (
        find_outlines([item], image.shape, picture, 16.0, 1.0, height=0.4, reach=0.3).outlines[0]
        for picture in (image, factor * image + constant)
    )
    np.testing.assert_array_equal(one.mask, other.mask)


def test_an_object_that_fills_the_image_keeps_its_pixels():
    item = rough_object(np.ones((20, 20), bool))
    found = find_outlines([item], (20, 20), np.ones((20, 20)), 10.0, 1.0, height=0.5, reach=0.3)
    (outline,) = found.outlines
    assert outline.mask.any()
    assert (outline.low, outline.high) == (pytest.approx(1), pytest.approx(1))


@pytest.mark.parametrize("height", [0.3, 0.5])
def test_the_outlines_of_large_nuclei_lie_lower(height):
    settings = AutomaticPostprocessSettings(outline_height=height, large_outline_height=height - 0.1)

    heights = [height_of_outlines(radius, settings) for radius in (4, 25, math.sqrt(25 * 45), 45, 1e6)]

    assert heights == pytest.approx([height, height, height - 0.05, height - 0.1, height - 0.1])


@pytest.mark.parametrize("seed", range(4))
def test_only_outlines_that_change_are_found_again(seed):
    """Objects of one cover after another: as if nothing was known, and few are found."""
    rng = np.random.default_rng(seed)
    image = rng.random((120, 150))
    cells = np.arange(80).reshape(8, 10).repeat(12, 0).repeat(12, 1)[:90, :115] + 1
    atoms = np.zeros(image.shape, int)
    atoms[4:94, 6:121] = np.where((np.indices(cells.shape) % 12 < 9).all(0), cells, 0)
    groups = np.arange(81)
    before, few = None, 0
    for _ in range(6):
        a, b = rng.integers(1, 78, 2)
        groups[a + 1] = groups[a]  # merged, or split again
        groups[b] = b
        masks = {
            int(group): np.isin(atoms, np.flatnonzero(groups == group)) for group in np.unique(groups[1:])
        }
        items = [rough_object(mask, {group}) for group, mask in masks.items() if mask.any()]
        found = find_outlines(items, image.shape, image, 6.0, 1.0, height=0.4, reach=0.4, before=before)
        fresh = find_outlines(items, image.shape, image, 6.0, 1.0, height=0.4, reach=0.4)
        assert len(found.outlines) == len(fresh.outlines) == len(items)
        for one, other in zip(found.outlines, fresh.outlines, strict=True):
            assert (one.offset, one.low, one.high, one.mean) == (
                other.offset,
                other.low,
                other.high,
                other.mean,
            )
            np.testing.assert_array_equal(one.mask, other.mask)
        if before is not None:
            known = {id(outline) for outline in before.outlines}
            few += sum(id(outline) in known for outline in found.outlines)
        before = found
    assert few > 3 * len(items)
