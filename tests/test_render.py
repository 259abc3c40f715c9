"""Pictures of small drawn inputs: what is painted, where, and in which colour."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from superdsm_nb.atoms import AtomAdjacencyGraph
from superdsm_nb.errors import ConfigError
from superdsm_nb.objects import BaseObject
from superdsm_nb.render import (
    colorize_labels,
    draw_line,
    normalize_image,
    rasterize_labels,
    rasterize_objects,
    rasterize_regions,
    render_adjacencies,
    render_atoms,
    render_foreground_clusters,
    render_result_over_image,
    render_ymap,
    shuffle_labels,
)

SHAPE = (40, 60)
GREY = np.full((*SHAPE, 3), 100, np.uint8)
RED, GREEN, BLUE, YELLOW = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)
TURQUOISE, WHITE, BLACK = (0, 255, 255), (255, 255, 255), (0, 0, 0)
LETTERS = {"r": RED, "g": GREEN, "b": BLUE, "y": YELLOW, "t": TURQUOISE, "w": WHITE}
SEEDS = [(10, 10), (10, 30), (10, 50), (30, 30)]


def box(top, bottom, left, right, shape=SHAPE):
    mask = np.zeros(shape, bool)
    mask[top:bottom, left:right] = True
    return mask


def where(picture, color):
    return (picture == np.array(color, np.uint8)).all(axis=2)


def drawn(mask):
    item = BaseObject()
    item.set_pixels(*np.nonzero(mask))
    return item


@pytest.fixture
def data():
    """Three atoms in a row of which the first two touch in the foreground, one alone, and noise."""
    atoms = np.ones(SHAPE, np.int32)
    atoms[:20, 20:40] = 2
    atoms[:20, 40:] = 3
    atoms[20:] = 4
    clusters = np.where(np.arange(40)[:, None] < 20, 1, 2) * np.ones(SHAPE, np.int32)
    foreground = box(5, 15, 5, 35) | box(5, 15, 45, 55) | box(25, 35, 25, 35)
    noise = box(25, 30, 50, 55)
    y = np.where(foreground | noise, 0.5, -0.5)
    g = np.random.default_rng(0).random(SHAPE)
    return {
        "g_raw": g,
        "g_rgb": None,
        "y": y,
        "y_mask": ~noise,
        "atoms": atoms,
        "clusters": clusters,
        "adjacencies": AtomAdjacencyGraph(atoms, clusters, y > 0, SEEDS),
        "seeds": SEEDS,
        "postprocessed_objects": [drawn(box(5, 15, 5, 25)), drawn(box(5, 15, 20, 35)), BaseObject()],
    }


def oracle_band(mask, width):
    """Pixels outside of `mask` of which one at most `width` away is a step beyond the border, by distance."""
    edge = ndimage.binary_dilation(mask) & ~mask
    return ~mask & (ndimage.distance_transform_edt(~edge) <= width - 1)


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
    with pytest.raises(ConfigError, match=f"no colour map '{name}': give a name"):
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


# --- Contours of results ---


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


# --- Label maps ---


@pytest.mark.parametrize("seed", range(5))
def test_labels_that_touch_or_face_each_other_have_colours_far_apart(seed):
    rows, cols = np.indices((60, 60)) // 10
    labels = 1 + rows * 6 + cols
    labels[20:, 28:32] = 0

    colors = colorize_labels(labels, seed=seed)[5::10, 5::10].astype(int)

    assert np.abs(np.diff(colors, axis=0)).max(axis=2).min() >= 60
    assert np.abs(np.diff(colors, axis=1)).max(axis=2).min() >= 60


def test_a_label_has_one_colour_and_the_background_the_one_asked_for():
    labels = 900 * box(0, 9, 0, 9) + 5 * box(20, 30, 20, 30) - 1 * box(35, 40, 0, 60)

    picture = colorize_labels(labels, background="w")

    assert np.array_equal(where(picture, WHITE), labels <= 0)
    assert len(np.unique(picture[labels == 900], axis=0)) == 1
    assert len(np.unique(picture[labels == 5], axis=0)) == 1
    assert where(colorize_labels(labels), BLACK)[labels <= 0].all()


def test_colours_follow_the_seed():
    labels = 1 + np.indices((60, 60))[0] // 10

    assert np.array_equal(colorize_labels(labels, seed=1), colorize_labels(labels, seed=1))
    assert not np.array_equal(colorize_labels(labels, seed=1), colorize_labels(labels, seed=2))


def test_an_object_with_too_many_neighbours_is_coloured_all_the_same():
    labels = np.ones((12, 60), np.uint16)
    labels[:4] = 2 + np.arange(60) // 5

    assert not where(colorize_labels(labels), BLACK).any()


def test_a_label_map_without_objects_is_background():
    assert where(colorize_labels(np.zeros(SHAPE, int), "t"), TURQUOISE).all()


@pytest.mark.parametrize("seed", range(3))
def test_shuffling_permutes_the_labels_and_keeps_the_background(seed):
    labels = (np.indices(SHAPE)[1] // 3 * 2 - 1).astype(np.int16)

    shuffled = shuffle_labels(labels, seed)

    assert shuffled.dtype == np.int16
    assert np.array_equal(shuffled <= 0, labels <= 0)
    assert (shuffled[labels < 0] == -1).all()
    assert not np.array_equal(shuffled, labels)
    pairs = np.unique(np.stack([labels, shuffled]).reshape(2, -1), axis=1)
    assert pairs.shape[1] == np.unique(labels).size
    assert sorted(pairs[1]) == sorted(pairs[0])


def test_objects_become_masks_that_may_overlap(data):
    first, second = rasterize_objects(data)

    assert np.array_equal(first, box(5, 15, 5, 25))
    assert np.array_equal(second, box(5, 15, 20, 35))
    assert next(iter(rasterize_objects(data, dilate=-2))).sum() == 6 * 16
    assert len(list(rasterize_objects(data, dilate=-5))) == 0


def test_masks_and_label_maps_tell_of_the_same_objects(data):
    union = np.any(list(rasterize_objects(data, dilate=1)), axis=0)

    assert np.array_equal(union, rasterize_labels(data, dilate=1) > 0)


def test_later_regions_are_drawn_over_earlier_ones():
    regions = [box(0, 10, 0, 10), drawn(box(5, 15, 5, 15)), np.zeros(SHAPE, bool), box(30, 32, 0, 2)]

    labels = rasterize_regions(regions, SHAPE)

    assert labels.dtype == np.uint16
    assert [(labels == label).sum() for label in range(1, 5)] == [75, 100, 0, 4]
    assert labels[20, 20] == 0


def test_the_background_of_regions_may_be_negative_but_not_positive():
    assert rasterize_regions([], SHAPE, -1).min() == -1
    with pytest.raises(ConfigError, match="must be 0 or negative"):
        rasterize_regions([], SHAPE, 1)


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
