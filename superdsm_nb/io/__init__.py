"""Reading and writing images."""

from .address import Address, Place, is_address, place_of, refuse_address
from .choice import ALL
from .confinement import folder_to_stay_in, make_folder, writing_inside
from .digest import file_digest
from .formats import is_image
from .limits import reading_in_parts
from .picture import PixelSize
from .reading import Planes, imread, open_planes, pixel_size, read_companion
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
from .zarrlabels import blocks_of, save_zarr_labels, write_labels_part
from .zarrnodes import is_store
from .zarrwriting import ZARR, check_store, check_zarr, is_own_store, save_zarr

__all__ = [
    "ALL",
    "PNG",
    "TIFF",
    "UNFINISHED",
    "ZARR",
    "Address",
    "LoadedImage",
    "PixelSize",
    "Place",
    "Planes",
    "Source",
    "blocks_of",
    "check_store",
    "check_suffix",
    "check_writable",
    "check_zarr",
    "file_digest",
    "folder_to_stay_in",
    "imread",
    "imsave",
    "imsave_stack",
    "is_address",
    "is_image",
    "is_own_store",
    "is_store",
    "make_folder",
    "open_planes",
    "pixel_size",
    "place_of",
    "read_companion",
    "reading_in_parts",
    "refuse_address",
    "save_zarr",
    "save_zarr_labels",
    "utf8",
    "write_atomically",
    "write_file",
    "write_labels_part",
    "writing_inside",
]
