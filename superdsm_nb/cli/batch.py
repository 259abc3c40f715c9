"""``superdsm-nb batch`` and ``export``: tasks on disk."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ..errors import ConfigError
from ..timelimit import check_time_limit
from .options import KeepFinishedOption, QuietOption, TimeLimitOption
from .targets import images_in

if TYPE_CHECKING:
    from ..batch.outcome import Mode
    from ..batch.shard import Shard
    from ..batch.survey import Plan

RootArgument = Annotated[Path, typer.Argument(metavar="ROOT", help="Folder of tasks (task.json files).")]


def batch(
    root: RootArgument,
    run: Annotated[bool, typer.Option("--run", help="Run the tasks; without it, only list them.")] = False,
    init: Annotated[
        bool,
        typer.Option("--init", help="Write a task.json for the images in ROOT, and list what it would do."),
    ] = False,
    task: Annotated[
        list[str] | None,
        typer.Option(
            "--task",
            metavar="FOLDER",
            help="Only this task, relative to ROOT; repeatable.",
            show_default=False,
        ),
    ] = None,
    task_dir: Annotated[
        list[str] | None,
        typer.Option(
            "--task-dir",
            metavar="FOLDER",
            help="Only this task and those derived from it; repeatable.",
            show_default=False,
        ),
    ] = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Run complete tasks again, from stored results, or from scratch with --fresh."
        ),
    ] = False,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Ignore earlier results: compute everything again.")
    ] = False,
    oneshot: Annotated[
        bool, typer.Option("--oneshot", help="Store no results and mark nothing as complete.")
    ] = False,
    shard: Annotated[
        str | None,
        typer.Option(
            "--shard",
            metavar="K/N",
            help="Only the K-th of N shares of the images, beside others; --collect writes the tables.",
            show_default=False,
        ),
    ] = None,
    collect: Annotated[
        bool,
        typer.Option(
            "--collect",
            help="With --run: compute nothing; write tables and reports of what is there, and name what is "
            "missing.",
        ),
    ] = False,
    scheduler: Annotated[
        str | None,
        typer.Option(
            "--scheduler",
            metavar="ADDRESS",
            help="Let the workers of a Dask scheduler do it, such as tcp://host:8786, or local.",
            show_default=False,
        ),
    ] = None,
    last_stage: Annotated[
        str | None,
        typer.Option(
            "--last-stage",
            metavar="STAGE",
            help="Stop the pipeline after this stage; needs --oneshot.",
            show_default=False,
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option("--report", metavar="FILE", help="Progress report, as a text file.", show_default=False),
    ] = None,
    time_limit: TimeLimitOption = None,
    keep_finished: KeepFinishedOption = False,
    verbosity: Annotated[
        int,
        typer.Option(
            metavar="N",
            help="0: warnings and errors only; 1: progress and results; 2: details of each stage.",
            min=0,
        ),
    ] = 1,
    quiet: QuietOption = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one line of JSON per image instead of the results.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Work in one process and print tracebacks.")] = False,
) -> None:
    """List the tasks in a folder, or run them.

    A task is a folder with a task.json, which sets at least img_pathpattern, seg_pathpattern and file_ids.
    Images whose results are up to date are skipped. Others start from a stored result, their own or that of
    an ancestor task, where possible.
    """
    from ..batch import choosing, spec, survey
    from ..batch.init import write_task
    from ..batch.jobs import protected_paths
    from ..batch.outcome import Mode
    from ..batch.shard import Shard
    from ..batch.status import check_report
    from .console import QUIET, print_json, say

    _check_last_stage(last_stage, oneshot)
    if collect and (force or fresh or oneshot or shard is not None or scheduler is not None or not run):
        raise ConfigError(
            "--collect computes nothing: it needs --run, and does not go with --shard, --scheduler, --force, "
            "--fresh and --oneshot."
        )
    if scheduler is not None:
        if debug:
            raise ConfigError("--scheduler does not go with --debug, which works in one process.")
        root = root.absolute()  # the working folder of workers is another one
    share = None if shard is None else Shard.of(shard)
    check_time_limit(time_limit)
    if init:
        written = write_task(root, images_in(root) if root.is_dir() else [])
        if not (quiet or as_json):
            say(f"Wrote {written}: review it and edit it as needed.")
    tasks = spec.find_tasks(root)
    plans = survey.survey(
        tasks, root, last_stage, choosing.choose(tasks, root, task or (), task_dir or ()), share
    )
    if report is not None:
        check_report(report, protected_paths(tasks, root))
    if run:
        mode = Mode(fresh, oneshot, debug, time_limit, keep_finished)
        level = QUIET if quiet else verbosity
        if run_tasks(root, plans, mode, level, as_json, force, report, share, collect, scheduler):
            raise typer.Exit(1)
        if share is not None and not (quiet or as_json):
            say(f"Shard {share} is done. When all are, --run --collect writes the tables.")
    elif as_json:
        for record in survey.records(plans, root, fresh, force):
            print_json(record)
    elif not quiet:
        for line in survey.listing(plans, root, fresh, force):
            say(line)
        say("Nothing was run: add --run to do so.")


def _check_last_stage(last_stage: str | None, oneshot: bool) -> None:
    from ..config import STAGE_NAMES

    if last_stage is not None and not oneshot:
        raise ConfigError("--last-stage needs --oneshot: results of a part of the pipeline are not stored.")
    if last_stage is not None and last_stage not in STAGE_NAMES:
        raise ConfigError(f"There is no stage {last_stage}: the stages are {', '.join(STAGE_NAMES)}.")


def run_tasks(
    root: Path,
    plans: list[Plan],
    mode: Mode,
    verbosity: int,
    as_json: bool = False,
    force: bool = False,
    report: Path | None = None,
    shard: Shard | None = None,
    collects: bool = False,
    scheduler: str | None = None,
) -> int:
    """Run tasks and show their progress; return the number of images that failed."""
    from ..batch.run import Runner
    from .batchdisplay import BatchDisplay

    display = BatchDisplay(root, verbosity, as_json)
    try:
        return Runner(root, display, mode, force, report, shard, collects, scheduler).run(plans)
    finally:
        display.close()


def export_pictures(
    root: RootArgument,
    taskdir: Annotated[str, typer.Argument(metavar="TASKDIR", help="Folder of the task, relative to ROOT.")],
    mode: Annotated[
        Literal["seg", "img", "fgc", "adj", "atm"],
        typer.Option(
            help="seg: contours over the image; img: the image; fgc: clusters of foreground; adj: atoms and "
            "which of them are adjacent; atm: atoms."
        ),
    ] = "seg",
    outdir: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Output folder; by default export-MODE in the task's folder.",
            show_default=False,
        ),
    ] = None,
    imageid: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="Only this image; repeatable.", show_default=False),
    ] = None,
    border: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Width of contours in pixels; by default seg_border of the task in mode seg, else 2.",
            min=1,
            show_default=False,
        ),
    ] = None,
    border_position: Annotated[
        Literal["inner", "center", "outer"],
        typer.Option(help="Contour position relative to the object boundary."),
    ] = "inner",
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite files that this program has not written.")
    ] = False,
    enhance: Annotated[bool, typer.Option("--enhance", help="Enhance the contrast of the image.")] = False,
    ymap: Annotated[
        str,
        typer.Option(
            metavar="LO:HI:GAIN:CMAP",
            help="Colours of offset intensities, as lo:hi:gain:cmap: they are multiplied by gain and clipped "
            "to lo and hi; then the colour map is applied.",
        ),
    ] = "-0.8:+1:5:seismic",
) -> None:
    """Draw pictures of the stored results of a task."""
    from ..batch.export import Style, YMap, export
    from .console import say

    style = Style(mode, border, border_position, enhance, YMap.parse(ymap))
    for _, path in export(root, taskdir, style, outdir, imageid or (), force):
        say(str(path))
