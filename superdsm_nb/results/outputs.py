"""All kinds of output files, in one table.

The options of ``superdsm-nb segment`` and the ``..._pathpattern`` fields of ``task.json`` are generated
from `OUTPUTS`. Heavy libraries are imported only by the writers that need them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError
from ..events import Emit, Warned, ignore
from .outputkind import STORE_SUFFIX, OutputKind, Rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..io import Place
    from .result import Segmentation
    from .stack import StackSegmentation

PICTURE_SUFFIXES = (".png", ".tif", ".tiff")
STACK_SUFFIXES = (".tif", ".tiff")
MAX_PNG_LABEL = 65535


def stack_output(kind: str) -> OutputKind:
    """Return a kind of output as it is of a stack: pictures are TIFF files.

    Raises
    ------
    ConfigError
        If stacks have no such output.
    """
    if kind not in OUTPUTS or kind == "cfg":  # hyperparameters differ from plane to plane
        kinds = ", ".join(each for each in OUTPUTS if each != "cfg")
        raise ConfigError(f"There is no output {kind} of a stack: its outputs are {kinds}.")
    output = OUTPUTS[kind]
    if output.pixels is None:
        return output
    stores = (STORE_SUFFIX,) if STORE_SUFFIX in output.suffixes else ()
    return replace(output, suffixes=(*STACK_SUFFIXES, *stores))


def written_path(kind: str, path: Any, object_count: int) -> Any:  # noqa: ANN401 - as it is given
    """Where an output really goes: label maps of more objects than a PNG can hold become a TIFF beside it.

    Parameters
    ----------
    kind : str
        Kind of output, as in `OUTPUTS`.
    path : Path
        Where it is wanted.
    object_count : int
        Number of objects of the result.
    """
    is_too_small = kind == "seg" and path.suffix.lower() == ".png" and object_count > MAX_PNG_LABEL
    return path.with_name(f"{path.name}.tif") if is_too_small else path


def write_outputs(
    segmentation: Segmentation | StackSegmentation, targets: Mapping[str, str | Place], emit: Emit = ignore
) -> list[str]:
    """Write a result to files.

    Parameters
    ----------
    segmentation : Segmentation or StackSegmentation
        The result of an image or of a stack.
    targets : mapping of str to path
        Files by kind, such as ``{"seg": "labels.png"}``; see `OUTPUTS`. Missing folders are created. OME-Zarr
        also goes to the address of an object store, given as text: "s3://bucket/labels.ome.zarr".
    emit : callable, optional
        Receives a warning if a file goes elsewhere (see `written_path`).

    Returns
    -------
    list of str
        Kinds that were written: all except those that need a stage which the pipeline did not reach.

    Raises
    ------
    ConfigError
        If there is no such kind.
    ImageError
        If the suffix of a picture is not supported.
    OutputError
        If a file cannot be written.

    Examples
    --------
    >>> from superdsm_nb import segment_file
    >>> result = segment_file("cells.tif", diameter=31)  # doctest: +SKIP
    >>> write_outputs(result, {"seg": "labels.png", "csv": "nuclei.csv"})  # doctest: +SKIP
    ['seg', 'csv']
    """
    from .stack import StackSegmentation, write_stack

    if isinstance(segmentation, StackSegmentation):
        return write_stack(segmentation, targets)
    written = []
    for kind, target in targets.items():
        if kind not in OUTPUTS:
            raise ConfigError(f"There is no output {kind}: the outputs are {', '.join(OUTPUTS)}.")
        output, path = OUTPUTS[kind], target_place(target)
        if output.needs is None or output.needs in segmentation.data:
            output.write(segmentation, path)
            real = written_path(kind, path, segmentation.object_count)
            if real != path:
                emit(Warned(f"{path.name} cannot hold {segmentation.object_count} objects: see {real.name}"))
            written.append(kind)
    return written


def target_place(target: str | Place) -> Any:  # noqa: ANN401 - whatever writes it, OME-Zarr or files, knows
    """Return where an output goes: a file, or an address of OME-Zarr.

    Raises
    ------
    OutputError
        If it is an address of something else.
    """
    from ..io import Address, place_of, refuse_address

    place = place_of(target)
    if isinstance(place, Address) and place.suffix.lower() != STORE_SUFFIX:
        refuse_address(place)
    return place


def image_rows(name: str, rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Add the name of the image to the rows of its objects."""
    return [{"image": name, **row} for row in rows]


def _write_labels(result: Segmentation, path: Path) -> None:
    from .picturefiles import labels

    if path.suffix.lower() == STORE_SUFFIX:
        from ..io import save_zarr

        size = result.image.pixel_size
        save_zarr(path, labels(result), labels=True, provenance=result.provenance, pixel_size=size)
        return
    wanted, path = path, written_path("seg", path, result.object_count)
    _save_picture(result, path, labels(result))
    if path != wanted:
        wanted.unlink(missing_ok=True)  # of an earlier run


def _save_picture(result: Segmentation, path: Path, pixels: NDArray[Any]) -> None:
    from ..io import imsave

    imsave(path, pixels, result.provenance, result.image.pixel_size)


def _write_config(result: Segmentation, path: Path) -> None:
    from ..io import write_file

    write_file(path, (result.config.dumps() + "\n").encode())


def _write_rois(result: Segmentation, path: Path) -> None:
    from ..io import write_file
    from .outlines import rois

    write_file(path, rois(result.labels, result.outlines))


def _write_geojson(result: Segmentation, path: Path) -> None:
    from ..io import write_file
    from .outlines import geojson

    write_file(path, geojson(result.labels, result.rows, result.provenance, result.outlines).encode())


def _picture(
    kind: str,
    noun: str,
    meaning: str,
    needs: str = "cover",
    write: Callable[[Segmentation, Path], None] | None = None,
    suffixes: tuple[str, ...] = PICTURE_SUFFIXES,
) -> OutputKind:
    """Describe a kind of picture, whose pixels `superdsm_nb.results.picturefiles` makes."""

    def pixels(result: Segmentation) -> NDArray[Any]:
        from .picturefiles import PICTURES

        return PICTURES[kind](result)

    return OutputKind(
        noun=noun,
        meaning=meaning,
        suffixes=suffixes,
        write=write or (lambda result, path: _save_picture(result, path, pixels(result))),
        needs=needs,
        pixels=pixels,
    )


def _discarded_rows(result: Segmentation) -> Rows:
    from .tables import discarded_rows

    return discarded_rows(result.discarded)


def _table(
    kind: str,
    noun: str,
    meaning: str,
    suffix: str,
    extra: str | None = None,
    rows: Callable[[Segmentation], Rows] = lambda result: result.rows,
) -> OutputKind:
    """Describe a kind of table, whose content `superdsm_nb.results.tablefiles` makes."""

    def check() -> None:
        from .tablefiles import check_extra

        check_extra(str(extra))

    def write_rows(path: Path, rows: Rows) -> None:
        from ..io import write_file
        from .tablefiles import FORMS

        write_file(path, FORMS[kind](rows))

    return OutputKind(
        noun=noun,
        meaning=meaning,
        suffixes=(suffix,),
        write=lambda result, path: write_rows(path, image_rows(result.image.name, rows(result))),
        write_rows=write_rows,
        check=None if extra is None else check,
        rows=rows,
    )


OUTPUTS: Mapping[str, OutputKind] = {
    "seg": _picture(
        "seg",
        "label map",
        "Label map: 0 is background, every nucleus has its own number",
        suffixes=(*PICTURE_SUFFIXES, STORE_SUFFIX),
        write=_write_labels,
    ),
    "overlay": _picture("overlay", "overlay", "Contours over the image"),
    "rejects": _picture(
        "rejects",
        "picture of discarded objects",
        "Contours over the image, with those of discarded objects in orange",
    ),
    "adj": _picture(
        "adj", "picture of adjacencies", "Picture of the atoms and their adjacencies", needs="adjacencies"
    ),
    "atoms": _picture(
        "atoms",
        "picture of atoms",
        "Picture of the atoms, the regions from which objects are assembled",
        needs="atoms",
    ),
    "cfg": OutputKind(
        noun="configuration",
        meaning="Hyperparameters that were used, every default filled in",
        suffixes=(".json",),
        write=_write_config,
        needs=None,
    ),
    "rois": OutputKind(
        noun="file of regions",
        meaning="Outlines of the objects as regions for ImageJ and Fiji",
        suffixes=(".zip",),
        write=_write_rois,
    ),
    "geojson": OutputKind(
        noun="file of outlines",
        meaning="Outlines of the objects, with their measurements, for QuPath",
        suffixes=(".geojson",),
        write=_write_geojson,
    ),
    "csv": _table("csv", "table", "Table with a row for each object", ".csv"),
    "parquet": _table(
        "parquet",
        "Parquet table",
        "Table with a row for each object as a Parquet file",
        ".parquet",
        extra="parquet",
    ),
    "cellprofiler": _table(
        "cellprofiler",
        "table for CellProfiler",
        "Table with the names of columns of CellProfiler",
        ".csv",
    ),
    "qupath": _table(
        "qupath",
        "table as of QuPath",
        "Table with readable names of columns, as QuPath exports it",
        ".tsv",
    ),
    "h5ad": _table(
        "h5ad",
        "AnnData table",
        "Table of AnnData, for scanpy and squidpy",
        ".h5ad",
        extra="anndata",
    ),
    "discarded": _table(
        "discarded",
        "table of discarded objects",
        "Table of the objects that were found and discarded, with the reasons",
        ".csv",
        rows=_discarded_rows,
    ),
}
