"""Images that ``superdsm-nb segment`` divides into tiles."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import ConfigError, SuperDSMError
from ..results.outputs import STORE_SUFFIX

if TYPE_CHECKING:
    from ..config import Config
    from ..events import Emit
    from ..io import Source

GIANT = 2**26  # pixels; larger images do not fit into the memory of everybody's computer

TileOption = Annotated[
    int | None,
    typer.Option(
        "--tile",
        metavar="PIXELS",
        help="Divide the image into tiles of this height and width, which bounds the memory; the result is "
        f"the same. Images of more than {GIANT} pixels are divided anyway, into 2048, if --out is a .zarr.",
        min=64,
        show_default=False,
    ),
]
SchedulerOption = Annotated[
    str | None,
    typer.Option(
        "--scheduler",
        metavar="ADDRESS",
        help="Let the workers of a Dask scheduler do the tiles, such as tcp://host:8786, or local.",
        show_default=False,
    ),
]


def check_tiling(tile: int | None, scheduler: str | None, targets: Mapping[str, Path], given: bool) -> None:
    """Refuse what cannot be made of tiles.

    Parameters
    ----------
    tile : int or None
        The option.
    scheduler : str or None
        The option; tiles are wanted if one of the two is given.
    targets : mapping of str to Path
        Outputs.
    given : bool
        Whether a foreground, other channels or a time limit are given.

    Raises
    ------
    ConfigError
        If there is anything but a label map in OME-Zarr.
    """
    if tile is None and scheduler is None:
        return
    if set(targets) != {"seg"} or targets["seg"].suffix.lower() != STORE_SUFFIX or given:
        raise ConfigError(
            "Of tiles, a label map in OME-Zarr is made and nothing else: give --out a path that ends in "
            ".zarr, and no option for other outputs, a foreground, a measurement or a time limit."
        )


def is_giant(source: Source, target: Mapping[str, Path]) -> bool:
    """Whether an image is divided into tiles although nobody asked for it."""
    if set(target) != {"seg"} or target["seg"].suffix.lower() != STORE_SUFFIX:
        return False
    from ..tiles.source import open_source

    try:
        with open_source(source) as image:
            return image.shape[0] * image.shape[1] > GIANT
    except SuperDSMError:
        return False  # reading it as a whole says what is wrong


def segment_in_tiles(
    source: Source,
    target: Path,
    config: Config,
    diameter: str | None,
    tile: int | None,
    scheduler: str | None,
    emit: Emit,
) -> dict[str, Any]:
    """Segment one image in tiles, and return its JSON record."""
    from ..tiles import TILE, segment_tiles

    start = perf_counter()
    result = segment_tiles(
        source, target, config, diameter=diameter, tile=tile or TILE, dask=scheduler, emit=emit
    )
    cover = result.provenance["cover"]
    return {
        "status": "done",
        "preset": "automatic",
        "objects": result.object_count,
        "complete": True,
        "seconds": round(perf_counter() - start, 3),
        "outputs": {"seg": str(target)},
        "clusters": cover["cluster_count"],
        "proven_clusters": cover["proven_cluster_count"],
        "gap": cover["gap"],
        "scale": result.provenance["scale"],
        "scale_given": result.provenance["config"]["diameter"] is not None,
        "tiles": result.provenance["tiles"],
    }
