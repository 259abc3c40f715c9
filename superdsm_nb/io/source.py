"""An image file, and the image with the metadata of its file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from ..errors import ImageError
from .address import Address, Place
from .choice import ALL
from .digest import file_digest
from .picture import PixelSize
from .reading import imread, pixel_size


@dataclass(frozen=True)
class Source:
    """An image in a file.

    Attributes
    ----------
    path : Path or Address
        The file, or the address of an OME-Zarr store.
    channel : int, str or None
        Number (zero-based) or name of the channel to use if the file has several; or "max" or "mean" of all,
        or "all", one after the other, for `superdsm_nb.segment_stack`.
    plane, time : int, str or None
        Plane of a stack and time point (zero-based) to use if the file has several; likewise.
    scene : int, str or None
        Number (zero-based) or name of the picture to use if the file has several.
    """

    path: Place
    channel: int | str | None = None
    plane: int | str | None = None
    time: int | str | None = None
    scene: int | str | None = None

    @property
    def part(self) -> dict[str, Any]:
        """The part of the file that is used, as named by `imread` and the provenance."""
        return {"scene": self.scene, "channel": self.channel, "plane": self.plane, "time": self.time}

    @property
    def is_stack(self) -> bool:
        """Whether it stands for several images: something was chosen as "all"."""
        return ALL in (self.channel, self.plane, self.time)

    def load(self, histological: bool = False) -> LoadedImage:
        """Read the image and the metadata of its file.

        Parameters
        ----------
        histological : bool
            Keep the colours of a colour image.

        Raises
        ------
        ImageError
            As for `imread`, or if the file cannot be read.
        """
        return self.described(imread(self.path, histological, **self.part))

    def described(self, pixels: NDArray[Any]) -> LoadedImage:
        """Return pixels that were read from the file with the metadata of the file.

        Parameters
        ----------
        pixels : (H, W) array, or (H, W, 3) of a histological image
            Values as stored.

        Raises
        ------
        ImageError
            If the file cannot be read.
        """
        if isinstance(self.path, Address):
            return LoadedImage(pixels, self, None, pixel_size(self.path, self.scene))
        try:
            digest = file_digest(self.path)
        except OSError as error:
            raise ImageError(f"{self.path} cannot be read: {error.strerror or error}.") from error
        return LoadedImage(pixels, self, digest, pixel_size(self.path, self.scene))


@dataclass(frozen=True)
class LoadedImage:
    """Pixels and their origin.

    Attributes
    ----------
    pixels : (H, W) array, or (H, W, 3) of a histological image
        Values as stored.
    source : Source or None
        The file; None for an array that was not read from one.
    sha256 : str or None
        Digest of the file (hexadecimal); None for an address, of which only the plane is fetched.
    pixel_size : PixelSize or None
        Size of a pixel, if the file states it.
    """

    pixels: NDArray[Any]
    source: Source | None = None
    sha256: str | None = None
    pixel_size: PixelSize | None = None

    @property
    def name(self) -> str:
        """Name of the file; empty for an array."""
        return "" if self.source is None else self.source.path.name
