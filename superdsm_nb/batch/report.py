"""The report of a task: a single self-contained page."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from .._version import __version__
from ..config import STAGE_NAMES, Config
from ..errors import visible
from ..events import ObjectDiscarded, Remark, Warned
from ..performance import PerformanceReport
from ..strictjson import strict_values
from .header import Header
from .jobs import Job
from .survey import Plan
from .thumbnails import compressed, picture_of, written_files
from .timings import read_timings, timed_stages

MAX_PICTURES_SIZE = 18e6  # bytes of all embedded pictures; base64 encoding adds a third
MAX_THUMBNAIL_SIZE = 90_000  # bytes of one of them
BINS = 24
TAIL_PERCENT = 0.5  # percentage of the objects at either end that the first and the last bar collect
BROWSER_FORMATS = (".png",)  # outputs that every browser shows
UNKNOWN = "–"
ROUNDING_TOLERANCE = 1e-6  # numbers this close to an integer are shown as one
PRUNING = "global-energy-minimization/pruning"
MEASURES = ("area", "norm_energy")
SOFTWARE = f"superdsm_nb {__version__}"


@dataclass(frozen=True)
class Entry:
    """One image of the task, as a row shows it.

    Attributes
    ----------
    job : Job
        The image.
    header : Header or None
        Its result; None if there is none.
    failure : str or None
        Why it failed; None if it did not.
    """

    job: Job
    header: Header | None
    failure: str | None

    @property
    def count(self) -> int | None:
        """Number of objects; None if it is not known."""
        if self.header is None or not (
            self.header.rows or {"cover", "performance"} & set(self.header.entries)
        ):
            return None
        return len(self.header.rows)

    @property
    def scale(self) -> float | None:
        """Scale used (pixels); None if it is not known."""
        return None if self.header is None else self.header.scale

    @property
    def remarks(self) -> list[Remark]:
        """Remarks of all stages."""
        return [] if self.header is None else [each for said in self.header.remarks.values() for each in said]

    @property
    def warnings(self) -> list[str]:
        """Texts of the warnings."""
        return [remark.text for remark in self.remarks if isinstance(remark, Warned)]

    @property
    def discarded(self) -> list[str]:
        """Objects that were discarded, and why."""
        return [str(remark) for remark in self.remarks if isinstance(remark, ObjectDiscarded)]

    @property
    def has_problem(self) -> bool:
        """Whether it needs attention."""
        return self.header is None or self.failure is not None or bool(self.warnings)

    def measurements(self, column: str) -> NDArray[np.float64]:
        """Finite values of one column of the table of objects."""
        rows = [] if self.header is None else self.header.rows
        values = np.array([row.get(column, math.nan) for row in rows], np.float64)
        return values[np.isfinite(values)]


def report_html(
    plan: Plan, known: Sequence[tuple[Job, Header]], failures: Mapping[str, str] | None = None
) -> str:
    """Render the results of a task as one page.

    Parameters
    ----------
    plan : Plan
        The task and its images.
    known : sequence of (Job, Header)
        The images with a result.
    failures : mapping of str to str, optional
        Why images failed, by file id.

    Returns
    -------
    str
        HTML with style, script and pictures inside. Equal results give equal pages except for the part
        between ``<!-- seconds -->`` and ``<!-- /seconds -->``.
    """
    headers, reasons = {job.file_id: header for job, header in known}, failures or {}
    entries = [Entry(job, headers.get(job.file_id), reasons.get(job.file_id)) for job in plan.jobs]
    results = [entry.header for entry in entries if entry.header is not None]
    page = files(__package__).joinpath("report_template.html").read_text(encoding="utf-8")
    axes = {column: _edges([entry.measurements(column) for entry in entries]) for column in MEASURES}
    stages = timed_stages(plan.jobs)
    limit = int(min(MAX_THUMBNAIL_SIZE, MAX_PICTURES_SIZE / max(len(entries), 1)))
    return Template(page).substitute(
        policy=_policy(page),
        title=_name(plan.task.folder.resolve().name),
        images=len(entries),
        objects=sum(entry.count or 0 for entry in entries),
        failed=sum(entry.failure is not None for entry in entries),
        unfinished=sum(entry.header is None and entry.failure is None for entry in entries),
        warnings=sum(len(entry.warnings) for entry in entries),
        proof=_proof(results),
        software=_text(", ".join(sorted({header.software for header in results})) or SOFTWARE),
        preset=plan.task.preset,
        digest=plan.digest,
        stage=_text(plan.task.last_stage or STAGE_NAMES[-1]),
        config=_text(_pretty(plan.task.config)),
        areas=_distribution(entries, "area", axes["area"]),
        energies=_distribution(entries, "norm_energy", axes["norm_energy"]),
        shown=f"{len(entries)} of {_counted(len(entries), 'image')}",
        rows="\n".join(_row(entry, axes, limit) for entry in entries),
        stages="".join(f'<th role="columnheader" scope="col">{name}</th>' for name in stages),
        seconds=_seconds(entries, stages),
    )


def _pretty(config: Config) -> str:
    return json.dumps(strict_values(config.entries), indent=2, sort_keys=True, ensure_ascii=False)


def _text(value: object) -> str:
    """Escape text for HTML; lone surrogates, which file names may contain, are replaced."""
    return escape(str(value).encode("utf-8", "replace").decode())


def _name(value: object) -> str:
    """Escape a name, or a line about it, for HTML and for the reader: nothing in it is invisible."""
    return _text(visible(str(value)))


def _policy(page: str) -> str:
    """Content security policy: only the script of the template runs, whatever a log line holds."""
    hashes = {}
    for tag in ("style", "script"):
        content = page.partition(f"<{tag}>")[2].partition(f"</{tag}>")[0].encode()
        hashes[tag] = "sha256-" + base64.b64encode(hashlib.sha256(content).digest()).decode()
    rules = [f"{tag}-src '{digest}'" for tag, digest in hashes.items()]
    return "; ".join(["default-src 'none'", "img-src data: 'self'", *rules, "base-uri 'none'"])


def _number(value: float | None) -> str:
    """Format a number with a readable precision."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    return (
        f"{value:.0f}"
        if abs(value) >= 100 or abs(value - round(value)) < ROUNDING_TOLERANCE
        else f"{value:.3g}"
    )


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _proof(headers: Sequence[Header]) -> str:
    """How good the covers are; empty if there are none."""
    total = sum((header.performance for header in headers), PerformanceReport())
    if not total.clusters:
        return ""
    rules = {str(header.config.get(PRUNING)) for header in headers}
    statement = total.statement("isbi24" if "isbi24" in rules else "exact")
    return f"<p>{_text(statement[0].upper() + statement[1:])}.</p>"


def _edges(columns: Sequence[NDArray[np.float64]]) -> NDArray[np.float64] | None:
    """Borders of the bars, equal for the task and its images; None if there is nothing to count."""
    values = np.concatenate([np.zeros(0), *columns])
    if values.size == 0:
        return None
    low, high = np.percentile(values, (TAIL_PERCENT, 100 - TAIL_PERCENT))
    if not low < high:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, BINS + 1)


def _bars(values: NDArray[np.float64], edges: NDArray[np.float64], width: int, height: int) -> str:
    """Outline of a histogram as an SVG path."""
    counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
    step = width // BINS
    tall = {
        place: max(round(height * count / counts.max(), 1), 1) for place, count in enumerate(counts) if count
    }
    return "".join(f"M{place * step} {height}v{-top:g}h{step - 1}v{top:g}z" for place, top in tall.items())


def _distribution(entries: Sequence[Entry], column: str, edges: NDArray[np.float64] | None) -> str:
    """Histogram over all images, with its quartiles in words."""
    if edges is None:
        return "<p>no objects</p>"
    values = np.concatenate([entry.measurements(column) for entry in entries])
    first, median, third = (float(value) for value in np.percentile(values, (25, 50, 75)))
    width, height = 20 * BINS, 90
    place = width * (median - edges[0]) / (edges[-1] - edges[0])
    return (
        f"<p>median {_number(median)}, middle half {_number(first)} to {_number(third)}</p>"
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="histogram of '
        f'{_counted(values.size, "object")}"><path d="{_bars(values, edges, width, height)}"/>'
        f'<path class="median" d="M{place:.1f} 0V{height}"/></svg>'
        f'<div class="ends"><span>≤ {_number(edges[0])}</span><span>≥ {_number(edges[-1])}</span></div>'
    )


def _row(entry: Entry, axes: Mapping[str, NDArray[np.float64] | None], limit: int) -> str:
    name, known = _name(entry.job.file_id), entry.header is not None
    medians = []
    for label, column in zip(("Median area", "Median energy"), MEASURES, strict=True):
        values = entry.measurements(column)
        median = float(np.median(values)) if values.size else None
        medians.append(_cell(label, median, _sparkline(values, axes[column])))
    count = "" if entry.count is None else entry.count
    return (
        f'<tr role="row" data-problem="{int(entry.has_problem)}" data-count="{count}">'
        f'<td role="cell" class="picture">{_thumbnail(entry, limit)}</td>'
        f'<th role="rowheader" scope="row" class="name" data-value="{name}"><span class="id">{name}</span>'
        f"{_notes(entry)}</th>{_cell('Objects', entry.count)}{_cell('Scale', entry.scale)}"
        f'{"".join(medians)}<td role="cell" class="sec" data-label="Seconds" data-value=""></td>'
        f"{_cell('Warnings', len(entry.warnings) if known else None)}"
        f"{_cell('Discarded', len(entry.discarded) if known else None)}</tr>"
    )


def _cell(label: str, value: float | None, more: str = "") -> str:
    exact = "" if value is None else f"{value:.10g}"
    kind = ' class="zero"' if value == 0 else ' class="wide"' if more else ""
    start = f'<td role="cell" data-label="{label}" data-value="{exact}"{kind}>'
    return f"{start}<span>{_number(value)}</span>{more}</td>"


def _sparkline(values: NDArray[np.float64], edges: NDArray[np.float64] | None) -> str:
    if edges is None or values.size == 0:
        return ""
    path = _bars(values, edges, 4 * BINS, 20)
    return f'<svg class="small" viewBox="0 0 {4 * BINS} 20" aria-hidden="true"><path d="{path}"/></svg>'


def _notes(entry: Entry) -> str:
    notes = []
    if entry.failure is not None:
        notes.append(f'<p class="failure">Failed: {_name(entry.failure)}</p>')
    elif entry.header is None:
        notes.append('<p class="failure">Not finished: there is no result.</p>')
    notes += [f'<p class="warning">{_name(line)}</p>' for line in entry.warnings]
    if entry.discarded:
        items = "".join(f"<li>{_name(line)}</li>" for line in entry.discarded)
        notes.append(f"<details><summary>What was discarded</summary><ul>{items}</ul></details>")
    return "".join(notes)


def _thumbnail(entry: Entry, limit: int) -> str:
    if entry.header is None or (picture := picture_of(entry.job, entry.header)) is None:
        return ""
    kind, content, width, height = compressed(picture, limit)
    uri = f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
    name = _name(entry.job.file_id)
    image = f'<img src="{uri}" width="{width}" height="{height}" alt="Contours of {name}" decoding="async">'
    overlay = written_files(entry.job, entry.header).get("overlay")
    if overlay is None or overlay.suffix.lower() not in BROWSER_FORMATS:
        return f'<button type="button" class="zoom" aria-haspopup="dialog">{image}</button>'
    # A colon is quoted as well, so that no file id is taken for a URL scheme.
    address = quote(os.fsencode(Path(os.path.relpath(overlay, entry.job.folder)).as_posix()))
    return f'<a class="zoom" aria-haspopup="dialog" href="{address}">{image}</a>'


def _seconds(entries: Sequence[Entry], stages: Sequence[str]) -> str:
    """Rows of the seconds per stage: all that differs from run to run, kept in one place."""
    known = {str(number): entry.job for number, entry in enumerate(entries) if entry.header is not None}
    rows = [(job.file_id, number, _seconds_of(job, stages)) for number, job in known.items()]
    if rows:
        rows.insert(0, ("all images", "", np.sum([times for _, _, times in rows], 0)))
    return "\n".join(
        f'<tr role="row" data-row="{number}"><th role="rowheader" scope="row" class="name">{_name(name)}</th>'
        + "".join(
            f'<td role="cell" data-label="{stage}">{value:.2f}</td>'
            for stage, value in zip((*stages, "total"), (*times, times.sum()), strict=True)
        )
        + "</tr>"
        for name, number, times in rows
    )


def _seconds_of(job: Job, stages: Sequence[str]) -> NDArray[np.float64]:
    """Seconds of each stage."""
    times = read_timings(job)
    return np.array([times.get(stage, 0.0) for stage in stages], np.float64)
