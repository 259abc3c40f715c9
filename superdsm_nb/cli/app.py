"""The application: its commands, and how it ends.

Exit codes, the same for every command: 0 all done, 1 an image or a file failed, 2 wrong use, 130 interrupted.
"""

from __future__ import annotations

import errno
import os
import sys
import warnings
from typing import Annotated

import typer

from .._version import __version__
from ..errors import ConfigError, SuperDSMError, printable
from . import streams
from .batch import batch, export_pictures
from .demo import demo
from .explain import doctor, explain_config, schema, warm
from .score import score
from .scripts import scripts
from .segment import segment
from .tune import tune

INTERRUPTED = 130

app = typer.Typer(
    name="superdsm-nb",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Segment cell nuclei in fluorescence microscopy images: no training, globally optimal.",
    epilog="Exit codes: 0 all done, 1 an image failed, 2 wrong use, 130 interrupted.",
)

app.command()(segment)
app.command()(tune)
app.command()(batch)
app.command(name="export")(export_pictures)
app.command(name="config")(explain_config)
app.command()(doctor)
app.command()(warm)
app.command()(schema)
app.command()(score)
app.command()(scripts)
app.command()(demo)


def _print_version(value: bool) -> None:
    if value:
        typer.echo(f"superdsm-nb {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line; errors end with one sentence and a non-zero exit code."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # warnings for users are printed by the commands themselves
    streams.install()
    try:
        _run(sys.argv[1:])
    except SystemExit as end:
        if end.code == INTERRUPTED:
            typer.echo("Interrupted: finished results are kept.", err=True)
            sys.stdout.flush()
            os._exit(INTERRUPTED)  # the interpreter would wait for the fits that are still running
        lost = streams.lost_output()
        if lost is None:
            raise
        typer.echo(f"Error: standard output cannot be written: {lost.strerror}.", err=True)
        is_cut_short = isinstance(lost, BrokenPipeError)  # its reader has seen enough
        sys.exit(end.code if end.code or is_cut_short else 1)


def _run(arguments: list[str]) -> None:
    """Run a command; every error ends in `SystemExit`."""
    try:
        for before, text in zip(["", *arguments], arguments, strict=False):
            if text == "" or (text.startswith("--") and text.endswith("=") and before != "--set"):
                raise ConfigError(
                    f"An argument is empty{f' (after {before})' if before else ''}: give a value."
                )
        app(prog_name="superdsm-nb")
    except SuperDSMError as error:
        typer.echo(f"Error: {error.worded('--{} N'.format)}", err=True)
        sys.exit(error.exit_code)
    except OSError as error:  # of the system as a whole; those of files have been named already
        advice = ": raise the limit (ulimit -n)" if error.errno in (errno.EMFILE, errno.ENFILE) else ""
        where = "" if error.filename is None else f"{printable(str(error.filename))}: "
        typer.echo(f"Error: {where}{printable(error.strerror or str(error))}{advice}.", err=True)
        sys.exit(1)
