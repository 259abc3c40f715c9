"""Reading images: from a file to planes of intensities or colours."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import Any

from numpy.typing import NDArray

from ..errors import ImageError, SuperDSMError, joined
from .address import Place, place_of
from .choice import choose, positions
from .colours import component, needs_all, shown
from .formats import check_image, format_name, open_picture
from .picture import Picture, PixelSize
from .pixelsize import plausible, size_in_png

# Remarks of tifffile on unusual files go to configured loggers only, not to the terminal.
logging.getLogger("tifffile").addHandler(logging.NullHandler())


def imread(
    path: str | Place,
    histological: bool = False,
    *,
    channel: int | str | None = None,
    plane: int | str | None = None,
    time: int | str | None = None,
    scene: int | str | None = None,
) -> NDArray[Any]:
    """Read a microscopy image.

    Only what is asked for is decoded, one plane at a time. What a file declares that is not known here is
    refused.

    Parameters
    ----------
    path : str, Path or Address
        TIFF, PNG, JPEG, JPEG 2000, GIF, BMP, WebP, Netpbm, CZI, OIF or OIB, whatever its suffix; LIF and ND2
        with the extra ``formats``, and a folder that is OME-Zarr with the extra ``zarr``; with the extra
        ``remote`` also as text an address of OME-Zarr, "s3://bucket/a.ome.zarr" or one of a web server.
    histological : bool
        Keep the colours of a colour image.
    channel : int or str, optional
        Number (zero-based) or name of the channel to use if a file has several; or "max" or "mean" of all.
    plane, time : int or str, optional
        Plane of a stack and time point (zero-based) to use if a file has several; or "max" or "mean" of all.
    scene : int or str, optional
        Number (zero-based) or name of the picture to use if a file has several.

    Returns
    -------
    (H, W) array, or (H, W, 3) if `histological`
        Values as stored; other colour images are converted to grey by luminance (float64 in [0, 1]).
        Transparent pixels are black, or white if `histological`. The mean of several is float64.

    Raises
    ------
    AxisChoiceError
        If the file has several scenes, channels, planes or time points and none is chosen.
    ImageError
        If there is no such file, it is not an image that is read here, it is damaged or too large, or it has
        no such scene, channel, plane or time point.

    See Also
    --------
    superdsm_nb.segment_stack : Segments all planes of a stack.
    """
    with open_planes(path, histological, channel=channel, plane=plane, time=time, scene=scene) as planes:
        if planes.axes:
            raise ImageError(
                f'{path}: "all" ({joined(planes.axes)}) stands for several images where one is needed: '
                'choose one, or "max" or "mean" of all.'
            )
        return planes.read({})


def read_companion(path: str | Place, part: Mapping[str, int | str | None]) -> NDArray[Any]:
    """Read the picture in another file that belongs to a plane: the same plane and time point, if it has any.

    Parameters
    ----------
    path : str, Path or Address
        The other file.
    part : mapping of str to int or str
        What is used of the file that it belongs to (see `Source.part`).

    Returns
    -------
    (H, W) array
        As by `imread`.

    Raises
    ------
    ImageError
        As by `imread`.
    """
    with open_planes(path, plane=part.get("plane"), time=part.get("time"), missing_ok=True) as planes:
        return planes.read({})


@dataclass(frozen=True)
class Planes:
    """The chosen planes of a file that is open.

    Attributes
    ----------
    axes : tuple of str
        Which of "time", "plane" and "channel" were chosen as "all" and have several places, in this order;
        empty if a single plane was chosen.
    sizes : tuple of int
        How many places each of them has.
    channel_names : tuple of str
        Names of the channels, if "channel" is one of the axes and the file names them.
    read : callable
        Decodes the plane at one of the `positions`: (H, W), or (H, W, 3) of a histological image. It may be
        called by several threads.
    shape : (int, int)
        Height and width of each plane of a file.
    read_part : callable or None
        As `read`, given rows and columns (slices with a start and a stop) as well; None if the format has to
        be decoded as a whole.
    pixel_size : PixelSize or None
        Size of a pixel, if the file states one that is plausible.
    """

    axes: tuple[str, ...]
    sizes: tuple[int, ...]
    channel_names: tuple[str, ...]
    read: Callable[[Mapping[str, int]], NDArray[Any]]
    shape: tuple[int, int] = (0, 0)
    read_part: Callable[[Mapping[str, int], slice, slice], NDArray[Any]] | None = None
    pixel_size: PixelSize | None = None

    @property
    def positions(self) -> list[dict[str, int]]:
        """The position of every plane, the last axis the fastest."""
        return positions(self.axes, self.sizes)


@contextmanager
def open_planes(
    path: str | Place,
    histological: bool = False,
    *,
    channel: int | str | None = None,
    plane: int | str | None = None,
    time: int | str | None = None,
    scene: int | str | None = None,
    missing_ok: bool = False,
) -> Iterator[Planes]:
    """Open a file to read one or all of its planes.

    Parameters
    ----------
    path : str, Path or Address
        As for `imread`.
    histological : bool
        Keep the colours of a colour image.
    channel, plane, time : int or str, optional
        As for `imread`, or "all".
    scene : int or str, optional
        As for `imread`.
    missing_ok : bool
        Whether choices on axes that the file does not have are left out.

    Yields
    ------
    Planes
        They can be read until the context ends.

    Raises
    ------
    ImageError
        As by `imread`, also when a plane is read.
    """
    path = place_of(path)
    stored = check_image(path)
    chosen = {"channel": channel, "plane": plane, "time": time}
    lock = Lock()  # decoders share the open file
    with ExitStack() as opened:
        with _reading(path):
            picture = opened.enter_context(open_picture(path, stored, scene))
            choice = choose(path, picture, chosen, missing_ok=missing_ok)

        def read(position: Mapping[str, int]) -> NDArray[Any]:
            with lock, _reading(path):
                return choice.at(position).read(
                    lambda place, sample: _decode(picture, place, sample, histological)
                )

        def read_part(position: Mapping[str, int], rows: slice, cols: slice) -> NDArray[Any]:
            decode = picture.read_part
            assert decode is not None, "only then it is offered"
            part = replace(
                picture,
                height=rows.stop - rows.start,
                width=cols.stop - cols.start,
                read=lambda place, sample: decode(place, sample, rows, cols),
            )
            with lock, _reading(path):
                return choice.at(position).read(
                    lambda place, sample: _decode(part, place, sample, histological)
                )

        sizes = tuple(choice.sizes[at] for at in choice.axes.values())
        yield Planes(
            tuple(choice.axes),
            sizes,
            choice.names,
            read,
            (picture.height, picture.width),
            None if picture.read_part is None else read_part,
            plausible(picture.pixel_size),
        )


@contextmanager
def _reading(path: Place) -> Iterator[None]:
    """Keep warnings about the file to itself, and make every error one of ours."""
    try:
        with warnings.catch_warnings():
            # Warnings about the file, not about this library's calls.
            warnings.simplefilter("ignore", UserWarning)
            warnings.simplefilter("ignore", RuntimeWarning)
            yield
    except SuperDSMError:
        raise
    except Exception as error:  # decoders can raise anything on a damaged file
        raise ImageError(f"{path} cannot be read as an image: {first_line(error)}.") from error


def pixel_size(path: str | Place, scene: int | str | None = None) -> PixelSize | None:
    """Read the size of a pixel.

    Parameters
    ----------
    path : str, Path or Address
        An image that can be read.
    scene : int or str, optional
        Number (zero-based) or name of the picture that is meant if the file has several.

    Returns
    -------
    PixelSize or None
        From the metadata of the file, or the resolution of a TIFF or PNG file; None if it is missing, or too
        large for a microscope: programs write screen or printer resolutions by default.
    """
    path = place_of(path)
    try:
        stored = check_image(path)
        if isinstance(path, Path) and format_name(path) == "png":
            return plausible(size_in_png(path))
        with _reading(path), open_picture(path, stored, scene) as picture:
            return plausible(picture.pixel_size)
    except Exception:  # noqa: BLE001 - unreadable metadata are ignored, whatever the cause
        return None


def _decode(picture: Picture, place: tuple[int, ...], sample: int | None, histological: bool) -> NDArray[Any]:
    """Decode one plane and return what it shows."""
    samples = picture.samples
    if sample is None:
        return shown(picture.read(place, None), samples, histological)
    if samples.palette is not None or needs_all(samples, sample):
        return component(picture.read(place, None), samples, sample)
    return component(picture.read(place, sample), samples, sample)


def first_line(error: BaseException) -> str:
    """Return the message of another library's error, in one line without a full stop."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
