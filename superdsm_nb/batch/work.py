"""From one image of a task to the files of its result."""

from __future__ import annotations

import json
import time
import traceback
from dataclasses import replace
from typing import cast

from ..automation import process_image
from ..config import STAGE_NAMES, GeneralSettings
from ..diameter import is_size_given
from ..errors import ImageError, RunOverError, StoredResultError, SuperDSMError, errors_name, printable
from ..events import WRITING, Emit, ObjectDiscarded, StageStarted, Warned, naming
from ..io import LoadedImage, check_writable, file_digest, write_file, writing_inside
from ..parallel import processor_kind
from ..pipeline import pipeline_of
from ..results.channels import load_channels
from ..results.intensity import Measure, check_measure
from ..results.outputs import write_outputs
from ..results.result import Segmentation
from ..segmentation import warn_if_empty
from ..stage import PipelineData
from ..timelimit import has_passed, time_limit
from . import store
from .header import Header
from .jobs import AS_FIELD, Job, no_such_file
from .log import Recorder, log_failure, write_log
from .outcome import Failure, Mode, Summary
from .pickup import FIRST_RESUMABLE_STAGE, PickUp, find_pickup, restore
from .stackwork import check_wanted, process_stack
from .timings import read_timings


def process(job: Job, mode: Mode, emit: Emit) -> Summary | Failure:
    """Segment one image of a task and write its outputs.

    Parameters
    ----------
    job : Job
        The image.
    mode : Mode
        How stored results are treated.
    emit : callable
        Takes progress, log lines and warnings.

    Returns
    -------
    Summary or Failure
        A failure is written to the log as well.
    """
    recorder = Recorder(naming(job.file_id, emit))
    try:
        with writing_inside(job.folder):
            for path in job.outputs.values():
                check_writable(path)  # rather than after the work
            if job.source.is_stack:
                return process_stack(job, mode, recorder)
            with time_limit(mode.limit_of(job), job.keep_finished or mode.keep_finished):
                return _process(job, mode, recorder)
    except RunOverError as error:
        return Failure(recorder.current, str(error))
    except Exception as error:  # noqa: BLE001 - a defect in one image must not stop the others
        if mode.debug:
            traceback.print_exc()
        if isinstance(error, SuperDSMError):
            reason = error.worded(AS_FIELD)
        else:
            reason = printable(
                f"{job.image}: unexpected {type(error).__name__}: {error}; please report this."
            )
        failure = Failure(recorder.current, reason)
    log_failure(job, failure, emit, recorder.remarks)
    return failure


def _process(job: Job, mode: Mode, recorder: Recorder) -> Summary:
    start = time.perf_counter()
    image = _load(job)
    assert image.sha256 is not None, "an image that was read from a file"
    problems: list[str] = []
    pickup = None if mode.fresh else find_pickup(job, image.sha256, problems)
    for problem in problems:
        recorder.emit(Warned(problem))
    with errors_name(job.image):
        try:
            return _work(job, mode, image, pickup, recorder, start)
        except Exception as error:
            # A foreign stored result may be wrong in ways that are not checked.
            is_ours = isinstance(error, SuperDSMError) and not isinstance(error, StoredResultError)
            if pickup is None or is_ours:
                raise
            recorder.emit(Warned(f"{pickup.path} is not used: {error}"))
            return _work(job, mode, image, None, recorder, start)


def _load(job: Job) -> LoadedImage:
    try:
        return job.source.load(GeneralSettings.of(job.config).histological)
    except ImageError as error:
        if job.image.exists():
            raise
        raise no_such_file(job.image) from error


def _work(
    job: Job, mode: Mode, image: LoadedImage, pickup: PickUp | None, recorder: Recorder, start: float
) -> Summary:
    """Run the remaining stages, and write and store the result."""
    measure = Measure(load_channels(job.source, job.measure), job.ring)
    check_measure(measure, image.pixels.shape[:2], image.pixel_size)
    result = _resume(job, image, pickup, recorder) if pickup else _start(job, image, recorder)
    result = replace(result, measure=measure)
    remarks = [each for said in recorder.remarks.values() for each in said]
    result = replace(result, discarded=tuple(each for each in remarks if isinstance(each, ObjectDiscarded)))
    recorder(StageStarted(WRITING))
    writing = time.perf_counter()
    warn_if_empty(result, recorder)
    check_wanted(job, mode)
    written = write_outputs(
        result, {kind: path for kind, path in job.outputs.items() if kind != "log"}, recorder
    )
    if "log" in job.outputs:
        written.append("log")
    write_log(
        job,
        recorder.remarks,
        [
            f"image sha256 {image.sha256}",
            f"preset {result.preset}",
            f"configuration {result.config.digest}",
        ],
    )
    timings = {**result.timings, WRITING: time.perf_counter() - writing}
    if pickup is not None and pickup.folder == job.folder:
        timings = {**read_timings(job), **timings}  # keep the times of reused stages of its own result
    if not mode.oneshot:
        check_wanted(job, mode)
        _store(job, result, recorder, timings, written)
    return _summary(job, result, pickup, written, time.perf_counter() - start)


def _start(job: Job, image: LoadedImage, recorder: Recorder) -> Segmentation:
    """Run all stages."""
    data, used, timings = process_image(
        pipeline_of(job.preset), job.config, image.pixels, last_stage=job.last_stage, emit=recorder
    )
    return Segmentation(image, data, used, timings, job.drawing, not has_passed())


def _resume(job: Job, image: LoadedImage, pickup: PickUp, recorder: Recorder) -> Segmentation:
    """Run the remaining stages."""
    pipeline = pipeline_of(job.preset)
    stored = restore(pickup, job.config, image, job)
    last = STAGE_NAMES.index(_last_stage(job))
    kept = min(pickup.first, last + 1)
    names = ["scale", *STAGE_NAMES[:kept]]
    recorder.remarks.update(
        {name: list(pickup.header.remarks[name]) for name in names if name in pickup.header.remarks}
    )
    recomputed = {entry for stage in pipeline.stages[kept:] for entry in stage.outputs}
    data = cast(PipelineData, {entry: each for entry, each in stored.data.items() if entry not in recomputed})
    if pickup.first > last:
        for stage in pipeline.stages[: last + 1]:
            stage.fill_defaults(stored.config)
        return Segmentation(image, data, stored.config, drawing=job.drawing)
    data, used, timings = process_image(
        pipeline,
        job.config,
        image.pixels,
        first_stage=STAGE_NAMES[pickup.first],
        last_stage=job.last_stage,
        data=data,
        scale=pickup.header.scale,
        emit=recorder,
    )
    return Segmentation(image, data, used, timings, job.drawing, not has_passed())


def _last_stage(job: Job) -> str:
    return job.last_stage or STAGE_NAMES[-1]


def _store(
    job: Job, result: Segmentation, recorder: Recorder, timings: dict[str, float], written: list[str]
) -> None:
    assert result.image.sha256 is not None, "an image that was read from a file"
    header = Header(
        job.digest,
        result.image.sha256,
        job.source.part,
        result.config,
        result.scale,
        _last_stage(job),
        {name: remarks for name, remarks in recorder.remarks.items() if remarks},
        result.rows,
        {kind: file_digest(job.written_path(kind, result.object_count)) for kind in written},
        is_complete=result.is_complete,
        processor=processor_kind(),
    )
    write_file(job.timings, json.dumps(timings, allow_nan=False).encode())
    store.write(job.stored, header, result.data)


def _summary(
    job: Job, result: Segmentation, pickup: PickUp | None, written: list[str], seconds: float
) -> Summary:
    first = 0 if pickup is None else pickup.first
    searched = first <= STAGE_NAMES.index(FIRST_RESUMABLE_STAGE) <= STAGE_NAMES.index(_last_stage(job))
    return Summary(
        result.object_count if result.has_objects else None,
        result.scale,
        is_size_given(job.config),
        seconds,
        len(result.data.get("objects", ())) if searched else 0,
        None if pickup is None else (pickup.folder, pickup.first),
        result.performance,
        tuple(written),
        str(result.config.get("global-energy-minimization/pruning")),
        result.preset,
        result.is_complete,
    )
