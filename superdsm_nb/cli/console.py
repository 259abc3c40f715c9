"""Output of the command line: progress on a terminal, plain lines elsewhere."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column, Table
from rich.text import Text

from ..errors import ConfigError
from ..events import Event, LogLine, ObjectDiscarded, StageStarted, Warned
from ..events import Progress as ProgressEvent

INTERMEDIATE_VARIABLE = "SUPERDSM_NB_INTERMEDIATE_OUTPUT"
QUIET, NORMAL, DETAILED = 0, 1, 2


def is_intermediate_output_wanted() -> bool:
    """Whether progress is shown: not if ``SUPERDSM_NB_INTERMEDIATE_OUTPUT`` is 0."""
    text = os.environ.get(INTERMEDIATE_VARIABLE, "1")
    if text not in ("0", "1", ""):
        raise ConfigError(f"{INTERMEDIATE_VARIABLE} is {text!r}, but must be 0 or 1.")
    return text != "0"


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table on standard output: fitted to a terminal, otherwise tab-separated."""
    console = Console(highlight=False, emoji=False)
    if not console.is_terminal:
        for row in (columns, *rows):
            print("\t".join(row))
        return
    grid = Table(box=None, pad_edge=False)
    for column in columns:
        grid.add_column(column, overflow="fold")
    for row in rows:
        grid.add_row(*(Text(cell) for cell in row))
    console.print(grid)


class _TimeLeft(TimeRemainingColumn):
    """The remaining time, shown only where it can be estimated: for all images, not for single stages."""

    def render(self, task: Task) -> Text:
        return Text("left: ").append(super().render(task)) if task.fields["is_timed"] else Text("")


class ProgressDisplay:
    """Shows progress on standard error while it is a terminal, and warnings always.

    Parameters
    ----------
    total : int
        Number of images.
    verbosity : int
        0: warnings and errors only; 1: also progress and results; 2: also log lines.
    workers : int
        How many images are processed at the same time; each has a slot, shown as one line.
    title : str
        Label of the overall progress line.
    """

    def __init__(self, total: int, verbosity: int = NORMAL, workers: int = 1, title: str = "images") -> None:
        self._console = Console(stderr=True, highlight=False, emoji=False, soft_wrap=True)
        self._verbosity = verbosity
        shown = self._console.is_terminal and verbosity >= NORMAL and is_intermediate_output_wanted()
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, ratio=1)),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[detail]}", markup=False, table_column=Column(no_wrap=True)),
            TimeElapsedColumn(),
            _TimeLeft(),
            console=self._console,
            disable=not shown,
            transient=True,
            redirect_stdout=sys.stdout.isatty(),  # output to a file or a pipe must reach it
        )
        self._images = self._progress.add_task(title, total=total, detail="", is_timed=True)
        self._rows: list[TaskID] = [
            self._progress.add_task("", total=None, detail="", is_timed=False, visible=False)
            for _ in range(workers)
        ]
        self._names = [""] * workers
        self._many = workers > 1

    def __enter__(self) -> ProgressDisplay:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self._progress.disable:  # rich before 14.3 prints an empty line even if nothing was shown
            self._progress.stop()

    def image_started(self, name: str, slot: int = 0) -> None:
        """Record that work on an image begins."""
        self._names[slot] = name
        self._progress.update(self._images, detail="" if self._many else name)

    def image_finished(self) -> None:
        """Record that an image is finished."""
        self._progress.advance(self._images)

    def emit(self, event: Event, slot: int = 0) -> None:
        """Show what happens in the work on an image."""
        match event:
            case StageStarted(name):
                title = f"{self._names[slot]}: {name}" if self._many else name
                self._progress.reset(
                    self._rows[slot], description=title, total=None, detail="", is_timed=False, visible=True
                )
            case ProgressEvent(done, total, what):
                self._progress.update(
                    self._rows[slot], completed=done, total=total, detail=f"{done}/{total} {what}"
                )
            case Warned():
                self.warn(str(event))
            case LogLine() | ObjectDiscarded():
                if self._verbosity >= DETAILED:
                    self._console.print(f"  {event}", markup=False)

    def result(self, line: str) -> None:
        """Print a result on standard output, above the progress if that is the same terminal."""
        if self._verbosity >= NORMAL:
            print_line(line)

    def warn(self, line: str) -> None:
        """Show a warning."""
        self._console.print(f"Warning: {line}", markup=False, style="yellow")

    def error(self, line: str) -> None:
        """Show an error."""
        self._console.print(f"Error: {line}", markup=False, style="red")


def print_line(line: str) -> None:
    """Print a line on standard output, even if its reader is gone."""
    try:
        print(line, flush=True)
    except BrokenPipeError:  # the reader is gone, but the work continues
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 - until the end


def print_json(entries: Mapping[str, Any]) -> None:
    """Print values as one line of strict JSON."""
    print_line(json.dumps(strict(entries), allow_nan=False, default=str))


def strict(value: Any) -> Any:  # noqa: ANN401 - JSON values
    """Replace NaN and infinity, which JSON does not support, with null."""
    if isinstance(value, Mapping):
        return {str(key): strict(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [strict(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
