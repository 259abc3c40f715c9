"""The diameter of a nucleus, from what is drawn over it in a layer of shapes."""

from __future__ import annotations

import math
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .resultlayers import MARK

if TYPE_CHECKING:
    from napari.layers import Image, Shapes
    from napari.viewer import Viewer

ROLE = "measure"
LAYER = "diameter: draw over nuclei"


def measuring_layer(viewer: Viewer, image: Image) -> Shapes:
    """Return the layer to draw in, ready for a line across a nucleus; there is one for all images."""
    units = image.units[-2:]  # of one viewer, all layers must have the same
    for layer in viewer.layers:
        if layer.metadata.get(MARK) == {"role": ROLE}:
            layer.units = units
            break
    else:
        layer = viewer.add_shapes(
            name=LAYER,
            ndim=2,
            units=units,
            metadata={MARK: {"role": ROLE}},
            edge_color="yellow",
            face_color="transparent",
            edge_width=1,
        )
    viewer.layers.selection.active = layer
    layer.mode = "add_line"
    return layer


def measured_diameter(shapes: Shapes, image: Image) -> float | None:
    """Return the median diameter of what is drawn.

    Parameters
    ----------
    shapes : Shapes
        Lines across nuclei, or ellipses, rectangles and polygons around them.
    image : Image
        In whose pixels the diameter is.

    Returns
    -------
    float or None
        Pixels; None if nothing has a size.
    """
    found = [
        diameter_of(kind, in_pixels(np.asarray(vertices), shapes, image))
        for kind, vertices in zip(shapes.shape_type, shapes.data, strict=True)
    ]
    sizes = [each for each in found if math.isfinite(each) and each > 0]
    return median(sizes) if sizes else None


def diameter_of(kind: str, vertices: NDArray[Any]) -> float:
    """Return the length of a line, or the diameter of the circle with the area of a closed shape."""
    steps = np.linalg.norm(np.diff(vertices, axis=0), axis=1)
    if kind in ("line", "path"):
        return float(steps.sum())
    if kind == "ellipse":  # given by the corners around it
        return math.sqrt(steps[0] * steps[1])
    y, x = vertices.T
    area = abs(float(y @ np.roll(x, 1) - x @ np.roll(y, 1))) / 2
    return math.sqrt(4 * area / math.pi)


def in_pixels(vertices: NDArray[Any], shapes: Shapes, image: Image) -> NDArray[np.float64]:
    """Return vertices as rows and columns of an image that may have another scale, or more axes."""
    world = [np.asarray(shapes.data_to_world(each))[-2:] for each in vertices]
    padding = np.zeros(image.ndim - 2)
    return np.array([image.world_to_data(np.concatenate([padding, each]))[-2:] for each in world])
