"""Contours of objects: where they lie, how wide they are, and in which colour."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from superdsm_nb.errors import ConfigError
from superdsm_nb.render import render_result_over_image

from support.pictures import BLUE, GREEN, RED, SHAPE, TURQUOISE, WHITE, YELLOW, box, where

LETTERS = {"r": RED, "g": GREEN, "b": BLUE, "y": YELLOW, "t": TURQUOISE, "w": WHITE}


def oracle_band(mask, width):
    """Pixels outside of `mask` of which one at most `width` away is a step beyond the border, by distance."""
    edge = ndimage.binary_dilation(mask) & ~mask
    return ~mask & (ndimage.distance_transform_edt(~edge) <= width - 1)


@pytest.mark.parametrize("width", [1, 2, 3, 5, 8])
def test_inner_contours_lie_inside_the_objects_and_are_of_even_width(width):
    mask = box(5, 35, 10, 50)

    borders = where(render_result_over_image(np.zeros(SHAPE), mask * 7, width, "g", "inner"), GREEN)

    assert np.array_equal(borders, mask & ~box(5 + width, 35 - width, 10 + width, 50 - width))


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_outer_contours_lie_outside_the_objects_and_are_of_even_width(width):
    rows, cols = np.ogrid[:40, :60]
    mask = (rows - 20) ** 2 + (cols - 30) ** 2 <= 13**2

    borders = where(render_result_over_image(np.zeros(SHAPE), mask * 7, width, "g", "outer"), GREEN)

    assert np.array_equal(borders, oracle_band(mask, width))
    assert borders[20].sum() == borders[:, 30].sum() == 2 * width


@pytest.mark.parametrize("width", [1, 2, 3, 4, 7])
def test_centred_contours_lie_half_inside_and_half_outside(width):
    mask = box(10, 30, 15, 45)

    borders = where(render_result_over_image(np.zeros(SHAPE), mask * 7, width, "g", "center"), GREEN)

    assert (borders & mask)[20].sum() == 2 * ((width + 1) // 2)
    assert (borders & ~mask)[20].sum() == 2 * (width // 2)
    assert (borders & mask)[:, 30].sum() == 2 * ((width + 1) // 2)
    assert (borders & ~mask)[:, 30].sum() == 2 * (width // 2)


@pytest.mark.parametrize(
    ("position", "columns"),
    [
        ("inner", [12, 13, 14, 27, 28, 29, 30, 31, 32, 45, 46, 47]),
        ("center", [11, 12, 13, 29, 30, 31, 46, 47, 48]),
        ("outer", [9, 10, 11, 29, 30, 31, 48, 49, 50]),
    ],
)
def test_objects_that_touch_share_a_contour_unless_it_is_drawn_inside(position, columns):
    labels = 1 * box(10, 30, 12, 30) + 2 * box(10, 30, 30, 48)

    borders = where(render_result_over_image(np.zeros(SHAPE), labels, 3, "g", position), GREEN)

    assert borders[20].nonzero()[0].tolist() == columns


def test_the_contours_are_two_pixels_inside_and_light_red_unless_told_otherwise():
    labels = 3 * box(10, 30, 15, 45)
    image = np.random.default_rng(0).random(SHAPE)

    picture = render_result_over_image(image, labels)

    assert np.array_equal(picture, render_result_over_image(image, labels, 2, (1, 0.1, 0.1), "inner"))
    assert picture[10, 15].tolist() == [255, 26, 26]


@pytest.mark.parametrize("position", ["inner", "center", "outer"])
def test_negative_labels_are_background(position):
    labels = 1 * box(10, 30, 15, 45)
    image = np.random.default_rng(0).random(SHAPE)
    several = np.where(labels > 0, labels, -np.indices(SHAPE)[1] // 7)

    pictures = [render_result_over_image(image, given, 3, "g", position) for given in (labels, several)]

    assert np.array_equal(*pictures)


@pytest.mark.parametrize(("letter", "color"), LETTERS.items())
def test_colours_have_letters(letter, color):
    picture = render_result_over_image(np.zeros(SHAPE), 1 * box(5, 9, 5, 9), 1, letter)

    assert where(picture, color).sum() == 12


@pytest.mark.parametrize("color", ["x", "green", "", (1, 1), (0, 0, 255)])
def test_an_unknown_colour_is_refused(color):
    with pytest.raises(ConfigError, match="The colour is "):
        render_result_over_image(np.zeros(SHAPE), np.zeros(SHAPE, int), 2, color)


def test_an_unknown_border_position_is_refused():
    with pytest.raises(ConfigError, match="'middle', but must be inner, center or outer"):
        render_result_over_image(np.zeros(SHAPE), np.zeros(SHAPE, int), border_position="middle")


def test_borders_without_width_are_refused():
    with pytest.raises(ConfigError, match="at least 1 pixel"):
        render_result_over_image(np.zeros(SHAPE), np.zeros(SHAPE, int), 0)
