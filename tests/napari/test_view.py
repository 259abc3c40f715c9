"""What of a layer is segmented, and where it is."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image

from superdsm_nb.errors import ImageError
from superdsm_nb.napari.view import view_of


def test_a_plane_is_that_of_the_viewer():
    data = np.arange(3 * 4 * 5 * 6).reshape(3, 4, 5, 6)
    view = view_of(Image(data, scale=(1, 2, 1, 1)), (1, 6, 0, 0))
    assert view.position == (1, 3)
    np.testing.assert_array_equal(view.pixels(), data[1, 3])
    np.testing.assert_array_equal(view.planes(), data)
    beyond = view_of(Image(data), (9, -2, 0, 0))
    assert beyond.position == (2, 0)


def test_pixels_are_a_copy(nuclei):
    data = nuclei.copy()
    pixels = view_of(Image(data), (0, 0)).pixels()
    data[:] = 0
    np.testing.assert_array_equal(pixels, nuclei)


@pytest.mark.parametrize(
    ("units", "expected"),
    [(("um", "um"), (0.5, 0.25)), (("nm", "nm"), (5e-4, 2.5e-4)), (("pixel", "pixel"), None)],
)
def test_the_size_of_a_pixel_follows_from_scale_and_unit(units, expected):
    size = view_of(Image(np.zeros((5, 6)), scale=(0.5, 0.25), units=units), (0, 0)).pixel_size
    assert size == (None if expected is None else pytest.approx(expected))


def test_of_colours_their_luminance_or_one_of_them_is_taken():
    colours = np.random.default_rng(0).integers(0, 255, (8, 9, 3), np.uint8)
    layer = Image(colours, rgb=True)
    grey = view_of(layer, (0, 0)).pixels()
    assert grey.shape == (8, 9)
    assert grey[2, 3] == pytest.approx(np.dot(colours[2, 3], (0.299, 0.587, 0.114)))
    np.testing.assert_array_equal(view_of(layer, (0, 0), colour="Green").pixels(), colours[..., 1])


def test_only_what_is_visible_is_taken():
    data = np.arange(100 * 90).reshape(100, 90)
    layer = Image(data)
    layer.corner_pixels = np.array([[10, -5], [39, 200]])
    view = view_of(layer, (0, 0), visible_only=True)
    np.testing.assert_array_equal(view.pixels(), data[10:40, :90])
    layer.corner_pixels = np.array([[10, 95], [39, 200]])
    with pytest.raises(ImageError, match="move it into view"):
        view_of(layer, (0, 0), visible_only=True)


def test_of_several_resolutions_the_one_that_is_shown_is_taken():
    full = np.random.default_rng(0).random((80, 120))
    layer = Image([full, full[::2, ::2], full[::4, ::4]], multiscale=True)
    layer._data_level = 1
    layer.corner_pixels = np.array([[5, 10], [24, 39]])
    view = view_of(layer, (0, 0))
    np.testing.assert_array_equal(view.pixels(), full[::2, ::2][5:25, 10:40])
    assert view.factors == (2, 2)
    assert view.origin == (10.5, 20.5)
