"""The picture in TIFF files of every make."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from itertools import product

import imagecodecs
import numpy as np
import tifffile
from PIL import Image as Pillow

from .containers import (
    HEIGHT,
    WIDTH,
    Cell,
    grey_of,
    is_available,
    page_of,
    smooth,
    values,
    with_opacity,
    write_tiff,
)

TYPES = [*(("u", bits) for bits in (8, 16, 32, 64)), *(("i", bits) for bits in (8, 16, 32, 64)),
         *(("f", bits) for bits in (16, 32, 64))]  # fmt: skip
STORAGE = {
    "one strip": {},
    "strips": {"rowsperstrip": 7},
    "tiles": {"tile": (16, 16)},
    "big-endian": {"byteorder": ">"},
    "big-endian tiles": {"byteorder": ">", "tile": (16, 16)},
    "BigTIFF": {"bigtiff": True, "rowsperstrip": 5},
}
WITH_ALL_STORAGE = (("u", 8), ("u", 16), ("f", 32))
PLAIN = ("grey", "RGB", "2 channels")
NO_COLOUR = "choose a channel"
OF_FILE = ("imagej", "ome", "byteorder")  # options that concern more than a page


def saved(pixels, **options):
    """A function that writes pixels with tifffile."""
    return lambda path: tifffile.imwrite(path, pixels, **options)


def made(*pages, **options):
    """A function that writes pages tag by tag."""
    return lambda path: write_tiff(path, *pages, **options)


def layouts(kind, bits) -> Iterator[tuple]:
    """Name, pixels, options of tifffile, and what is shown or why not; channels have their own number."""
    grey, colors = values(kind, bits), values(kind, bits, 3)
    yield "grey", grey, {"photometric": "minisblack"}, grey, None
    yield "RGB", colors, {"photometric": "rgb"}, grey_of(colors), None
    if kind != "i":
        for name, extra in (("straight", "unassalpha"), ("premultiplied", "assocalpha")):
            options = {"extrasamples": [extra]}
            pixels, shown = with_opacity(grey, premultiplied=name != "straight")
            yield f"grey, {name} opacity", pixels, {"photometric": "minisblack", **options}, shown, None
            pixels, shown = with_opacity(colors, premultiplied=name != "straight")
            yield f"RGB, {name} opacity", pixels, {"photometric": "rgb", **options}, shown, None
    for count in (2, 3, 4, 5):
        options = {"photometric": "minisblack", "extrasamples": ["unspecified"] * (count - 1)}
        yield f"{count} channels", values(kind, bits, count), options, None, NO_COLOUR
    options = {"photometric": "rgb", "extrasamples": ["unspecified"]}
    yield "RGB and a channel", values(kind, bits, 4), options, None, NO_COLOUR


def plain_cells() -> Iterator[Cell]:
    """Every type in every layout and storage without compression."""
    for (kind, bits), (how, storage), planar in product(TYPES, STORAGE.items(), ("contig", "separate")):
        if how not in ("one strip", "big-endian tiles") and (kind, bits) not in WITH_ALL_STORAGE:
            continue
        for name, pixels, options, shown, refusal in layouts(kind, bits):
            if (kind, bits) not in WITH_ALL_STORAGE and (kind, bits) != ("i", 16) and name not in PLAIN:
                continue
            if pixels.ndim == 3:
                yield from cells_of_samples(
                    (f"{kind}{bits}, {name}, {planar}, {how}", shown, refusal),
                    pixels,
                    planar,
                    {**options, **storage},
                )
            elif planar == "contig":
                write = saved(pixels, metadata=None, **options, **storage)
                yield Cell(f"{kind}{bits}, {name}, {how}", write, shown, refusal)
    for bits in (64, 128):
        yield Cell(f"complex{bits}", saved(values("c", bits), metadata=None), refusal="complex")


def cells_of_samples(expected, pixels, planar, options) -> Iterator[Cell]:
    """Several samples per pixel, side by side or plane by plane; deep planes are always channels."""
    name, shown, refusal = expected
    if planar == "separate" and pixels.dtype.itemsize > 1:
        shown, refusal = None, NO_COLOUR
    arranged = np.ascontiguousarray(np.moveaxis(pixels, -1, 0)) if planar == "separate" else pixels
    write = saved(arranged, metadata=None, planarconfig=planar, **options)
    yield Cell(name, write, shown, refusal)
    if refusal == NO_COLOUR:
        last = pixels.shape[2] - 1
        yield Cell(f"{name}, last channel", write, pixels[:, :, last], choice={"channel": last})


def packed_cells() -> Iterator[Cell]:
    """Values of 1 to 14 bits, in both orders of bytes, and of bits."""
    can_pack = is_available(imagecodecs.packints_encode, values("u", 10), 10)
    for bits, order, white in product((1, 2, 3, 4, 6, 10, 12, 14), "<>", (False, True)):
        grey = values("u", bits)
        stored = grey if not white else ~grey if bits == 1 else (2**bits - 1 - grey).astype(grey.dtype)
        for rows in (HEIGHT, 7):
            data = [packed(stored[top : top + rows], bits) for top in range(0, HEIGHT, rows)]
            page = page_of(stored, order, bits=[bits], rows=rows, photometric=1 - white, data=data)
            title = f"{bits} bits, {order}, {rows} rows a strip, {'0 is white' if white else '0 is black'}"
            yield Cell(title, made(page, order=order), grey)
        if bits not in (3, 6) and order == "<" and (bits == 1 or can_pack):
            options = {"photometric": "miniswhite" if white else "minisblack", "metadata": None}
            options |= {} if bits == 1 else {"bitspersample": bits}
            write = saved(stored, tile=(16, 16), **options)
            yield Cell(f"{bits} bits in tiles, {'0 is white' if white else '0 is black'}", write, grey)
    for bits in (10, 12) if can_pack else ():
        colors = values("u", bits, 3)
        options = {"bitspersample": bits, "photometric": "rgb", "metadata": None}
        yield Cell(f"{bits} bits, RGB", saved(colors, **options), grey_of(colors))
    for bits in (1, 8, 16):
        grey = values("u", bits)
        stored = np.packbits(grey, axis=1) if bits == 1 else grey
        reversed_bits = imagecodecs.bitorder_decode(np.ascontiguousarray(stored).tobytes())
        page = page_of(stored, bits=[bits], width=WIDTH, fill=2, data=[reversed_bits])
        yield Cell(f"{bits} bits, last bit first", made(page), grey)
    yield Cell("5, 6 and 5 bits", made(page_of(values("u", 16), bits=[5, 6, 5], samples=3, photometric=2)),
               refusal="samples of different types")  # fmt: skip
    for form, reason in ((4, "undefined type"), (5, "complex"), (7, "format 7")):
        yield Cell(f"sample format {form}", made(page_of(values("u", 32), format=form)), refusal=reason)


def packed(rows, bits) -> bytes:
    """Values one after the other, bit by bit; every row starts with a new byte."""
    lines = ("".join(f"{int(value):0{bits}b}" for value in row) for row in rows)
    full = (line.ljust(-(-len(line) // 8) * 8, "0") for line in lines)
    return b"".join(int(line, 2).to_bytes(len(line) // 8, "big") for line in full)


def compressed_cells() -> Iterator[Cell]:
    """Every compression, with predictors, in strips and tiles."""
    for compression, (kind, bits), count, tile in product(
        ("zlib", "deflate", "lzw", "packbits", "zstd", "lzma", "lerc", "png", "jpeg2000", "jpegxl", "webp"),
        (("u", 8), ("u", 16), ("f", 32)),
        (1, 3),
        (None, (16, 16)),
    ):
        if (kind == "f" and compression in ("png", "jpeg2000")) or (
            compression == "webp" and (bits > 8 or count == 1)
        ):
            continue
        pixels = values(kind, bits, count)
        shown = pixels if count == 1 else grey_of(pixels)
        predictors = (False, True) if compression in ("zlib", "lzw", "zstd") else (False,)
        for predictor in predictors:
            options = {"compression": compression, "tile": tile, "metadata": None, "predictor": predictor}
            if compression in ("jpegxl", "webp"):
                options["compressionargs"] = {"lossless": True}
            write = saved(pixels, photometric="rgb" if count == 3 else "minisblack", **options)
            title = f"{compression}, predictor {predictor}, {kind}{bits}, {count} samples, tile {tile}"
            yield Cell(title, write, shown)
    for count, photometric, tile in product((1, 3), ("minisblack", "rgb", "ycbcr"), (None, (16, 16))):
        if (count == 1) != (photometric == "minisblack"):
            continue
        pixels = smooth(count)
        options = {"compression": "jpeg", "tile": tile, "metadata": None, "compressionargs": {"level": 98}}
        shown = pixels if count == 1 else grey_of(pixels)
        stored = np.asarray(Pillow.fromarray(pixels).convert("YCbCr")) if photometric == "ycbcr" else pixels
        write = saved(stored, photometric=photometric, **options)
        yield Cell(f"JPEG, {photometric}, tile {tile}", write, shown, tolerance=0.15)
    bilevel = values("u", 1)
    faxes = ("tiff_ccitt", "group3", "group4") if hasattr(imagecodecs, "ccittrle_decode") else ()
    for compression, photometric in product(faxes, (0, 1)):
        write = faxed(bilevel if photometric else ~bilevel, compression, photometric)
        yield Cell(f"{compression}, photometric {photometric}", write, bilevel)


def faxed(pixels, compression, photometric):
    """A function that writes pixels as fax machines do."""

    def write(path):
        Pillow.fromarray(pixels).save(path, format="TIFF", compression=compression)
        with tifffile.TiffFile(path, mode="r+") as file:
            file.pages[0].tags["PhotometricInterpretation"].overwrite(photometric)

    return write


def photometric_cells() -> Iterator[Cell]:
    """What large values mean, and colours that are not converted."""
    for kind, bits in TYPES:
        grey = values(kind, bits)
        page = page_of(~grey if kind != "f" else grey, photometric=0)
        refusal = "declares that 0 is white" if kind == "f" else None
        # For numbers with a sign the opposite of the smallest one is the largest one.
        yield Cell(f"{kind}{bits}, 0 is white", made(page), None if refusal else grey, refusal)
        page = page_of(grey)
        del page["photometric"]
        yield Cell(f"{kind}{bits}, no photometric interpretation", made(page), grey)
    palette = np.random.default_rng(3).integers(0, 2**16, (3, 256))
    for bits in (4, 8):
        index = values("u", bits)
        colors = palette[:, : 2**bits].T[index]
        colormap = palette[:, : 2**bits].ravel().tolist()
        write = made(
            page_of(index, bits=[bits], photometric=3, colormap=colormap, data=[packed(index, bits)])
        )
        yield Cell(f"palette of {bits} bits", write, grey_of(colors))
        yield Cell(f"green of a palette of {bits} bits", write, colors[:, :, 1], choice={"channel": 1})
    index = values("u", 8)
    page = page_of(index, photometric=3, colormap=(palette // 256).ravel().tolist())
    yield Cell("palette of 8-bit colours", made(page), grey_of((palette // 256).T[index]))
    yield Cell("palette without colours", made(page_of(index, photometric=3)), refusal="palette is missing")
    for code, reason in (
        (4, "transparency mask"), (5, "CMYK"), (8, "CIELab"), (9, "ICCLab"), (10, "ITULab"), (6, "YCbCr"),
        (32803, "colour camera"), (32844, "logarithmic"), (32845, "logarithmic"), (34892, "camera"),
        (51177, "not known here"),
    ):  # fmt: skip
        for count in (1, 3, 4):
            pixels = values("u", 8, count)
            page = page_of(pixels, photometric=code, **({"extra": [0]} if count == 4 and code != 5 else {}))
            yield Cell(f"photometric {code}, {count} samples", made(page), refusal=reason)
    grey = values("u", 8)
    for turn in range(2, 9):
        yield Cell(f"orientation {turn}", made(page_of(grey, orientation=turn)), refusal="is turned")
    yield Cell("orientation 1", made(page_of(grey, orientation=1)), grey)


def subfile_cells() -> Iterator[Cell]:
    """Pyramids, thumbnails, masks and other pictures beside the picture."""
    for order, big in product("<>", (False, True)):
        grey = values("u", 16)
        small = values("u", 16, seed=9)[::2, ::2]
        main, half = page_of(grey, order), page_of(small, order)
        reduced, mask = {**half, "subfile": 1}, page_of(values("u", 8), order, subfile=4)
        options = {"order": order, "big": big}
        where = f"{'Big' if big else ''}TIFF {order}"
        yield Cell(f"{where}, thumbnail after", made(main, reduced, **options), grey)
        yield Cell(f"{where}, thumbnail before", made(reduced, main, **options), grey)
        yield Cell(f"{where}, half size after, not declared", made(main, half, **options), grey)
        before = made(half, main, **options)
        yield Cell(f"{where}, half size before, not declared", before, refusal="none of them the main one")
        yield Cell(f"{where}, half size before, scene 0", before, small, choice={"scene": 0})
        yield Cell(f"{where}, half size before, scene 1", before, grey, choice={"scene": 1})
        yield Cell(f"{where}, pyramid inside", made(main, inside=reduced, **options), grey)
        yield Cell(
            f"{where}, larger picture inside", made(reduced, inside=main, **options), refusal="only reduced"
        )
        yield Cell(f"{where}, larger one inside, not declared", made(half, inside=main, **options),
                   refusal="larger picture|none of them")  # fmt: skip
        yield Cell(f"{where}, mask after", made(main, mask, **options), refusal="mask")
        yield Cell(f"{where}, only a thumbnail", made(reduced, **options), refusal="only reduced")
        other = page_of(values("u", 8), order)
        yield Cell(f"{where}, other type after", made(main, other, **options), refusal="choose a scene")
        yield Cell(f"{where}, other type after, scene 1", made(main, other, **options), values("u", 8),
                   choice={"scene": 1})  # fmt: skip
        inverted = page_of(~values("u", 16, seed=4), order, photometric=0)
        yield Cell(f"{where}, 0 is white after", made(main, inverted, **options), refusal="none of them")
        same = page_of(values("u", 16, seed=4), order)
        yield Cell(f"{where}, two planes", made(main, same, **options), refusal="choose a plane")
        yield Cell(f"{where}, first plane", made(main, same, **options), grey, choice={"plane": 0})
        yield Cell(f"{where}, second plane", made(main, same, **options), values("u", 16, seed=4),
                   choice={"plane": 1})  # fmt: skip
    volume = np.stack([values("u", 8, seed=seed) for seed in range(16)])
    yield Cell("volume in tiles", saved(volume, volumetric=True, tile=(16, 16, 16), metadata=None),
               refusal="a volume in one page")  # fmt: skip
    missing = page_of(values("u", 8), data=[b""])
    yield Cell("no strips", made(missing), refusal="truncated|missing")
    many = page_of(values("u", 8), rows=8, data=[bytes(8 * WIDTH), b"", bytes(8 * WIDTH)])
    yield Cell("a missing strip", made({**many, "compression": 8}), refusal="missing|cannot be read")


def written_stack(stack, options):
    """A function that writes a stack, with a pyramid if there are to be SubIFDs."""
    of_pages = {name: value for name, value in options.items() if name not in OF_FILE}

    def write(path):
        of_file = {name: value for name, value in options.items() if name in OF_FILE}
        with tifffile.TiffWriter(path, **of_file) as file:
            file.write(stack, **of_pages)
            if "subifds" in options:
                file.write(stack[..., ::2, ::2] // 2, photometric="minisblack", subfiletype=1, tile=(16, 16))

    return write


def stack_cells() -> Iterator[Cell]:
    """One plane of a stack, as programs write them, in every layout."""
    makers = {
        "ImageJ": {"imagej": True},
        "OME": {"ome": True},
        "OME tiles": {"ome": True, "tile": (16, 16), "compression": "zlib"},
        "OME pyramid": {"ome": True, "tile": (16, 16), "subifds": 1},
        "tifffile": {},
        "tifffile compressed": {"compression": "lzw", "predictor": True},
        "tifffile big-endian": {"byteorder": ">"},
        "ImageJ compressed": {"imagej": True, "compression": "zlib"},
    }
    for (maker, options), axes, bits in product(makers.items(), ("ZYX", "CYX", "TYX", "TZCYX"), (8, 16)):
        sizes = {"T": 2, "Z": 3, "C": 4}
        shape = [sizes[axis] for axis in axes[:-2]]
        stack = (
            np.random.default_rng(bits).integers(0, 2**bits, (*shape, HEIGHT, WIDTH)).astype(f"u{bits // 8}")
        )
        write = written_stack(stack, {"photometric": "minisblack", **options, "metadata": {"axes": axes}})
        names = {"Z": "plane", "C": "channel", "T": "time"}
        choice = {names[axis]: sizes[axis] - 1 - at % 2 for at, axis in enumerate(axes[:-2])}
        place = tuple(choice[names[axis]] for axis in axes[:-2])
        title = f"{maker}, {axes}, {bits} bits"
        yield Cell(title, write, stack[place], choice=choice)
        last = names[axes[-3]]
        short = {name: index for name, index in choice.items() if name != last}
        yield Cell(f"{title}, {last} not chosen", write, refusal=f"choose a .*{last}", choice=short)
    colors = np.stack([values("u", 8, 3, seed) for seed in range(3)])
    for maker in ("ImageJ", "OME", "tifffile"):
        write = saved(colors, photometric="rgb", metadata={"axes": "ZYXS"}, **makers[maker])
        yield Cell(f"{maker}, RGB stack", write, grey_of(colors[2]), choice={"plane": 2})
    index = values("u", 8)
    lut = np.random.default_rng(3).integers(0, 256, (3, 256)).astype("u1")
    write = saved(index, imagej=True, colormap=lut)
    yield Cell("ImageJ lookup table", write, index)


def lsm_cells() -> Iterator[Cell]:
    """Files of LSM microscopes: the channels plane by plane, and a thumbnail after each picture."""
    for bits, channels, depths, compression in product((8, 16), (1, 2, 3), (1, 2), (1, 5)):
        stack = [values("u", bits, max(channels, 2), seed)[:, :, :channels] for seed in range(depths)]
        sizes = (WIDTH, HEIGHT, depths, channels, 1, 1, 9, 7)
        info = struct.pack("<10i6d2HI", 0x0400494C, 1000, *sizes, *(1e-7,) * 3, *(0.0,) * 3, 0, 0, 0)
        thumbnail = page_of(values("u", 8, 3)[::3, ::3], photometric=2, planar=2, subfile=1)
        pages = []
        for pixels in stack:
            page = page_of(pixels, planar=2, compression=compression, photometric=2 if channels > 1 else 1)
            if compression == 5:
                page["data"] = [imagecodecs.lzw_encode(data) for data in page["data"]]
            pages += [{**page, "lsm": info.ljust(1000, b"\0")} if not pages else page, thumbnail]
        write = made(*pages)
        for depth, channel in product(range(depths), range(channels)):
            title = (
                f"LSM, {bits} bits, compression {compression}, {depth} of {depths}, {channel} of {channels}"
            )
            choice = {"plane": depth, "channel": channel}
            yield Cell(title, write, stack[depth][:, :, channel], choice=choice)
        if channels > 1:
            yield Cell(f"{title}, no channel", write, refusal="choose a.* channel", choice={"plane": 0})


def mixed_cells() -> Iterator[Cell]:
    """A page of another kind amid a long stack."""
    grey = [values("u", 16, seed=seed) for seed in range(10)]
    others = {
        "0 is white": page_of(~grey[4], photometric=0),
        "signed": page_of(grey[4].astype("i2")),
        "reduced": page_of(grey[4], subfile=1),
        "mask": page_of(grey[4], subfile=4),
        "turned": page_of(grey[4], orientation=3),
        "compressed": {
            **page_of(grey[4]),
            "compression": 5,
            "data": [imagecodecs.lzw_encode(grey[4].tobytes())],
        },
        "smaller": page_of(grey[4][::2]),
    }
    for name, other in others.items():
        pages = [page_of(pixels) for pixels in grey]
        pages[4] = other
        reason = "kinds|reduced|mask|turned|cannot be read|none of them|frame 4"
        yield Cell(f"stack with another page, {name}", made(*pages), refusal=reason, choice={"plane": 4})


TIFFS = (
    *(plain_cells, packed_cells, compressed_cells, photometric_cells),
    *(subfile_cells, stack_cells, lsm_cells, mixed_cells),
)
