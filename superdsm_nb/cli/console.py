"""Output of the command line: progress on a terminal, plain lines elsewhere."""

from __future__ import annotations

import json
import math
import os
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Column, Table
from rich.text import Text

from ..errors import ConfigError, visible
from ..events import Event, ImageStarted, LogLine, ObjectDiscarded, StageStarted, Warned
from ..events import Progress as ProgressEvent
from .estimate import LEAST_SECONDS, Estimate, duration

INTERMEDIATE_VARIABLE = "SUPERDSM_NB_INTERMEDIATE_OUTPUT"
QUIET, NORMAL, DETAILED = 0, 1, 2
MOST_SECONDS = 60.0  # between two lines of progress


def is_intermediate_output_wanted() -> bool:
    """Whether progress is shown: not if ``SUPERDSM_NB_INTERMEDIATE_OUTPUT`` is 0."""
    text = os.environ.get(INTERMEDIATE_VARIABLE, "1")
    if text not in ("0", "1", ""):
        raise ConfigError(f"{INTERMEDIATE_VARIABLE} is {text!r}, but must be 0 or 1.")
    return text != "0"


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table on standard output: fitted to a terminal, otherwise tab-separated."""
    console = Console(highlight=False, emoji=False)
    rows = [[visible(cell) for cell in row] for row in rows]
    if not console.is_terminal:
        for row in (columns, *rows):
            print("\t".join(row), flush=True)
        return
    grid = Table(box=None, pad_edge=False)
    for column in columns:
        grid.add_column(column, overflow="fold")
    for row in rows:
        grid.add_row(*(Text(cell) for cell in row))
    console.print(grid)


class ErrorConsole(Console):
    """Standard error, perhaps a terminal."""

    def __init__(self) -> None:
        super().__init__(stderr=True, highlight=False, emoji=False, soft_wrap=True)


class _TimeLeft(ProgressColumn):
    """The remaining time of all images together."""

    def __init__(self, estimate: Estimate) -> None:
        self._estimate = estimate
        super().__init__()

    def render(self, task: Task) -> Text:
        left = self._estimate.left
        return Text("" if left is None or not task.fields["is_timed"] else f"left: {duration(left)}")


class _Lines:
    """Says from time to time on standard error how far the work is, where no terminal shows it.

    The first line comes after two seconds, then fewer and fewer, at last one a minute.
    """

    def __init__(self, estimate: Estimate, console: Console) -> None:
        self._estimate = estimate
        self._console = console
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._say, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._is_over.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _say(self) -> None:
        while not self._is_over.wait(min(max(self._estimate.elapsed, LEAST_SECONDS), MOST_SECONDS)):
            self._console.print(f"Progress: {self._estimate.line()}", markup=False)


class ProgressDisplay:
    """Shows progress on standard error, as bars on a terminal and as lines elsewhere, and warnings always.

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
        self._console = ErrorConsole()
        self._verbosity = verbosity
        self._estimate = Estimate(total, workers)
        is_wanted = verbosity >= NORMAL and is_intermediate_output_wanted()
        shown = self._console.is_terminal and is_wanted
        self._lines = _Lines(self._estimate, self._console) if is_wanted and not shown else None
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, ratio=1)),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[detail]}", markup=False, table_column=Column(no_wrap=True)),
            TimeElapsedColumn(),
            _TimeLeft(self._estimate),
            console=self._console,
            disable=not shown,
            transient=True,
            redirect_stdout=sys.stdout.isatty(),  # output to a file or a pipe must reach it
        )
        self._images = self._progress.add_task(visible(title), total=total, detail="", is_timed=True)
        self._rows: list[TaskID] = [
            self._progress.add_task("", total=None, detail="", is_timed=False, visible=False)
            for _ in range(workers)
        ]
        self._names = [""] * workers
        self._many = workers > 1

    def __enter__(self) -> ProgressDisplay:
        self._progress.start()
        if self._lines is not None:
            self._lines.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._lines is not None:
            self._lines.stop()
        if not self._progress.disable:  # rich before 14.3 prints an empty line even if nothing was shown
            self._progress.stop()

    def image_finished(self, name: str) -> None:
        """Record that an image is finished."""
        self._estimate.finished(visible(name))
        self._progress.advance(self._images)

    def emit(self, event: Event, slot: int = 0) -> None:
        """Show what happens in the work on an image."""
        match event:
            case ImageStarted(raw):
                name = visible(raw)
                self._names[slot] = name
                self._estimate.started(name, slot)
                self._progress.update(self._images, detail="" if self._many else name)
            case StageStarted(name):
                self._estimate.stage(name, slot)
                title = f"{self._names[slot]}: {name}" if self._many else name
                self._progress.reset(
                    self._rows[slot], description=title, total=None, detail="", is_timed=False, visible=True
                )
            case ProgressEvent(done, total, what):
                self._estimate.advanced(done, total, what, slot)
                self._progress.update(
                    self._rows[slot], completed=done, total=total, detail=f"{done}/{total} {what}"
                )
            case Warned():
                self.warn(str(event))
            case LogLine() | ObjectDiscarded():
                if self._verbosity >= DETAILED:
                    self._console.print(f"  {visible(str(event))}", markup=False)

    def result(self, line: str) -> None:
        """Print a result on standard output, above the progress if that is the same terminal."""
        if self._verbosity >= NORMAL:
            say(line)

    def warn(self, line: str) -> None:
        """Show a warning."""
        self._console.print(f"Warning: {visible(line)}", markup=False, style="yellow")

    def error(self, line: str) -> None:
        """Show an error."""
        self._console.print(f"Error: {visible(line)}", markup=False, style="red")


def say(line: str) -> None:
    """Print a line on standard output; what cannot be seen in it is escaped."""
    print(visible(line), flush=True)


def say_lines(text: str) -> None:
    """Print lines of our own on standard output."""
    for line in text.split("\n"):
        say(line)


def print_json(entries: Mapping[str, Any]) -> None:
    """Print values as one line of strict JSON."""
    say(json.dumps(strict(entries), allow_nan=False, default=str))


def strict(value: Any) -> Any:  # noqa: ANN401 - JSON values
    """Replace NaN and infinity, which JSON does not support, with null."""
    if isinstance(value, Mapping):
        return {str(key): strict(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [strict(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
