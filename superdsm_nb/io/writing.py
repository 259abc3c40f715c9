"""Writing images and other files, each completely or not at all."""

from __future__ import annotations

import contextlib
import itertools
import json
import math
import os
import zlib
from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import imageio.v3 as imageio
import numpy as np
from numpy.typing import NDArray
from PIL import PngImagePlugin

from ..errors import ImageError, OutputError
from ..strictjson import strict_values
from .address import Address, Place, refuse_address
from .confinement import make_folder, open_folder, refuse_links
from .picture import PixelSize
from .pixelsize import MICROMETERS_PER_INCH
from .reading import first_line
from .zarrwriting import ZARR, check_store

TIFF = (".tif", ".tiff")
PNG = (".png",)
COMPRESSION = 3  # of PNG files: as small as with the usual 6 for such images, in less than half the time
AXES_OF_TIFF = {"time": "T", "plane": "Z", "channel": "C"}
IMAGEJ_TYPES = ("uint8", "uint16", "float32")
MAX_IMAGEJ = 2**32 - 2**20  # bytes of pixels in its files
UNFINISHED = ".unfinished"  # suffix of files that are being written
NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


def imsave(
    path: str | Path,
    image: NDArray[Any],
    provenance: Mapping[str, Any] | None = None,
    pixel_size: PixelSize | None = None,
) -> None:
    """Write an image, completely or not at all.

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
        If the suffix is not supported, or a PNG cannot hold the values.
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
    text = json.dumps(strict_values(provenance), allow_nan=False) if provenance is not None else None
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
        import tifffile  # noqa: PLC0415 - takes 0.05 s, and other formats do without

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


def imsave_stack(
    path: str | Path,
    planes: Iterable[NDArray[Any]],
    axes: Sequence[str],
    sizes: Sequence[int],
    provenance: Mapping[str, Any] | None = None,
    pixel_size: PixelSize | None = None,
) -> None:
    """Write the planes of a stack to a TIFF file, completely or not at all.

    Fiji and napari open it with its axes: it is a hyperstack of ImageJ or, if that cannot hold it (integers
    of 32 bits, more than 4 GB), an OME-TIFF.

    Parameters
    ----------
    path : str or Path
        The file. Missing folders are created.
    planes : iterable of (H, W) or (H, W, 3) arrays
        Of one shape and type, in the order of `Planes.positions`.
    axes, sizes : sequence of str and of int
        As of `Planes`.
    provenance : mapping, optional
        How the stack was made; stored as JSON in the property "Info" of ImageJ, or the description of the
        OME-TIFF.
    pixel_size : PixelSize, optional
        Size of a pixel.

    Raises
    ------
    ImageError
        If the suffix is not that of a TIFF file.
    OutputError
        If the file cannot be written.
    """
    import tifffile  # noqa: PLC0415 - takes 0.05 s, and other formats do without

    path = Path(path)
    if path.suffix.lower() not in TIFF:
        raise ImageError(f"{path} must end in .tif or .tiff, as a stack is written to it.")
    planes = iter(planes)
    first = next(planes)
    shape = (*sizes, *first.shape)
    names = "".join(AXES_OF_TIFF[axis] for axis in axes) + ("YXS" if first.ndim == 3 else "YX")
    text = None if provenance is None else json.dumps(strict_values(provenance), allow_nan=False)
    is_imagej = first.dtype.name in IMAGEJ_TYPES and math.prod(shape) * first.itemsize < MAX_IMAGEJ
    metadata: dict[str, Any] = {"axes": names}
    resolution = None
    if is_imagej:
        if text is not None:
            metadata["Info"] = text
        if pixel_size is not None:
            metadata["unit"] = "um"
            resolution = (1 / pixel_size.width, 1 / pixel_size.height)
    else:
        if text is not None:
            metadata["Description"] = text
        if pixel_size is not None:
            metadata |= {"PhysicalSizeX": pixel_size.width, "PhysicalSizeY": pixel_size.height}
            metadata |= {"PhysicalSizeXUnit": "µm", "PhysicalSizeYUnit": "µm"}
    buffer = BytesIO()
    tifffile.imwrite(
        *(buffer, itertools.chain([first], planes)),
        shape=shape,
        dtype=first.dtype,
        imagej=is_imagej,
        ome=not is_imagej,
        compression="zlib",
        photometric="rgb" if first.ndim == 3 else "minisblack",
        resolution=resolution,
        metadata=metadata,
    )
    write_file(path, buffer.getvalue())


def write_file(path: Path, content: bytes) -> None:
    """Write a file, completely or not at all; missing folders are created.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    refuse_address(path)
    try:
        make_folder(path.parent)
        write_atomically(path, content)
    except FileExistsError as error:
        raise OutputError(f"{path} cannot be written: {path.parent} is not a folder.") from error
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror or first_line(error)}.") from error


def check_writable(path: Place) -> None:
    """Find out before the work whether a file can be written; nothing is created.

    Raises
    ------
    OutputError
        If it is a folder other than a store of this package, or its folder does not allow new files or cannot
        be made.
    """
    if isinstance(path, Address):
        check_store(path)
        return
    refuse_address(path)
    try:
        refuse_links(path.parent)
        is_folder = path.is_dir()
        folder = next(parent for parent in path.absolute().parents if os.path.lexists(parent))
    except OSError as error:  # a name that is too long
        raise OutputError(f"{path} cannot be written: {error.strerror or error}.") from error
    if path.suffix.lower() in ZARR:
        check_store(path)
    elif is_folder:
        raise OutputError(f"{path} cannot be written: it is a folder.")
    if not folder.is_dir():
        raise OutputError(f"{path} cannot be written: {folder} is not a folder.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"{path} cannot be written: {folder} is read-only for you.")


def utf8(text: str) -> bytes:
    """Encode text for a file; bytes of file names that are not UTF-8 are written as escapes."""
    return text.encode(errors="backslashreplace")


def write_atomically(path: Path, content: bytes) -> None:
    """Write a temporary file and rename it, so that a half-written file is never seen.

    Raises
    ------
    OSError
        If that fails, or the file is not where `writing_inside` allows it.
    """
    name = f".{zlib.crc32(path.name.encode(errors='replace')):08x}.{os.getpid()}{UNFINISHED}"
    with open_folder(path.parent) as folder:
        place = folder.place
        with contextlib.suppress(FileNotFoundError):
            os.unlink(place / name, dir_fd=folder.handle)
        try:
            # Never through an existing link.
            handle = os.open(place / name, NEW_FILE, 0o666, dir_fd=folder.handle)
            with open(handle, "wb") as file:  # noqa: PTH123 - a descriptor
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(place / name, place / path.name, src_dir_fd=folder.handle, dst_dir_fd=folder.handle)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(place / name, dir_fd=folder.handle)


def check_suffix(path: Path) -> None:
    """Raise `ImageError` unless the suffix is one that `imsave` can write."""
    if path.suffix.lower() not in PNG + TIFF:
        raise ImageError(f"{path} must end in .png, .tif or .tiff.")
