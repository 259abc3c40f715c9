"""What a kind of output file is: its names, and who writes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError, joined

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..io import Place
    from .result import Segmentation

STORE_SUFFIX = ".zarr"  # of label maps

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class OutputKind:
    """A kind of file.

    Attributes
    ----------
    noun : str
        Name of such a file: "label map".
    meaning : str
        Its content, as a phrase for help and documentation.
    suffixes : tuple of str
        Allowed suffixes; the first is used for files named after their images.
    write : callable
        Called as ``write(segmentation, path)``.
    needs : str or None
        Entry of the pipeline data object that is required for writing.
    write_rows : callable or None
        For tables: called as ``write_rows(path, rows)`` to write the rows of several images to one file.
    check : callable or None
        Raises `ConfigError` if such files cannot be written on this system.
    rows : callable
        For tables: gives the rows of a segmentation, without the name of the image.
    pixels : callable or None
        For pictures: gives the pixels for a segmentation.
    """

    noun: str
    meaning: str
    suffixes: tuple[str, ...]
    write: Callable[[Segmentation, Path], None]
    needs: str | None = "cover"
    write_rows: Callable[[Path, Rows], None] | None = None
    check: Callable[[], None] | None = None
    rows: Callable[[Segmentation], Rows] = lambda result: result.rows
    pixels: Callable[[Segmentation], NDArray[Any]] | None = None

    @property
    def suffix_text(self) -> str:
        """The suffixes for help: ".png, .tif or .zarr"."""
        return joined([suffix for suffix in self.suffixes if suffix != ".tiff"], "or")

    def check_suffix(self, path: Place) -> None:
        """Raise `ConfigError` unless a path ends in a suffix of this kind."""
        if path.suffix.lower() not in self.suffixes:
            raise ConfigError(f"{path} must end in {joined(self.suffixes, 'or')}.")

    def check_path(self, path: Place) -> None:
        """Raise `ConfigError` unless a file of this kind can be written to a path on this system."""
        if self.check is not None:
            self.check()
        if path.suffix.lower() == STORE_SUFFIX:
            from ..io import check_zarr

            check_zarr()
