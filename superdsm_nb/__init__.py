"""Training-free, globally optimal segmentation of cell nuclei in fluorescence microscopy.

``superdsm_nb.segment(image)`` turns an image into a label map.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._version import __version__

if TYPE_CHECKING:
    from .segmentation import segment

__all__ = ["__version__", "segment"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever is asked for
    # Numba and SciPy take their time to import: they come with the first use.
    if name == "segment":
        from .segmentation import segment  # noqa: PLC0415

        return segment
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
