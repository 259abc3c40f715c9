"""The formats that are read, and those that are refused; the content of a file decides, not its name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

from ..errors import ImageError
from .address import Address, Place
from .choosing import choose_scene
from .limits import check_file
from .picture import Picture
from .zarrnodes import is_store

TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
PNG_START = b"\x89PNG\r\n\x1a\n"
JP2_START = b"\0\0\0\x0cjP  \r\n\x87\n"
LIF_START, LIF_MARK = b"\x70\0\0\0", b"*"  # and after the next four bytes
OIF_START = b"\xff\xfe[\0"
OIF_FOLDER = ".files"  # suffix of the folder beside an OIF file, which holds the planes
COMPOUND_START = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
START = 1024  # bytes that tell formats apart

FORMATS: tuple[tuple[str, tuple[bytes, ...]], ...] = (
    ("tiff", TIFF_STARTS),
    ("png", (PNG_START,)),
    ("jpeg", (b"\xff\xd8\xff",)),
    ("jpeg2000", (JP2_START, b"\xff\x4f\xff\x51")),
    ("gif", (b"GIF87a", b"GIF89a")),
    ("raster", (b"BM",)),
    ("czi", (b"ZISRAWFILE",)),
    ("lif", (LIF_START,)),
    ("nd2", (b"\xda\xce\xbe\x0a",)),
    ("oif", (OIF_START, COMPOUND_START)),
    ("netpbm", tuple(b"P%d%c" % (kind, space) for kind in range(1, 7) for space in b" \t\r\n#")),
)
"""Modules of this package that read a format, and the bytes with which its files start."""

MICROSCOPE = "export it as OME-TIFF, with the software of the microscope or with Fiji (Bio-Formats)"
PICTURE = "save it as a TIFF or PNG file"
OTHERS: tuple[tuple[bytes, str, str], ...] = (
    (b"%!PS", "a PostScript file", PICTURE),
    (b"\xc5\xd0\xd3\xc6", "a PostScript file", PICTURE),
    (b"%PDF", "a PDF file", PICTURE),
    (b"8BPS", "a Photoshop file", PICTURE),
    (b"\0\0\1\0", "an icon", PICTURE),
    (b"<svg", "an SVG drawing", PICTURE),
    (b"gimp xcf", "a GIMP file", PICTURE),
    (b"\x76\x2f\x31\x01", "an OpenEXR file", PICTURE),
    (b"#?RADIANCE", "a Radiance file", PICTURE),
    (b"\xff\x0a", "a JPEG XL file", PICTURE),
    (b"\0\0\0\x0cJXL ", "a JPEG XL file", PICTURE),
    (b"II\xbc\1", "a JPEG XR file", PICTURE),
    (b"P7", "a PAM file", PICTURE),
    (b"PF", "a PFM file", PICTURE),
    (b"Pf", "a PFM file", PICTURE),
    (b"\x93NUMPY", "a NumPy file", "load it, and pass the array to superdsm_nb.segment"),
    (b"SIMPLE  =", "a FITS file", PICTURE),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file, such as IMS", MICROSCOPE),
    (b"PK\3\4", "a ZIP archive", "unpack it first"),
    (b"\x1f\x8b", "a gzip archive", "unpack it first"),
)
"""Starts of files that are not read, what they are, and what to do."""


def format_of(start: bytes) -> str | None:
    """Return the module that reads files that start like this; None if there is none.

    Examples
    --------
    >>> format_of(b"GIF89a"), format_of(b"%!PS-Adobe")
    ('gif', None)
    """
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "raster"
    if start[:4] == LIF_START and start[8:9] != LIF_MARK:
        return None
    return next((name for name, starts in FORMATS if start.startswith(starts)), None)


def check_image(path: Place) -> int:
    """Refuse what is neither a file with content nor a store; return the size of a file."""
    return 0 if isinstance(path, Address) or is_store(path) else check_file(path)


def format_name(path: Place) -> str | None:
    """Return the module that reads a file or a store; None if there is none."""
    if isinstance(path, Address) or is_store(path):
        return "omezarr"
    with path.open("rb") as content:
        return format_of(content.read(START))


def is_image(path: Path) -> bool:
    """Whether a file starts like one of a format that is read, or a folder is a store; False otherwise."""
    try:
        check_image(path)
        return format_name(path) is not None
    except (ImageError, OSError):
        return False


@contextmanager
def open_picture(path: Place, stored: int, scene: int | str | None = None) -> Iterator[Picture]:
    """Open an image file and read what it declares.

    Parameters
    ----------
    path : Path or Address
        What `check_image` returned for.
    stored : int
        Its size in bytes.
    scene : int or str, optional
        Number (zero-based) or name of the picture to open if there are several.

    Yields
    ------
    Picture
        It can be decoded until the context ends.

    Raises
    ------
    AxisChoiceError
        If it holds several pictures and none is chosen.
    ImageError
        If it is of no format that is read here, or declares what is not known here.
    """
    name = format_name(path)
    if name is None:
        assert isinstance(path, Path), "an address is a store"
        with path.open("rb") as content:
            raise _unknown(path, content.read(START))
    # Decoders take up to 0.1 s to import, so only the one that is needed is.
    with import_module(f".{name}", __package__).open_file(path, stored) as found:
        yield choose_scene(path, found, scene)


def _unknown(path: Path, start: bytes) -> ImageError:
    for magic, kind, advice in OTHERS:
        if start.startswith(magic):
            return ImageError(f"{path} is {kind}, which is not read: {advice}.")
    if start[4:8] == b"ftyp":
        return ImageError(f"{path} is a HEIF, AVIF or film file, which is not read: {PICTURE}.")
    if start[128:132] == b"DICM":
        return ImageError(f"{path} is a DICOM file, which is not read: {PICTURE}.")
    return ImageError(f"{path} is not an image, or its format is not supported: use a TIFF or PNG file.")
