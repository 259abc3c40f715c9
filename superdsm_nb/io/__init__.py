"""Reading and writing images."""

from .digest import file_digest
from .formats import is_image
from .picture import PixelSize
from .reading import Planes, imread, open_planes, pixel_size
from .source import LoadedImage, Source
from .writing import (
    PNG,
    TIFF,
    UNFINISHED,
    check_suffix,
    check_writable,
    imsave,
    imsave_stack,
    utf8,
    write_atomically,
    write_file,
)

__all__ = [
    "PNG",
    "TIFF",
    "UNFINISHED",
    "LoadedImage",
    "PixelSize",
    "Planes",
    "Source",
    "check_suffix",
    "check_writable",
    "file_digest",
    "imread",
    "imsave",
    "imsave_stack",
    "is_image",
    "open_planes",
    "pixel_size",
    "utf8",
    "write_atomically",
    "write_file",
]
