"""What the command line shows: progress on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from .stage import Output


class ConsoleOutput(Output):
    """Shows progress on standard error while it is a terminal, and warnings always.

    Parameters
    ----------
    total : int
        Number of images.
    verbose : bool
        Also show log lines.
    """

    def __init__(self, total: int, verbose: bool = False) -> None:
        self._console = Console(stderr=True, highlight=False, emoji=False, soft_wrap=True)
        self._verbose = verbose
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[detail]}", markup=False),
            TimeElapsedColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
            transient=True,
            redirect_stdout=sys.stdout.isatty(),  # what goes to a file or a pipe must arrive there
        )
        self._images = self._progress.add_task("images", total=total, detail="")
        self._stage = self._progress.add_task("", total=None, detail="", visible=False)

    def __enter__(self) -> ConsoleOutput:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def image(self, done: int, name: str) -> None:
        """Take note that `done` images are finished and `name` is the next."""
        self._progress.update(self._images, completed=done, detail=name)

    def stage(self, name: str) -> None:
        """Show the stage that begins."""
        self._progress.reset(self._stage, description=name, total=None, detail="", visible=True)

    def progress(self, done: int, total: int, what: str) -> None:
        """Show the progress of the stage."""
        self._progress.update(self._stage, completed=done, total=total, detail=f"{done}/{total} {what}")

    def log(self, line: str) -> None:
        """Show a log line, if asked to."""
        if self._verbose:
            self._console.print(f"  {line}", markup=False)

    def result(self, line: str) -> None:
        """Print a result on standard output, above the progress if that is the same terminal."""
        print(line, flush=True)

    def warn(self, line: str) -> None:
        """Show a warning."""
        self._console.print(f"Warning: {line}", markup=False, style="yellow")

    def error(self, line: str) -> None:
        """Show an error."""
        self._console.print(f"Error: {line}", markup=False, style="red")
