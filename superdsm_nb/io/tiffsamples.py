"""What a TIFF page declares about its values: photometric interpretation, samples, palette and bits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ImageError
from .picture import GREY, RGB, Opacity, Samples, full_intensity

if TYPE_CHECKING:
    from tifffile import TiffPage

MIN_IS_WHITE, MIN_IS_BLACK, RGB_COLORS, PALETTE, YCBCR = 0, 1, 2, 3, 6  # photometric interpretations
REFUSED = {
    4: "a transparency mask",
    5: "CMYK colours",
    8: "CIELab colours",
    9: "ICCLab colours",
    10: "ITULab colours",
    32803: "raw values of a colour camera",
    32844: "logarithmic values",
    32845: "logarithmic colours",
    34892: "raw values of a camera",
}
JPEG = (7, 33007)  # compressions whose decoder turns YCbCr into RGB
OLD_JPEG = 6
UNSIGNED, SIGNED, FLOAT = 1, 2, 3  # sample formats
OPACITIES = {1: Opacity.PREMULTIPLIED, 2: Opacity.STRAIGHT}
SEPARATE = 2  # planar configuration
UNDECLARED = " (red, green, blue, and values that are not declared as opacity)"


def declared_samples(path: Path, page: TiffPage, axis: str) -> Samples:
    """Return the meaning of the values of a page.

    Parameters
    ----------
    path : Path
        The file, for messages.
    page : tifffile.TiffPage
        With all of its tags.
    axis : str
        Name of the axis of its samples, as the metadata of the file have it; empty if there is only one.

    Returns
    -------
    Samples
        Channels unless all samples are declared as colours, and perhaps opacity.

    Raises
    ------
    ImageError
        If it declares colours or numbers that are not read here.
    """
    dtype = _checked_dtype(path, page)
    photometric = _photometric(path, page)
    count, bits = page.samplesperpixel, page.bitspersample
    together = page.planarconfig != SEPARATE
    colors, opacity = _colors(path, page, dtype, photometric, axis)
    palette, top = None, full_intensity(dtype, bits) if dtype.kind != "b" else 1.0
    if photometric == PALETTE and colors == GREY and not _is_only_display(page):
        palette, top = _palette(path, page)
    inverted = photometric == MIN_IS_WHITE
    if inverted and (dtype.kind == "f" or opacity is Opacity.PREMULTIPLIED):
        raise ImageError(
            f"{path} declares that 0 is white, which is not read for such values: save it with 0 as black."
        )
    is_undeclared = not colors and together and photometric == RGB_COLORS and count > RGB and axis != "C"
    remark = UNDECLARED if is_undeclared else ""
    return Samples(count, colors, top, opacity, inverted, palette, bits, axis or "S", together, remark)


def _checked_dtype(path: Path, page: TiffPage) -> np.dtype[Any]:
    """Return the type of all values; refuse those that are not real, or differ from sample to sample."""
    bits, kind = page.bitspersample, page.sampleformat
    if not isinstance(bits, int) or not isinstance(kind, int):
        raise ImageError(f"{path} holds samples of different types: save the one to be segmented alone.")
    if kind not in (UNSIGNED, SIGNED, FLOAT) or page.dtype is None or page.dtype.kind not in "biuf":
        kinds = {4: "of an undefined type", 5: "complex", 6: "complex"}
        what = kinds.get(kind, f"of {bits} bits and format {kind}")
        raise ImageError(
            f"{path} holds numbers that are {what}, which is not read: save it with 8 or 16 bits."
        )
    return page.dtype


def _photometric(path: Path, page: TiffPage) -> int:
    """Return how a page says that its values are to be seen."""
    if page.compression == OLD_JPEG:
        raise ImageError(f"{path} is compressed by JPEG in an outdated way, which is not read: save it anew.")
    # Where it is missing, other readers take one sample per pixel for grey with black at 0, too.
    photometric = int(page.tags.valueof(262, MIN_IS_BLACK))
    if photometric == YCBCR:
        is_converted = page.compression in JPEG and page.planarconfig != SEPARATE and not page.extrasamples
        if not is_converted or page.samplesperpixel != RGB:
            raise ImageError(
                f"{path} holds YCbCr colours, which are read with JPEG compression only: save it as RGB."
            )
        return RGB_COLORS
    if photometric not in (MIN_IS_WHITE, MIN_IS_BLACK, RGB_COLORS, PALETTE):
        what = REFUSED.get(photometric, f"colours of a kind that is not known here ({photometric})")
        raise ImageError(f"{path} holds {what}, not grey or RGB: convert it to RGB or grey first.")
    return photometric


def _colors(
    path: Path, page: TiffPage, dtype: np.dtype[Any], photometric: int, axis: str
) -> tuple[int, Opacity]:
    """Return how many colours the samples are (0: they are channels), and whether the last is an opacity."""
    count = page.samplesperpixel
    if count == 1 and photometric != RGB_COLORS:
        return GREY, Opacity.NONE
    if photometric == PALETTE and axis != "C":
        raise ImageError(f"{path} has a palette and more than one sample per pixel, which is not read.")
    colors = RGB if photometric == RGB_COLORS else GREY
    if count < colors or (axis not in ("", "S")):
        return 0, Opacity.NONE
    # Programs label three or four deep planes as colours although they are channels or a stack.
    if page.planarconfig == SEPARATE and dtype.itemsize > 1:
        return 0, Opacity.NONE
    if count == colors:
        return colors, Opacity.NONE
    extra = tuple(int(each) for each in page.extrasamples)
    if count == colors + 1 and len(extra) == 1 and extra[0] in OPACITIES and dtype.kind in "uf":
        return colors, OPACITIES[extra[0]]
    return 0, Opacity.NONE


def _is_only_display(page: TiffPage) -> bool:
    """Whether a palette only colours the display: the values themselves are intensities in these programs."""
    return bool(page.is_imagej or page.parent.is_imagej or page.parent.is_lsm)


def _palette(path: Path, page: TiffPage) -> tuple[Any, float]:
    """Return the colours of a palette, and their full intensity."""
    palette = page.colormap
    if palette is None or palette.ndim != 2 or palette.shape != (RGB, 2**page.bitspersample):
        raise ImageError(f"{path} is damaged: its palette is missing or incomplete.")
    colors = np.ascontiguousarray(palette.T)
    if colors.max() < 256:  # old programs wrote 8 bits where 16 belong
        return colors.astype(np.uint8), full_intensity(np.dtype(np.uint8))
    return colors, full_intensity(colors.dtype)
