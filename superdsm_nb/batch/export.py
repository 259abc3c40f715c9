"""Pictures of the stored results of a task."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..config import STAGE_NAMES, Config, GeneralSettings
from ..errors import AxisChoiceError, ConfigError, ImageError, StoredResultError, TaskError, shortened
from ..io import folder_to_stay_in, imsave, make_folder, writing_inside
from ..render import (
    BorderPosition,
    render_adjacencies,
    render_atoms,
    render_foreground_clusters,
    render_image,
    render_result_over_image,
    render_ymap,
)
from ..results.ownership import is_own_output
from ..results.result import Segmentation
from .choosing import choose
from .jobs import AS_FIELD, Job, expand_jobs, protected_paths
from .pickup import PickUp, restore
from .places import problem_of_folder
from .spec import Task, find_tasks
from .store import verified_header

Mode = Literal["seg", "img", "fgc", "adj", "atm"]

REQUIRED_ENTRIES = {"seg": "cover", "fgc": "clusters", "adj": "adjacencies", "atm": "atoms"}


@dataclass(frozen=True)
class YMap:
    """How offset intensities become colours: multiplied by `gain`, clipped, mapped.

    Attributes
    ----------
    low, high : float
        Values of the first and the last colour.
    gain : float
        Factor on the offset intensities.
    cmap : str
        Colour map.
    """

    low: float = -0.8
    high: float = 1.0
    gain: float = 5.0
    cmap: str = "seismic"

    @classmethod
    def parse(cls, text: str) -> YMap:
        """Read ``lo:hi:gain:cmap``, such as ``-0.8:+1:5:seismic``.

        Raises
        ------
        ConfigError
            If it has another form.
        """
        parts = text.split(":")
        try:
            low, high, gain = (float(part) for part in parts[:3])
            valid = len(parts) == 4 and all(map(math.isfinite, (low, high, gain))) and low < high and gain > 0
        except ValueError:
            valid = False
        if not valid:
            raise ConfigError(f"--ymap {text} must have the form lo:hi:gain:cmap, such as -0.8:+1:5:seismic.")
        return cls(low, high, gain, parts[3])

    def render(self, y: NDArray[np.float64]) -> NDArray[np.uint8]:
        """Return the colours of offset intensities; shape (H, W, 3)."""
        return render_ymap(self.gain * y, (self.low, self.high), self.cmap)


@dataclass(frozen=True)
class Style:
    """How pictures are drawn.

    Attributes
    ----------
    mode : str
        seg: contours over the image; img: the image; fgc: clusters of foreground; adj: atoms and which of
        them are adjacent; atm: atoms.
    border : int or None
        Width of contours (pixels); None: seg_border of the task in mode seg, else 2.
    position : str
        Contour position relative to the object boundary: "inner", "center" or "outer".
    enhance : bool
        Enhance the contrast of the image (modes seg and img).
    ymap : YMap
        Colours of offset intensities (modes adj and atm).
    """

    mode: Mode = "seg"
    border: int | None = None
    position: BorderPosition = "inner"
    enhance: bool = False
    ymap: YMap = YMap()


def export(
    root: Path,
    folder: str,
    style: Style,
    outdir: Path | None = None,
    image_ids: Iterable[str] = (),
    force: bool = False,
) -> Iterator[tuple[str, Path]]:
    """Write pictures of the stored results of a task.

    Parameters
    ----------
    root : Path
        Root of the tasks.
    folder : str
        Folder of the task, relative to the root.
    style : Style
        What the pictures show, and how.
    outdir : Path, optional
        Output folder; by default ``export-MODE`` in the task's folder.
    image_ids : iterable of str
        Only these images.
    force : bool
        Whether files may be overwritten that this package has not written.

    Yields
    ------
    (str, Path)
        File id and picture, as they are written.

    Raises
    ------
    TaskError
        If there is no such task, image or stored result.
    StoredResultError
        If a stored result is damaged or older than its image.
    """
    (task,) = choose(find_tasks(root), root, [folder], ())
    if not task.runnable:
        raise TaskError(
            f"{task.folder} is a template: it has no results. Name one of the tasks derived from it."
        )
    target = outdir if outdir is not None else task.folder / f"export-{style.mode}"
    taken = protected_paths(find_tasks(root), root)
    jobs = _requested_jobs(task, root, list(image_ids))
    targets = {job.file_id: target / f"{job.file_id}.png" for job in jobs}
    # A folder that is asked for may be a link, but not one that is in the folder of the tasks.
    base = task.folder if outdir is None else outdir
    if outdir is not None and folder_to_stay_in(outdir, root) == root:
        base = root
    for file_id, path in targets.items():
        problem = problem_of_folder(path.parent, base)
        if problem is not None:
            raise TaskError(f"The picture of {shortened(file_id)!r}, {path}, {problem}")
        if Path(os.path.realpath(path)) in taken:
            raise TaskError(
                f"A picture would overwrite {path}, an image or a result: choose another --outdir."
            )
        if not force and os.path.lexists(path) and not is_own_output("overlay", path):
            raise TaskError(
                f"{path} exists, and superdsm_nb has not written it: choose another --outdir, or "
                "overwrite it with --force."
            )
    if base == outdir:
        make_folder(outdir)
    for job in jobs:
        path = targets[job.file_id]
        picture, provenance = render(job, style)
        with writing_inside(base):
            imsave(path, picture, provenance)
        yield job.file_id, path


def _requested_jobs(task: Task, root: Path, image_ids: list[str]) -> list[Job]:
    """Requested images of a task, or all that have results."""
    jobs = {job.file_id: job for job in expand_jobs(task, root)}
    unknown = [name for name in image_ids if name not in jobs]
    if unknown:
        raise TaskError(f"{task.folder} has no image {unknown[0]}: its images are {', '.join(jobs)}.")
    chosen = [
        job for name, job in jobs.items() if name in image_ids or (not image_ids and job.stored.exists())
    ]
    missing = [job.file_id for job in chosen if not job.stored.exists()]
    if missing or not chosen:
        what = f"no result of {missing[0]}" if missing else "no result"
        raise TaskError(f"There is {what} in {task.folder}: run superdsm-nb batch {root} --run first.")
    return chosen


def render(job: Job, style: Style) -> tuple[NDArray[Any], dict[str, Any]]:
    """Draw the stored result of one image.

    Parameters
    ----------
    job : Job
        The image.
    style : Style
        What the picture shows, and how.

    Returns
    -------
    picture : (H, W, 3) uint8 array
        Red, green and blue.
    provenance : dict
        How it was made.

    Raises
    ------
    StoredResultError
        If the stored result is damaged, belongs to another image, or ends before the stage to be shown.
    """
    if job.source.is_stack:
        raise ImageError(
            f"{job.image} is a stack, of whose stages nothing is stored: draw its pictures with the patterns "
            "of the task, such as adj_pathpattern."
        )
    header = verified_header(job.stored)
    try:
        image = job.source.load(GeneralSettings.of(header.config).histological)
    except AxisChoiceError as error:
        raise ImageError(error.worded(AS_FIELD)) from error
    if image.sha256 != header.image_sha256:
        raise StoredResultError(
            f"{job.image} has changed since its result was stored in {job.stored}: run the task again."
        )
    if header.digest != job.digest:
        raise StoredResultError(
            f"The task has changed since {job.stored} was stored: run it again before drawing its pictures."
        )
    pickup = PickUp(job.folder, job.stored, header, len(STAGE_NAMES))
    try:
        restored = restore(pickup, Config(header.config), image, job)
    except StoredResultError as error:
        raise StoredResultError(f"{error} Add --force --fresh to do so.") from error
    if REQUIRED_ENTRIES.get(style.mode, "g_raw") not in restored.data:
        raise StoredResultError(
            f"The result of {job.file_id} ends with the stage {header.last_stage}, but mode "
            f"{style.mode} needs a later one."
        )
    result = replace(restored, config=header.config)
    return draw(result, style), {**result.provenance, "picture": asdict(style)}


def draw(result: Segmentation, style: Style) -> NDArray[Any]:
    """Draw a result; see `render`."""
    border = style.border or (result.drawing.border_width if style.mode == "seg" else 2)
    if style.mode in ("adj", "atm"):
        data = result.data_at_image_size
        base = style.ymap.render(data["y"])
        if style.mode == "adj":
            return render_adjacencies(data, render_atoms(data, base))
        return render_atoms(data, base, border_width=border)
    if style.mode == "fgc":
        return render_foreground_clusters(result.data, border_width=border)
    if style.mode == "img":
        return render_image(result.picture, style.enhance)
    return render_result_over_image(
        result.picture, result.labels, border, border_position=style.position, enhance=style.enhance
    )
