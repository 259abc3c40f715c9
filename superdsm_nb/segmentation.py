"""One call from an image to a label map."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import ArrayLike, NDArray

from .automation import process_image
from .config import Config
from .pipeline import Output, create_default_pipeline
from .render import rasterize_labels


def segment(
    image: ArrayLike,
    config: Config | Mapping[str, Any] | None = None,
    out: Output | None = None,
) -> NDArray[Any]:
    """Segment the cell nuclei in a fluorescence microscopy image.

    Parameters
    ----------
    image : (H, W) array
        Intensities of any type and unit; bright objects on a dark background.
    config : Config or mapping, optional
        Hyperparameters that differ from their defaults, e.g. ``{"AF_scale": 30}``.
    out : Output, optional
        Takes progress and log lines.

    Returns
    -------
    (H, W) uint16 array
        Label map: 0 is background, every object has its own number from 1 on (int32 if there are more than
        65535 objects).

    Raises
    ------
    ImageError
        If the image is empty, constant, a single pixel, not two-dimensional, or holds NaN or infinity.
    ConfigError
        If a hyperparameter is unknown or out of its range.
    ScaleEstimationError
        If the scale of the objects cannot be estimated and ``AF_scale`` is not set.
    WorkAmountError
        If there are too many possible objects.

    References
    ----------
    L. Kostrykin and K. Rohr: Superadditivity and convex optimization for globally optimal cell segmentation
    using deformable shape models. IEEE TPAMI 45(3), 2023, doi 10.1109/TPAMI.2022.3185583.

    Examples
    --------
    >>> import superdsm_nb
    >>> from superdsm_nb.synthetic import generate
    >>> sample = generate(seed=1, shape=(160, 160), nuclei=4)
    >>> labels = superdsm_nb.segment(sample.image, {"AF_scale": 11})
    >>> labels.shape
    (160, 160)
    """
    data, _, _ = process_image(create_default_pipeline(), Config(config), image, out=out)
    return rasterize_labels(data)
