"""The channels that a task measures: those of the file itself, and those in other files."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..io import file_digest
from ..results.channels import channel_name

Place = int | str | Path
PLACEHOLDER = r"%(?!%)[^a-zA-Z]*[a-zA-Z]"  # of the file id in a pattern


def is_pattern(place: int | str) -> bool:
    """Whether an entry of ``measure`` is a pattern of files, not a channel of the same file.

    Examples
    --------
    >>> is_pattern("{ROOTDIR}/p53/%s.tif"), is_pattern("p53"), is_pattern(1)
    (True, False, False)
    """
    return isinstance(place, str) and re.search(PLACEHOLDER, place.replace("%%", "")) is not None


def measured_name(place: int | str) -> str:
    """Return the name by which the columns of an entry of ``measure`` are called.

    Of a pattern it is what the names of the files have in common or, if that is nothing, their folder.

    Examples
    --------
    >>> measured_name("GFP"), measured_name("images/p53/%s.tif"), measured_name("images/%03d_p53.tif")
    ('GFP', 'p53', 'p53')
    """
    if isinstance(place, int) or not is_pattern(place):
        return channel_name(place)
    path = Path(re.sub(PLACEHOLDER, "", place.replace("%%", "\0")).replace("\0", "%"))
    suffix = Path(place).suffix
    name = path.name.removesuffix(suffix).strip("_-. ")
    return name or re.sub(r"[{}]", "", path.parent.name)


def digest_entries(measure: Mapping[str, Place]) -> Sequence[Any]:
    """Return what the results depend on, as JSON values: channels, and the content of files."""
    return [[name, _content(place)] for name, place in measure.items()]


def _content(place: Place) -> int | str | dict[str, str | None]:
    if not isinstance(place, Path):
        return place
    try:
        return {"sha256": file_digest(place)}
    except OSError:  # the run of the image will say so
        return {"sha256": None}
