"""The watershed against a naive priority flood, and against scikit-image where its rule is the same."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage
from skimage.segmentation import watershed

from superdsm_nb.filters import dense_rank, dense_rank_of_distance, squared_distance
from superdsm_nb.kernels import watershed as kernels

from support import naive


def flood(relief, markers, mask):
    return kernels.watershed(dense_rank(relief), markers, mask)


@st.composite
def landscapes(draw):
    """Draw relief, markers and mask; plateaus and ties abound, but no two marker pixels are level."""
    shape = draw(st.integers(1, 12)), draw(st.integers(1, 12))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    relief = rng.integers(0, draw(st.sampled_from([1, 3, 8, 1000])) + 1, shape).astype(np.float64)
    mask = rng.random(shape) < draw(st.sampled_from([0.5, 0.8, 1.0]))
    chosen = rng.permutation(relief.size)[: draw(st.integers(0, 6))]
    markers = np.zeros(shape, np.int32)
    markers.flat[chosen] = rng.integers(1, 4, chosen.size)
    # Whole numbers: a pixel of the flood may be level with a marker.
    relief.flat[chosen] = rng.permutation(chosen.size)
    return relief, markers, mask


@naive.settings_for(300)
@given(landscape=landscapes())
def test_the_flood_is_that_of_a_naive_priority_queue(landscape):
    np.testing.assert_array_equal(flood(*landscape), naive.flood(*landscape))


@naive.settings_for(100)
@given(landscape=landscapes())
def test_labels_never_leave_the_mask(landscape):
    _, _, mask = landscape
    assert not flood(*landscape)[~mask].any()


@naive.settings_for(100)
@given(landscape=landscapes())
def test_pixels_are_labelled_iff_a_marker_can_reach_them(landscape):
    _, markers, mask = landscape
    pieces, _ = ndimage.label(mask)
    reachable = np.isin(pieces, pieces[mask & (markers > 0)]) & mask
    np.testing.assert_array_equal(flood(*landscape) > 0, reachable)


@naive.settings_for(100)
@given(landscape=landscapes())
def test_markers_inside_the_mask_keep_their_labels(landscape):
    _, markers, mask = landscape
    kept = mask & (markers > 0)
    np.testing.assert_array_equal(flood(*landscape)[kept], markers[kept])


@naive.settings_for(100)
@given(
    height=st.integers(1, 20),
    width=st.integers(1, 20),
    count=st.integers(1, 12),
    seed=st.integers(0, 2**32 - 1),
)
def test_on_the_distance_to_the_markers_the_flood_is_that_of_scikit_image(height, width, count, seed):
    rng = np.random.default_rng(seed)
    markers = np.zeros((height, width), np.int32)
    markers[rng.integers(height, size=count), rng.integers(width, size=count)] = np.arange(1, count + 1)
    distance = ndimage.distance_transform_edt(markers == 0)
    levels = dense_rank_of_distance(squared_distance(markers > 0))
    labels = kernels.watershed(levels, markers, np.ones(markers.shape, bool))
    np.testing.assert_array_equal(labels, watershed(distance, markers))


@naive.settings_for(200)
@given(landscape=landscapes())
def test_level_markers_are_flooded_in_the_order_of_a_binary_heap(landscape):
    relief, markers, mask = landscape
    relief = np.where(markers > 0, np.minimum(relief, 1), relief)
    np.testing.assert_array_equal(flood(relief, markers, mask), naive.heap_flood(relief, markers, mask))


def test_the_lowest_of_the_bits_is_found_wherever_it_is():
    for position in range(64):
        for others in (0, 2**64 - 1, 0x5555555555555555):
            word = (others << position | 1 << position) % 2**64
            assert kernels.lowest_bit(np.uint64(word)) == position


def test_a_dip_beyond_a_ridge_is_flooded_as_soon_as_it_is_reached():
    relief = np.array([[0.0, 5.0, 1.0, 1.0, 6.0, 0.5]])
    markers = np.array([[1, 0, 0, 0, 0, 2]], np.int32)
    labels = flood(relief, markers, np.ones((1, 6), bool))
    assert labels.tolist() == [[1, 1, 1, 1, 2, 2]]


def test_markers_are_flooded_before_pixels_reached_on_their_level():
    relief = np.array([[0.0, 2.0, 3.0, 2.0, 9.0, 9.0, 9.0, 1.0, 9.0, 3.0]])
    markers = np.array([[1, 0, 0, 2, 0, 0, 0, 3, 0, 4]], np.int32)
    labels = flood(relief, markers, np.ones((1, 10), bool))
    assert labels[0, 2] == 2


def test_levels_of_large_images_overflow_nothing():
    relief = np.full((40, 40), 10**6, np.int32)
    relief[0, 0] = 0
    markers = np.zeros((40, 40), np.int32)
    markers[0, 0] = 7
    labels = kernels.watershed(relief, markers, np.ones((40, 40), bool))
    assert (labels == 7).all()
