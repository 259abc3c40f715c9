"""What a file declares about the picture in it, before anything is decoded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

AXES = {"plane": "ZQIR", "channel": "CS", "time": "T"}  # as tifffile names them
GREY, RGB = 1, 3  # numbers of colours


class PixelSize(NamedTuple):
    """Height and width of a pixel in micrometres."""

    height: float
    width: float


class Opacity(Enum):
    """What the last sample of a pixel says about the others."""

    NONE = "none"
    STRAIGHT = "straight"  # the colours are those of an opaque pixel
    PREMULTIPLIED = "premultiplied"  # the colours are blended with black already


@dataclass(frozen=True)
class Samples:
    """The values that each pixel has.

    Attributes
    ----------
    count : int
        How many there are.
    colors : int
        1 for grey or indices of a palette, 3 for red, green and blue; 0 if they are channels.
    top : float
        The value of full intensity, and of full opacity.
    opacity : Opacity
        Whether the last sample is an opacity.
    inverted : bool
        Whether small values are bright.
    palette : (N, 3) array or None
        Colours of the indices; their full intensity is `top`.
    bits : int
        Bits per value, for messages.
    axis : str
        Name of the axis; "S" unless the file names it in another way.
    together : bool
        Whether the values of a pixel are stored side by side, not plane by plane.
    remark : str
        Why they are channels if one might think that they are colours; empty, or " (...)".
    """

    count: int
    colors: int
    top: float
    opacity: Opacity = Opacity.NONE
    inverted: bool = False
    palette: NDArray[Any] | None = None
    bits: int = 8
    axis: str = "S"
    together: bool = True
    remark: str = ""

    @property
    def choices(self) -> int:
        """Number of channels to choose from."""
        return self.count if self.palette is None else RGB


@dataclass(frozen=True)
class Picture:
    """A picture, or a stack of them, in a file that is open.

    Attributes
    ----------
    axes : str
        Names of the axes of the stack; empty for a single picture.
    sizes : tuple of int
        Their lengths.
    height, width : int
        Size of each picture in pixels.
    samples : Samples
        The values of a pixel.
    read : callable
        Decodes one picture, given its position in the stack and the number of one of its samples (None: all
        of them): (H, W), or (H, W, S) if there are several samples.
    channel_names : tuple of str
        Names of the channels in their order; empty if the file does not name them all.
    remark : str
        What else there is to know if something is missing; empty, or " (...)".
    pixel_size : PixelSize or None
        Size of a pixel as the file declares it.
    read_part : callable or None
        As `read`, given rows and columns (slices with a start and a stop) as well, of which alone it reads
        what is necessary; None if the format cannot.
    """

    axes: str
    sizes: tuple[int, ...]
    height: int
    width: int
    samples: Samples
    read: Callable[[tuple[int, ...], int | None], NDArray[Any]]
    channel_names: tuple[str, ...] = ()
    remark: str = ""
    pixel_size: PixelSize | None = None
    read_part: Callable[[tuple[int, ...], int | None, slice, slice], NDArray[Any]] | None = None

    @property
    def dimensions(self) -> str:
        """The sizes of all axes, for messages: "3 in Z, 64 in Y, 48 in X"."""
        axes, sizes = f"{self.axes}YX", (*self.sizes, self.height, self.width)
        if self.samples.count > 1:
            axes, sizes = axes + self.samples.axis, (*sizes, self.samples.count)
        return ", ".join(f"{size} in {axis}" for axis, size in zip(axes, sizes, strict=True))


@dataclass(frozen=True)
class Scenes:
    """Several pictures in a file that is open.

    Attributes
    ----------
    names : tuple of str
        Their names; empty where the file has none.
    open : callable
        Returns the picture with a number.
    main : int or None
        The one that is meant if none is chosen.
    noun : str
        What they are, for messages.
    """

    names: tuple[str, ...]
    open: Callable[[int], Picture]
    main: int | None = None
    noun: str = "scenes"


def full_intensity(dtype: np.dtype[Any], bits: int | None = None) -> float:
    """Return the largest value of a number type, or of that many bits; 1 for floating-point numbers."""
    if dtype.kind in "ui" and bits is not None:
        return float(2 ** (bits - (dtype.kind == "i")) - 1)
    return float(np.iinfo(dtype).max) if dtype.kind in "ui" else 1.0
