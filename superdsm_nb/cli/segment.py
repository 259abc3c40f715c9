"""``superdsm-nb segment``: images to label maps and other files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..diameter import with_diameter
from ..errors import ConfigError, SuperDSMError, errors_name, joined
from ..events import Event, ImageStarted, Warned
from ..results.outputs import OUTPUTS, image_rows, written_path
from ..results.ringwidth import ring_width
from ..timelimit import check_time_limit
from .options import (
    ChannelOption,
    ConfigOption,
    DiameterOption,
    KeepFinishedOption,
    MeasureOption,
    PlaneOption,
    PresetOption,
    QuietOption,
    RingOption,
    SceneOption,
    SetOption,
    TimeLimitOption,
    TimeOption,
    VerboseOption,
    output_options,
    place,
    read_config,
)
from .targets import find_foregrounds, find_images, find_measured, plan_targets
from .tiling import SchedulerOption, TileOption, check_tiling, is_giant, segment_in_tiles

if TYPE_CHECKING:
    from ..io import Place, Source
    from ..performance import PerformanceReport
    from ..results.result import Segmentation
    from ..results.stack import StackSegmentation
    from .console import ProgressDisplay

MEASURING = ("csv", "parquet", "cellprofiler", "qupath", "h5ad", "geojson")  # outputs that tell of channels


@output_options
def segment(
    images: Annotated[
        list[Path],
        typer.Argument(
            metavar="IMAGE",
            parser=place,
            help="Images to segment, or folders of images; OME-Zarr also by its address, s3:// or https://.",
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            help="Label map to write (.png, .tif or .zarr), or a folder for several images. An address "
            "(s3://) takes OME-Zarr.",
            metavar="OUT",
            parser=place,
        ),
    ],
    outputs: dict[str, Path],
    pattern: Annotated[
        str | None,
        typer.Option(
            metavar="GLOB",
            help="Which files of a folder to segment, such as '*.tif'. All images by default; hidden files "
            "are always skipped.",
            show_default=False,
        ),
    ] = None,
    diameter: DiameterOption = None,
    preset: PresetOption = None,
    foreground: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            parser=place,
            help="Image of the foreground, for the automatic method: a mask, or probabilities. For several "
            "images, a folder with a file of the same name for each.",
            show_default=False,
        ),
    ] = None,
    config: ConfigOption = None,
    settings: SetOption = None,
    scene: SceneOption = None,
    channel: ChannelOption = None,
    plane: PlaneOption = None,
    time: TimeOption = None,
    measure: MeasureOption = None,
    ring: RingOption = None,
    time_limit: TimeLimitOption = None,
    keep_finished: KeepFinishedOption = False,
    tile: TileOption = None,
    scheduler: SchedulerOption = None,
    border: Annotated[
        int, typer.Option(metavar="N", help="Width of the contours of --overlay in pixels.", min=1)
    ] = 2,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Overwrite files that this program has not written, but never its input."
        ),
    ] = False,
    verbose: VerboseOption = False,
    quiet: QuietOption = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one line of JSON per image instead of the results.")
    ] = False,
) -> None:
    """Segment images and write label maps.

    In a label map 0 is background, and every nucleus has its own number.

    Hyperparameters follow from the size of the nuclei, which is estimated from each image or given with
    --diameter.
    """
    base = read_config(config, settings, preset, has_foreground=foreground is not None)
    with_diameter(base, diameter, pixel_size=(1.0, 1.0))  # report errors in it before the work starts
    check_time_limit(time_limit)
    files = find_images(images, pattern)
    foregrounds = find_foregrounds(files, foreground)
    measured = find_measured(files, measure or ())
    _check_measured(bool(measure), ring, outputs)
    others = [place for each in measured for place in each.values() if isinstance(place, Path)]
    is_stack = "all" in (channel, plane, time)
    targets, tables = plan_targets(
        files, {"seg": out, **outputs}, foregrounds, others, config, force=force, is_stack=is_stack
    )
    given_too = foreground is not None or bool(measure) or time_limit is not None
    check_tiling(tile, scheduler, {"seg": targets[0]["seg"], **outputs}, given_too or is_stack)
    from ..automatic import start_compiling
    from ..config import resolve_preset
    from ..io import Source
    from ..results.result import Drawing
    from .console import DETAILED, NORMAL, QUIET, ProgressDisplay, print_json

    if resolve_preset(base) == "automatic":
        start_compiling()
    verbosity = QUIET if quiet or as_json else DETAILED if verbose else NORMAL
    done: list[_Done] = []
    with ProgressDisplay(len(files), verbosity) as display:
        for path, target, given, places in zip(files, targets, foregrounds, measured, strict=True):
            display.emit(ImageStarted(path.name))
            listener = _Listener(display)
            source = Source(path, channel, plane, time, scene)
            options = {
                "config": base,
                "diameter": diameter,
                "foreground": given,
                "drawing": Drawing(border_width=border),
                "measure": places,
                "ring": ring,
                "time_limit": time_limit,
                "keep_finished": keep_finished,
                "emit": listener,
            }
            may_be_giant = not given_too and not is_stack
            try:
                if tile or scheduler or (may_be_giant and is_giant(source, target)):
                    segmented = _segment_tiled(source, options, target["seg"], tile, scheduler)
                else:
                    segmented = (_segment_stack if is_stack else _segment_one)(
                        source, options, target, tables
                    )
            except SuperDSMError as error:
                message = error.worded("--{} N".format)
                for line in message.split("\n"):
                    display.error(line)
                record: dict[str, Any] = {"status": "failed", "error": message}
            else:
                record = segmented.record
                display.result(_result_line(path, record))
                done.append(segmented)
            if as_json:
                print_json({"image": str(path), **record, "warnings": listener.warnings})
            display.image_finished(path.name)
        for kind, table in tables.items():
            _write_table(kind, table, done)
        _show_summary(display, done, len(files))
    if len(done) < len(files) or any(each.record.get("failed_planes") for each in done):
        raise typer.Exit(1)


def _check_measured(is_measuring: bool, ring: str | None, outputs: Mapping[str, Path]) -> None:
    """Refuse what is measured for nothing."""
    if ring is not None:
        ring_width(ring)
        if not is_measuring:
            raise ConfigError("--ring needs --measure: it says where the other channels are measured.")
    if is_measuring and not set(MEASURING).intersection(outputs):
        options = joined([f"--{kind}" for kind in MEASURING], "or")
        raise ConfigError(f"--measure adds columns to a table: give {options} as well.")


class _Listener:
    """Forwards events to the display and collects warnings."""

    def __init__(self, display: ProgressDisplay) -> None:
        self._display = display
        self.warnings: list[str] = []

    def __call__(self, event: Event) -> None:
        if isinstance(event, Warned):
            self.warnings.append(event.text)
        self._display.emit(event)


@dataclass(frozen=True)
class _Done:
    """What is kept of an image once its files are written."""

    record: dict[str, Any]
    rows: dict[str, list[dict[str, Any]]]  # by kind of table
    performance: PerformanceReport
    pruning: str


def _segment_one(
    source: Source, options: Mapping[str, Any], target: Mapping[str, Path], tables: Iterable[str]
) -> _Done:
    """Segment one image and write its files; nothing of the size of the image is kept."""
    from ..results.outputs import write_outputs
    from ..segmentation import segment_file

    start = perf_counter()
    result = segment_file(source, **options)
    with errors_name(source.path):
        _ = result.labels  # refuses a pipeline that ended before there are any
    written = write_outputs(result, target, options["emit"])
    return _Done(
        {
            **_record(result, _paths(written, target, result.object_count), perf_counter() - start),
            "scale": result.scale,
            "scale_given": result.is_scale_given,
        },
        {kind: image_rows(source.path.name, OUTPUTS[kind].rows(result)) for kind in tables},
        result.performance,
        str(result.config.get("global-energy-minimization/pruning")),
    )


def _segment_stack(
    source: Source, options: Mapping[str, Any], target: Mapping[str, Path], tables: Iterable[str]
) -> _Done:
    """Segment all planes of one file and write its files."""
    from ..results.outputs import write_outputs
    from ..stack import segment_stack

    start = perf_counter()
    result = segment_stack(source, outputs=[*target, *tables], **options)
    write_outputs(result, target, options["emit"])
    return _Done(
        {
            **_record(result, target, perf_counter() - start),
            "axes": dict(zip(result.axes, result.sizes, strict=True)),
            "planes": len(result.planes),
            "failed_planes": len(result.failed),
        },
        {kind: image_rows(source.path.name, result.rows_of(kind)) for kind in tables},
        result.performance,
        str(result.config.get("global-energy-minimization/pruning", "exact")),
    )


def _segment_tiled(
    source: Source, options: Mapping[str, Any], target: Path, tile: int | None, scheduler: str | None
) -> _Done:
    """Segment one image in tiles."""
    from ..performance import PerformanceReport

    record = segment_in_tiles(
        source, target, options["config"], options["diameter"], tile, scheduler, options["emit"]
    )
    return _Done(record, {}, PerformanceReport(), "exact")


def _paths(kinds: Iterable[str], target: Mapping[str, Path], object_count: int) -> dict[str, Path]:
    """Where the outputs are."""
    return {kind: written_path(kind, target[kind], object_count) for kind in kinds}


def _record(
    result: Segmentation | StackSegmentation, target: Mapping[str, Path], seconds: float
) -> dict[str, Any]:
    """The JSON record of a segmented image or stack."""
    performance = result.performance
    return {
        "status": "done",
        "preset": result.preset,
        "objects": result.object_count,
        "complete": result.is_complete,
        "seconds": round(seconds, 3),
        "outputs": {kind: str(path) for kind, path in target.items()},
        "clusters": len(performance.clusters),
        "proven_clusters": performance.proven_cluster_count,
        "gap": performance.gap,
    }


def _result_line(path: Place, record: Mapping[str, Any]) -> str:
    noun = "object" if record["objects"] == 1 else "objects"
    if "planes" in record:
        failed = f" ({record['failed_planes']} failed)" if record["failed_planes"] else ""
        planes = "plane" if record["planes"] == 1 else "planes"
        what = f"{record['planes']} {planes}{failed}, {record['objects']} {noun}"
    elif "tiles" in record:
        made = record["tiles"]
        tiles = "tile" if made["count"] == 1 else "tiles"
        what = (
            f"{record['objects']} {noun} in {made['count']} {tiles}, {record['proven_clusters']} of "
            f"{record['clusters']} clusters proven optimal, {made['clusters_on_their_own']} of "
            f"{made['clusters_across']} across tiles in windows of their own"
        )
    else:
        given = " (given)" if record["scale_given"] else ""
        what = f"{record['objects']} {noun}, scale {record['scale']:.1f} pixels{given}"
    return f"{path.name}: {what}, {record['seconds']:.1f} s -> {record['outputs']['seg']}"


def _write_table(kind: str, path: Path, done: Sequence[_Done]) -> None:
    """Write the rows of all images to one table."""
    write_rows = OUTPUTS[kind].write_rows
    assert write_rows is not None, "tables only"
    write_rows(path, [row for each in done for row in each.rows[kind]])


def _show_summary(display: ProgressDisplay, done: Sequence[_Done], total: int) -> None:
    """Say how good the covers of all images are, and how many images failed."""
    from ..performance import PerformanceReport

    report = sum((each.performance for each in done), PerformanceReport())
    if report.clusters:
        display.result(report.statement(done[0].pruning))
    if total > 1:
        display.result(f"{total - len(done)} of {total} failed")
