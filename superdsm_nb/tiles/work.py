"""The work on one tile, in whatever process it is done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scipy import ndimage

from ..automatic.defects import Box
from ..automatic.window import Canvas, inner, padded
from ..batch.lock import check_token
from ..errors import errors_name
from .joining import Whole
from .piece import Foreground, Pixel, find_foreground, fits, segment_piece
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
    core, window = plan.core(tile), plan.window(tile)
    shape, reach = plan.canonical_shape, plan.reach
    found = find_foreground(canvas, window)
    labels, _ = ndimage.label(found.clusters[inner(core, window)] > 0, output="int32")
    parts = Parts.of(labels, ndimage.find_objects(labels), core)

    def wanted(first: Pixel, box: Box) -> bool:
        return plan.owner(first) == tile and fits(box, reach, window, shape)

    return Record.of(segment_piece(canvas, found, wanted, plan.measures, plan.settings), parts)


def segment_cluster(canvas: Canvas, plan: Plan, cluster: Whole) -> Record:
    """Segment a cluster in a window of its own."""
    found: Foreground = find_foreground(canvas, padded(cluster.box, plan.reach, plan.canonical_shape))

    def wanted(first: Pixel, box: Box) -> bool:
        return first == cluster.first

    return Record.of(segment_piece(canvas, found, wanted, plan.measures, plan.settings), None)
