"""From one image of a task to the files of its result."""

from __future__ import annotations

import gzip
import io
import json
import re
import tarfile
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._version import __version__
from ..automation import process_image, scaled_config
from ..config import Config
from ..errors import ImageError, OutputError, StoredResultError, SuperDSMError
from ..image import intensities
from ..io import imread, imsave, pixel_size, write_file
from ..labelmap import rasterize_with_sources
from ..outlines import geojson, rois
from ..performance import PerformanceReport
from ..pipeline import Pipeline, create_default_pipeline
from ..render import render_adjacencies, render_atoms, render_result_over_image, render_ymap
from ..segmentation import NOTHING_FOUND, about, provenance
from ..stage import Output
from ..tables import object_rows
from . import store
from .jobs import Job, file_digest, relative_hint
from .outcome import READING, WRITING, Failure, Mode, Summary
from .pickup import RESUMABLE, PickUp, find_pickup


@dataclass
class Recorder(Output):
    """Keeps the log lines of each stage and hands everything on.

    Attributes
    ----------
    out : Output
        Takes everything, too.
    lines : dict of str to list of str
        Log lines and warnings by stage.
    current : str
        The stage that runs.
    """

    out: Output
    lines: dict[str, list[str]] = field(default_factory=dict)
    current: str = READING

    def stage(self, name: str) -> None:
        """Begin a stage; what an earlier run said of it is forgotten."""
        self.current = name
        self.lines[name] = []
        self.out.stage(name)

    def progress(self, done: int, total: int, what: str) -> None:
        """Hand on."""
        self.out.progress(done, total, what)

    def log(self, line: str) -> None:
        """Keep the line, and hand it on."""
        self.lines.setdefault(self.current, []).append(line)
        self.out.log(line)

    def warn(self, line: str) -> None:
        """Keep the line, and hand it on."""
        self.lines.setdefault(self.current, []).append(f"warning: {line}")
        self.out.warn(line)


def process(job: Job, mode: Mode, out: Output) -> Summary | Failure:
    """Segment one image of a task and write what the task wants of it.

    Parameters
    ----------
    job : Job
        The image.
    mode : Mode
        How stored results are treated.
    out : Output
        Takes progress, log lines and warnings.

    Returns
    -------
    Summary or Failure
        A failure is written to the log as well.
    """
    recorder = Recorder(out)
    try:
        return _process(job, mode, recorder)
    except Exception as error:  # noqa: BLE001 - a defect met in one image must not cost the others
        if mode.debug:
            traceback.print_exc()
        text = str(error)
        if not isinstance(error, SuperDSMError):
            text = f"{job.image}: unexpected {type(error).__name__}: {error}; please report this."
        failure = Failure(recorder.current, text)
    log_failure(job, failure, out, recorder.lines)
    return failure


def log_failure(
    job: Job, failure: Failure, out: Output, lines: Mapping[str, list[str]] | None = None
) -> None:
    """Write why an image failed to its log."""
    try:
        _write_log(job, lines or {}, [], failure)
    except OutputError as error:
        out.warn(str(error))


def _process(job: Job, mode: Mode, out: Recorder) -> Summary:
    start = time.perf_counter()
    sha, image = _read(job)
    complaints: list[str] = []
    pickup = None if mode.fresh else find_pickup(job, create_default_pipeline(), sha, complaints)
    for line in complaints:
        out.out.warn(line)
    with about(job.image):
        try:
            return _work(job, mode, sha, image, pickup, out, start)
        except Exception as error:
            # A stored result may come from elsewhere and be wrong in ways that are not looked for.
            is_ours = isinstance(error, SuperDSMError) and not isinstance(error, StoredResultError)
            if pickup is None or is_ours:
                raise
            out.out.warn(f"{pickup.path} is not used: {error}")
            return _work(job, mode, sha, image, None, out, start)


def _read(job: Job) -> tuple[str, NDArray[Any]]:
    """Digest and pixels of the image."""
    try:
        sha = file_digest(job.image)
    except FileNotFoundError as error:
        raise ImageError(f"There is no file {job.image}{relative_hint(job.image)}.") from error
    except OSError as error:
        raise ImageError(f"{job.image} cannot be read: {error.strerror or error}.") from error
    try:
        image = imread(job.image, bool(job.config.get("histological", False)), **asdict(job.source))
    except ImageError as error:
        # What is an option of one command is a field here.
        raise ImageError(re.sub(r"\(--(plane|channel|time)\)", r'("\1" in task.json)', str(error))) from error
    return sha, image


def _work(
    job: Job,
    mode: Mode,
    sha: str,
    image: NDArray[Any],
    pickup: PickUp | None,
    out: Recorder,
    start: float,
) -> Summary:
    """Run the stages that are left and write the results."""
    pipeline = create_default_pipeline()
    last = len(pipeline.stages) - 1 if job.last_stage is None else pipeline.find(job.last_stage)
    data, used, timings = _run(job, pipeline, image, pickup, last, out)
    out.stage(WRITING)
    writing = time.perf_counter()
    performance = data.get("performance", PerformanceReport())
    made = provenance(
        job.image,
        sha,
        used,
        data["scale"],
        performance,
        **asdict(job.source),
        dilate=job.drawing.dilate,
        merge_overlap_threshold=job.drawing.merge_overlap_threshold,
        size=pixel_size(job.image),
    )
    labels, rows = _draw(job, image, data, out)
    written = _write(job, image, data, labels, rows, used, made)
    _write_log(job, out.lines, [f"image sha256 {sha}", f"configuration {used.digest}"])
    timings = {**timings, WRITING: time.perf_counter() - writing}
    if pickup is not None and pickup.folder == job.folder:
        timings = {**read_timings(job), **timings}  # of what was taken over, as long as it was of its own
    if not mode.oneshot:
        header = store.Header(
            job.digest,
            sha,
            asdict(job.source),
            used,
            data["scale"],
            pipeline.stages[last].name,
            {name: lines for name, lines in out.lines.items() if lines},
            rows,
            {kind: file_digest(job.outputs[kind]) for kind in written},
        )
        write_file(job.timings, json.dumps(timings).encode())
        store.write(job.stored, header, data)
    searched = pipeline.find(RESUMABLE) in range(0 if pickup is None else pickup.first, last + 1)
    return Summary(
        None if labels is None else len(rows),
        data["scale"],
        job.config.get("AF_scale") is not None,
        time.perf_counter() - start,
        len(data.get("objects", ())) if searched else 0,
        None if pickup is None else (pickup.folder, pickup.first),
        performance,
        str(used.get("global-energy-minimization/pruning")),
    )


def _run(
    job: Job, pipeline: Pipeline, image: NDArray[Any], pickup: PickUp | None, last: int, out: Recorder
) -> tuple[dict[str, Any], Config, dict[str, float]]:
    """Run the stages that are left to run."""
    if pickup is None:
        return process_image(pipeline, job.config, image, job.last_stage, out)
    data, config = restore(pickup, pipeline, job.config, image)
    kept = min(pickup.first, last + 1)
    for stage in pipeline.stages[kept:]:
        for entry in stage.outputs:
            data.pop(entry, None)
    names = ["scale", *(stage.name for stage in pipeline.stages[:kept])]
    out.lines.update({name: pickup.header.log[name] for name in names if name in pickup.header.log})
    if pickup.first > last:
        for stage in pipeline.stages[: last + 1]:
            stage.settings(config)
        return {**data, "scale": pickup.header.scale}, config, {}
    first = pipeline.stages[pickup.first].name
    return process_image(pipeline, job.config, image, job.last_stage, out, first, data, pickup.header.scale)


def restore(
    pickup: PickUp, pipeline: Pipeline, base_config: Config, image: NDArray[Any]
) -> tuple[dict[str, Any], Config]:
    """Pipeline data object of a stored result; what preprocessing makes is made anew, which is cheap."""
    config = scaled_config(pipeline, base_config, pickup.header.scale)
    data = pipeline.init(image, config)
    values = config.copy()
    for stage in pipeline.stages[: pipeline.find("dsm") + 1]:
        stage(data, values)
    return {**data, **store.read(pickup.path, data["g_raw"].shape, pickup.header)}, config


def read_timings(job: Job) -> dict[str, float]:
    """Seconds of each stage of an image when it ran last; empty if they are not known."""
    try:
        timings = json.loads(job.timings.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(name): value for name, value in timings.items()} if isinstance(timings, dict) else {}


def _draw(
    job: Job, image: NDArray[Any], data: dict[str, Any], out: Output
) -> tuple[NDArray[Any] | None, list[dict[str, Any]]]:
    """Label map and table of objects, if the pipeline came so far."""
    if "cover" not in data:
        return None, []
    labels, sources = rasterize_with_sources(
        data, dilate=job.drawing.dilate, merge_overlap_threshold=job.drawing.merge_overlap_threshold
    )
    if not sources:
        out.warn(f"{job.image.name}: {NOTHING_FOUND}")
    g, _ = intensities(image, data["g_rgb"] is not None)
    return labels, object_rows(labels, g, sources)


def _write(
    job: Job,
    image: NDArray[Any],
    data: Mapping[str, Any],
    labels: NDArray[Any] | None,
    rows: list[dict[str, Any]],
    used: Config,
    made: Mapping[str, Any],
) -> list[str]:
    """Write what the task wants and the pipeline came to; return which that is."""
    written = []
    size = pixel_size(job.image)
    for kind, path in job.outputs.items():
        if kind == "cfg":
            write_file(path, (used.dumps() + "\n").encode())
        elif kind == "adj" and "adjacencies" in data:
            imsave(path, render_adjacencies(data, render_atoms(data, render_ymap(data))), made, size)
        elif kind == "seg" and labels is not None:
            imsave(path, _as_stored(labels, path), made, size)
        elif kind == "overlay" and labels is not None:
            background = image if data["g_rgb"] is None else data["g_rgb"]
            imsave(path, render_result_over_image(background, labels, job.drawing.border_width), made, size)
        elif kind == "rois" and labels is not None:
            write_file(path, rois(labels))
        elif kind == "geojson" and labels is not None:
            write_file(path, geojson(labels, rows, made).encode())
        elif kind != "log":
            continue
        written.append(kind)
    return written


def _as_stored(labels: NDArray[Any], path: Path) -> NDArray[Any]:
    if labels.dtype == np.uint16:
        return labels
    if path.suffix.lower() == ".png":
        raise ImageError(
            f"{path} cannot hold {labels.max()} objects, a PNG holds at most 65535: "
            "use .tif in seg_pathpattern."
        )
    return labels.astype(np.uint32)


def _write_log(
    job: Job, recorded: Mapping[str, list[str]], made: Sequence[str], failure: Failure | None = None
) -> None:
    """Write the log folder of an image, compressed; equal logs are equal files."""
    if "log" not in job.outputs:
        return
    path = job.outputs["log"]
    lines = [f"superdsm_nb {__version__}", f"image {job.image.name}", *made]
    order = [READING, "scale", *(stage.name for stage in create_default_pipeline().stages), WRITING]
    for name in order:
        lines += [f"{name}: {line}" for line in recorded.get(name, ())]
    if failure is not None:
        lines.append(f"failed in stage {failure.stage}: {failure.reason}")
    content = ("\n".join(lines) + "\n").encode()
    info = tarfile.TarInfo(f"{path.name.removesuffix('.tgz')}/log.txt")
    info.size = len(content)
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(filename="", fileobj=buffer, mode="wb", mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w") as archive,
    ):
        archive.addfile(info, io.BytesIO(content))
    write_file(path, buffer.getvalue())
