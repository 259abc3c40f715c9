"""The picture in PNG, JPEG, JPEG 2000, GIF, BMP, WebP and Netpbm files of every make."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from io import BytesIO
from itertools import product

import imagecodecs
import numpy as np
from PIL import Image as Pillow
from PIL import ImageOps

from .containers import (
    HEIGHT,
    WIDTH,
    Cell,
    grey_of,
    is_available,
    smooth,
    values,
    with_opacity,
)
from .tiff_cells import packed

GREY, RGB, PALETTE, GREY_OPACITY, RGB_OPACITY = 0, 2, 3, 4, 6  # colour types of PNG
PASSES = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))


def bytes_of(content):
    """A function that writes bytes."""
    return lambda path: path.write_bytes(content)


def with_pillow(pixels, kind, mode=None, **options):
    """A function that writes pixels with Pillow."""
    buffer = BytesIO()
    Pillow.fromarray(pixels, mode).save(buffer, kind, **options)
    return bytes_of(buffer.getvalue())


# ---------------------------------------------------------------- PNG, chunk by chunk


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def rows_of(pixels, bits, interlaced=False) -> bytes:
    """The rows of a picture, each after a byte that says that it is not filtered."""
    parts = [pixels[top::down, left::right] for top, left, down, right in PASSES] if interlaced else [pixels]
    return b"".join(b"\0" + row_of(row, bits) for part in parts if part.size for row in part)


def row_of(row, bits) -> bytes:
    return row.astype(">u2").tobytes() if bits == 16 else packed([np.ravel(row)], bits)


def header_of(size, bits, color_type, interlaced=False) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", size[1], size[0], bits, color_type, 0, 0, interlaced))


def png(pixels, bits, color_type, *extra, interlaced=False) -> bytes:
    """A PNG file with chunks before its pixels."""
    data = zlib.compress(rows_of(pixels, bits, interlaced))
    chunks = (
        header_of(pixels.shape, bits, color_type, interlaced),
        *extra,
        chunk(b"IDAT", data),
        chunk(b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def png_cells() -> Iterator[Cell]:
    """Every depth and colour type, with and without transparent colours."""
    for bits, interlaced in product((1, 2, 4, 8, 16), (False, True)):
        grey = values("u", bits)
        how = f"PNG, {bits} bits{', interlaced' if interlaced else ''}"
        yield Cell(f"{how}, grey", bytes_of(png(grey, bits, GREY, interlaced=interlaced)), grey)
        key = int(grey[3, 4])
        content = png(grey, bits, GREY, chunk(b"tRNS", struct.pack(">H", key)), interlaced=interlaced)
        yield Cell(f"{how}, grey with a transparent one", bytes_of(content), np.where(grey == key, 0, grey))
        if bits <= 8:
            palette = np.random.default_rng(2).integers(0, 256, (2**bits, 3))
            colors, entries = palette[grey.astype(int)], chunk(b"PLTE", palette.astype(np.uint8).tobytes())
            content = png(grey, bits, PALETTE, entries, interlaced=interlaced)
            yield Cell(f"{how}, palette", bytes_of(content), grey_of(colors))
            opacity = np.random.default_rng(4).choice([0, 51, 255], 2**bits).astype(np.uint8)
            transparent = chunk(b"tRNS", opacity.tobytes())
            content = png(grey, bits, PALETTE, entries, transparent, interlaced=interlaced)
            shown = grey_of(colors) * opacity[grey.astype(int)]
            yield Cell(f"{how}, palette with opacity", bytes_of(content), shown)
        if bits >= 8:
            colors = values("u", bits, 3)
            yield Cell(
                f"{how}, RGB", bytes_of(png(colors, bits, RGB, interlaced=interlaced)), grey_of(colors)
            )
            equal = np.dstack([grey] * 3)
            yield Cell(
                f"{how}, RGB of equal values", bytes_of(png(equal, bits, RGB, interlaced=interlaced)), grey
            )
            blue = bytes_of(png(colors, bits, RGB, interlaced=interlaced))
            yield Cell(f"{how}, blue", blue, colors[:, :, 2], choice={"channel": 2})
            transparent = chunk(b"tRNS", struct.pack(">HHH", *map(int, colors[3, 4])))
            content = png(colors, bits, RGB, transparent, interlaced=interlaced)
            is_key = (colors == colors[3, 4]).all(2)
            yield Cell(
                f"{how}, RGB with a transparent one", bytes_of(content), np.where(is_key, 0, grey_of(colors))
            )
            for name, first, color_type in (("grey", grey, GREY_OPACITY), ("RGB", colors, RGB_OPACITY)):
                pixels, shown = with_opacity(first)
                content = png(pixels, bits, color_type, interlaced=interlaced)
                yield Cell(f"{how}, {name} with opacity", bytes_of(content), shown)
    grey = values("u", 8)
    for turn in range(2, 9):
        exif = Pillow.Exif()
        exif[274] = turn
        upright = np.asarray(ImageOps.exif_transpose(Pillow.open(BytesIO(with_exif(grey, exif)))))
        yield Cell(f"PNG, orientation {turn}", bytes_of(with_exif(grey, exif)), upright)
    content = bytearray(png(grey, 8, GREY))
    content[60] ^= 1
    yield Cell("PNG, damaged", bytes_of(bytes(content)), refusal="damaged")
    yield Cell("PNG, unknown colour type", bytes_of(png(grey, 8, 5)), refusal="colour type 5")


def with_exif(pixels, exif) -> bytes:
    buffer = BytesIO()
    Pillow.fromarray(pixels).save(buffer, "PNG", exif=exif)
    return buffer.getvalue()


def animation_cells() -> Iterator[Cell]:
    """Frames of APNG, GIF and WebP files, which may show parts of those before."""
    for bits, color_type in product((8, 16), (GREY, RGB)):
        frames = [values("u", bits, 3 if color_type else 1, seed) for seed in range(3)]
        for is_first_hidden in (False, True):
            content = bytes_of(apng(frames, bits, color_type, is_first_hidden))
            for at, frame in enumerate(frames):
                shown = frame if color_type == GREY else grey_of(frame)
                title = f"APNG, {bits} bits, type {color_type}, hidden first {is_first_hidden}, frame {at}"
                yield Cell(title, content, shown, choice={"plane": at})
            yield Cell(f"{title}, none chosen", content, refusal="choose a plane")
    still, part = values("u", 8), values("u", 8, seed=1)[:8, :16]
    for disposal, blending in product((0, 1, 2), (0, 1)):
        canvas = [still.copy(), still.copy(), still.copy()]
        canvas[1][4:12, 8:24] = part
        canvas[2][4:12, 8:24] = {0: part, 1: 0, 2: still[4:12, 8:24]}[disposal]
        canvas[2][0:2, 0:3] = part[:2, :3]
        places = [(0, 0, 0), (4, 8, disposal), (0, 0, 0)]
        content = bytes_of(apng([still, part, part[:2, :3]], 8, GREY, False, places, blending))
        for at in (1, 2):
            title = f"APNG, parts, disposal {disposal}, blending {blending}, frame {at}"
            yield Cell(title, content, canvas[at], choice={"plane": at})
    greys = [values("u", 8, seed=seed) for seed in range(3)]
    films = {"grey": greys, "few": [np.where(grey > 128, 200, 7).astype("u1") for grey in greys]}
    for name, frames in films.items():
        for disposal in (0, 1, 2):
            options = {"save_all": True, "disposal": disposal, "loop": 0}
            content = with_pillow(
                frames[0], "GIF", append_images=list(map(Pillow.fromarray, frames[1:])), **options
            )
            for at, frame in enumerate(frames):
                yield Cell(
                    f"GIF, {name}, disposal {disposal}, frame {at}", content, frame, choice={"plane": at}
                )
    colors = [
        np.dstack([values("u", 1, seed=3 * seed + at) * 255 for at in range(3)]).astype("u1")
        for seed in range(2)
    ]
    content = with_pillow(colors[0], "GIF", append_images=[Pillow.fromarray(colors[1])], save_all=True)
    for at, frame in enumerate(colors):
        yield Cell(f"GIF, colours, frame {at}", content, grey_of(frame), choice={"plane": at})
    frames = [values("u", 8, 3, seed) for seed in range(2)]
    options = {"save_all": True, "lossless": True, "exact": True}
    content = with_pillow(frames[0], "WEBP", append_images=[Pillow.fromarray(frames[1])], **options)
    for at, frame in enumerate(frames):
        yield Cell(f"WebP, frame {at}", content, grey_of(frame), choice={"plane": at})


def apng(frames, bits, color_type, is_first_hidden, places=None, blending=0) -> bytes:
    """An animation whose first frame is the still image, and perhaps no part of the animation."""
    places = places or [(0, 0, 0)] * len(frames)
    chunks = [header_of(frames[0].shape, bits, color_type)]
    chunks.append(chunk(b"acTL", struct.pack(">II", len(frames) - is_first_hidden, 0)))
    number = 0
    for at, (frame, (top, left, disposal)) in enumerate(zip(frames, places, strict=True)):
        if at or not is_first_hidden:
            size = struct.pack(">IIIII", number, frame.shape[1], frame.shape[0], left, top)
            chunks.append(chunk(b"fcTL", size + struct.pack(">HHBB", 1, 10, disposal, blending)))
            number += 1
        data = zlib.compress(rows_of(frame, bits))
        for half in (data[:50], data[50:]):
            chunks.append(chunk(b"fdAT", struct.pack(">I", number) + half) if at else chunk(b"IDAT", half))
            number += bool(at)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks) + chunk(b"IEND", b"")


def other_cells() -> Iterator[Cell]:
    """JPEG, JPEG 2000, GIF, BMP, WebP and Netpbm."""
    for kind, bits in (("u", 8), ("u", 12), ("u", 16), ("i", 16)):
        for count, container in product((1, 2, 3, 4), ("jp2", "j2k")):
            pixels = values(kind, bits, count)
            content = imagecodecs.jpeg2k_encode(pixels, level=0, codecformat=container, bitspersample=bits)
            is_color = count == 3 and container == "jp2"
            shown = pixels if count == 1 else grey_of(pixels) if is_color else None
            title = f"JPEG 2000, {kind}{bits}, {count} components, {container}"
            yield Cell(
                title, bytes_of(content), shown, None if count == 1 or is_color else "choose a channel"
            )
            last = pixels if count == 1 else pixels[:, :, -1]
            yield Cell(f"{title}, last", bytes_of(content), last, choice={"channel": count - 1})
    for mode, first in (("LA", values("u", 8)), ("RGBA", values("u", 8, 3))):
        pixels, shown = with_opacity(first)
        yield Cell(f"JPEG 2000, {mode}", with_pillow(pixels, "JPEG2000", mode), shown)
        if mode == "RGBA":
            yield Cell("WebP, RGBA", with_pillow(pixels, "WEBP", lossless=True, exact=True), shown)
    yield Cell("WebP, RGB", with_pillow(values("u", 8, 3), "WEBP", lossless=True), grey_of(values("u", 8, 3)))
    for count, options in product((1, 3), ({}, {"progressive": True}, {"subsampling": 0})):
        pixels = smooth(count)
        shown = pixels if count == 1 else grey_of(pixels)
        content = with_pillow(pixels, "JPEG", quality=98, **options)
        yield Cell(f"JPEG, {count} colours, {options}", content, shown, tolerance=0.05)
    deep = smooth(1, 4095)
    if is_available(imagecodecs.jpeg_encode, deep, bitspersample=12):
        content = imagecodecs.jpeg_encode(deep, level=98, bitspersample=12)
        yield Cell("JPEG, 12 bits", bytes_of(content), deep, tolerance=0.02)
    yield Cell("JPEG, CMYK", with_pillow(smooth(4), "JPEG", "CMYK"), refusal="CMYK")
    content = bytes_of(imagecodecs.ljpeg_encode(values("u", 16)))
    yield Cell("JPEG, lossless", content, refusal="rare kind")
    exif = Pillow.Exif()
    exif[274] = 6
    content = with_pillow(smooth(), "JPEG", quality=98, exif=exif)
    yield Cell("JPEG, orientation 6", content, np.rot90(smooth(), -1), tolerance=0.05)


def bmp_and_netpbm_cells() -> Iterator[Cell]:
    """Formats without compression."""
    grey, colors, deep = values("u", 8), values("u", 8, 3), values("u", 16)
    for bits, pixels in ((1, values("u", 1)), (8, grey), (24, colors)):
        yield Cell(f"BMP, {bits} bits", with_pillow(pixels, "BMP"), pixels if bits < 24 else grey_of(pixels))
        if bits < 24:
            yield Cell(f"GIF, {bits} bits", with_pillow(pixels, "GIF"), pixels)
    palette = Pillow.fromarray(colors // 64 * 64).quantize(16)
    for kind in ("BMP", "GIF"):
        buffer = BytesIO()
        palette.save(buffer, kind)
        yield Cell(
            f"{kind}, palette", bytes_of(buffer.getvalue()), grey_of(np.asarray(palette.convert("RGB")))
        )
    content = bytearray(BytesIO(b"").getvalue())
    content += b"BM" + struct.pack("<IHHI", 54 + 2 * HEIGHT * WIDTH, 0, 0, 54)
    content += struct.pack("<IiiHHIIiiII", 40, WIDTH, HEIGHT, 1, 16, 0, 0, 0, 0, 0, 0) + bytes(
        2 * HEIGHT * WIDTH
    )
    yield Cell("BMP, 16 bits", bytes_of(bytes(content)), refusal="packs its colours")
    size = b"%d %d" % (WIDTH, HEIGHT)
    bits = values("u", 1)
    yield Cell("PBM", bytes_of(b"P4 " + size + b"\n" + packed(~bits, 1)), bits)
    digits = b"\n".join(b"".join(b"%d" % (not value) for value in row) for row in bits)
    yield Cell("PBM, text", bytes_of(b"P1 # comment\n" + size + b"\n" + digits), bits)
    for top, pixels in ((255, grey), (1000, deep % 1001), (65535, deep), (100, grey % 101)):
        stored = pixels.astype("u1" if top < 256 else ">u2").tobytes()
        yield Cell(f"PGM, up to {top}", bytes_of(b"P5\n# x\n%b\n%d\n" % (size, top) + stored), pixels)
        words = b" ".join(b"%d" % value for value in pixels.ravel())
        yield Cell(f"PGM, text, up to {top}", bytes_of(b"P2 %b %d\n" % (size, top) + words), pixels)
    for top, pixels in ((255, colors), (65535, values("u", 16, 3))):
        stored = pixels.astype("u1" if top < 256 else ">u2").tobytes()
        yield Cell(f"PPM, up to {top}", bytes_of(b"P6 %b %d\n" % (size, top) + stored), grey_of(pixels))
        words = b" ".join(b"%d" % value for value in pixels.ravel())
        yield Cell(f"PPM, text, up to {top}", bytes_of(b"P3 %b %d\n" % (size, top) + words), grey_of(pixels))
    two = (b"P5 %b 255\n" % size + grey.tobytes()) * 2
    yield Cell("PGM, two images", bytes_of(two), refusal="more than one image")
    yield Cell(
        "PGM, too large values", bytes_of(b"P5 %b 7\n" % size + grey.tobytes()), refusal="values above 7"
    )


RASTERS = (png_cells, animation_cells, other_cells, bmp_and_netpbm_cells)
