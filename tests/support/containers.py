"""One picture in every container: what is written, and what must be read back from it."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import imagecodecs
import numpy as np
import pytest

from superdsm_nb.errors import ImageError
from superdsm_nb.io import imread

HEIGHT, WIDTH = 24, 32
LUMINANCE = np.array([0.2125, 0.7154, 0.0721])


@dataclass(frozen=True)
class Cell:
    """A file with the picture, and either what it shows or why it is refused."""

    name: str
    write: Callable[[Path], object]
    shows: np.ndarray | None = None
    refusal: str | None = None
    choice: dict[str, int] = field(default_factory=dict)
    tolerance: float = 1e-9  # of the largest value; more for lossy compression

    def check(self, path: Path) -> None:
        """Read the file and compare."""
        self.write(path)
        if self.shows is None:
            assert_refused(path, self.refusal or "", self.choice)
        else:
            assert_shows(imread(path, **self.choice), self.shows, self.tolerance)


def assert_refused(path: Path, reason: str, choice: dict[str, int]) -> None:
    """The file is refused in one sentence that says why."""
    with pytest.raises(ImageError, match=reason) as caught:
        imread(path, **choice)
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


def assert_shows(read: np.ndarray, shown: np.ndarray, tolerance: float) -> None:
    """What was read is what the file shows, up to a positive factor; values that are equal stay equal."""
    assert read.shape == shown.shape
    got, right = read.astype(np.float64), np.asarray(shown, np.float64)
    factor = (got * right).sum() / (right * right).sum()
    assert factor > 0, "inverted"
    error = np.abs(got - factor * right).max() / np.abs(factor * right).max()
    assert error <= tolerance, f"off by {error:.3g} of the largest value"
    if tolerance < 1e-6:
        # Rounding to fewer bits would pass unnoticed where values are large.
        assert len(np.unique(got)) >= 0.9 * len(np.unique(right))


def is_available(codec, *arguments, **options) -> bool:
    """Whether the libraries that are installed can do something; older ones lack some codecs."""
    try:
        codec(*arguments, **options)
    except (NotImplementedError, ValueError, imagecodecs.DelayedImportError):
        return False
    return True


def values(kind: str, bits: int, count: int = 1, seed: int = 0) -> np.ndarray:
    """Random values that use the whole range of a type, without any symmetry: (H, W) or (H, W, count)."""
    rng = np.random.default_rng([seed, bits, count])
    shape = (HEIGHT, WIDTH, count) if count > 1 else (HEIGHT, WIDTH)
    if kind in "fc":
        return rng.random(shape).astype(f"{kind}{bits // 8}")
    low, high = (0, 2**bits - 1) if kind == "u" else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    result = rng.integers(low, high, shape, dtype=np.uint64 if kind == "u" else np.int64, endpoint=True)
    result.flat[:2] = low, high
    if bits == 1:
        return result.astype(bool)
    return result.astype(f"{kind}{1 if bits <= 8 else 2 if bits <= 16 else 4 if bits <= 32 else 8}")


def smooth(count: int = 1, top: int = 255) -> np.ndarray:
    """A picture that lossy compression hardly changes."""
    rows, cols = np.mgrid[0:HEIGHT, 0:WIDTH]
    planes = [rows / HEIGHT + cols / WIDTH, 1.2 - 0.7 * rows / HEIGHT, 0.3 + cols / WIDTH, 2 - rows / HEIGHT]
    result = np.stack([plane / 2 * top for plane in planes[:count]], -1).astype("u1" if top < 256 else "u2")
    return result[:, :, 0] if count == 1 else result


def grey_of(colors: np.ndarray) -> np.ndarray:
    """What a colour picture shows."""
    return colors[:, :, :3].astype(np.float64) @ LUMINANCE


def with_opacity(colors: np.ndarray, premultiplied: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Values with opacity as the last sample, and what they show on black."""
    top = int(np.iinfo(colors.dtype).max) if colors.dtype.kind in "ui" else 1.0
    levels = np.array([0, top // 5 if colors.dtype.kind in "ui" else 0.2, top], colors.dtype)
    opacity = levels[np.random.default_rng(5).integers(0, 3, (HEIGHT, WIDTH))]
    planes = colors if colors.ndim == 3 else colors[:, :, None]
    part = opacity[:, :, None] / float(top)
    if premultiplied:
        alpha = opacity[:, :, None]
        fifth = planes // 5 if colors.dtype.kind in "ui" else planes * 0.2
        planes = np.where(alpha == top, planes, np.where(alpha == 0, 0, fifth)).astype(colors.dtype)
    shown = planes.astype(np.float64) if premultiplied else planes * part
    shown = shown[:, :, 0] if colors.ndim == 2 else grey_of(shown)
    return np.concatenate([planes, opacity[:, :, None]], axis=2), shown


# ---------------------------------------------------------------- a TIFF writer that writes any tag

CODES = {
    "subfile": 254, "width": 256, "height": 257, "bits": 258, "compression": 259, "photometric": 262,
    "fill": 266, "offsets": 273, "orientation": 274, "samples": 277, "rows": 278, "counts": 279,
    "planar": 284, "predictor": 317, "colormap": 320, "subifds": 330, "extra": 338, "format": 339,
    "lsm": 34412,
}  # fmt: skip


def write_tiff(
    path: Path, *pages: dict[str, object], order: str = "<", big: bool = False, inside: dict | None = None
) -> None:
    """Write pages given by their tags and the bytes of their strips ("data"); `inside` is a SubIFD."""
    number, size = ("Q", 8) if big else ("I", 4)
    start = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}H", 43 if big else 42)
    content = bytearray(start + (struct.pack(f"{order}HH", 8, 0) if big else b""))
    content += bytes(size)
    link = len(content) - size

    def add(page: dict[str, object], link: int | None) -> tuple[int, int]:
        strips = page["data"]
        strips = strips if isinstance(strips, list) else [strips]
        tags = {name: value for name, value in page.items() if name != "data"}
        tags["offsets"], tags["counts"] = [], [len(strip) for strip in strips]
        for strip in strips:
            tags["offsets"].append(len(content))
            content.extend(strip + bytes(len(strip) % 2))
        entries = []
        for name, value in sorted(tags.items(), key=lambda item: CODES[item[0]]):
            numbers = list(value) if isinstance(value, list | bytes) else [value]
            is_long = name in ("width", "height", "rows", "offsets", "counts", "subfile", "subifds")
            kind, letter = (1, "B") if isinstance(value, bytes) else (4, "I") if is_long else (3, "H")
            packed = struct.pack(f"{order}{len(numbers)}{letter}", *numbers)
            # LSM files never hold the bits of two samples in the entry itself.
            if len(packed) > size or (name == "bits" and len(numbers) == 2 and "lsm" in pages[0]):
                place = len(content)
                content.extend(packed)
                packed = struct.pack(f"{order}{number}", place)
            head = struct.pack(f"{order}HH{number}", CODES[name], kind, len(numbers))
            entries.append(head + packed.ljust(size, b"\0"))
        place = len(content)
        if link is not None:
            content[link : link + size] = struct.pack(f"{order}{number}", place)
        content.extend(
            struct.pack(f"{order}{'Q' if big else 'H'}", len(entries)) + b"".join(entries) + bytes(size)
        )
        return place, len(content) - size

    if inside is not None:
        pages = ({**pages[0], "subifds": add(inside, None)[0]}, *pages[1:])
    for page in pages:
        _, link = add(page, link)
    path.write_bytes(content)


def page_of(pixels: np.ndarray, order: str = "<", **tags: object) -> dict[str, object]:
    """The tags of a page without compression; others replace them."""
    height, width = pixels.shape[:2]
    samples = pixels.shape[2] if pixels.ndim == 3 else 1
    kinds = {"u": 1, "i": 2, "f": 3, "c": 6, "b": 1}
    separate = tags.get("planar") == 2
    planes = np.moveaxis(pixels, -1, 0) if separate and samples > 1 else pixels[None]
    data = [
        np.ascontiguousarray(plane.astype(pixels.dtype.newbyteorder(order))).tobytes() for plane in planes
    ]
    return {
        "width": width,
        "height": height,
        "bits": [8 * pixels.dtype.itemsize] * samples,
        "compression": 1,
        "photometric": 1,
        "samples": samples,
        "rows": height,
        "format": [kinds[pixels.dtype.kind]] * samples,
        "data": data,
        **tags,
    }
