"""The small pictures of a report."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from PIL import Image, features

from ..config import GeneralSettings
from ..errors import SuperDSMError
from ..io import ALL, open_planes
from ..render import render_result_over_image
from .header import Header
from .jobs import Job

THUMBNAIL_SIDE = 320  # longest side of the embedded pictures (pixels)
THUMBNAIL_SETTINGS = ((1, 70), (1, 50), (1, 30), (0.7, 30), (0.5, 30), (0.3, 30), (0.2, 20))  # side, quality


def picture_of(job: Job, header: Header) -> NDArray[Any] | None:
    """Contours over an image: the overlay if there is one, or drawn from its label map.

    Of a stack it is the plane in the middle.
    """
    written = written_files(job, header)
    own = {axis: ALL for axis, choice in job.source.part.items() if choice == ALL}  # axes of the outputs
    try:
        if "overlay" in written:
            return _middle(written["overlay"], True, own)
        if "seg" not in written:
            return None
        image = _middle(job.image, GeneralSettings.of(job.config).histological, job.source.part)
        labels = _middle(written["seg"], False, own)
    except SuperDSMError:
        return None
    if image.shape[:2] != labels.shape:
        return None
    return render_result_over_image(image, labels, job.drawing.border_width)


def _middle(path: Path, histological: bool, part: Mapping[str, Any]) -> NDArray[Any]:
    """Read a picture, or the plane in the middle of a stack."""
    with open_planes(path, histological, **part) as planes:
        return planes.read(planes.positions[len(planes.positions) // 2])


def written_files(job: Job, header: Header) -> dict[str, Path]:
    """Outputs that belong to the result and exist."""
    paths = {kind: job.written_path(kind, len(header.rows)) for kind in job.outputs if kind in header.written}
    return {kind: path for kind, path in paths.items() if path.exists()}


def compressed(picture: NDArray[Any], limit: int) -> tuple[str, bytes, int, int]:
    """Make a picture small: format, content, width and height."""
    kind = "webp" if features.check("webp") else "jpeg"
    whole = Image.fromarray(picture).convert("RGB")
    for share, quality in THUMBNAIL_SETTINGS:
        small = whole.copy()
        small.thumbnail((round(THUMBNAIL_SIDE * share),) * 2, Image.Resampling.LANCZOS, reducing_gap=2.0)
        buffer = io.BytesIO()
        small.save(buffer, kind, quality=quality)
        if buffer.tell() <= limit:
            break
    return kind, buffer.getvalue(), *small.size
