"""Pictures of a segmentation as they are written to files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from numpy.typing import NDArray

from ..render import render_adjacencies, render_discarded, render_result_over_image
from .result import Segmentation


def labels(result: Segmentation) -> NDArray[Any]:
    """Label map in a type that files can hold; (H, W) uint16 or uint32."""
    found = result.labels
    return found if found.dtype == "uint16" else found.astype("uint32")


def overlay(result: Segmentation) -> NDArray[Any]:
    """Contours over the image; (H, W, 3) uint8."""
    return render_result_over_image(result.picture, result.labels, result.drawing.border_width)


def rejects(result: Segmentation) -> NDArray[Any]:
    """Contours over the image, also of what was discarded; (H, W, 3) uint8."""
    return render_discarded(overlay(result), result.data, result.drawing.border_width)


def adjacencies(result: Segmentation) -> NDArray[Any]:
    """Graph of the atoms over their borders; (H, W, 3) uint8."""
    return render_adjacencies(result.data_at_image_size, result.picture_of_atoms)


PICTURES: Mapping[str, Callable[[Segmentation], NDArray[Any]]] = {
    "seg": labels,
    "overlay": overlay,
    "rejects": rejects,
    "adj": adjacencies,
    "atoms": lambda result: result.picture_of_atoms,
}
"""The pixels of a picture by the kind of output."""
