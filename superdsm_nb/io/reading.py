"""Reading images: from a file to one plane of intensities or colours."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import imageio.v3 as imageio
import numpy as np
from numpy.typing import NDArray

from ..errors import AxisChoiceError, ImageError, SuperDSMError

COLOR_CHANNELS = (3, 4)
LUMINANCE = (0.2125, 0.7154, 0.0721)
TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
MAX_COMPRESSION = 2000  # deflate reaches 1032; a file that claims more would only exhaust memory
AXES = {"plane": "ZQIR", "channel": "CS", "time": "T"}  # as tifffile names them

# Remarks of tifffile on unusual files go to configured loggers only, not to the terminal.
logging.getLogger("tifffile").addHandler(logging.NullHandler())


def imread(
    path: str | Path,
    histological: bool = False,
    *,
    channel: int | None = None,
    plane: int | None = None,
    time: int | None = None,
) -> NDArray[Any]:
    """Read a microscopy image.

    Parameters
    ----------
    path : str or Path
        PNG, TIFF, or another format that Pillow supports.
    histological : bool
        Keep the colours of a colour image.
    channel, plane, time : int, optional
        Channel, plane of a stack and time point (zero-based) to use if a file has several.

    Returns
    -------
    (H, W) array, or (H, W, 3) if `histological`
        Values as stored; other colour images are converted to grey by luminance (float64 in [0, 1]).

    Raises
    ------
    AxisChoiceError
        If the file has several channels, planes or time points and none is chosen.
    ImageError
        If there is no such file, it is not an image, or it has no such channel, plane or time point.
    """
    path = Path(path)
    image, axes = _decode(path)
    chosen = {"channel": channel, "plane": plane, "time": time}
    for what, index in chosen.items():
        if index is not None:
            image, axes = _take(path, image, axes, what, index)
    for axis in [axis for axis in axes if axis not in "YXS"]:
        if image.shape[axes.index(axis)] == 1:
            image, axes = np.take(image, 0, axes.index(axis)), axes.replace(axis, "", 1)
    if axes == "SYX":
        image, axes = _interleaved(path, image)
    if axes == "YX":
        return image
    if axes == "YXS" and image.shape[2] in (1, 2):  # grey, perhaps with opacity
        return image[:, :, 0]
    if axes == "YXS" and image.shape[2] in COLOR_CHANNELS:
        return image[:, :, :3] if histological else _grey(image)
    missing = [what for what, index in chosen.items() if index is None]
    raise _too_many_dimensions(path, image.shape, axes, missing)


def _decode(path: Path) -> tuple[NDArray[Any], str]:
    """Read all of a file, and the names of its axes: Y, X, S for colours, others for stacks."""
    if not path.exists():
        raise ImageError(f"There is no file {path}.")
    if path.is_dir():
        raise ImageError(f"{path} is a folder, not an image.")
    try:
        if path.stat().st_size == 0:
            raise ImageError(f"{path} is an empty file (0 bytes).")
        with warnings.catch_warnings():
            for about_the_file in (
                UserWarning,
                RuntimeWarning,
            ):  # warnings about the file, not about this library's calls
                warnings.simplefilter("ignore", about_the_file)
            image, axes = _read(path)
    except SuperDSMError:
        raise
    except Exception as error:  # decoders can raise anything on a damaged file
        raise ImageError(f"{path} cannot be read as an image: {first_line(error)}.") from error
    if image.size == 0:
        raise ImageError(f"{path} holds an image without pixels.")
    return image, axes


def _read(path: Path) -> tuple[NDArray[Any], str]:
    with path.open("rb") as content:
        start = content.read(4)
    if start in TIFF_STARTS:
        import tifffile  # noqa: PLC0415 - takes 0.05 s, and other formats do without

        with tifffile.TiffFile(path) as pages:
            series = pages.series[0]
            declared, actual = series.size * series.dtype.itemsize, path.stat().st_size
            if declared > MAX_COMPRESSION * actual:
                raise ImageError(
                    f"{path} is damaged: {actual} bytes cannot contain an image of {declared} bytes."
                )
            return series.asarray(), series.axes
    try:
        file = imageio.imopen(path, "r", plugin="pillow")
    except OSError as error:
        raise ImageError(
            f"{path} is not an image, or its format is not supported: use a TIFF or PNG file."
        ) from error
    with file:
        frames = [np.asarray(frame) for frame in file.iter()]
    axes = "YX" if frames[0].ndim == 2 else "YXS"
    return (frames[0], axes) if len(frames) == 1 else (np.stack(frames), f"Q{axes}")


def _take(path: Path, image: NDArray[Any], axes: str, what: str, index: int) -> tuple[NDArray[Any], str]:
    """Select one channel, plane or time point."""
    noun = "time point" if what == "time" else what
    axis = next((axis for axis in axes if axis in AXES[what]), None)
    if axis is None:
        if index == 0:
            return image, axes
        raise ImageError(f"{path} has only one {noun}: there is no {noun} {index}.")
    size = image.shape[axes.index(axis)]
    if not 0 <= index < size:
        raise ImageError(f"{path} has the {noun}s 0 to {size - 1}: there is no {noun} {index}.")
    return np.take(image, index, axes.index(axis)), axes.replace(axis, "", 1)


def _interleaved(path: Path, image: NDArray[Any]) -> tuple[NDArray[Any], str]:
    """Convert colours that are stored plane by plane to pixel by pixel."""
    if image.dtype.itemsize > 1 and image.dtype.kind in "ui":
        # Programs label three or four deep planes as colours although they are channels or a stack.
        contents = f"has {image.shape[0]} planes of {8 * image.dtype.itemsize} bits"
        raise AxisChoiceError(path, contents, ["channel"])
    return np.moveaxis(image, 0, -1), "YXS"


def _too_many_dimensions(path: Path, shape: tuple[int, ...], axes: str, missing: Sequence[str]) -> ImageError:
    sizes = ", ".join(f"{size} in {axis}" for axis, size in zip(axes, shape, strict=True))
    contents = f"has more than two dimensions ({sizes})"
    choices = [
        what for what, names in AXES.items() if what in missing and any(axis in names for axis in axes)
    ]
    if choices:
        return AxisChoiceError(path, contents, choices)
    return ImageError(f"{path} {contents}: save the part to be segmented as a separate image.")


def _grey(image: NDArray[Any]) -> NDArray[np.float64]:
    """Luminance of a colour image in [0, 1]; transparent pixels are blended with white."""
    top = float(np.iinfo(image.dtype).max) if image.dtype.kind in "ui" else 1.0
    colors = image[:, :, :3].astype(np.float64) / top
    if image.shape[2] == 4:
        opacity = image[:, :, 3:].astype(np.float64) / top
        colors = colors * opacity + (1 - opacity)
    grey: NDArray[np.float64] = colors @ np.array(LUMINANCE)
    return grey


def first_line(error: BaseException) -> str:
    """Return the message of another library's error, in one line without a full stop."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
