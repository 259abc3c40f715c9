"""One call from an image to a label map, and one from an image file to the files of its result."""

from __future__ import annotations

import hashlib
import json
import math
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

from numpy.typing import ArrayLike, NDArray

from ._version import __version__
from .automation import process_image
from .config import Config
from .errors import ConfigError, SuperDSMError
from .image import intensities
from .io import PixelSize, check_suffix, imread, imsave, pixel_size, write_file
from .labelmap import rasterize_labels, rasterize_with_sources
from .outlines import geojson, rois
from .performance import PerformanceReport
from .pipeline import Output, create_default_pipeline
from .render import render_result_over_image
from .tables import object_rows

NOTHING_FOUND = (
    "no object was found: check that nuclei are brighter than the background and that the scale is right"
)


class WarningOutput(Output):
    """Passes what the user should know on as Python warnings."""

    def warn(self, line: str) -> None:
        """Issue a `UserWarning`."""
        warnings.warn(line, UserWarning, stacklevel=2)


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
        Takes progress and log lines. Without it, warnings are issued as `UserWarning`.

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
    >>> superdsm_nb.segment(sample.image, {"AF_scale": 11}).shape
    (160, 160)
    """
    out = out or WarningOutput()
    data, _, _ = process_image(create_default_pipeline(), Config(config), image, out=out)
    labels = rasterize_labels(data)
    if not labels.any():
        out.warn(NOTHING_FOUND)
    return labels


@dataclass(frozen=True)
class FileResult:
    """What became of one image file.

    Attributes
    ----------
    objects : int
        Number of objects found.
    scale : float
        Scale used (pixels).
    seconds : float
        Time from reading to writing.
    config : Config
        Hyperparameters used, every default filled in.
    performance : PerformanceReport
        How the best cover was found, and the proof that it is the best.
    rows : list of dict
        Figures of the objects; see `superdsm_nb.tables.object_rows`.
    """

    objects: int
    scale: float
    seconds: float
    config: Config
    performance: PerformanceReport
    rows: list[dict[str, Any]] = field(default_factory=list)


def segment_file(
    image_path: Path,
    labels_path: Path,
    config: Config,
    overlay_path: Path | None = None,
    border_width: int = 2,
    channel: int | None = None,
    plane: int | None = None,
    time: int | None = None,
    dilate: int = 0,
    merge_overlap_threshold: float = float("inf"),
    out: Output | None = None,
    rois_path: Path | None = None,
    geojson_path: Path | None = None,
) -> FileResult:
    """Segment an image file and write its label map, and optionally a picture of the result.

    Parameters
    ----------
    image_path, labels_path : Path
        The image, and the label map to write (.png or .tif); its description tells how it was made.
    config : Config
        Hyperparameters that differ from their defaults.
    overlay_path : Path, optional
        Picture of the contours over the image to write (.png or .tif).
    border_width : int
        Width of those contours (pixels).
    channel, plane, time : int, optional
        Which channel, plane or point in time to take of a file that has several.
    dilate, merge_overlap_threshold
        See `superdsm_nb.render.rasterize_labels`.
    out : Output, optional
        Takes progress, log lines and warnings.
    rois_path, geojson_path : Path, optional
        Outlines of the objects to write: regions for ImageJ (.zip), and GeoJSON for QuPath.

    Returns
    -------
    FileResult

    Raises
    ------
    SuperDSMError
        If the image cannot be read or segmented, or a result not written.
    """
    out = out or Output()
    start = perf_counter()
    for path in (labels_path, overlay_path):
        if path is not None:
            check_suffix(path)
    image = imread(image_path, bool(config.get("histological", False)), channel, plane, time)
    with about(image_path):
        data, used, _ = process_image(create_default_pipeline(), config, image, out=out)
        labels, sources = rasterize_with_sources(
            data, dilate=dilate, merge_overlap_threshold=merge_overlap_threshold
        )
        rows = object_rows(labels, intensities(image, data["g_rgb"] is not None)[0], sources)
    if not rows:
        out.warn(f"{image_path.name}: {NOTHING_FOUND}")
    performance = data.get("performance", PerformanceReport())
    size = pixel_size(image_path)
    made = provenance(
        image_path,
        hashlib.sha256(image_path.read_bytes()).hexdigest(),
        used,
        data["scale"],
        performance,
        channel=channel,
        plane=plane,
        time=time,
        dilate=dilate,
        merge_overlap_threshold=merge_overlap_threshold,
        size=size,
    )
    imsave(labels_path, labels, made, size)
    if overlay_path is not None:
        background = image if data["g_rgb"] is None else data["g_rgb"]
        imsave(overlay_path, render_result_over_image(background, labels, border_width), made, size)
    if rois_path is not None:
        write_file(rois_path, rois(labels))
    if geojson_path is not None:
        write_file(geojson_path, geojson(labels, rows, made).encode())
    seconds = perf_counter() - start
    return FileResult(len(rows), data["scale"], seconds, used, performance, rows)


@contextmanager
def about(image_path: Path) -> Iterator[None]:
    """Name the image in every error of ours that is raised inside."""
    try:
        yield
    except SuperDSMError as error:
        raise type(error)(f"{image_path}: {error}") from error
    except (OverflowError, MemoryError, RecursionError) as error:
        raise ConfigError(
            f"{image_path} needs numbers or memory beyond all bounds: are AF_scale and the other "
            "hyperparameters as large as they are meant to be?"
        ) from error


def provenance(
    image_path: Path,
    image_sha256: str,
    config: Config,
    scale: float,
    performance: PerformanceReport,
    channel: int | None = None,
    plane: int | None = None,
    time: int | None = None,
    dilate: int = 0,
    merge_overlap_threshold: float = math.inf,
    size: PixelSize | None = None,
) -> dict[str, Any]:
    """How a result was made, as JSON values for the description of its files.

    Parameters
    ----------
    image_path : Path
        The image, of which the name is told.
    image_sha256 : str
        Digest of the image file (hexadecimal).
    config : Config
        Hyperparameters used, every default filled in.
    scale : float
        Scale used (pixels).
    performance : PerformanceReport
        How the cover was found.
    channel, plane, time, dilate, merge_overlap_threshold
        See `segment_file`.
    size : PixelSize, optional
        Size of a pixel.

    Returns
    -------
    dict
    """
    row = performance.row()
    return {
        "software": f"superdsm_nb {__version__}",
        "image": image_path.name,
        "image_sha256": image_sha256,
        "channel": channel,
        "plane": plane,
        "time": time,
        "pixel_size_micrometers": None if size is None else list(size),
        "dilate": dilate,
        "merge_overlap_threshold": merge_overlap_threshold if merge_overlap_threshold < math.inf else None,
        "scale": scale,
        "cover": {name: row[name] for name in ("cost", "lower_bound", "gap", "proven_cluster_count")}
        | {"cluster_count": len(performance.clusters)},
        "config_digest": config.digest,
        "config": json.loads(config.dumps()),
    }
