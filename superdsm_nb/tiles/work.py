"""The work on one tile, in whatever process it is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scipy import ndimage

from ..automatic.defects import Box
from ..automatic.window import Canvas, inner, padded
from ..batch.lock import check_token
from ..errors import errors_name
from .foreground import Foreground, Pixel, around, find_foreground, fits
from .joining import Whole
from .piece import Piece, divide_clusters, outline_objects
from .plan import Plan
from .records import Parts, Record
from .source import normalized_reader, open_source

Tile = tuple[int, int]


@dataclass(frozen=True)
class Job:
    """A tile to segment, or a cluster on its own.

    Attributes
    ----------
    plan : Plan
        What it depends on.
    path : Path
        Where its record is written.
    token : str
        Of the run that asks for it, by which its workers know that it still goes on.
    tile : (int, int) or None
        Row and column of the tile.
    cluster : Whole or None
        The cluster.
    """

    plan: Plan
    path: Path
    token: str
    tile: Tile | None = None
    cluster: Whole | None = None


def do(job: Job) -> Path:
    """Segment a tile or a cluster, and write its record.

    Parameters
    ----------
    job : Job
        The work.

    Returns
    -------
    Path
        Of the record.

    Raises
    ------
    SuperDSMError
        If the image cannot be read, the record cannot be written, or the run that asked is over; the message
        names the file.
    """
    with errors_name(job.plan.source.path), opened(job.plan) as canvas:
        if job.tile is not None:
            record = segment_tile(canvas, job.plan, job.tile)
        else:
            assert job.cluster is not None, "one of the two is given"
            record = segment_cluster(canvas, job.plan, job.cluster)
    check_token(job.path.parent, job.token)
    record.save(job.path)
    return job.path


@contextmanager
def opened(plan: Plan) -> Iterator[Canvas]:
    """Open the image of a plan."""
    with open_source(plan.source) as source:
        read = normalized_reader(source, plan.values, plan.content_box)
        yield Canvas(read, plan.content_shape, plan.measures, plan.settings.preprocess)


def segment_tile(canvas: Canvas, plan: Plan, tile: Tile) -> Record:
    """Segment the clusters that begin in a tile and fit into its window."""
    window, shape, reach = plan.window(tile), plan.canonical_shape, plan.reach

    def wanted(first: Pixel, box: Box) -> bool:
        return plan.owner(first) == tile and fits(box, reach, window, shape)

    return _segment(canvas, plan, window, wanted, plan.core(tile))


def segment_cluster(canvas: Canvas, plan: Plan, cluster: Whole) -> Record:
    """Segment a cluster in a window of its own."""

    def wanted(first: Pixel, box: Box) -> bool:
        return first == cluster.first

    return _segment(canvas, plan, padded(cluster.box, plan.reach, plan.canonical_shape), wanted, None)


def _segment(
    canvas: Canvas, plan: Plan, window: Box, wanted: Callable[[Pixel, Box], bool], core: Box | None
) -> Record:
    """Segment the clusters of a window that are wanted; what a step does not need is let go before it."""
    measures, settings = plan.measures, plan.settings
    found = find_foreground(canvas, window)
    parts = None if core is None else _parts(found, core)
    is_wanted = [wanted(first, box) for first, box in zip(found.firsts, found.boxes, strict=True)]
    if not any(is_wanted):
        return Record.of(Piece((), ()), parts)
    found = around(found, is_wanted, plan.reach, canvas)
    divided = divide_clusters(found, is_wanted, measures, settings, canvas.zoom)
    del found
    return Record.of(outline_objects(canvas, divided, measures, settings), parts)


def _parts(found: Foreground, core: Box) -> Parts:
    """Return the parts of clusters that reach the sides of a tile."""
    labels, _ = ndimage.label(found.clusters[inner(core, found.window)] > 0, output="int32")
    return Parts.of(labels, ndimage.find_objects(labels), core)
