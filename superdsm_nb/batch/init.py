"""A task.json for a folder of images, so that nobody has to type a list of their names."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..config import DEFAULT_PRESET
from ..errors import TaskError
from ..io import write_file
from .spec import FILE_NAME, check_folder


def write_task(folder: Path, images: Sequence[Path], fields: Mapping[str, Any] | None = None) -> Path:
    """Write a ``task.json`` that segments the images in a folder.

    Parameters
    ----------
    folder : Path
        Folder of the images; the results go to folders inside.
    images : sequence of Path
        Its images.
    fields : mapping, optional
        The fields of the task, if they are not those of `task_of`.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    TaskError
        If there is one already, or no image.
    OutputError
        If it cannot be written.
    """
    path = folder / FILE_NAME
    check_folder(folder)
    if os.path.lexists(path):
        raise TaskError(f"{path} already exists: edit it, or delete it first.")
    if not images:
        raise TaskError(f"There is no image in {folder}.")
    write_file(path, task_text(task_of(images) if fields is None else fields).encode())
    return path


def task_text(fields: Mapping[str, Any]) -> str:
    """Return the text of a ``task.json``."""
    return json.dumps(fields, indent=2) + "\n"


def task_of(images: Sequence[Path]) -> dict[str, Any]:
    """Return the fields of a task for images in one folder.

    Images of one format are selected by a pattern, so that images added later belong to the task as well;
    images of several formats are listed by name.
    """
    suffixes = {image.suffix for image in images}
    is_uniform = len(suffixes) == 1 and not any("%" in image.name for image in images)
    return {
        "runnable": True,
        "img_pathpattern": "{TASKDIR}/%s" + (suffixes.pop() if is_uniform else ""),
        "seg_pathpattern": "segmentation/%s.png",
        "overlay_pathpattern": "overlay/%s.png",
        "file_ids": "*" if is_uniform else [image.name for image in images],
        "config": {"preset": DEFAULT_PRESET},
    }
