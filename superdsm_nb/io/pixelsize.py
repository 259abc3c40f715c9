"""The size of a pixel, from the metadata of files."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from PIL.PngImagePlugin import PngImageFile

from .formats import START, format_of
from .limits import check_file

UNITS = {  # in micrometres
    **dict.fromkeys(("µm", "μm", "um", "micron", "microns", "micrometer"), 1.0),
    "nm": 1e-3,
    "mm": 1e3,
    "cm": 1e4,
    "m": 1e6,
    "inch": 25400.0,
}
MICROMETERS_PER_INCH = 25400.0
MAX_PIXEL_SIDE = 20.0  # micrometres


class PixelSize(NamedTuple):
    """Height and width of a pixel in micrometres."""

    height: float
    width: float


def pixel_size(path: str | Path) -> PixelSize | None:
    """Read the size of a pixel.

    Parameters
    ----------
    path : str or Path
        An image that can be read.

    Returns
    -------
    PixelSize or None
        From the metadata of OME-TIFF and ImageJ, or the resolution of a TIFF or PNG file; None if it is
        missing, or too large for a microscope: programs write screen or printer resolutions by default.
    """
    path = Path(path)
    try:
        check_file(path)
        with path.open("rb") as content:
            name = format_of(content.read(START))
        size = _size_in_tiff(path) if name == "tiff" else _size_in_png(path) if name == "png" else None
    except Exception:  # noqa: BLE001 - unreadable metadata are ignored, whatever the cause
        return None
    if size is None or not all(0 < side <= MAX_PIXEL_SIDE for side in size):
        return None
    return size


def _size_in_tiff(path: Path) -> PixelSize | None:
    import tifffile  # noqa: PLC0415 - takes 0.05 s, and other formats do without

    with tifffile.TiffFile(path, _multifile=False) as file:
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
    with PngImageFile(path) as file:
        dots = file.info.get("dpi")
    return None if dots is None else PixelSize(MICROMETERS_PER_INCH / dots[1], MICROMETERS_PER_INCH / dots[0])
