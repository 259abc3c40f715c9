"""What is checked before a file is opened or decoded: its kind, and the size that it declares."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from ..errors import ConfigError, ImageError
from ..regularfiles import special_kind
from .address import Place

MAX_PIXELS = 2**30
"""Largest plane that is read by default: 32768 x 32768 pixels.

Segmenting takes about a hundred bytes per pixel, so a larger plane would need more than 100 GB of memory. A
file that declares more is most likely damaged, or made to exhaust memory.
"""
MAX_PIXELS_VARIABLE = "SUPERDSM_NB_MAX_PIXELS"
MAX_COLORS = 4  # values per pixel of the largest plane: colours and opacity
MAX_COMPRESSION = 2000  # deflate reaches 1032; a file that claims more would only exhaust memory


def check_file(path: Path) -> int:
    """Refuse what is no regular file with content, without opening it.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    int
        Its size in bytes.

    Raises
    ------
    ImageError
        If it does not exist, is empty, or is a folder, pipe, device or socket, which could block for ever.
    """
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ImageError(f"There is no file {path}.") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ImageError(f"{path} cannot be read: {reason}.") from error
    kind = special_kind(found.st_mode)
    if kind is not None:
        raise ImageError(f"{path} is {kind}, not an image.")
    if found.st_size == 0:
        raise ImageError(f"{path} is an empty file (0 bytes).")
    return found.st_size


def max_pixels() -> int:
    """Return the number of pixels that a plane may have: `MAX_PIXELS`, or what the environment says.

    Raises
    ------
    ConfigError
        If the environment variable does not hold a positive integer.
    """
    given = os.environ.get(MAX_PIXELS_VARIABLE)
    if given is None:
        return MAX_PIXELS
    if not (given.isascii() and given.isdigit() and len(given) <= 18 and int(given)):
        raise ConfigError(
            f"The environment variable {MAX_PIXELS_VARIABLE} must be a positive number of pixels."
        )
    return int(given)


_in_parts: ContextVar[bool] = ContextVar("in_parts", default=False)


@contextmanager
def reading_in_parts() -> Iterator[None]:
    """Allow planes of any size inside the context, because no more than a part of them is ever decoded."""
    token = _in_parts.set(True)
    try:
        yield
    finally:
        _in_parts.reset(token)


def check_size(path: Place, height: int, width: int, samples: int = 1, *, is_part: bool = False) -> None:
    """Refuse a plane without pixels, or with more than `max_pixels`.

    Parameters
    ----------
    path : Path
        The file that declares it.
    height, width : int
        Its size in pixels.
    samples : int
        Number of values per pixel that have to be decoded.
    is_part : bool
        Whether it is a part of a plane that can only be decoded as a whole.

    Raises
    ------
    ImageError
        If it is empty or too large.
    """
    if height < 1 or width < 1 or samples < 1:
        raise ImageError(f"{path} holds an image without pixels.")
    limit = max_pixels()
    if _in_parts.get() and not is_part:
        return
    if height * width > limit or height * width * samples > MAX_COLORS * limit:
        raise ImageError(
            f"{path} declares an image of {height} x {width} pixels, more than the limit of {limit} pixels: "
            f"raise it by the environment variable {MAX_PIXELS_VARIABLE}, or cut the image into parts."
        )


def check_compression(path: Path, declared: int, stored: int) -> None:
    """Refuse a file that declares more pixels than its bytes can contain.

    Parameters
    ----------
    path : Path
        The file.
    declared, stored : int
        Number of bytes of the decoded image, and of the file.

    Raises
    ------
    ImageError
        If no compression reaches that.
    """
    if declared > MAX_COMPRESSION * stored:
        raise ImageError(f"{path} is damaged: {stored} bytes cannot contain an image of {declared} bytes.")
