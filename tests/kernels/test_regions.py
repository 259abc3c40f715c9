"""The bookkeeping of pixels against loops."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from superdsm_nb.kernels import regions

from support import naive

shapes = st.tuples(st.integers(1, 8), st.integers(1, 8))


@st.composite
def labelled_images(draw):
    """Draw atoms, clusters and foreground of one shape, with many contacts."""
    shape = draw(shapes)
    atoms = draw(arrays(np.int32, shape, elements=st.integers(0, 4)))
    clusters = draw(arrays(np.int32, shape, elements=st.integers(1, 2), fill=st.just(1)))
    return atoms, clusters, draw(arrays(np.bool_, shape))


@naive.settings_for(100)
@given(images=labelled_images())
def test_usable_pixels_are_grouped_by_label_and_ascend_within_each(images):
    labels, _, mask = images
    pixels, start = regions.group_pixels(labels, mask, 5)
    groups = [pixels[start[label] : start[label + 1]].tolist() for label in range(1, 6)]
    assert (start[1], start[6]) == (0, pixels.size)
    assert groups == naive.group_pixels(labels, mask, 5)


@naive.settings_for(100)
@given(mask=arrays(np.bool_, shapes), border=st.integers(0, 3))
def test_components_are_counted_with_their_boundary(mask, border):
    components, count = ndimage.label(np.pad(mask, border, constant_values=True))
    sizes, boundaries = regions.component_sizes(components, count)
    assert (sizes.tolist(), boundaries.tolist()) == naive.component_sizes(components, count)


@naive.settings_for(150)
@given(images=labelled_images())
def test_pairs_touch_through_a_foreground_pixel_of_one_cluster(images):
    pairs = regions.touching_pairs(*images)
    assert {(int(a), int(b)) for a, b in pairs} == naive.touching_pairs(*images)


@naive.settings_for(50)
@given(shape=shapes, cells=st.integers(1, 6), seed=st.integers(0, 99))
def test_the_cluster_of_an_atom_is_that_of_its_pixels(shape, cells, seed):
    atoms = np.random.default_rng(seed).integers(0, cells + 1, shape).astype(np.int32)
    clusters = atoms % 3
    expected = [label % 3 if (atoms == label).any() else -1 for label in range(1, cells + 1)]
    assert regions.clusters_of_atoms(atoms, clusters, cells).tolist() == expected


@naive.settings_for(50)
@given(images=labelled_images())
def test_contact_does_not_depend_on_the_orientation_of_the_image(images):
    pairs = {(int(a), int(b)) for a, b in regions.touching_pairs(*images)}
    turned = [np.ascontiguousarray(np.rot90(image)) for image in images]
    assert {(int(a), int(b)) for a, b in regions.touching_pairs(*turned)} == pairs


def test_contact_through_background_alone_does_not_count():
    atoms = np.array([[1, 2]], np.int32)
    assert regions.touching_pairs(atoms, np.ones_like(atoms), np.zeros((1, 2), bool)).shape == (0, 2)


def test_diagonal_contact_does_not_count():
    atoms = np.array([[1, 0], [0, 2]], np.int32)
    assert regions.touching_pairs(atoms, np.ones_like(atoms), np.ones((2, 2), bool)).shape == (0, 2)


@naive.settings_for(150)
@given(
    theta=arrays(np.float64, 6, elements=st.floats(-10, 10)),
    offset=st.sampled_from([0.0, 20.0, 50.0]),
    height=st.integers(1, 7),
    width=st.integers(1, 7),
)
def test_the_surface_is_on_the_boundary_iff_it_is_positive_on_the_frame(theta, offset, height, width):
    theta[5] -= offset
    surface = naive.surface_on_frame(theta, height, width)
    assume(abs(surface.max()) > 1e-9)
    assert regions.positive_on_frame(theta, height, width) == (surface.max() > 0)


def bump(row, col, height, width):
    """Return the polynomial that is positive at one pixel only: 1/4 - (distance in pixels)^2."""
    down, across = max(height - 1, 1), max(width - 1, 1)
    return np.array(
        [-(down**2), -(across**2), 0, row * down, col * across, 0.25 - row**2 - col**2], np.float64
    )


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 4), (3, 1), (3, 4)])
def test_every_pixel_of_the_frame_is_looked_at_and_no_other(height, width):
    for row, col in itertools.product(range(-2, height + 2), range(-2, width + 2)):
        on_frame = max(-row, row - height + 1, -col, col - width + 1) == 1
        assert regions.positive_on_frame(bump(row, col, height, width), height, width) == on_frame


@naive.settings_for(100)
@given(images=labelled_images(), seed=st.integers(0, 2**32 - 1), percent=st.floats(0, 100))
def test_measurements_by_label_are_those_of_its_pixels(images, seed, percent):
    labels = images[0]
    values = np.random.default_rng(seed).normal(size=labels.shape)

    percentiles = regions.percentiles_by_label(values, labels, 4, percent)
    moments = regions.moments_by_label(labels, 4)

    for label in range(1, 5):
        row, col = np.nonzero(labels == label)
        expected = np.percentile(values[row, col], percent) if row.size else 0.0
        assert percentiles[label] == pytest.approx(expected, abs=1e-12)
        powers = (np.ones(row.size), row, col, row * row, col * col, row * col)
        assert moments[label].tolist() == [power.sum() for power in powers]
    assert not moments[0].any()


@naive.settings_for(100)
@given(mask=arrays(np.bool_, shapes), seed=st.integers(0, 2**32 - 1), share=st.floats(0, 1))
def test_parts_are_joined_and_labels_have_no_gaps(mask, seed, share):
    rng = np.random.default_rng(seed)
    parts = ndimage.label(mask, output=np.int32)[0]
    labels = np.where(mask, 3 * parts + rng.integers(3, size=mask.shape), 0).astype(np.int32)
    is_joined = rng.random(parts.max() + 1) < share

    result = regions.joined_labels(labels, parts, is_joined)

    expected = np.where(is_joined[parts], 1000 + parts, labels)[mask]
    found = result[mask]
    assert ((found[:, None] == found) == (expected[:, None] == expected)).all()
    assert ((result > 0) == mask).all()
    assert list(dict.fromkeys(found.tolist())) == list(range(1, np.unique(expected).size + 1))


@naive.settings_for(100)
@given(mask=arrays(np.bool_, shapes), seed=st.integers(0, 2**32 - 1))
def test_the_highest_pixel_of_each_label_is_the_first_one(mask, seed):
    labels, count = ndimage.label(mask, output=np.int32)
    values = np.random.default_rng(seed).integers(3, size=mask.shape).astype(float)

    places = regions.highest_pixels(values, labels, count)

    for label in range(1, count + 1):
        row, col = np.nonzero(labels == label)
        first = np.argmax(values[row, col])
        assert places[label - 1].tolist() == [row[first], col[first]]
    assert len(places) == count
