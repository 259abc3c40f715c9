"""Which stored result an image may start from, and at which stage."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..automation import scaled_config
from ..automation.changes import first_change, in_general
from ..config import STAGE_NAMES, Config, resolve_preset
from ..errors import StoredResultError
from ..io import LoadedImage
from ..pipeline import pipeline_of
from ..results.result import Segmentation
from . import store
from .header import Header
from .jobs import Job

FIRST_RESUMABLE_STAGE = "global-energy-minimization"  # before it, starting from scratch costs no more


@dataclass(frozen=True)
class PickUp:
    """A stored result to start from.

    Attributes
    ----------
    folder : Path
        Folder of the task that it belongs to.
    path : Path
        The stored result.
    header : Header
        Its metadata.
    first : int
        Position of the first stage to run; the number of stages if none is.
    """

    folder: Path
    path: Path
    header: Header
    first: int


def find_pickup(job: Job, image_sha256: str, problems: list[str] | None = None) -> PickUp | None:
    """Find the stored result from which the fewest stages are left to run: the image's own or an ancestor's.

    Parameters
    ----------
    job : Job
        The image.
    image_sha256 : str
        Digest of its file.
    problems : list of str, optional
        Receives the problems of damaged results.

    Returns
    -------
    PickUp or None
        None if it starts from scratch.
    """
    best: PickUp | None = None
    if job.source.is_stack:  # its stages are not stored
        return None
    for folder, path in [(job.folder, job.stored), *job.ancestors.items()]:
        if not path.exists():
            continue
        try:
            header = store.verified_header(path)
            first = first_difference(header, job, image_sha256)
        except StoredResultError as error:
            if problems is not None:
                problems.append(str(error))
            continue
        if first >= STAGE_NAMES.index(FIRST_RESUMABLE_STAGE) and (best is None or first > best.first):
            best = PickUp(folder, path, header, first)
        if path != job.stored:
            break  # only the nearest ancestor with a result
    return best


def first_difference(header: Header, job: Job, image_sha256: str) -> int:
    """Position of the first stage that would give another result; the number of stages if there is none."""
    if not header.is_complete:
        return 0
    if header.image_sha256 != image_sha256 or header.source != job.source.part:
        return 0
    if header.last_stage not in STAGE_NAMES or in_general(job.config) != in_general(header.config):
        return 0
    changed = first_change(pipeline_of(header.preset), header.config, job.config, header.scale)
    return min(changed, STAGE_NAMES.index(header.last_stage) + 1)


def restore(pickup: PickUp, config: Config, image: LoadedImage, job: Job) -> Segmentation:
    """Restore a stored result; the outputs of the early, cheap stages are computed again.

    Parameters
    ----------
    pickup : PickUp
        The stored result.
    config : Config
        Hyperparameters that the task sets.
    image : LoadedImage
        The image it belongs to.
    job : Job
        The image in its task, with the drawing options.

    Raises
    ------
    StoredResultError
        If it is damaged, or does not fit the image.
    """
    pipeline = pipeline_of(resolve_preset(config))
    config = scaled_config(pipeline, config, pickup.header.scale)
    data = pipeline.init(image.pixels, config)
    values = config.copy()
    for stage in pipeline.stages[: pipeline.find("dsm") + 1]:
        stage(data, values)
    shape = data["g_raw"].shape
    working = data["canonical"].shape if "canonical" in data else shape
    stored = store.read(pickup.path, working, pickup.header, shape)
    return Segmentation(image, {**data, **stored, "scale": pickup.header.scale}, config, drawing=job.drawing)
