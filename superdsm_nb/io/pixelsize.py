"""The size of a pixel, from the metadata of TIFF and PNG files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PIL.PngImagePlugin import PngImageFile

from .picture import PixelSize

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage

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


def plausible(size: PixelSize | None) -> PixelSize | None:
    """Return a size unless it is too large for a microscope: programs write those of screens by default."""
    return size if size is not None and all(0 < side <= MAX_PIXEL_SIDE for side in size) else None


def size_in_tiff(file: TiffFile, page: TiffPage, image: int | None) -> PixelSize | None:
    """Return the size of a pixel of a TIFF file.

    Parameters
    ----------
    file : tifffile.TiffFile
        An open file.
    page : tifffile.TiffPage
        The first page of the picture.
    image : int or None
        Number of the picture in the OME-XML, if it is known.

    Returns
    -------
    PixelSize or None
        From the metadata of OME and ImageJ, or the resolution; None if it is missing.
    """
    import tifffile  # noqa: PLC0415 - takes 0.05 s, and other formats do without

    try:
        if file.ome_metadata:
            images = tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]
            images = images if isinstance(images, list) else [images]
            pixels = {} if image is None else images[image]["Pixels"]
            if "PhysicalSizeX" not in pixels:
                return None
            width, height = (
                float(pixels[f"PhysicalSize{axis}"]) * UNITS[pixels.get(f"PhysicalSize{axis}Unit", "µm")]
                for axis in "XY"
            )
            return PixelSize(height, width)
        unit = UNITS.get(str((file.imagej_metadata or {}).get("unit", "")).replace("\\u00B5", "µ"))
        if unit is None:
            unit = {2: MICROMETERS_PER_INCH, 3: 1e4}.get(int(page.resolutionunit))
        if unit is None or "XResolution" not in page.tags:
            return None
        width, height = (unit / pixels for pixels in page.resolution)
        return PixelSize(height, width)
    except Exception:  # noqa: BLE001 - unreadable metadata are ignored, whatever the cause
        return None


def size_in_png(path: Path) -> PixelSize | None:
    """Return the size of a pixel from the resolution of a PNG file."""
    with PngImageFile(path) as file:
        dots = file.info.get("dpi")
    return None if dots is None else PixelSize(MICROMETERS_PER_INCH / dots[1], MICROMETERS_PER_INCH / dots[0])
