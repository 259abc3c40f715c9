"""Label maps of objects, and pictures of what the stages find."""

from .discarded import rasterize_discarded, render_discarded
from .labelmap import (
    BorderPosition,
    contours,
    rasterize_labels,
    rasterize_objects,
    rasterize_regions,
    rasterize_with_sources,
    shuffle_labels,
)
from .lines import draw_line
from .pictures import (
    colorize_labels,
    normalize_image,
    render_adjacencies,
    render_atoms,
    render_foreground_clusters,
    render_image,
    render_result_over_image,
    render_ymap,
)

__all__ = [
    "BorderPosition",
    "colorize_labels",
    "contours",
    "draw_line",
    "normalize_image",
    "rasterize_discarded",
    "rasterize_labels",
    "rasterize_objects",
    "rasterize_regions",
    "rasterize_with_sources",
    "render_adjacencies",
    "render_atoms",
    "render_discarded",
    "render_foreground_clusters",
    "render_image",
    "render_result_over_image",
    "render_ymap",
    "shuffle_labels",
]
