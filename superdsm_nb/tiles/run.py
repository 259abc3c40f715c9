"""Segmenting an image that is too large for the memory, tile by tile."""

from __future__ import annotations

import json
import math
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._version import __version__
from ..automatic.defects import content_box_of
from ..automatic.preprocess import measure
from ..automatic.sample import LARGE, is_large
from ..batch.lock import exclusive
from ..config import Config, with_preset
from ..diameter import with_diameter
from ..errors import ConfigError, ImageError, OutputError, StoredResultError, errors_name
from ..events import READING, WRITING, Emit, LogLine, Progress, StageStarted, Warned, ignore
from ..io import (
    PixelSize,
    Place,
    Source,
    check_store,
    check_zarr,
    file_digest,
    place_of,
    save_zarr_labels,
    write_atomically,
)
from ..parallel import thread_count
from ..pipeline import pipeline_of
from .certificate import provenance_of
from .crew import Crew, crew
from .drawing import Drawing
from .joining import clusters_across, left_over
from .piece import Settings
from .plan import Plan
from .records import Parts, Record
from .result import accept
from .source import normalized_reader, open_source
from .survey import survey
from .work import Job, do

if TYPE_CHECKING:
    from distributed import Client

TILE = 2048  # pixels
SMALLEST_TILE = 64  # pixels
MEASURING, SEGMENTING, JOINING = "measuring", "tiles", "clusters across tiles"  # names of the steps
PLAN_FILE = "plan.json"


@dataclass(frozen=True)
class TiledResult:
    """What a run over tiles has found; the label map is in a file.

    Attributes
    ----------
    path : Path or Address
        The label map.
    object_count : int
        Number of objects, which is the largest label.
    provenance : mapping
        How the label map was made; its entry "tiles" is the certificate.
    discarded : mapping of str to int
        How many objects were not accepted, by reason.
    """

    path: Place
    object_count: int
    provenance: Mapping[str, Any]
    discarded: Mapping[str, int]


def segment_tiles(
    source: Source | str | Place,
    path: str | Place,
    config: Config | Mapping[str, Any] | None = None,
    *,
    diameter: float | str | None = None,
    tile: int = TILE,
    workers: int | None = None,
    dask: str | Client | None = None,
    emit: Emit = ignore,
) -> TiledResult:
    """Segment an image of any size tile by tile, with the result that it would have as a whole.

    What concerns the whole image is measured once. Each cluster of nuclei belongs to the tile that it begins
    in; one that reaches too far beyond its tile is segmented in a window of its own. The label map is drawn
    when all is known. A run that was stopped, or killed, continues where it was.

    Parameters
    ----------
    source : Source, str, Path or Address
        The image: OME-Zarr, or TIFF. Any size.
    path : str, Path or Address
        OME-Zarr to write, with smaller copies of the label map. While it is made, a folder beside it holds
        what is finished; in the working folder if it is an address.
    config : Config or mapping, optional
        Hyperparameters of the automatic method that differ from their defaults.
    diameter : float or str, optional
        Diameter of a typical nucleus, as for `superdsm_nb.segment`.
    tile : int
        Height and width of a tile (pixels). Of the result, nothing depends on it.
    workers : int, optional
        Number of processes; by default one per processor. With 1, there are no others than this one.
    dask : str or distributed.Client, optional
        Dask cluster that does the work instead: the address of its scheduler, "local", or a client. Its
        workers must see the same files.
    emit : callable, optional
        Takes what happens on the way.

    Returns
    -------
    TiledResult
        With the number of objects and the certificate.

    Raises
    ------
    ConfigError
        If the method is not the automatic one, or an option is out of its range.
    ImageError
        If the image cannot be read in parts.
    TaskError
        If another run works on the same label map, or a worker was killed.
    OutputError
        If the label map cannot be written.
    """
    source = _absolute(source if isinstance(source, Source) else Source(place_of(source)))
    path = place_of(path)
    if tile < SMALLEST_TILE:
        raise ConfigError(f"A tile has {tile} pixels along a side, but must have at least {SMALLEST_TILE}.")
    if workers is not None and workers < 1:
        raise ConfigError(f"The number of workers is {workers}, but must be at least 1.")
    check_zarr()
    check_store(path)
    given = with_preset(Config(config), None)
    if given["preset"] != "automatic":
        raise ConfigError("Only the automatic method divides an image into tiles, not the published one.")
    with ExitStack() as stack:
        token = uuid.uuid4().hex
        work = stack.enter_context(_workspace(path, token))
        work_on = crew(workers or thread_count(), dask, stack, lambda text: emit(Warned(text)))
        plan, pixel_size = _plan(source, work, given, diameter, tile, work_on, emit)

        def run(jobs: Sequence[Job], step: str) -> None:
            emit(StageStarted(step))
            left = [job for job in jobs if not job.path.exists()]
            if len(left) < len(jobs):
                emit(LogLine(f"{len(jobs) - len(left)} of {len(jobs)} {step} were finished before"))
            for done, _ in enumerate(work_on(do, left), len(jobs) - len(left) + 1):
                emit(Progress(done, len(jobs), step))

        tiles = [Job(plan, work / f"tile-{row}-{col}.npz", token, tile=(row, col)) for row, col in plan.tiles]
        run(tiles, SEGMENTING)
        path_of = {job.tile: job.path for job in tiles}

        def parts_of(each: tuple[int, int]) -> Parts:
            parts = Record.load(path_of[each]).parts
            if parts is None:
                raise StoredResultError(f"{path_of[each]} is damaged: delete it, and run again.")
            return parts

        wholes = clusters_across(plan, parts_of)
        lone = left_over(plan, wholes)
        clusters = [
            Job(plan, work / f"cluster-{each.first[0]}-{each.first[1]}.npz", token, cluster=each)
            for each in lone
        ]
        run(clusters, JOINING)
        emit(StageStarted(WRITING))
        paths = [job.path for job in (*tiles, *clusters)]
        records = [_loader(path) for path in paths]
        accepted = accept(plan, records)
        provenance = provenance_of(plan, pixel_size, wholes, lone, records)
        save_zarr_labels(
            path,
            plan.shape,
            accepted.dtype,
            Drawing(accepted, paths, work, token, work_on).write,
            accepted.count,
            provenance=provenance,
            pixel_size=pixel_size,
            scratch=work,
            report=lambda done, total: emit(Progress(done, total, "blocks")),
        )
        if not accepted.count:
            emit(Warned("no object was found: check that nuclei are brighter than the background"))
        shutil.rmtree(work, ignore_errors=True)
    return TiledResult(path, accepted.count, provenance, dict(accepted.discarded))


def _absolute(source: Source) -> Source:
    """Return a source that means the same in other processes."""
    return replace(source, path=source.path.absolute()) if isinstance(source.path, Path) else source


@contextmanager
def _workspace(path: Place, token: str) -> Iterator[Path]:
    """Hold the folder beside a label map for what is finished; it is there until the label map is."""
    name = f".{path.name}.tiles"
    folder = (path.with_name(name) if isinstance(path, Path) else Path(name)).absolute()
    if folder.is_symlink():  # what is old in it is deleted
        raise OutputError(f"{folder} is a link, which is not followed: delete it.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder} cannot be made: {error.strerror or error}.") from error
    with exclusive([folder], token=token):
        try:
            yield folder
        finally:
            if not (folder / PLAN_FILE).exists():  # nothing was begun
                shutil.rmtree(folder, ignore_errors=True)


def _plan(
    source: Source,
    work: Path,
    config: Config,
    diameter: float | str | None,
    tile: int,
    work_on: Crew,
    emit: Emit,
) -> tuple[Plan, PixelSize | None]:
    """Return the plan of an earlier run if all is the same, or else look at the image and make one."""
    with errors_name(source.path), open_source(source) as image:
        config = with_diameter(config, diameter, image.pixel_size)
        used = pipeline_of("automatic").completed(config)
        if not is_large(image.shape):
            raise ConfigError(
                f"An image of {image.shape[0]} x {image.shape[1]} pixels is segmented as a whole: tiles are "
                f"for more than {LARGE} pixels."
            )
        emit(StageStarted(READING))
        digest = _digest(source.path)
        known = _known_plan(work, source)
        if known is not None and digest is not None:
            wanted = image.shape, digest, used.dumps(), tile
            if (known.shape, known.digest, known.config, known.tile) == wanted:
                return known, image.pixel_size
        emit(StageStarted(MEASURING))
        found = survey(source, (slice(0, image.shape[0]), slice(0, image.shape[1])), work_on, emit)
        values = found.values
        content = content_box_of(normalized_reader(image, values), image.shape)
        read = normalized_reader(image, values, content)
        shape = content[0].stop - content[0].start, content[1].stop - content[1].start
        if shape != image.shape:
            found = survey(source, content, work_on, ignore)
        settings = Settings.of(used)
        radius = None if used.get("diameter") is None else used["diameter"] / 2
        measures = measure(read, found.thinned(values), radius, settings.preprocess)
    rows, cols = content
    plan = Plan(
        source,
        image.shape,
        digest,
        used.dumps(),
        values,
        ((rows.start, rows.stop), (cols.start, cols.stop)),
        measures,
        tile,
    )
    if plan == known:  # of an address: what was measured is the same
        return plan, image.pixel_size
    for old in work.glob("*.npz"):
        old.unlink()
    write_atomically(work / PLAN_FILE, json.dumps(plan.to_plain()).encode())
    emit(
        LogLine(
            f"radius {measures.radius:.2f} pixels, {math.prod(plan.grid)} tiles, reach {plan.reach} pixels"
        )
    )
    return plan, image.pixel_size


def _digest(path: Place) -> str | None:
    """SHA-256 of a file (hexadecimal); None for an address."""
    if not isinstance(path, Path):
        return None
    try:
        return file_digest(path)
    except OSError as error:
        raise ImageError(f"{path} cannot be read: {error.strerror or error}.") from error


def _known_plan(work: Path, source: Source) -> Plan | None:
    """Return the plan of an earlier run of this version on the same source."""
    try:
        plain = json.loads((work / PLAN_FILE).read_text(encoding="utf-8"))
        plan = Plan.from_plain(plain, source.path)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return plan if plain["software"] == __version__ and plan.source == source else None


def _loader(path: Path) -> Callable[[], Record]:
    return lambda: Record.load(path)
