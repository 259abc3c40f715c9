"""The tables and the report of a task, and the record that it is complete."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from .._version import __version__
from ..errors import OutputError
from ..io import utf8, write_atomically, writing_inside
from ..performance import PerformanceReport
from ..results.outputs import image_rows
from ..results.tables import csv_text, object_columns
from ..strictjson import strict_values
from .header import Header
from .jobs import PROVENANCE, REPORT, SEAL, Job
from .places import RESULTS
from .report import report_html
from .survey import Plan
from .timings import read_timings, timed_stages


def write_tables(plan: Plan, failures: Mapping[str, str]) -> None:
    """Write the tables and the report of a task from what is stored, and record that it is complete.

    Parameters
    ----------
    plan : Plan
        The task after its run.
    failures : mapping of str to str
        Why images failed, by file id.

    Raises
    ------
    OutputError
        If one of them cannot be written.
    """
    known = [(state.job, state.header) for state in plan.states if state.header is not None]
    total = sum((header.performance for _, header in known), PerformanceReport())
    rows = [row for job, header in known for row in image_rows(job.file_id, header.rows)]
    files = {
        "objects.csv": csv_text(object_columns(rows), rows),
        "performance.csv": csv_text(
            ["file_id", *PerformanceReport().row()],
            [
                *({"file_id": job.file_id, **header.performance.row()} for job, header in known),
                {"file_id": "total", **total.row()},
            ],
        ),
        "timings.csv": csv_text(
            ["file_id", *timed_stages(plan.jobs)],
            [{"file_id": job.file_id, **read_timings(job)} for job, _ in known],
        ),
    }
    files[REPORT] = report_html(plan, known, failures)
    if len(known) == len(plan.states):
        files[PROVENANCE] = json.dumps(_provenance(plan, known), indent=2, allow_nan=False) + "\n"
    for name, text in files.items():
        _write(plan, name, text)
    if PROVENANCE in files:
        try:
            seal = plan.seal()
        except OSError as error:  # somebody else has changed them already
            raise OutputError(
                f"The tables in {plan.task.folder} cannot be read: {error.strerror}."
            ) from error
        _write(plan, SEAL, json.dumps(seal))


def _write(plan: Plan, name: str, text: str) -> None:
    """Write a file into the folder of a task."""
    path = plan.task.folder / name
    try:
        with writing_inside(plan.task.folder):
            write_atomically(path, utf8(text))
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror or error}.") from error


def _provenance(plan: Plan, known: Sequence[tuple[Job, Header]]) -> dict[str, Any]:
    """How the results of a task were made."""
    return {
        "software": f"superdsm_nb {__version__}",
        "preset": plan.task.preset,
        "digest": plan.digest,
        "config": strict_values(plan.task.config.entries),
        "results": RESULTS,
        "images": {
            job.file_id: {
                "image": job.image.name,
                "image_sha256": header.image_sha256,
                "software": header.software,
                "processor": header.processor,
                "scale": header.scale,
                "config_digest": header.config.digest,
                "objects": len(header.rows),
                "complete": header.is_complete,
            }
            for job, header in known
        },
    }
