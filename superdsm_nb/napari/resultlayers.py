"""Layers of labels that show results: where their images are, and found again whatever they are called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.colormaps import DirectLabelColormap
from napari.utils.transforms import Affine
from numpy.typing import NDArray

from .view import View

if TYPE_CHECKING:
    from napari.layers import Image, Labels
    from napari.viewer import Viewer

MARK = "superdsm_nb"  # entry of the metadata of a layer
NUCLEI, DISCARDED, PICKED = "nuclei", "discarded", "picked"  # what a layer shows
CONTOUR = 2  # pixels
FILLED = {DISCARDED: ((0.6, 0.6, 0.6, 1.0), 0.6), PICKED: ((1.0, 0.85, 0.0, 1.0), 0.5)}  # colour, opacity


def placement(view: View) -> dict[str, Any]:
    """Return scale, translation and so on of a layer that covers a view, with as many axes as its image."""
    layer, padding = view.layer, [1.0] * (view.layer.ndim - 2)
    linear = Affine(scale=layer.scale, rotate=layer.rotate, shear=layer.shear).linear_matrix
    offset = linear @ np.array([0.0] * len(padding) + list(view.origin))
    return {
        "scale": np.asarray(layer.scale) * np.array([*padding, *view.factors]),
        "translate": np.asarray(layer.translate) + offset,
        "rotate": layer.rotate,
        "shear": layer.shear,
        "affine": layer.affine,
        "units": layer.units,
        "axis_labels": layer.axis_labels,
    }


def find_layer(viewer: Viewer, image: Image, role: str = NUCLEI) -> Labels | None:
    """Return the layer that shows results of an image, or None if there is none (any more)."""
    for layer in viewer.layers:
        mark = layer.metadata.get(MARK)
        if isinstance(mark, Mapping) and (mark.get("image"), mark.get("role")) == (image.unique_id, role):
            return layer
    return None


def show_labels(
    viewer: Viewer,
    view: View,
    labels: NDArray[Any],
    role: str = NUCLEI,
    position: tuple[int, ...] | None = None,
) -> Labels:
    """Put labels where their image is.

    Parameters
    ----------
    viewer : Viewer
        Gets a layer if it has none of this image in this role yet.
    view : View
        What was segmented.
    labels : (H, W) or (..., H, W) int array
        Labels of a plane, or of all.
    role : str
        What the layer shows: `NUCLEI` or `DISCARDED`.
    position : tuple of int, optional
        The plane; all planes by default.

    Returns
    -------
    Labels
        The layer. Planes that it has shown so far remain, if it covers the same part of the image.
    """
    shape = (*view.outer, *view.shape)
    layer, placed = find_layer(viewer, view.layer, role), placement(view)
    if position is None:
        data = labels.reshape(shape)
    else:
        data = _planes_of(layer, shape, placed, labels.dtype)
        data[position] = labels
    if layer is None:
        mark = {MARK: {"image": view.layer.unique_id, "role": role}}
        layer = viewer.add_labels(data, name=f"{role}: {view.layer.name}", metadata=mark, **placed)
        _dress(layer, role)
    else:
        _replace(layer, data, placed)
    return layer


def _planes_of(
    layer: Labels | None, shape: tuple[int, ...], placed: Mapping[str, Any], dtype: np.dtype[Any]
) -> NDArray[Any]:
    """Return the planes that a layer shows, or empty ones if it covers something else."""
    if layer is None or layer.data.shape != shape or not _is_placed(layer, placed):
        return np.zeros(shape, dtype)
    data: NDArray[Any] = layer.data
    return data.astype(dtype) if dtype.itemsize > data.dtype.itemsize else data


def _replace(layer: Labels, data: NDArray[Any], placed: Mapping[str, Any]) -> None:
    if layer.data is data:
        layer.refresh()
    else:
        layer.data = data
    if not _is_placed(layer, placed):
        for name, value in placed.items():
            setattr(layer, name, value)


def _is_placed(layer: Labels, placed: Mapping[str, Any]) -> bool:
    """Whether a layer is where it should be."""
    return all(
        np.array_equal(np.asarray(getattr(layer, name)), np.asarray(value))
        for name, value in placed.items()
        if name != "axis_labels"
    )


def _dress(layer: Labels, role: str) -> None:
    """Draw nuclei as contours, and other things as areas of one colour."""
    if role not in FILLED:
        layer.contour = CONTOUR
        layer.opacity = 1.0
        return
    colour, layer.opacity = FILLED[role]
    layer.colormap = DirectLabelColormap(color_dict={None: colour, 0: (0, 0, 0, 0)})
