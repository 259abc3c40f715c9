"""The command line: parse, call, print."""

from __future__ import annotations

import json
import math
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ._version import __version__
from .errors import ConfigError, ImageError, SuperDSMError

if TYPE_CHECKING:
    from .batch.outcome import Mode
    from .batch.survey import Plan
    from .config import Config
    from .metrics import Score
    from .segmentation import FileResult

app = typer.Typer(
    name="superdsm-nb",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Segment cell nuclei in fluorescence microscopy images: no training, globally optimal.",
)

INTERRUPTED = 130

ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="JSON file of hyperparameters.", show_default=False)
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="A hyperparameter, such as AF_scale=40 or dsm/alpha=0.5; repeatable.",
        show_default=False,
    ),
]
ChannelOption = Annotated[
    int | None, typer.Option(help="Channel to use, counted from 0.", min=0, show_default=False)
]
PlaneOption = Annotated[
    int | None, typer.Option(help="Plane of a stack to use, counted from 0.", min=0, show_default=False)
]
TimeOption = Annotated[
    int | None,
    typer.Option(help="Point in time of a series to use, counted from 0.", min=0, show_default=False),
]
VerboseOption = Annotated[bool, typer.Option("--verbose", "-v", help="Show what each stage does.")]


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


@app.command()
def segment(
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE", help="Images to segment.")],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            help="Label map to write (.png, .tif), or a folder for several images.",
            metavar="OUT",
        ),
    ],
    config: ConfigOption = None,
    settings: SetOption = None,
    overlay: Annotated[
        Path | None,
        typer.Option(
            "--overlay", help="Picture of the contours to write (.png), or a folder.", show_default=False
        ),
    ] = None,
    border: Annotated[int, typer.Option(help="Width of those contours in pixels.", min=1)] = 2,
    channel: ChannelOption = None,
    plane: PlaneOption = None,
    time: TimeOption = None,
    rois: Annotated[
        Path | None,
        typer.Option(
            "--rois", help="Regions for ImageJ and Fiji to write (.zip), or a folder.", show_default=False
        ),
    ] = None,
    geojson: Annotated[
        Path | None,
        typer.Option(
            "--geojson", help="Outlines for QuPath to write (.geojson), or a folder.", show_default=False
        ),
    ] = None,
    csv: Annotated[
        Path | None,
        typer.Option("--csv", help="Table of all objects of all images to write (.csv).", show_default=False),
    ] = None,
    parquet: Annotated[
        Path | None,
        typer.Option("--parquet", help="The same as a Parquet file (.parquet).", show_default=False),
    ] = None,
    verbose: VerboseOption = False,
) -> None:
    """Segment images and write label maps: 0 is background, every nucleus has its own number.

    Hyperparameters follow from the size of the nuclei, which is estimated from each image.
    """
    from .console import DETAILED, NORMAL, ConsoleOutput
    from .io import write_file
    from .segmentation import segment_file
    from .tables import OBJECT_COLUMNS, check_parquet, csv_text, parquet_bytes

    base = _read_config(config, settings or [])
    targets = _targets(images, out, "label map")
    overlays = _further_targets(images, overlay, "overlay", ".png", targets)
    roi_files = _further_targets(images, rois, "file of regions", ".zip", targets)
    outline_files = _further_targets(images, geojson, "file of outlines", ".geojson", targets)
    for table, suffix in ((csv, ".csv"), (parquet, ".parquet")):
        if table is not None and table.suffix.lower() != suffix:
            raise ConfigError(f"{table} must end in {suffix}.")
    if parquet is not None:
        check_parquet()
    failures = 0
    results: list[FileResult] = []
    rows: list[dict[str, Any]] = []
    with ConsoleOutput(len(images), DETAILED if verbose else NORMAL) as console:
        for path, target, picture, regions, lines in zip(
            images, targets, overlays, roi_files, outline_files, strict=True
        ):
            console.image(path.name)
            try:
                result = segment_file(
                    path,
                    target,
                    base,
                    picture,
                    border_width=border,
                    channel=channel,
                    plane=plane,
                    time=time,
                    out=console,
                    rois_path=regions,
                    geojson_path=lines,
                )
            except SuperDSMError as error:
                failures += 1
                console.error(str(error))
            else:
                console.result(_result_line(path, target, result))
                results.append(result)
                rows += [{"image": path.name, **row} for row in result.rows]
            console.finished()
    if csv is not None:
        write_file(csv, csv_text(["image", *OBJECT_COLUMNS], rows).encode())
    if parquet is not None:
        write_file(parquet, parquet_bytes(["image", *OBJECT_COLUMNS], rows))
    _print_statement(results)
    if failures:
        raise typer.Exit(2)


@app.command()
def batch(
    root: Annotated[Path, typer.Argument(metavar="ROOT", help="Folder of tasks (task.json files).")],
    run: Annotated[bool, typer.Option("--run", help="Run the tasks; without it, only list them.")] = False,
    task: Annotated[
        list[str] | None,
        typer.Option("--task", help="Only this task, relative to ROOT; repeatable.", show_default=False),
    ] = None,
    task_dir: Annotated[
        list[str] | None,
        typer.Option(
            "--task-dir", help="Only this task and those derived from it; repeatable.", show_default=False
        ),
    ] = None,
    force: Annotated[
        bool,
        typer.Option("--force", help="Run complete tasks again: from what is stored, or anew with --fresh."),
    ] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Use no earlier results: compute anew.")] = False,
    oneshot: Annotated[
        bool, typer.Option("--oneshot", help="Store no results and mark nothing as complete.")
    ] = False,
    last_stage: Annotated[
        str | None,
        typer.Option("--last-stage", help="End the pipeline there; needs --oneshot.", show_default=False),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option("--report", help="Text file that tells how far the tasks are.", show_default=False),
    ] = None,
    verbosity: Annotated[
        int,
        typer.Option(help="0: warnings and errors only; 1: progress and results; 2: what stages do.", min=0),
    ] = 1,
    debug: Annotated[bool, typer.Option("--debug", help="Work in one process and print tracebacks.")] = False,
) -> None:
    """List the tasks in a folder, or run them.

    A task is a folder with a task.json: img_pathpattern, seg_pathpattern, file_ids, config. Images whose
    results are up to date are left out; others start from what is stored of them or of an ancestor task.
    """
    from .batch import fields, spec, survey
    from .batch.outcome import Mode

    if last_stage is not None and not oneshot:
        raise ConfigError("--last-stage needs --oneshot: its results are not those of the complete pipeline.")
    if last_stage is not None and last_stage not in fields.STAGES:
        raise ConfigError(f"There is no stage {last_stage}: the stages are {', '.join(fields.STAGES)}.")
    tasks = spec.find_tasks(root)
    plans = survey.survey(tasks, root, last_stage, spec.choose(tasks, root, task or (), task_dir or ()))
    if not run:
        for line in survey.listing(plans, root, fresh, force):
            typer.echo(line)
        typer.echo("Nothing was run: add --run to do so.")
        return
    if _run_tasks(root, plans, Mode(fresh, oneshot, debug), verbosity, force, report):
        raise typer.Exit(1)


def _run_tasks(
    root: Path, plans: list[Plan], mode: Mode, verbosity: int, force: bool = False, report: Path | None = None
) -> int:
    from .batch.display import BatchDisplay
    from .batch.run import Runner

    display = BatchDisplay(root, verbosity)
    try:
        return Runner(root, display, mode, force, report).run(plans)
    finally:
        display.close()


@app.command(name="export")
def export_pictures(
    root: Annotated[Path, typer.Argument(metavar="ROOT", help="Folder of tasks (task.json files).")],
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
            help="Where pictures go; by default export-MODE in the task's folder.", show_default=False
        ),
    ] = None,
    imageid: Annotated[
        list[str] | None, typer.Option(help="Only this image; repeatable.", show_default=False)
    ] = None,
    border: Annotated[
        int | None,
        typer.Option(
            help="Width of contours in pixels; by default seg_border of the task in mode seg, else 2.",
            min=1,
            show_default=False,
        ),
    ] = None,
    border_position: Annotated[
        Literal["inner", "center", "outer"],
        typer.Option(help="Where contours lie on the rims of objects."),
    ] = "inner",
    enhance: Annotated[bool, typer.Option("--enhance", help="Enhance the contrast of the image.")] = False,
    ymap: Annotated[
        str,
        typer.Option(
            help="Colours of offset intensities, as lo:hi:gain:cmap: multiplied by gain, clipped to lo and "
            "hi, mapped."
        ),
    ] = "-0.8:+1:5:seismic",
) -> None:
    """Write pictures of the stored results of a task."""
    from .export import Style, YMap, export

    style = Style(mode, border, border_position, enhance, YMap.parse(ymap))
    for _, path in export(root, taskdir, style, outdir, imageid or ()):
        typer.echo(str(path))


@app.command(name="config")
def explain_config(
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="Image to segment.")],
    config: ConfigOption = None,
    settings: SetOption = None,
    channel: ChannelOption = None,
    plane: PlaneOption = None,
    time: TimeOption = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the configuration alone, for --config and task.json.")
    ] = False,
) -> None:
    """Print the hyperparameters that an image would be segmented with, and where each comes from."""
    from .config import Config
    from .console import ConsoleOutput, table
    from .explain import explain
    from .io import imread
    from .pipeline import create_default_pipeline
    from .segmentation import about

    base = _read_config(config, settings or [])
    pixels = imread(image, bool(base.get("histological", False)), channel, plane, time)
    with about(image):
        explanations, scale = explain(create_default_pipeline(), base, pixels, ConsoleOutput(1))
    if as_json:
        used = Config()
        for entry in explanations:
            if "AF_" not in entry.key or entry.key == "AF_scale":
                used[entry.key] = entry.value
        typer.echo(used.dumps())
        return
    shown = [entry for entry in explanations if "/AF_" not in entry.key or base.get(entry.key) is not None]
    typer.echo(f"{image.name}: scale {scale:.2f} pixels: nuclei of about {scale * 2**0.5:.1f} pixels radius")
    table(
        ("hyperparameter", "value", "from", "default", "meaning"),
        [(e.key, _shown(e.value), e.origin, _shown(e.default), e.meaning) for e in shown],
    )


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return value if isinstance(value, str) else json.dumps(value, default=str)


@app.command()
def doctor() -> None:
    """Print versions, threads and the cache folder, and test the installation."""
    from .doctor import examine, self_test

    for name, text in examine():
        typer.echo(f"{name + ':':18}{text}")
    passed, verdict = self_test()
    typer.echo(f"{'self-test:':18}{verdict}")
    if not passed:
        raise typer.Exit(1)


@app.command()
def schema() -> None:
    """Print the JSON Schema of task.json, for editors that complete and check as you type."""
    from .batch import fields

    typer.echo(json.dumps(fields.schema(), indent=2))


@app.command()
def score(
    predicted: Annotated[Path, typer.Argument(metavar="PREDICTED", help="Label map, or a folder of them.")],
    truth: Annotated[Path, typer.Argument(metavar="TRUTH", help="True label map, or a folder of them.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare label maps with the truth: SEG, Dice, AP, splits, merges, Hausdorff distance.

    Files of two folders are paired by their names without suffix.
    """
    from dataclasses import asdict

    scores = _score_pairs(predicted, truth)
    if as_json:
        records = {name: asdict(result) for name, result in scores.items()}
        for record in records.values():
            if math.isnan(record["hausdorff"]):
                record["hausdorff"] = None  # JSON knows no NaN
        typer.echo(json.dumps(records, indent=2))
    else:
        _print_scores(scores)


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to write, new or empty.")],
    count: Annotated[int, typer.Option(help="Number of images.", min=1)] = 3,
    seed: Annotated[int, typer.Option(help="Seed of the first image.", min=0)] = 0,
) -> None:
    """Generate images of clustered nuclei, segment them, and score the result against the truth."""
    from .batch.outcome import Mode
    from .batch.spec import find_tasks
    from .batch.survey import survey
    from .demo import write_demo

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"{folder} exists already: give a new or an empty folder.")
    ids = write_demo(folder, count, seed)
    typer.echo(
        f"{len(ids)} images of clustered nuclei generated; the first one waits for compilation (once)."
    )
    failures = _run_tasks(folder, survey(find_tasks(folder), folder), Mode(), 1)
    _print_scores(_score_pairs(folder / "segmentation", folder / "truth"))
    typer.echo(
        f"\nLook at {folder / 'overlay'} for the contours over the images, at {folder / 'segmentation'} "
        f"for the label maps,\nand at {folder / 'task.json'} for how it was done; repeat it with: "
        f"superdsm-nb batch {folder} --run"
    )
    if failures:
        raise typer.Exit(1)


def _read_config(path: Path | None, settings: list[str]) -> Config:
    from .config import Config
    from .pipeline import create_default_pipeline

    config = Config() if path is None else Config.load(path)
    for setting in settings:
        key, separator, text = (part.strip() for part in setting.partition("="))
        if not separator or not key:
            raise ConfigError(f"--set {setting} must have the form NAME=VALUE, such as dsm/alpha=0.5.")
        try:
            config[key] = json.loads(text)
        except json.JSONDecodeError:
            special = {"inf": float("inf"), "-inf": -float("inf"), "none": None}
            config[key] = special.get(text.lower(), text)
    create_default_pipeline().check(config)
    return config


def _further_targets(
    images: list[Path], out: Path | None, what: str, suffix: str, taken: Sequence[Path]
) -> Sequence[Path | None]:
    """Where further results of each image go, if they are wanted."""
    if out is None:
        return [None] * len(images)
    return _targets(images, out, what, taken, suffix)


def _targets(
    images: list[Path], out: Path, what: str, taken: Sequence[Path] = (), suffix: str = ".png"
) -> list[Path]:
    """Where the result of each image goes: a file for one image, or files in a folder."""
    from .io import PNG, TIFF, check_suffix

    reserved = {path.resolve() for path in taken}
    known = PNG + TIFF if suffix == ".png" else (suffix,)
    is_file = out.suffix.lower() in known or (out.suffix and len(images) == 1)
    if is_file and not out.is_dir():
        if len(images) > 1:
            raise ConfigError(f"Several images need a folder for their {what}s, but {out} is a file name.")
        targets = [out]
    else:
        targets = [out / f"{image.stem}{suffix}" for image in images]
    for index, target in enumerate(targets):
        if suffix == ".png":
            check_suffix(target)
        elif target.suffix.lower() != suffix:
            raise ConfigError(f"{target} must end in {suffix}.")
        if target in targets[:index]:
            raise ConfigError(
                f"Two images would be written to {target}: segment them into different folders."
            )
        if target.resolve() in reserved:
            raise ConfigError(f"The {what} would overwrite the label map {target}: choose another place.")
        if any(target.resolve() == image.resolve() for image in images):
            raise ImageError(f"The {what} would overwrite the image {target}: choose another place.")
    return targets


def _result_line(image: Path, target: Path, result: FileResult) -> str:
    noun = "object" if result.objects == 1 else "objects"
    given = "" if result.config.get("AF_scale") is None else " (given)"
    return (
        f"{image.name}: {result.objects} {noun}, scale {result.scale:.1f} pixels{given}, "
        f"{result.seconds:.1f} s -> {target}"
    )


def _print_statement(results: Sequence[FileResult]) -> None:
    """Say how good the covers of all images are."""
    from .performance import PerformanceReport

    report = sum((result.performance for result in results), PerformanceReport())
    if report.clusters:
        pruning = results[0].config.get("global-energy-minimization/pruning")
        typer.echo(report.statement(str(pruning)))


def _score_pairs(predicted: Path, truth: Path) -> dict[str, Score]:
    from .io import imread
    from .metrics import score as compute

    for path in (predicted, truth):
        if not path.exists():
            raise ImageError(f"There is no file or folder {path}.")

    def compare(path: Path, other: Path) -> Score:
        try:
            return compute(imread(path), imread(other))
        except SuperDSMError as error:
            raise type(error)(f"{path} and {other} cannot be compared: {error}") from error

    if not predicted.is_dir() and not truth.is_dir():
        return {predicted.name: compare(predicted, truth)}
    if not (predicted.is_dir() and truth.is_dir()):
        raise ImageError(f"{predicted} and {truth} must both be files or both be folders.")
    truths = {path.stem: path for path in sorted(truth.iterdir()) if path.is_file()}
    pairs = {
        path.stem: path for path in sorted(predicted.iterdir()) if path.stem in truths and path.is_file()
    }
    if not pairs:
        raise ImageError(f"No file in {predicted} has the name of a file in {truth}.")
    left_out = len(truths.keys() ^ {path.stem for path in predicted.iterdir() if path.is_file()})
    if left_out:
        files = "1 file has" if left_out == 1 else f"{left_out} files have"
        typer.echo(f"Warning: {files} no counterpart of the same name and no score.", err=True)
    return {name: compare(path, truths[name]) for name, path in pairs.items()}


def _print_scores(scores: dict[str, Score]) -> None:
    columns = (
        "image",
        "SEG",
        "Dice",
        "AP@0.5",
        "AP@0.75",
        "splits",
        "merges",
        "missed",
        "added",
        "Hausdorff",
    )
    rows = [
        (
            *(name, f"{s.seg:.3f}", f"{s.dice:.3f}", f"{s.ap50:.3f}", f"{s.ap75:.3f}"),
            *(str(s.splits), str(s.merges), str(s.missed), str(s.added), f"{s.hausdorff:.1f}"),
        )
        for name, s in scores.items()
    ]
    widths = [max(len(row[index]) for row in (columns, *rows)) for index in range(len(columns))]
    for row in (columns, *rows):
        cells = [
            row[0].ljust(widths[0]),
            *(text.rjust(width) for text, width in zip(row[1:], widths[1:], strict=True)),
        ]
        typer.echo("  ".join(cells))


def main() -> None:
    """Run the command line; errors that the user can mend end in one sentence and exit code 2."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # what the user should know is said in our words
    try:
        app(prog_name="superdsm-nb")
    except SuperDSMError as error:
        typer.echo(f"Error: {error}", err=True)
        sys.exit(2)
    except SystemExit as end:
        if end.code != INTERRUPTED:
            raise
        typer.echo("Interrupted: what was finished is kept.", err=True)
        sys.stdout.flush()
        os._exit(INTERRUPTED)  # the interpreter would wait for the fits that are still running
