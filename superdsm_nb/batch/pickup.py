"""Which stored result an image may start from, and at which stage."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..automation import scaled_config
from ..config import Config
from ..errors import StoredResultError
from ..pipeline import Pipeline
from .jobs import Job
from .store import Header, read_header

RESUMABLE = "global-energy-minimization"  # before it, starting afresh costs no more


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
        What is known of it.
    first : int
        Position of the first stage to run; the number of stages if none is.
    """

    folder: Path
    path: Path
    header: Header
    first: int


def find_pickup(
    job: Job, pipeline: Pipeline, image_sha256: str, complaints: list[str] | None = None
) -> PickUp | None:
    """Find the stored result from which the fewest stages are left to run: the image's own or an ancestor's.

    Parameters
    ----------
    job : Job
        The image.
    pipeline : Pipeline
        The stages.
    image_sha256 : str
        Digest of its file.
    complaints : list of str, optional
        Takes what is wrong with damaged results.

    Returns
    -------
    PickUp or None
        None if it starts afresh.
    """
    best: PickUp | None = None
    resumable = pipeline.find(RESUMABLE)
    for folder, path in [(job.folder, job.stored), *job.ancestors.items()]:
        if not path.exists():
            continue
        try:
            header = read_header(path)
            first = first_difference(header, job, pipeline, image_sha256)
        except StoredResultError as error:
            if complaints is not None:
                complaints.append(str(error))
            continue
        if first >= resumable and (best is None or first > best.first):
            best = PickUp(folder, path, header, first)
        if path != job.stored:
            break  # the nearest ancestor with a result, and no other
    return best


def first_difference(header: Header, job: Job, pipeline: Pipeline, image_sha256: str) -> int:
    """Position of the first stage that would not run as it did; the number of stages if all would."""
    if header.image_sha256 != image_sha256 or header.source != asdict(job.source):
        return 0
    given, then = job.config.get("AF_scale"), header.config.get("AF_scale")
    if given != then:
        return 0
    estimators = [config.get("automation/estimator") or "published" for config in (job.config, header.config)]
    if given is None and estimators[0] != estimators[1]:
        return 0
    config = scaled_config(pipeline, job.config, header.scale)
    if config.get("histological", False) != header.config.get("histological", False):
        return 0
    names = [stage.name for stage in pipeline.stages]
    if header.last_stage not in names:
        return 0
    for position, stage in enumerate(pipeline.stages):
        if position > names.index(header.last_stage):
            return position
        stage.settings(config)
        if _in_effect(config, stage.name) != _in_effect(header.config, stage.name):
            return position
    return len(pipeline.stages)


def _in_effect(config: Config, section: str) -> dict[str, Any]:
    """Values of a section without the factors that they were derived from."""
    values: dict[str, Any] = config.get(section, {})
    return {name: value for name, value in values.items() if not name.startswith("AF_")}
