"""Reading and writing images."""

from __future__ import annotations

import json
import logging
import os
import warnings
import zlib
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import imageio.v3 as imageio
import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from .errors import ImageError, OutputError

TIFF = (".tif", ".tiff")
PNG = (".png",)
COLOR = (3, 4)
LUMINANCE = (0.2125, 0.7154, 0.0721)
TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
UNITS = {  # in micrometres
    **dict.fromkeys(("µm", "μm", "um", "micron", "microns", "micrometer"), 1.0),
    "nm": 1e-3,
    "mm": 1e3,
    "cm": 1e4,
    "m": 1e6,
    "inch": 25400.0,
}
MICROMETERS_PER_INCH = 25400.0
LARGEST_PIXEL = 20.0  # micrometres
LARGEST_COMPRESSION = 2000  # deflate reaches 1032; a file that promises more would only fill the memory
COMPRESSION = 3  # of PNG files: as small as at the usual 6 for such pictures, in less than half the time
LEFT_OVER = ".unfinished"  # suffix of files that are being written
CHANNEL_AXES, PLANE_AXES, TIME_AXES = "CS", "ZQIR", "T"

# What tifffile remarks about odd files reaches those who set up logging, and nobody's terminal otherwise.
logging.getLogger("tifffile").addHandler(logging.NullHandler())


def imread(
    path: str | Path,
    histological: bool = False,
    channel: int | None = None,
    plane: int | None = None,
    time: int | None = None,
) -> NDArray[Any]:
    """Read a microscopy image.

    Parameters
    ----------
    path : str or Path
        PNG, TIFF, or another format that Pillow knows.
    histological : bool
        Keep the colours of a colour image.
    channel, plane, time : int, optional
        Which channel, plane of a stack and point in time, counted from 0, to take of a file that has several.

    Returns
    -------
    (H, W) array, or (H, W, 3) if `histological`
        Values as stored; colour images that are not kept become grey by luminance (float64 in [0, 1]).

    Raises
    ------
    ImageError
        If there is no such file, it is not an image, or a choice of channel or plane is missing or wrong.
    """
    path = Path(path)
    if not path.exists():
        raise ImageError(f"There is no file {path}.")
    if path.is_dir():
        raise ImageError(f"{path} is a folder, not an image: give its files, or use superdsm-nb batch.")
    try:
        if path.stat().st_size == 0:
            raise ImageError(f"{path} is an empty file (0 bytes).")
        with warnings.catch_warnings():
            for about_the_file in (UserWarning, RuntimeWarning):  # not about how this library is called
                warnings.simplefilter("ignore", about_the_file)
            image, axes = _read(path)
    except ImageError:
        raise
    except Exception as error:  # decoders raise whatever a damaged file leads them to
        raise ImageError(f"{path} cannot be read as an image: {_first_line(error)}.") from error
    if image.size == 0:
        raise ImageError(f"{path} holds an image without pixels.")
    if channel is not None:
        image, axes = _take(path, image, axes, "channel", CHANNEL_AXES, channel)
    if plane is not None:
        image, axes = _take(path, image, axes, "plane", PLANE_AXES, plane)
    if time is not None:
        image, axes = _take(path, image, axes, "time", TIME_AXES, time)
    for axis in [axis for axis in axes if axis not in "YXS"]:
        if image.shape[axes.index(axis)] == 1:
            image, axes = np.take(image, 0, axes.index(axis)), axes.replace(axis, "", 1)
    if axes == "SYX" and image.dtype.itemsize > 1 and image.dtype.kind in "ui":
        # Programs call three or four deep planes colours that are channels, or a stack.
        raise ImageError(
            f"{path} has {image.shape[0]} planes of {8 * image.dtype.itemsize} bits: "
            "choose one with --channel."
        )
    if axes == "SYX":  # colours plane by plane
        image, axes = np.moveaxis(image, 0, -1), "YXS"
    if axes == "YX":
        return image
    if axes == "YXS" and image.shape[2] in (1, 2):  # grey, perhaps with an opacity
        return image[:, :, 0]
    if axes == "YXS" and image.shape[2] in COLOR:
        return image[:, :, :3] if histological else _grey(image)
    sizes = ", ".join(f"{size} in {axis}" for axis, size in zip(axes, image.shape, strict=True))
    choices = " and ".join(
        f"a {'point in time' if what == 'time' else what} (--{what})"
        for what, names, chosen in (
            ("plane", PLANE_AXES, plane),
            ("channel", CHANNEL_AXES, channel),
            ("time", TIME_AXES, time),
        )
        if chosen is None and any(axis in names for axis in axes)
    )
    advice = f"choose {choices}" if choices else "save the part to segment as an image of its own"
    raise ImageError(f"{path} has more than two dimensions ({sizes}): {advice}.")


class PixelSize(NamedTuple):
    """Height and width of a pixel in micrometres."""

    height: float
    width: float


def pixel_size(path: str | Path) -> PixelSize | None:
    """Read how large a pixel is.

    Parameters
    ----------
    path : str or Path
        An image that can be read.

    Returns
    -------
    PixelSize or None
        From the metadata of OME-TIFF and ImageJ, or the resolution of a TIFF or PNG file; None if it is not
        told, or too large for a microscope: programs write resolutions of screens and printers by default.
    """
    path = Path(path)
    try:
        with path.open("rb") as content:
            start = content.read(4)
        size = _size_in_tiff(path) if start in TIFF_STARTS else _size_in_png(path)
    except Exception:  # noqa: BLE001 - metadata that cannot be read tell no size, whatever is wrong with them
        return None
    if size is None or not all(0 < side <= LARGEST_PIXEL for side in size):
        return None
    return size


def _size_in_tiff(path: Path) -> PixelSize | None:
    with tifffile.TiffFile(path) as file:
        if file.ome_metadata:
            images = tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]
            pixels = (images[0] if isinstance(images, list) else images)["Pixels"]
            if "PhysicalSizeX" not in pixels:
                return None
            width, height = (
                float(pixels[f"PhysicalSize{axis}"]) * UNITS[pixels.get(f"PhysicalSize{axis}Unit", "µm")]
                for axis in "XY"
            )
            return PixelSize(height, width)
        page = file.pages.first
        unit = UNITS.get(str((file.imagej_metadata or {}).get("unit", "")).replace("\\u00B5", "µ"))
        if unit is None:
            unit = {2: MICROMETERS_PER_INCH, 3: 1e4}.get(int(page.resolutionunit))
        if unit is None or "XResolution" not in page.tags:
            return None
        width, height = (unit / pixels for pixels in page.resolution)
        return PixelSize(height, width)


def _size_in_png(path: Path) -> PixelSize | None:
    with Image.open(path) as file:
        dots = file.info.get("dpi")
    return None if dots is None else PixelSize(MICROMETERS_PER_INCH / dots[1], MICROMETERS_PER_INCH / dots[0])


def _read(path: Path) -> tuple[NDArray[Any], str]:
    """Read the array and the names of its axes: Y, X, S for colours, others for stacks."""
    with path.open("rb") as content:
        start = content.read(4)
    if start in TIFF_STARTS:
        with tifffile.TiffFile(path) as pages:
            series = pages.series[0]
            declared, actual = series.size * series.dtype.itemsize, path.stat().st_size
            if declared > LARGEST_COMPRESSION * actual:
                raise ImageError(
                    f"{path} is damaged: {actual} bytes cannot hold an image of {declared} bytes."
                )
            return series.asarray(), series.axes
    try:
        file = imageio.imopen(path, "r", plugin="pillow")
    except OSError as error:
        raise ImageError(
            f"{path} is not an image, or of a format that cannot be read: give a TIFF or PNG file."
        ) from error
    with file:
        frames = [np.asarray(frame) for frame in file.iter()]
    axes = "YX" if frames[0].ndim == 2 else "YXS"
    return (frames[0], axes) if len(frames) == 1 else (np.stack(frames), f"Q{axes}")


def _take(
    path: Path, image: NDArray[Any], axes: str, what: str, names: str, index: int
) -> tuple[NDArray[Any], str]:
    axis = next((axis for axis in axes if axis in names), None)
    if axis is None:
        if index == 0:
            return image, axes
        raise ImageError(f"{path} has only one {what}: there is no {what} {index}.")
    size = image.shape[axes.index(axis)]
    if not 0 <= index < size:
        raise ImageError(f"{path} has the {what}s 0 to {size - 1}: there is no {what} {index}.")
    return np.take(image, index, axes.index(axis)), axes.replace(axis, "", 1)


def _grey(image: NDArray[Any]) -> NDArray[np.float64]:
    """Luminance of a colour image in [0, 1]; transparent pixels are laid over white."""
    top = float(np.iinfo(image.dtype).max) if image.dtype.kind in "ui" else 1.0
    colors = image[:, :, :3].astype(np.float64) / top
    if image.shape[2] == 4:
        opacity = image[:, :, 3:].astype(np.float64) / top
        colors = colors * opacity + (1 - opacity)
    grey: NDArray[np.float64] = colors @ np.array(LUMINANCE)
    return grey


def imsave(
    path: str | Path,
    image: NDArray[Any],
    provenance: Mapping[str, Any] | None = None,
    pixel_size: PixelSize | None = None,
) -> None:
    """Write an image, wholly or not at all.

    Parameters
    ----------
    path : str or Path
        PNG (8 or 16 bit) or TIFF (any type), by suffix. Missing folders are created.
    image : (H, W) or (H, W, 3) array
        Pixel values.
    provenance : mapping, optional
        How the image was made; stored as JSON in the description (TIFF) or a text entry (PNG).
    pixel_size : PixelSize, optional
        Size of a pixel, stored as resolution.

    Raises
    ------
    ImageError
        If the suffix is of neither format, or a PNG cannot hold the values.
    OutputError
        If the file cannot be written.
    """
    path = Path(path)
    check_suffix(path)
    png = path.suffix.lower() in PNG
    if png and image.dtype not in (np.dtype(bool), np.dtype(np.uint8), np.dtype(np.uint16)):
        raise ImageError(f"{path}: a PNG holds 8 or 16 bits, not {image.dtype}: use the suffix .tif instead.")
    if png and image.ndim == 3 and image.dtype != np.uint8:
        raise ImageError(f"{path}: a colour PNG holds 8 bits, not {image.dtype}: use .tif instead.")
    text = json.dumps(provenance) if provenance is not None else None
    buffer = BytesIO()
    if png:
        entries = PngImagePlugin.PngInfo()
        if text is not None:
            entries.add_text("Description", text)
        options: dict[str, Any] = {}
        if pixel_size is not None:
            options["dpi"] = (
                MICROMETERS_PER_INCH / pixel_size.width,
                MICROMETERS_PER_INCH / pixel_size.height,
            )
        imageio.imwrite(
            *(buffer, image),
            extension=".png",
            plugin="pillow",
            pnginfo=entries,
            compress_level=COMPRESSION,
            **options,
        )
    else:
        photometric = "rgb" if image.ndim == 3 else "minisblack"
        resolution = None if pixel_size is None else (1e4 / pixel_size.width, 1e4 / pixel_size.height)
        tifffile.imwrite(
            *(buffer, image),
            compression="zlib",
            photometric=photometric,
            description=text,
            metadata=None,
            resolution=resolution,
            resolutionunit=None if resolution is None else "CENTIMETER",
        )
    write_file(path, buffer.getvalue())


def write_file(path: Path, content: bytes) -> None:
    """Write a file, wholly or not at all; missing folders are created.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)
    except FileExistsError as error:
        raise OutputError(f"{path} cannot be written: {path.parent} is not a folder.") from error
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror or _first_line(error)}.") from error


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file aside and move it to its place, so that it is never seen half written."""
    aside = path.with_name(f".{zlib.crc32(path.name.encode(errors='replace')):08x}.{os.getpid()}{LEFT_OVER}")
    aside.unlink(missing_ok=True)
    try:
        with aside.open("xb") as file:  # never through a link that somebody laid there
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def check_suffix(path: Path) -> None:
    """Raise `ImageError` unless the suffix is one that `imsave` can write."""
    if path.suffix.lower() not in PNG + TIFF:
        raise ImageError(f"{path} must end in .png, .tif or .tiff.")


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
