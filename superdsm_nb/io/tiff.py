"""TIFF files: finding the picture among the pages, and reading no page but the one that is asked for."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from numpy.typing import NDArray

from ..errors import ImageError
from .channelnames import channel_names, ome_channel_names
from .limits import check_compression, check_size
from .ome import OwnPlanes, check_planes, image_count, own_planes
from .picture import Picture, Samples, Scenes
from .pixelsize import size_in_tiff
from .tiffpages import read_page
from .tiffsamples import declared_samples

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffFrame, TiffPage, TiffPageSeries

REDUCED, MASK = 1, 4  # bits of the tag NewSubfileType
LARGER = "it holds a larger picture as well: save the one to be segmented as a separate image"
SAMPLE_AXES = "SCZTQIR"
DIFFERENT = "images of different kinds or sizes, none of them the main one"


class Stack(NamedTuple):
    """The pages of a file that make up its picture."""

    pages: Sequence[TiffPage | TiffFrame | None]
    axes: str
    sizes: tuple[int, ...]
    page_axes: str
    offset: int | None  # where the planes lie one after the other, if there is only one page for them
    image: int | None = 0  # its number in OME-XML
    channel_names: tuple[str, ...] = ()
    remark: str = ""


@contextmanager
def open_file(path: Path, stored: int) -> Iterator[Picture | Scenes]:
    """Open a TIFF or BigTIFF file.

    Parameters
    ----------
    path : Path
        The file.
    stored : int
        Its size in bytes.

    Yields
    ------
    Picture or Scenes
        Each stack at its largest resolution; the first one is the main one if the others are smaller, such as
        labels and thumbnails. Of an OME-TIFF that consists of several files, only the planes in this file.

    Raises
    ------
    ImageError
        If it declares what is not known here.
    """
    from tifffile import TiffFile  # noqa: PLC0415 - takes 0.05 s, and other formats do without

    # Other files that this one names are never opened: their planes are other pictures.
    with TiffFile(path, _multifile=False, is_ndtiff=False, is_mmstack=False) as file:
        if file.ome_metadata:
            check_planes(path, file.ome_metadata)
        own = own_planes(file.ome_metadata, path.name) if file.ome_metadata else None
        if own is not None:
            yield _picture(path, file, _own_stack(path, file, own))
        else:
            yield _scenes(path, file, stored)


def page_picture(path: Path, file: TiffFile) -> Picture:
    """Describe the first page of a file that is part of another one."""
    page = file.pages.first
    return _picture(path, file, Stack([page], "", (), page.axes, None))


def _picture(path: Path, file: TiffFile, stack: Stack) -> Picture:
    """Check what the first page of a stack declares."""
    first = _page(path, next((page for page in stack.pages if page is not None), None))
    _check_page(path, first)
    samples = declared_samples(path, first, stack.page_axes.replace("Y", "").replace("X", ""))

    everywhere = slice(0, first.imagelength), slice(0, first.imagewidth)

    def read(place: tuple[int, ...], sample: int | None) -> NDArray[Any]:
        return _read(path, stack, samples, first, (place, sample), everywhere)

    def read_part(place: tuple[int, ...], sample: int | None, rows: slice, cols: slice) -> NDArray[Any]:
        return _read(path, stack, samples, first, (place, sample), (rows, cols))

    return Picture(
        stack.axes,
        stack.sizes,
        first.imagelength,
        first.imagewidth,
        samples,
        read,
        stack.channel_names or channel_names(file, stack.axes, stack.image),
        stack.remark,
        size_in_tiff(file, first, stack.image),
        read_part,
    )


def _read(
    path: Path,
    stack: Stack,
    samples: Samples,
    first: TiffPage,
    wanted: tuple[tuple[int, ...], int | None],
    part: tuple[slice, slice],
) -> NDArray[Any]:
    """Decode one plane, or a part of it, after its own declarations have been checked."""
    place, sample = wanted
    index = 0
    for at, size in zip(place, stack.sizes, strict=True):
        index = index * size + at
    if stack.offset is not None:
        return read_page(path, first, sample, part, stack.offset + index * first.nbytes)
    stored = stack.pages[index]
    page = _page(path, stored)
    if page.hash != first.hash or page.imagelength != first.imagelength:
        raise ImageError(
            f"{path} has planes of different kinds: save the one to be segmented as a separate image."
        )
    if page is not first:
        _check_page(path, page)
        if not _are_same(declared_samples(path, page, samples.axis), samples):
            raise ImageError(
                f"{path} has planes of different kinds: save the one to be segmented as a separate image."
            )
    return read_page(path, page, sample, part, None, stored)


def _are_same(one: Samples, other: Samples) -> bool:
    """Whether two pages mean the same by their values; palettes may differ in memory, not in content."""
    palettes = [None if each.palette is None else each.palette.tolist() for each in (one, other)]
    rest = [
        (each.count, each.colors, each.top, each.opacity, each.inverted, each.bits, each.together)
        for each in (one, other)
    ]
    return palettes[0] == palettes[1] and rest[0] == rest[1]


def _page(path: Path, page: TiffPage | TiffFrame | None) -> TiffPage:
    """Return a page with all of its tags; those of a stack are listed without them."""
    if page is None:
        raise ImageError(f"{path} declares this plane but does not contain it.")
    full = page.aspage() if page.offset else page.keyframe
    assert full is not None, "frames are listed by tifffile with the page that describes them"
    return full


def _check_page(path: Path, page: TiffPage) -> None:
    """Refuse a page that is no picture, or whose pixels cannot be read as the file shows them."""
    check_size(path, page.imagelength, page.imagewidth, page.samplesperpixel)
    if page.is_tiled:
        check_size(path, page.tilelength, page.tilewidth, page.samplesperpixel, is_part=True)
    elif not page.is_final:
        rows = min(page.rowsperstrip, page.imagelength)
        check_size(path, rows, page.imagewidth, page.samplesperpixel, is_part=True)
    if page.imagedepth != 1:
        raise ImageError(f"{path} holds a volume in one page: save its planes as pages.")
    if page.subfiletype & MASK:
        raise ImageError(f"{path} holds a mask of a picture in this place, not the picture.")
    if page.subfiletype & REDUCED and not page.is_subifd:
        raise ImageError(f"{path} holds only a reduced picture in this place: save it at full resolution.")
    orientation = page.tags.valueof(274, 1)
    if orientation not in (0, 1):
        raise ImageError(
            f"{path} declares that its picture is turned (orientation {orientation}): save it upright."
        )
    for each in page.pages or ():
        inner = each.aspage()
        if inner.imagelength * inner.imagewidth > page.imagelength * page.imagewidth:
            raise ImageError(f"{path} cannot be read as one picture: {LARGER}.")


def _scenes(path: Path, file: TiffFile, stored: int) -> Picture | Scenes:
    """Find the pictures of a file."""
    all_series = [series for series in file.series if math.prod(series.shape)]
    if any(series.keyframe.subfiletype & MASK for series in all_series):
        raise ImageError(f"{path} has a transparency mask, which is not read: save the picture without it.")
    full = [
        series
        for series in all_series
        if not (series.keyframe.subfiletype & REDUCED or series.keyframe.is_subifd)
    ]
    if not full:
        found = "only reduced pictures" if all_series else "an image without pixels"
        raise ImageError(f"{path} holds {found}: save it at full resolution.")
    first, *others = full
    if others and all(_is_appended(other, first) for other in full):
        check_compression(path, len(full) * first.keyframe.nbytes, stored)
        pages = [each.keyframe for each in full]
        return _picture(path, file, Stack(pages, "I", (len(full),), first.keyframe.axes, None))
    is_main = all(_area(other) < _area(first) for other in others)
    is_ome = bool(file.ome_metadata) and all(series.kind == "ome" for series in full)
    # Pictures without pixels are missing among the series, so numbers would be those of others.
    is_numbered = len(full) == image_count(file.ome_metadata or "")

    def open_scene(number: int) -> Picture:
        image = number if is_numbered or number == 0 else None
        return _picture(path, file, _series_stack(path, full[number], stored)._replace(image=image))

    names = tuple(series.name if is_ome else "" for series in full)
    return Scenes(names, open_scene, 0 if is_main else None, "scenes" if is_ome else DIFFERENT)


def _series_stack(path: Path, series: TiffPageSeries, stored: int) -> Stack:
    """Return the pages of a picture, after its size has been checked."""
    keyframe = series.keyframe
    check_size(path, keyframe.imagelength, keyframe.imagewidth, keyframe.samplesperpixel)
    check_compression(path, series.size * (series.dtype.itemsize if series.dtype else 1), stored)
    return _split(path, series)


def _is_appended(series: TiffPageSeries, first: TiffPageSeries) -> bool:
    """Whether tifffile wrote one page after the other, each of the same kind and described on its own."""
    page, other = series.keyframe, first.keyframe
    is_single = series.kind == "shaped" and len(series.pages) == 1 and tuple(series.shape) == page.shape
    return is_single and page.hash == other.hash and page.shape == other.shape


def _area(series: TiffPageSeries) -> int:
    return int(series.keyframe.imagelength * series.keyframe.imagewidth)


def _split(path: Path, series: TiffPageSeries) -> Stack:
    """Tell the axes of a stack from those of its pages."""
    page_shape = tuple(series.keyframe.shape)
    sizes, axes = tuple(series.shape), series.axes
    if axes.endswith("S") and sizes[-1] == 1 and len(page_shape) < 3:
        sizes, axes = sizes[:-1], axes[:-1]
    page_axes = axes[len(axes) - len(page_shape) :]
    is_known = page_axes.replace("Y", "", 1).replace("X", "", 1) in ("", *SAMPLE_AXES) and "YX" in page_axes
    if not is_known or sizes[len(axes) - len(page_shape) :] != page_shape:
        raise ImageError(
            f"{path} arranges its pixels in a way that is not read (axes {series.axes}): save the plane to "
            "be segmented as a separate image."
        )
    stack_axes, stack_sizes = axes[: len(axes) - len(page_shape)], sizes[: len(axes) - len(page_shape)]
    count = math.prod(stack_sizes)
    pages = list(series.pages)
    if len(pages) == count:
        return Stack(pages, stack_axes, stack_sizes, page_axes, None)
    if len(pages) == 1 and series.dataoffset is not None:
        return Stack(pages, stack_axes, stack_sizes, page_axes, series.dataoffset)
    raise ImageError(
        f"{path} declares {count} planes but contains {len(pages)}: it is damaged or incomplete."
    )


def _own_stack(path: Path, file: TiffFile, own: OwnPlanes) -> Stack:
    """Return the planes in this file of a picture that consists of several files."""
    pages = [file.pages[index] if index < len(file.pages) else None for index in own.pages]
    page_axes = _page(path, next((page for page in pages if page is not None), None)).axes
    remark = " (a file of a multi-file OME-TIFF: only the planes in this file count)" if own.is_part else ""
    names = ome_channel_names(file.ome_metadata or "")
    names = tuple(names[channel] for channel in own.channels if channel < len(names))
    return Stack(pages, own.axes, own.sizes, page_axes, None, 0, names, remark)
