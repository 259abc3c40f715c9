"""Pictures of small drawn inputs: what is painted, where, and in which colour."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from superdsm_nb.errors import ConfigError
from superdsm_nb.render import (
    draw_line,
    normalize_image,
    render_adjacencies,
    render_atoms,
    render_foreground_clusters,
    render_ymap,
)

from support.pictures import BLACK, BLUE, GREEN, SEEDS, SHAPE, WHITE, box, where

GREY = np.full((*SHAPE, 3), 100, np.uint8)


# --- Offset intensities ---


def test_the_offset_intensities_are_blue_below_zero_white_at_zero_and_red_above():
    y = np.array([[-5.0, -1.0, 0.0, 1.0, 5.0]])

    picture = render_ymap(y, clim=(-1, 1))

    assert picture.dtype == np.uint8
    assert picture[0].tolist() == [[0, 0, 255], [0, 0, 255], [255, 254, 254], [255, 0, 0], [255, 0, 0]]


def test_the_colour_limits_are_the_standard_deviation_unless_given(data):
    y = np.random.default_rng(0).normal(0.3, 2.0, SHAPE)

    assert np.array_equal(render_ymap(y), render_ymap(y, clim=(-y.std(), y.std())))
    assert not np.array_equal(render_ymap(y), render_ymap(y, clim=(-1, 1)))
    assert np.array_equal(render_ymap({"y": y}), render_ymap(y))


def test_constant_offset_intensities_of_zero_are_white():
    assert (render_ymap(np.zeros(SHAPE)) >= 254).all()


def test_any_colour_map_the_library_knows_can_be_chosen():
    assert render_ymap(np.array([[0.0, 1.0]]), (0, 1), "gray")[0].tolist() == [[0, 0, 0], [255, 255, 255]]


@pytest.mark.parametrize("name", ["nonsense", "", "gra"])
def test_an_unknown_colour_map_is_refused(name):
    with pytest.raises(ConfigError, match=f"no colour map '{name}': use a name"):
        render_ymap(np.eye(3), cmap=name)


def test_colour_limits_in_the_wrong_order_are_refused():
    with pytest.raises(ConfigError, match="limits are 1 and -1"):
        render_ymap(np.eye(3), clim=(1, -1))


# --- Atoms and their graph ---


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_borders_of_atoms_are_centred_and_of_the_width_asked_for(data, width):
    borders = where(render_atoms(data, GREY, width), GREEN)

    assert borders[5].sum() == 2 * width
    assert borders[:, 5].sum() == width
    assert borders[5, 20 - width // 2 : 20 + (width + 1) // 2].all()


def test_borders_of_atoms_are_drawn_over_the_offset_intensities_unless_told_otherwise(data):
    picture = render_atoms(data, color="w")
    borders = where(render_atoms(data, GREY, color="w"), WHITE)

    assert np.array_equal(picture[~borders], render_ymap(data)[~borders])
    assert (picture[borders] == 255).all()


def test_only_adjacent_atoms_are_linked(data):
    picture = render_adjacencies(data, GREY, "g", "b", edge_width=3, endpoint_radius=2)

    assert where(picture, GREEN)[:, 20].nonzero()[0].tolist() == [9, 10, 11]
    assert not where(picture, GREEN)[:, 32:].any()
    assert not where(picture, GREEN)[12:].any()


def test_every_seed_has_a_dot_over_the_lines(data):
    dots = where(render_adjacencies(data, GREY, "g", "b", endpoint_radius=2.5), BLUE)

    centres = ndimage.center_of_mass(dots, ndimage.label(dots)[0], range(1, 5))
    assert centres == [tuple(map(float, seed)) for seed in SEEDS]
    assert dots.sum() == 4 * 21


def test_the_graph_is_drawn_over_the_offset_intensities_unless_told_otherwise(data):
    picture = render_adjacencies(data)
    graph = where(picture, BLACK)

    assert graph[10, 20]
    assert np.array_equal(picture[~graph], render_ymap(data)[~graph])


def test_the_given_picture_is_not_changed(data):
    base = GREY.copy()

    for render in (render_atoms, render_adjacencies, render_foreground_clusters):
        assert not np.array_equal(render(data, base), GREY)
        assert np.array_equal(base, GREY)


# --- Foreground ---


def test_the_foreground_of_clusters_is_outlined_inside(data):
    borders = where(render_foreground_clusters(data, GREY, border_width=2), GREEN)

    expected = np.zeros(SHAPE, bool)
    for top, bottom, left, right in [(5, 15, 5, 35), (5, 15, 45, 55), (25, 35, 25, 35)]:
        expected |= box(top, bottom, left, right) & ~box(top + 2, bottom - 2, left + 2, right - 2)
    assert np.array_equal(borders, expected)


def test_discarded_foreground_is_tinted_and_has_no_border(data):
    picture = render_foreground_clusters(data, GREY, discarded_color="b", discarded_opacity=0.25)

    assert (picture[~data["y_mask"]] == (75, 75, 139)).all()
    assert (picture[20:25] == 100).all()


def test_the_foreground_is_shown_over_the_image_its_contrast_enhanced(data):
    grey = np.round(normalize_image(data["g_raw"]) * 255)
    colored = np.random.default_rng(1).random((*SHAPE, 3))

    assert (render_foreground_clusters(data)[20:25] == grey[20:25, :, None]).all()
    in_color = render_foreground_clusters(data | {"g_rgb": colored})
    assert np.array_equal(in_color[20:25], np.round(normalize_image(colored) * 255)[20:25])


# --- Lines ---


@pytest.mark.parametrize("thickness", [1, 2, 3, 4, 5])
def test_lines_along_an_axis_have_the_thickness_asked_for(thickness):
    level = draw_line((20, 10), (20, 40), thickness, SHAPE)
    upright = draw_line((35, 30), (5, 30), thickness, SHAPE)

    assert (level.sum(axis=0) == np.where((np.arange(60) >= 10) & (np.arange(60) <= 40), thickness, 0)).all()
    assert (upright.sum(axis=1) == np.where((np.arange(40) >= 5) & (np.arange(40) <= 35), thickness, 0)).all()


def test_a_slanted_line_holds_the_pixels_within_half_its_thickness():
    p1, p2 = np.array((3.0, 4.0)), np.array((33.0, 44.0))
    rows, cols = np.indices(SHAPE)
    across = ((rows - 3) * 40 - (cols - 4) * 30) / 50
    along = ((rows - 3) * 30 + (cols - 4) * 40) / 50

    mask = draw_line(tuple(p1), tuple(p2), 3, SHAPE)

    assert np.array_equal(mask, (np.abs(across) < 1.5) & (along > -0.5) & (along < 50.5))


def test_lines_are_cut_off_at_the_image_and_those_beyond_leave_nothing():
    assert draw_line((20, -100), (20, 100), 3, SHAPE).sum() == 3 * 60
    assert not draw_line((-20, -10), (-30, 100), 3, SHAPE).any()
    assert not draw_line((60, 80), (90, 100), 3, SHAPE).any()


def test_a_line_without_length_is_a_dot():
    assert draw_line((7, 9), (7, 9), 1, SHAPE).nonzero() == (np.array([7]), np.array([9]))
