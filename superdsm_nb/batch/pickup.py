"""Which stored result an image may start from, and at which stage."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..automation import scaled_config
from ..config import STAGE_NAMES, AutomationSettings, Config, GeneralSettings, Preset, resolve_preset
from ..diameter import is_size_given
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
    if _in_general(job.config) != _in_general(header.config):
        return 0
    if header.last_stage not in STAGE_NAMES:
        return 0
    pipeline = pipeline_of(header.preset)
    config = scaled_config(pipeline, job.config, header.scale)
    for position, stage in enumerate(pipeline.stages):
        if position > STAGE_NAMES.index(header.last_stage):
            return position
        stage.fill_defaults(config)
        if _in_effect(config, stage.name) != _in_effect(header.config, stage.name):
            return position
    return len(pipeline.stages)


def _in_general(config: Config) -> tuple[Preset, GeneralSettings, str | None]:
    """What all stages depend on: method, size, kind of image, and the estimator if the size is estimated."""
    general = replace(GeneralSettings.of(config), preset=None)
    estimator = None if is_size_given(config) else AutomationSettings.of(config).estimator
    return resolve_preset(config), general, estimator


def _in_effect(config: Config, section: str) -> dict[str, Any]:
    """Values of a section without the factors they were derived from."""
    values: dict[str, Any] = config.get(section, {})
    return {name: value for name, value in values.items() if not name.startswith("AF_")}


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
