"""Which files this package has written: it overwrites nothing else unless that is asked for."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from ..config import DECLARATIONS_OF, Config, resolve_preset
from ..io import ZARR, is_own_store
from ..regularfiles import open_regular
from ..strictjson import MAX_SIZE, loads

ENDS = 2**17  # bytes at the start and at the end of a file that tell who wrote it
SOFTWARE = '"software": "superdsm_nb '  # in the provenance of pictures and outlines
ENCODED = (
    SOFTWARE.encode(),
    SOFTWARE.replace('"', "&quot;").encode(),  # in OME-XML
    SOFTWARE.encode("utf-16-le"),  # in the metadata of ImageJ
    SOFTWARE.encode("utf-16-be"),
)
PLACE = rb"(time,)?(plane,)?(channel,)?"  # columns of stacks
ROI = rb"PK\x03\x04.{26}([tzc]\d{4,}-)*\d{4,}(-\d+)?\.roi"
NO_ROI = b"PK\x05\x06"  # the start of an archive without files


def is_own_output(kind: str, path: Path) -> bool:
    """Tell whether a file looks like an output that this package has written.

    Parameters
    ----------
    kind : str
        Kind of output, as in `superdsm_nb.results.outputs.OUTPUTS`.
    path : Path
        The file.

    Returns
    -------
    bool
        False also if it cannot be read; an empty file counts as nobody's, so that True is returned.
    """
    if path.suffix.lower() in ZARR and path.is_dir():
        return is_own_store(path)
    if kind == "h5ad":
        return _is_own_anndata(path)
    try:
        with open_regular(path) as file:
            start = file.read(ENDS)
            if kind == "cfg":
                return not start or _is_whole_configuration(start + file.read(MAX_SIZE))
            file.seek(max(len(start), file.seek(0, 2) - ENDS))
            end = file.read()
    except OSError:
        return False
    return not start or SIGNS.get(kind, _has_provenance)(start, end or start)


def _has_provenance(start: bytes, end: bytes) -> bool:
    return any(text in part for text in ENCODED for part in (start, end))


def _is_own_anndata(path: Path) -> bool:
    """Whether a file is a table of AnnData that was made here."""
    try:
        import h5py  # noqa: PLC0415 - anndata brings it

        with open_regular(path) as file:
            if not file.peek(1):
                return True
            with h5py.File(file, "r") as table:
                return bytes(table["uns/software"][()]).startswith(b"superdsm_nb ")
    except (ImportError, OSError, KeyError, TypeError, ValueError):
        return False


def _is_whole_configuration(text: bytes) -> bool:
    """Whether a text holds every hyperparameter of a method, as only a file that was written does."""
    try:
        config = Config(loads(text))
        keys = [key for key in DECLARATIONS_OF[resolve_preset(config)] if "/" in key and "AF_" not in key]
        return all(key in config for key in keys)
    except ValueError:
        return False


SIGNS: Mapping[str, Callable[[bytes, bytes], bool]] = {
    "rois": lambda start, _: bool(re.match(ROI, start, re.DOTALL)) or start.startswith(NO_ROI),
    "csv": lambda start, _: bool(re.match(rb"image,%slabel,area," % PLACE, start)),
    "discarded": lambda start, _: bool(re.match(rb"image,%srow,col,reason," % PLACE, start)),
    "cellprofiler": lambda start, _: start.startswith(b"ImageNumber,ObjectNumber,Metadata_FileName,"),
    "qupath": lambda start, _: start.startswith(b"Image\tObject type\tName\t"),
    "parquet": lambda start, end: start.startswith(b"PAR1") and b"centroid-0" in end,
}
