"""Settings that were found on one image, as a task for a whole folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..batch.init import task_of, write_task
from ..config import Config
from ..io import Source
from .settings import settings_of


def save_task(folder: Path, config: Config, images: Sequence[Path], source: Source | None = None) -> Path:
    """Write a ``task.json`` that segments the images in a folder with these settings.

    Parameters
    ----------
    folder : Path
        Folder of the images; the results go to folders inside.
    config : Config
        Hyperparameters; only what differs from the defaults is written, and the method.
    images : sequence of Path
        Images in the folder; those of the same format belong to the task as well.
    source : Source, optional
        Which channel, plane, time point and scene of the files are used.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    TaskError
        If there is a ``task.json`` already, or no image.
    OutputError
        If it cannot be written.

    Examples
    --------
    >>> from superdsm_nb.config import Config
    >>> fields = task_for(Config({"diameter": 31, "postprocess": {"min_area": 0.1}}), [Path("a.tif")])
    >>> fields["file_ids"], fields["config"]
    ('*', {'preset': 'automatic', 'diameter': 31})
    """
    return write_task(folder, images, task_for(config, images, source))


def task_for(config: Config, images: Sequence[Path], source: Source | None = None) -> dict[str, Any]:
    """Return the fields of a task with these settings, as `save_task` writes them."""
    part = {} if source is None else {name: value for name, value in source.part.items() if value is not None}
    return {**task_of(images), **part, "config": json.loads(settings_of(config).dumps())}
