"""Results of this package as layers: label maps with their scale, and folders of tasks with their images."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import tifffile
from numpy.typing import NDArray

from ..batch.jobs import Job
from ..batch.spec import FILE_NAME, find_tasks
from ..batch.survey import survey
from ..errors import SuperDSMError, TaskError
from ..io import imread, pixel_size
from ..regularfiles import open_regular
from .samples import LayerData

Reader = Callable[[Any], list[LayerData]]

SOFTWARE = "superdsm_nb"
TIFF = (".tif", ".tiff")
MOST = 16  # images of different sizes that are opened


def label_reader(path: str | list[str]) -> Reader | None:
    """Return a reader for a label map of this package, or None for any other file."""
    if not isinstance(path, str) or not path.lower().endswith(TIFF):
        return None
    return read_labels if is_own_label_map(Path(path)) else None


def task_reader(path: str | list[str]) -> Reader | None:
    """Return a reader for a folder with a ``task.json``, or None for any other."""
    is_task = isinstance(path, str) and (Path(path) / FILE_NAME).is_file()
    return read_task if is_task else None


def read_labels(path: str) -> list[LayerData]:
    """Read a label map with its scale."""
    file = Path(path)
    labels = _whole(file)
    return [(labels, _described(f"nuclei: {file.stem}", file, labels.ndim), "labels")]


def read_task(path: str) -> list[LayerData]:
    """Read the images of a task and the nuclei that were found in them.

    Images of one size become a stack that is read as it is looked at; of several sizes, the first are opened.

    Raises
    ------
    TaskError
        If no image of it has been segmented yet.
    """
    jobs = [job for job in jobs_of(Path(path)) if label_file(job).is_file()]
    if not jobs:
        raise TaskError(f"Nothing in {path} has been segmented yet: run the task first.")
    first = _pair(jobs[0])
    sizes = {_size(label_file(job)) for job in jobs} if len(jobs) > 1 else set()
    if len(sizes) == 1 and first[1].ndim == 2:
        return _stacked(Path(path).name, jobs, first)
    found: list[LayerData] = []
    for job in jobs[:MOST]:
        image, labels = _pair(job)
        found.append((image, _described(job.file_id, job.image, image.ndim), "image"))
        found.append((labels, _described(f"nuclei: {job.file_id}", job.image, labels.ndim), "labels"))
    return found


def jobs_of(folder: Path) -> list[Job]:
    """Return the images of the task in a folder."""
    plans = [plan for plan in survey(find_tasks(folder), folder) if plan.task.runnable]
    return [job for plan in plans for job in plan.jobs]


def label_file(job: Job) -> Path:
    """Where the label map of an image is; of very many nuclei, beside the PNG that could not hold them."""
    path = job.outputs["seg"]
    larger = path.with_name(f"{path.name}.tif")
    return larger if not path.is_file() and larger.is_file() else path


def _size(file: Path) -> tuple[int, int]:
    """Width and height of a label map, from the head of its file."""
    with open_regular(file) as content, PIL.Image.open(content) as picture:
        return picture.size


def _whole(file: Path) -> NDArray[Any]:
    """Read all planes of a TIFF file."""
    with open_regular(file) as content, tifffile.TiffFile(content, name=file.name) as tiff:
        return np.asarray(tiff.asarray())


def is_own_label_map(file: Path) -> bool:
    """Whether a TIFF file holds labels and says that this package has made it."""
    try:
        with open_regular(file) as content, tifffile.TiffFile(content, name=file.name) as tiff:
            page, info = tiff.pages.first, tiff.imagej_metadata or {}
            text = str(info.get("Info") or page.description)
            is_labels = page.dtype is not None and page.dtype.kind in "iu" and page.samplesperpixel == 1
        described = json.loads(text) if text.startswith("{") else {}
    except (OSError, ValueError, IndexError, tifffile.TiffFileError):
        return False
    return is_labels and isinstance(described, Mapping) and _is_own(described)


def _is_own(described: Mapping[str, Any]) -> bool:
    """Whether a description is that of a result, and not of an image that was generated."""
    return str(described.get("software", "")).startswith(SOFTWARE) and "generator" not in described


def _pair(job: Job) -> tuple[NDArray[Any], NDArray[Any]]:
    """Read an image and its labels; of a stack, all that was segmented is one array."""
    labels = _whole(label_file(job)) if job.source.is_stack else imread(label_file(job))
    pixels = _whole(job.image) if job.source.is_stack else imread(job.image, **job.source.part)
    return pixels, labels


def _stacked(name: str, jobs: list[Job], first: tuple[NDArray[Any], NDArray[Any]]) -> list[LayerData]:
    """Put images of one size on top of each other; each is read when it is looked at."""
    import dask.array  # noqa: PLC0415 - slow, and rarely needed
    from dask import delayed  # noqa: PLC0415

    found: list[LayerData] = []
    for number, kind in enumerate(("image", "labels")):
        like = first[number]
        parts = [
            dask.array.from_delayed(
                delayed(lambda job, at=number: _pair(job)[at])(job), like.shape, like.dtype
            )
            for job in jobs
        ]
        options = _described(name if kind == "image" else f"nuclei: {name}", jobs[0].image, like.ndim + 1)
        options["metadata"] = {"images": [job.file_id for job in jobs]}
        if kind == "image":
            options["contrast_limits"] = tuple(float(each) for each in np.percentile(like, (0.5, 99.9)))
        found.append((dask.array.stack(parts), options, kind))
    return found


def _described(name: str, file: Path, ndim: int) -> dict[str, Any]:
    """Name a layer, and give it the size of the pixels of a file if that is known."""
    try:
        size = pixel_size(file)
    except SuperDSMError:
        size = None
    if size is None:
        return {"name": name}
    others = ndim - 2
    return {
        "name": name,
        "scale": (*[1.0] * others, size.height, size.width),
        "units": (*["pixel"] * others, "um", "um"),
    }
