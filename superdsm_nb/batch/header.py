"""The metadata of a stored result."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .._version import __version__
from ..config import DECLARATIONS_OF, Config, Preset, resolve_preset
from ..events import Remark, from_plain, to_plain
from ..performance import ClusterReport, PerformanceReport
from ..results.intensity import is_intensity_column
from ..results.tables import AXIS_COLUMNS, OBJECT_COLUMNS
from ..strictjson import number_values

FORMAT = 4
OWN_FIELDS = ("format", "content")  # of the file, not of the result


@dataclass(frozen=True)
class Header:
    """The metadata of a stored result.

    Attributes
    ----------
    digest : str
        Digest of everything except the image that the outputs depend on.
    image_sha256 : str
        Digest of the image file.
    source : dict
        Scene, channel, plane and time point used.
    config : Config
        Hyperparameters used, every default filled in.
    scale : float
        Scale used (pixels).
    last_stage : str
        Last stage that ran.
    remarks : dict of str to list of events
        Log lines, warnings and discarded objects, by stage.
    rows : list of dict
        The objects of the label map, as in the table of objects.
    written : dict of str to str
        Digests of the outputs that were written.
    entries : dict
        Objects, cover, performance and post-processed objects, as plain values.
    software : str
        Name and version of the software that wrote it.
    is_complete : bool
        Whether nothing was left out because the time was over.
    processor : str
        Kind of the processor that it was computed on (see `superdsm_nb.parallel.processor_kind`); empty if
        the version that wrote it did not tell.
    """

    digest: str
    image_sha256: str
    source: dict[str, Any]
    config: Config
    scale: float
    last_stage: str
    remarks: dict[str, list[Remark]]
    rows: list[dict[str, Any]]
    written: dict[str, str]
    entries: dict[str, Any] = field(default_factory=dict)
    software: str = f"superdsm_nb {__version__}"
    is_complete: bool = True
    processor: str = ""

    @property
    def performance(self) -> PerformanceReport:
        """How the cover was found."""
        return performance_of(self.entries.get("performance"))

    @property
    def preset(self) -> Preset:
        """The method that made it."""
        return resolve_preset(self.config)

    def to_plain(self) -> dict[str, Any]:
        """Return it as JSON values."""
        remarks = {stage: [to_plain(each) for each in said] for stage, said in self.remarks.items()}
        return {**vars(self), "config": self.config.entries, "remarks": remarks, "format": FORMAT}

    @classmethod
    def from_plain(cls, fields: Mapping[str, Any]) -> Header:
        """Return the header from the JSON values of `to_plain`.

        Raises
        ------
        ValueError
            If the values are not those of a valid result.
        """
        require(isinstance(fields.get("remarks"), dict), "its log is wrong")
        remarks = {stage: [from_plain(each) for each in said] for stage, said in fields["remarks"].items()}
        rest = {name: value for name, value in fields.items() if name not in OWN_FIELDS}
        rest |= {name: number_values(rest[name]) for name in ("rows", "entries") if name in rest}
        header = cls(**{**rest, "config": Config(fields["config"]), "remarks": remarks})
        check_header(header)
        return header


def check_header(header: Header) -> None:
    """Raise `ValueError` unless a header is valid."""
    strings = (header.digest, header.image_sha256, header.last_stage, header.software, header.processor)
    require(all(isinstance(value, str) for value in strings), "its header is wrong")
    require(isinstance(header.is_complete, bool), "its header is wrong")
    scale = header.scale
    require(isinstance(scale, float) and math.isfinite(scale) and scale > 0, "its scale is wrong")
    for part in (header.entries, header.written, header.source):
        require(isinstance(part, dict), "its header is wrong")
    require(all(isinstance(digest, str) for digest in header.written.values()), "its header is wrong")
    require(isinstance(header.rows, list), "its table is wrong")
    for row in header.rows:
        require(isinstance(row, dict) and set(OBJECT_COLUMNS) <= set(row), "its table is wrong")
        others = set(row).difference(OBJECT_COLUMNS, AXIS_COLUMNS)
        require(all(map(is_intensity_column, others)), "its table is wrong")
        numbers = {name: value for name, value in row.items() if name != "channel"}
        require(all(isinstance(value, (int, float)) for value in numbers.values()), "its table is wrong")
        require(isinstance(row.get("channel", 0), (int, str)), "its table is wrong")
    DECLARATIONS_OF[header.preset].check(header.config.entries)
    measures = header.performance.row().values()
    require(all(isinstance(value, (int, float)) for value in measures), "its performance is wrong")


def performance_of(entry: Mapping[str, Any] | None) -> PerformanceReport:
    """Return the report from the values of `dataclasses.asdict`; an empty one for None."""
    if entry is None:
        return PerformanceReport()
    clusters = [ClusterReport(**cluster) for cluster in entry["clusters"]]
    return PerformanceReport(**{**entry, "clusters": clusters})


def require(condition: bool, otherwise: str) -> None:
    """Raise `ValueError` unless a condition holds."""
    if not condition:
        raise ValueError(otherwise)
