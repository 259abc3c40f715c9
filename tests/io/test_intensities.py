"""One intensity per pixel, whatever an image is made of."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from superdsm_nb import segment
from superdsm_nb.errors import ImageError
from superdsm_nb.foreground import signed_foreground
from superdsm_nb.image import Image, intensities, normalized
from superdsm_nb.metrics import score

few = settings(deadline=None, max_examples=60, database=None)
numbers = st.sampled_from(["bool", "uint8", "uint16", "int16", "int32", "float32", "float64"])


@few
@given(pixels=numbers.flatmap(lambda dtype: arrays.arrays(dtype, (3, 4))))
def test_normalised_intensities_lie_between_0_and_1_in_the_same_order(pixels):
    finite = np.nan_to_num(pixels, posinf=1, neginf=0) if pixels.dtype.kind == "f" else pixels
    result = normalized(finite)
    assert result.dtype == np.float64
    assert result.min() == 0
    assert result.max() == (1 if finite.min() < finite.max() else 0)
    order = np.argsort(finite, axis=None, kind="stable")
    assert (np.diff(result.ravel()[order]) >= 0).all()


def test_normalising_survives_the_widest_range_of_values():
    largest = np.finfo(np.float64).max
    np.testing.assert_array_equal(normalized(np.array([-largest, 0, largest])), [0, 0.5, 1])


@pytest.mark.parametrize(
    "dtype", ["bool", "uint8", "uint16", "uint32", "int16", "int64", "float16", "float32", "float64"]
)
def test_intensities_of_any_numeric_type_pass_as_they_are(dtype):
    pixels = np.array([[0, 1], [1, 0]], dtype)
    g, g_rgb = intensities(pixels)
    np.testing.assert_array_equal(g, pixels)
    assert g_rgb is None


def test_a_nested_list_is_an_image_too():
    assert intensities([[0, 1], [2, 3]])[0].shape == (2, 2)


def test_histological_intensities_are_the_inverted_mean_over_the_channels():
    colours = np.array([[[255, 255, 255, 9], [30, 60, 90, 9]]], np.uint8)
    g, g_rgb = intensities(colours, histological=True)
    np.testing.assert_allclose(g, [[0, 195]])
    np.testing.assert_array_equal(g_rgb, colours[:, :, :3])


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((0, 5)), "is empty"),
        (np.zeros((0, 0)), "is empty"),
        ([[3]], "a single pixel"),
        (np.full((4, 4), 7, np.uint16), r"constant \(every pixel is 7\)"),
        (np.full((1, 4), 2.5), r"constant \(every pixel is 2\.5\)"),
        (np.ones((3, 3), bool), r"constant \(every pixel is True\)"),
        ([[0, np.nan]], "NaN or infinite"),
        ([[0, np.inf]], "NaN or infinite"),
        ([[0, -np.inf]], "NaN or infinite"),
        (np.zeros(5), r"has 1 dimensions \(5\)"),
        (np.zeros((2, 3, 4)), r"has 3 dimensions \(2 x 3 x 4\).*choose a plane or a channel"),
        (np.zeros((1, 2, 3, 4)), "has 4 dimensions"),
        ([["a", "b"]], "values of type <U1, but must hold numbers"),
        ([[1j, 2]], "values of type complex128"),
        ([[None, 2]], "values of type object"),
    ],
)
def test_an_image_that_cannot_be_segmented_is_refused_with_the_reason(image, message):
    with pytest.raises(ImageError, match=message):
        intensities(image)


def test_masked_pixels_are_refused_wherever_an_image_is_taken():
    pixels = np.ma.masked_array([[0.0, 1e6], [1.0, 2.0]], mask=[[False, True], [False, False]])
    message = "a masked array with 1 masked pixel,"
    for take in (intensities, Image.create_from_array, segment):
        with pytest.raises(ImageError, match=message):
            take(pixels)
    with pytest.raises(ImageError, match="foreground is a masked array"):
        signed_foreground(pixels, pixels.shape)
    with pytest.raises(ImageError, match="predicted label image is a masked array"):
        score(pixels.astype(int), np.ones((2, 2), int))


def test_a_masked_array_without_masked_pixels_is_an_image():
    pixels = np.ma.masked_array([[0.0, 1.0], [1.0, 2.0]])
    np.testing.assert_array_equal(intensities(pixels)[0], pixels.data)


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 2), (4, 5, 3, 1)])
def test_a_histological_image_must_have_colours(shape):
    with pytest.raises(ImageError, match="must be a colour image"):
        intensities(np.arange(np.prod(shape)).reshape(shape), histological=True)
