"""From a stack of a task to the files of its result: all planes, each segmented by itself."""

from __future__ import annotations

import json
import statistics
import time
from dataclasses import asdict

from ..config import STAGE_NAMES
from ..diameter import is_size_given
from ..errors import ImageError
from ..events import PLANES, WRITING, StageStarted
from ..io import file_digest, write_file
from ..parallel import processor_kind
from ..results.outputs import write_outputs
from ..results.stack import StackSegmentation
from ..stack import segment_stack
from . import store
from .header import Header
from .jobs import Job, no_such_file
from .lock import check_token
from .log import Recorder, write_log
from .outcome import Mode, Summary

TABLE = "csv"  # kind of output whose rows are the table of objects


def process_stack(job: Job, mode: Mode, recorder: Recorder) -> Summary:
    """Segment all planes of a file and write its outputs; there is nothing to resume within a stack.

    Parameters
    ----------
    job : Job
        The file.
    mode : Mode
        How stored results are treated. A limit on the time holds for each plane.
    recorder : Recorder
        Receives the events.

    Raises
    ------
    SuperDSMError
        If the file cannot be read, no plane can be segmented, or an output cannot be written.
    """
    start = time.perf_counter()
    if not job.image.exists():
        raise no_such_file(job.image)
    kinds = [kind for kind in job.outputs if kind != "log"]
    result = segment_stack(
        job.source,
        job.config,
        drawing=job.drawing,
        measure=job.measure,
        ring=job.ring,
        outputs=list(dict.fromkeys([*kinds, TABLE])),
        time_limit=mode.limit_of(job),
        keep_finished=job.keep_finished or mode.keep_finished,
        emit=recorder,
    )
    segmented = time.perf_counter()
    recorder(StageStarted(WRITING))
    check_wanted(job, mode)
    written = write_outputs(result, {kind: job.outputs[kind] for kind in kinds}, recorder)
    digest = result.image.sha256
    if "log" in job.outputs:
        written.append("log")
        facts = [f"image sha256 {digest}", f"preset {result.preset}", f"planes {len(result.planes)}"]
        write_log(job, recorder.remarks, facts)
    scale = statistics.median(plane.scale for plane in result.planes if plane.scale is not None)
    if not mode.oneshot:
        check_wanted(job, mode)
        timings = {PLANES: segmented - start, WRITING: time.perf_counter() - segmented}
        write_file(job.timings, json.dumps(timings, allow_nan=False).encode())
        _store(job, result, recorder, scale, written)
    return Summary(
        result.object_count,
        scale,
        is_size_given(job.config),
        time.perf_counter() - start,
        result.performance.overall_computed_object_count,
        None,
        result.performance,
        tuple(written),
        str(result.config.get("global-energy-minimization/pruning", "exact")),
        result.preset,
        result.is_complete,
    )


def check_wanted(job: Job, mode: Mode) -> None:
    """Raise `RunOverError` if the run that asked for an image does not hold its folder any more."""
    if mode.token is not None:
        check_token(job.folder, mode.token, mode.part)


def _store(job: Job, result: StackSegmentation, recorder: Recorder, scale: float, written: list[str]) -> None:
    """Store what a later run has to know: the table and the digests of the outputs."""
    if result.image.sha256 is None:
        raise ImageError(f"{job.image} has no digest.")
    header = Header(
        job.digest,
        result.image.sha256,
        job.source.part,
        result.config,
        scale,
        STAGE_NAMES[-1],
        {name: remarks for name, remarks in recorder.remarks.items() if remarks},
        result.rows_of(TABLE),
        {kind: file_digest(job.outputs[kind]) for kind in written},
        {"performance": asdict(result.performance)},
        is_complete=result.is_complete,
        processor=processor_kind(),
    )
    store.write(job.stored, header, {})
