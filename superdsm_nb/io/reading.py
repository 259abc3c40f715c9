"""Reading images: from a file to one plane of intensities or colours."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ..errors import AxisChoiceError, ImageError, SuperDSMError, joined, shortened
from .colours import component, needs_all, shown
from .formats import open_picture
from .limits import check_file
from .picture import AXES, RGB, Picture

COLORS = ("red", "green", "blue")

# Remarks of tifffile on unusual files go to configured loggers only, not to the terminal.
logging.getLogger("tifffile").addHandler(logging.NullHandler())


def imread(
    path: str | Path,
    histological: bool = False,
    *,
    channel: int | str | None = None,
    plane: int | None = None,
    time: int | None = None,
) -> NDArray[Any]:
    """Read a microscopy image.

    Only the plane that is asked for is decoded. What a file declares that is not known here is refused.

    Parameters
    ----------
    path : str or Path
        TIFF, PNG, JPEG, JPEG 2000, GIF, BMP, WebP or Netpbm, whatever its suffix.
    histological : bool
        Keep the colours of a colour image.
    channel : int or str, optional
        Number (zero-based) or name of the channel to use if a file has several.
    plane, time : int, optional
        Plane of a stack and time point (zero-based) to use if a file has several.

    Returns
    -------
    (H, W) array, or (H, W, 3) if `histological`
        Values as stored; other colour images are converted to grey by luminance (float64 in [0, 1]).
        Transparent pixels are black, or white if `histological`.

    Raises
    ------
    AxisChoiceError
        If the file has several channels, planes or time points and none is chosen.
    ImageError
        If there is no such file, it is not an image that is read here, it is damaged or too large, or it has
        no such channel, plane or time point.
    """
    path = Path(path)
    stored = check_file(path)
    chosen = {"channel": channel, "plane": plane, "time": time}
    try:
        with warnings.catch_warnings():
            # Warnings about the file, not about this library's calls.
            warnings.simplefilter("ignore", UserWarning)
            warnings.simplefilter("ignore", RuntimeWarning)
            with open_picture(path, stored) as picture:
                return _read(path, picture, chosen, histological)
    except SuperDSMError:
        raise
    except Exception as error:  # decoders can raise anything on a damaged file
        raise ImageError(f"{path} cannot be read as an image: {first_line(error)}.") from error


def _read(
    path: Path, picture: Picture, chosen: Mapping[str, int | str | None], histological: bool
) -> NDArray[Any]:
    """Decode the chosen plane and return what it shows."""
    samples = picture.samples
    place, sample = _find_place(path, picture, chosen)
    if sample is None:
        if samples.colors == 0:
            where = "channels of {} bits in each pixel" if samples.together else "planes of {} bits"
            what = next((what for what, names in AXES.items() if samples.axis in names), "channel")
            raise AxisChoiceError(path, f"has {samples.count} {where.format(samples.bits)}", [what])
        return shown(picture.read(place, None), samples, histological)
    if samples.palette is not None or needs_all(samples, sample):
        return component(picture.read(place, None), samples, sample)
    return component(picture.read(place, sample), samples, sample)


def _find_place(
    path: Path, picture: Picture, chosen: Mapping[str, int | str | None]
) -> tuple[tuple[int, ...], int | None]:
    """Find the position of the chosen plane in the stack, and the chosen sample.

    Raises
    ------
    ImageError
        If there is no such plane, or the choice leaves several.
    """
    axes, sizes = f"{picture.axes}{picture.samples.axis}", (*picture.sizes, picture.samples.choices)
    place: list[int | None] = [0 if size == 1 else None for size in sizes]
    for what, choice in chosen.items():
        if choice is None:
            continue
        candidates = [at for at, axis in enumerate(axes) if axis in AXES[what] and sizes[at] > 1]
        size = sizes[candidates[0]] if candidates else 1
        names = _names_of(picture, size)
        index = _index_of(path, choice, names, picture.remark) if isinstance(choice, str) else choice
        if not 0 <= index < size:
            raise _no_such_place(path, what, index, size, picture.remark)
        if candidates:
            place[candidates[0]] = index
    undecided = [axis for axis, index in zip(axes[:-1], place[:-1], strict=True) if index is None]
    if undecided:
        missing = [what for what, index in chosen.items() if index is None]
        raise _too_many_dimensions(path, picture, undecided, missing)
    *stack, sample = place
    return tuple(index for index in stack if index is not None), None if sizes[-1] == 1 else sample


def _names_of(picture: Picture, size: int) -> tuple[str, ...]:
    """Return the names of as many channels as there are to choose from."""
    names = picture.channel_names or (
        COLORS if picture.samples.colors == RGB and "C" not in picture.axes else ()
    )
    return names if len(names) == size else ()


def _index_of(path: Path, name: str, names: Sequence[str], remark: str) -> int:
    """Find the number of a channel by its name; a number may be given as text, too."""
    found = [at for at, each in enumerate(names) if each == name] or [
        at for at, each in enumerate(names) if each.casefold() == name.casefold()
    ]
    if len(found) == 1:
        return found[0]
    if not found and name.isascii() and name.isdigit() and len(name) < 10:
        return int(name)
    if not names:
        raise ImageError(f"{path} does not name its channels: choose {shortened(name)!r} by its number.")
    problem = "has several channels" if found else "has no channel"
    raise ImageError(f"{path} {problem} {shortened(name)!r}, but {joined(list(names))}{remark}.")


def _no_such_place(path: Path, what: str, index: int, size: int, remark: str) -> ImageError:
    noun = "time point" if what == "time" else what
    if size == 1:
        return ImageError(f"{path} has only one {noun}: there is no {noun} {index}{remark}.")
    return ImageError(f"{path} has the {noun}s 0 to {size - 1}: there is no {noun} {index}{remark}.")


def _too_many_dimensions(
    path: Path, picture: Picture, undecided: Sequence[str], missing: Sequence[str]
) -> ImageError:
    names = _names_of(picture, picture.sizes[picture.axes.index("C")]) if "C" in undecided else ()
    named = f"; channels {joined(list(names))}" if names else ""
    contents = f"has more than two dimensions ({picture.dimensions}{named})"
    if picture.samples.colors == 0 and "channel" in missing:
        undecided = [*undecided, picture.samples.axis]
    choices = [
        what for what, names in AXES.items() if what in missing and any(axis in names for axis in undecided)
    ]
    if choices:
        return AxisChoiceError(path, contents, choices)
    return ImageError(f"{path} {contents}: save the part to be segmented as a separate image.")


def first_line(error: BaseException) -> str:
    """Return the message of another library's error, in one line without a full stop."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
