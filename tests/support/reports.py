"""Results of a task that never ran, for reports on them."""

from __future__ import annotations

from dataclasses import replace

from superdsm_nb.batch.header import Header
from superdsm_nb.batch.jobs import expand_jobs
from superdsm_nb.batch.spec import Task
from superdsm_nb.batch.survey import Plan, State
from superdsm_nb.config import Config
from superdsm_nb.pipeline import create_default_pipeline
from superdsm_nb.results.tables import OBJECT_COLUMNS

STAGES = [stage.name for stage in create_default_pipeline().stages]


def row_of(area, energy):
    return {**dict.fromkeys(OBJECT_COLUMNS, 0.0), "area": area, "norm_energy": energy}


def header_of(count=3, remarks=None, **changes):
    rows = [row_of(100.0 + 10 * number, 0.01 * number) for number in range(count)]
    entries = {"cover": []}
    fields = ("d" * 64, "0" * 64, {}, Config(), 11.0, STAGES[-1], remarks or {}, rows, {}, entries)
    return replace(Header(*fields), **changes)


def plan_of(folder, headers, **fields):
    """A task with the given results by file id, None for images without one, and what is known of it."""
    patterns = {"seg": "seg/%s.png", "overlay": "overlay/%s.png"}
    task = Task(folder, True, None, Config({"AF_scale": 11}), "%s.tif", patterns, tuple(headers), **fields)
    jobs = expand_jobs(task, folder)
    states = [State(job, None, headers[job.file_id]) for job in jobs]
    return Plan(task, states), [(job, headers[job.file_id]) for job in jobs if headers[job.file_id]]
