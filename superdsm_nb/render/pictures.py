"""Pictures of the results of the stages, (H, W, 3) uint8, for visual inspection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.draw import disk

from ..canonical import at_image_size
from ..errors import ConfigError
from ..filters import dense_rank_of_distance, squared_distance
from ..image import normalized
from ..kernels.regions import touching_pairs
from ..kernels.watershed import watershed
from .labelmap import BorderPosition, contours
from .lines import line_pixels

Picture = NDArray[np.uint8]
Color = str | Sequence[float]

CONTOUR_COLOR = (1.0, 0.1, 0.1)
GRAPH_COLOR = (0.0, 0.0, 0.0)  # stands out from blue, white and red, and from the green borders of atoms
COLOR_LETTERS = {
    "r": (1.0, 0.0, 0.0),
    "g": (0.0, 1.0, 0.0),
    "b": (0.0, 0.0, 1.0),
    "y": (1.0, 1.0, 0.0),
    "t": (0.0, 1.0, 1.0),
    "w": (1.0, 1.0, 1.0),
}
# Ten bright, saturated colours with the largest possible distances in CIELAB (at least 52).
PALETTE = np.array(
    [
        *[(255, 128, 0), (0, 192, 255), (0, 255, 0), (255, 0, 64), (255, 255, 0)],
        *[(192, 0, 255), (64, 255, 192), (255, 128, 192), (128, 128, 0), (128, 128, 255)],
    ],
    np.uint8,
)


def normalize_image(g: NDArray[Any], saturated: float = 0.2) -> NDArray[np.float64]:
    """Enhance the contrast: scale to [0, 1], with `saturated` percent of the pixels clipped at either end."""
    g = g.astype(np.float64)
    low, high = np.percentile(g, (saturated, 100 - saturated))
    return (np.clip(g, low, high) - low) / (high - low if high > low else 1.0)


def render_ymap(
    data_or_y: Mapping[str, Any] | NDArray[Any],
    clim: tuple[float, float] | None = None,
    cmap: str = "bwr",
) -> Picture:
    """Draw the offset intensities: by default, background is blue and foreground is red.

    Parameters
    ----------
    data_or_y : dict, or (H, W) array
        Pipeline data object, or the offset intensities themselves.
    clim : (float, float), optional
        Values of the first and the last colour; values beyond are clipped. Default: minus and plus the
        standard deviation.
    cmap : str
        Name of a colour map, such as "bwr", "viridis" or "gray".

    Returns
    -------
    (H, W, 3) uint8
        Red, green and blue.
    """
    from cmap import Colormap  # noqa: PLC0415 - takes 0.1 s and is rarely needed

    try:
        table = np.round(Colormap(cmap).lut()[:, :3] * 255).astype(np.uint8)
    except ValueError as error:
        raise ConfigError(
            f"There is no colour map {cmap!r}: use a name from the package cmap, such as bwr or viridis."
        ) from error
    y = at_image_size(data_or_y)["y"] if isinstance(data_or_y, Mapping) else data_or_y
    deviation = float(np.std(y)) or 1.0
    low, high = (-deviation, deviation) if clim is None else clim
    if not low < high:
        raise ConfigError(f"The colour limits are {low:g} and {high:g}, but the first must be less.")
    places = (np.clip(y, low, high) - low) * (len(table) / (high - low))
    return table[np.minimum(places.astype(np.intp), len(table) - 1)]


def render_atoms(
    data: Mapping[str, Any], base: Picture | None = None, border_width: int = 2, color: Color = "g"
) -> Picture:
    """Draw the borders between atoms.

    Parameters
    ----------
    data : dict
        Pipeline data object with the atoms.
    base : (H, W, 3) uint8, optional
        Picture to draw over (a copy of it). Default: `render_ymap`.
    border_width : int
        Width of the borders (pixels), half of it on either side.
    color : str or 3 floats
        Colour of the borders, as in `render_result_over_image`.

    Returns
    -------
    (H, W, 3) uint8
        The picture with the borders.
    """
    picture = render_ymap(data) if base is None else base.copy()
    picture[contours(at_image_size(data)["atoms"], border_width, "center")] = _rgb_bytes(color)
    return picture


def render_adjacencies(
    data: Mapping[str, Any],
    base: Picture | None = None,
    edge_color: Color = GRAPH_COLOR,
    endpoint_color: Color = GRAPH_COLOR,
    edge_width: int = 3,
    endpoint_radius: float = 4.5,
) -> Picture:
    """Draw the graph of adjacent atoms: a dot at every seed, a line between those of adjacent atoms.

    Parameters
    ----------
    data : dict
        Pipeline data object with the graph.
    base : (H, W, 3) uint8, optional
        Picture to draw over (a copy of it), for example that of `render_atoms`. Default: `render_ymap`.
    edge_color, endpoint_color : str or 3 floats
        Colours of lines and dots, as in `render_result_over_image`.
    edge_width : int
        Width of the lines (pixels).
    endpoint_radius : float
        Radius of the dots (pixels).

    Returns
    -------
    (H, W, 3) uint8
        The picture with the graph.
    """
    data = at_image_size(data)
    picture = render_ymap(data["y"]) if base is None else base.copy()
    shape, graph = picture.shape[:2], data["adjacencies"]
    for first, second in graph.get_edge_lines():
        picture[line_pixels(first, second, edge_width, shape)] = _rgb_bytes(edge_color)
    for seed in graph.seeds:
        picture[disk(seed, endpoint_radius, shape=shape)] = _rgb_bytes(endpoint_color)
    return picture


def render_foreground_clusters(
    data: Mapping[str, Any],
    base: Picture | None = None,
    border_width: int = 2,
    border_color: Color = "g",
    discarded_color: Color = "r",
    discarded_opacity: float = 0.5,
) -> Picture:
    """Draw the foreground (positive offset intensities) of every cluster, and foreground discarded as noise.

    Parameters
    ----------
    data : dict
        Pipeline data object with the clusters.
    base : (H, W, 3) uint8, optional
        Picture to draw over (a copy of it). Default: the image, its contrast enhanced.
    border_width : int
        Width of the borders (pixels), drawn inside the foreground.
    border_color : str or 3 floats
        Colour of the borders, as in `render_result_over_image`.
    discarded_color : str or 3 floats
        Tint of the discarded foreground.
    discarded_opacity : float
        Strength of the tint, from 0 to 1.

    Returns
    -------
    (H, W, 3) uint8
        The picture with borders and tint.
    """
    if base is None:
        colored = data.get("g_rgb")
        base = _as_picture(normalize_image(data["g_raw"] if colored is None else colored))
    picture, data = base.copy(), at_image_size(data)
    discarded = ~data["y_mask"]
    tint = discarded_opacity * _rgb_bytes(discarded_color).astype(np.float64)
    picture[discarded] = np.round(picture[discarded] * (1 - discarded_opacity) + tint).astype(np.uint8)
    foreground = (data["y"] > 0) & data["y_mask"]
    borders = contours(np.where(foreground, data["clusters"], 0), border_width, "inner")
    picture[borders] = _rgb_bytes(border_color)
    return picture


def render_image(image: NDArray[Any], enhance: bool = True) -> Picture:
    """Draw an image.

    Parameters
    ----------
    image : (H, W) or (H, W, 3) array
        Intensities, or a colour image.
    enhance : bool
        Enhance the contrast; otherwise 8-bit values are kept and others scaled to their range.

    Returns
    -------
    (H, W, 3) uint8
        Red, green and blue.
    """
    if enhance:
        return _as_picture(normalize_image(image))
    if image.dtype == np.uint8:
        return np.repeat(image[..., np.newaxis], 3, axis=2) if image.ndim == 2 else image.copy()
    return _as_picture(normalized(image))


def render_result_over_image(
    image: NDArray[Any],
    labels: NDArray[Any],
    border_width: int = 2,
    color: Color = CONTOUR_COLOR,
    border_position: BorderPosition = "inner",
    enhance: bool = True,
) -> Picture:
    """Draw the contours of a label map over the image.

    Parameters
    ----------
    image : (H, W) or (H, W, 3) array
        Intensities, or a colour image.
    labels : (H, W) int array
        Label map; labels up to 0 are background.
    border_width : int
        Width of the contours (pixels).
    color : str or 3 floats
        One of the letters r, g, b, y (yellow), t (turquoise), w, or red, green, blue in [0, 1].
    border_position : {"inner", "center", "outer"}
        Whether the contours are drawn inside the objects, half inside and half outside, or outside. If
        two objects touch, "inner" draws a contour in each; the others draw one shared contour, half in each.
    enhance : bool
        Enhance the contrast of the image; otherwise 8-bit values are kept and others scaled to their range.

    Returns
    -------
    (H, W, 3) uint8
        The picture with the contours.
    """
    picture = render_image(image, enhance)
    picture[contours(labels, border_width, border_position)] = _rgb_bytes(color)
    return picture


def colorize_labels(labels: NDArray[Any], background: Color = (0, 0, 0), seed: int = 0) -> Picture:
    """Fill every object of a label map with a colour that differs from those of its neighbours.

    Neighbours are objects that touch or that have only background between them; an object with ten or
    more of them may have to share a colour with one.

    Parameters
    ----------
    labels : (H, W) int array
        Label map; labels up to 0 are background.
    background : str or 3 floats
        Colour of the background, as in `render_result_over_image`.
    seed : int
        Another seed gives another choice of colours.

    Returns
    -------
    (H, W, 3) uint8
        Red, green and blue.
    """
    values, places = np.unique(np.maximum(labels, 0), return_inverse=True)
    if values[0] > 0:  # no background: the first object must not be taken for it
        values, places = np.concatenate(([0], values)), places + 1
    dense = np.ascontiguousarray(places.reshape(labels.shape), np.int32)
    table = np.tile(_rgb_bytes(background), (values.size, 1))
    everywhere = np.ones(dense.shape, bool)
    grown = watershed(dense_rank_of_distance(squared_distance(dense > 0)), dense, everywhere)
    neighbors: list[set[int]] = [set() for _ in values]
    for a, b in np.unique(touching_pairs(grown, np.zeros_like(grown), everywhere), axis=0).tolist():
        neighbors[a].add(b)
        neighbors[b].add(a)
    order = np.random.default_rng(seed).permuted(np.tile(np.arange(len(PALETTE)), (values.size, 1)), axis=1)
    chosen = np.full(values.size, -1)
    for label in range(1, values.size):
        taken = {int(chosen[other]) for other in neighbors[label]}
        chosen[label] = next((index for index in order[label] if index not in taken), order[label][0])
    table[1:] = PALETTE[chosen[1:]]
    return table[dense]


def _as_picture(enhanced: NDArray[np.float64]) -> Picture:
    """Picture of intensities (H, W) or colours (H, W, 3) in [0, 1]."""
    colored = np.repeat(enhanced[..., np.newaxis], 3, axis=2) if enhanced.ndim == 2 else enhanced
    return np.round(colored * 255).astype(np.uint8)


def _rgb_bytes(color: Color) -> Picture:
    """Red, green and blue from 0 to 255; (3,) uint8."""
    if isinstance(color, str):
        if color not in COLOR_LETTERS:
            raise ConfigError(f"The colour is {color!r}, but must be one of {', '.join(COLOR_LETTERS)}.")
        color = COLOR_LETTERS[color]
    if len(color) != 3 or not all(0 <= part <= 1 for part in color):
        raise ConfigError(f"The colour is {tuple(color)}, but must be red, green and blue from 0 to 1.")
    return np.round(np.array(color, np.float64) * 255).astype(np.uint8)
