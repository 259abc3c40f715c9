"""Minimal files in the formats of microscopes, written by hand: only what a reader must understand."""

from __future__ import annotations

import struct
import zlib
from itertools import product

import imagecodecs
import numpy as np
import tifffile

# ---------------------------------------------------------------- CZI

CZI_TYPES = {
    ("u1", 1): 0,
    ("u2", 1): 1,
    ("f4", 1): 2,
    ("u1", 3): 3,
    ("u2", 3): 4,
    ("u1", 4): 9,
    ("i4", 1): 12,
}


def _segment(name: bytes, data: bytes) -> bytes:
    return struct.pack("<16sqq", name, len(data), len(data)) + data


def _czi_entry(tile, position: int) -> bytes:
    """What the directory, and the block itself, say of a tile: (place, pixels, compression, covered size)."""
    place, pixels, compression, covered = tile
    samples = pixels.shape[2] if pixels.ndim == 3 else 1
    kind = CZI_TYPES[pixels.dtype.str[1:], samples]
    sizes = {"Y": (covered[0], pixels.shape[0]), "X": (covered[1], pixels.shape[1])}
    dimensions = b"".join(
        struct.pack(
            "<4siifi", axis.encode(), start, *sizes.get(axis, (1, 1))[:1], 0.0, sizes.get(axis, (1, 1))[1]
        )
        for axis, start in sorted(place.items(), key=lambda item: "XYCZTSM".index(item[0]))
    )
    return struct.pack("<2siqiiB5xi", b"DV", kind, position, 0, compression, 0, len(place)) + dimensions


def _czi_compressed(pixels: np.ndarray, compression: int) -> bytes:
    stored = pixels if pixels.ndim == 2 else np.concatenate([pixels[:, :, 2::-1], pixels[:, :, 3:]], axis=2)
    raw = np.ascontiguousarray(stored).tobytes()
    if compression == 1:
        return imagecodecs.jpeg8_encode(pixels, level=100)
    if compression == 2:
        return imagecodecs.lzw_encode(raw)
    if compression == 4:
        return imagecodecs.jpegxr_encode(np.ascontiguousarray(pixels), level=1.0)
    if compression == 5:
        return imagecodecs.zstd_encode(raw)
    if compression == 6:
        halves = np.frombuffer(raw, "u1").reshape(-1, 2).T
        return b"\3\1\1" + imagecodecs.zstd_encode(np.ascontiguousarray(halves).tobytes())
    return raw


def write_czi(path, tiles, channels=(), scenes=(), size=None) -> None:
    """Write tiles, each given by its place ({"C": 0, "Y": 0, "X": 0}), pixels and options."""
    tiles = [
        (place, pixels, options.get("compression", 0), options.get("covers", pixels.shape[:2]))
        for place, pixels, options in tiles
    ]
    distances = "".join(
        f'<Distance Id="{axis}"><Value>{value * 1e-6!r}</Value></Distance>'
        for axis, value in zip("YX", size or (), strict=False)
    )
    xml = (
        "<ImageDocument><Metadata><Information><Image><Dimensions><Channels>"
        + "".join(f'<Channel Id="Channel:{n}" Name="{name}"/>' for n, name in enumerate(channels))
        + "</Channels><S><Scenes>"
        + "".join(f'<Scene Index="{n}" Name="{name}"/>' for n, name in enumerate(scenes))
        + "</Scenes></S></Dimensions></Image></Information><Scaling><Items>"
        + distances
        + "</Items></Scaling></Metadata></ImageDocument>"
    ).encode()
    content = bytearray(_segment(b"ZISRAWFILE", bytes(512)))
    positions = []
    for tile in tiles:
        positions.append(len(content))
        data = _czi_compressed(tile[1], tile[2])
        entry = _czi_entry(tile, len(content)).ljust(240, b"\0")
        content += _segment(b"ZISRAWSUBBLOCK", struct.pack("<iiq", 4, 0, len(data)) + entry + b"<M/>" + data)
    metadata = len(content)
    content += _segment(b"ZISRAWMETADATA", struct.pack("<ii248x", len(xml), 0) + xml)
    directory = len(content)
    entries = b"".join(_czi_entry(tile, at) for tile, at in zip(tiles, positions, strict=True))
    content += _segment(b"ZISRAWDIRECTORY", struct.pack("<i124x", len(tiles)) + entries)
    struct.pack_into("<iiii16s16siqqiq", content, 32, 1, 0, 0, 0, b"a", b"a", 0, directory, metadata, 0, 0)
    path.write_bytes(content)


# ---------------------------------------------------------------- LIF


def lif_image(name, stack, axes, channels=("DAPI",), tags=None, spacing=None) -> tuple[str, np.ndarray]:
    """Describe an image whose axes are some of "CMTZYXS" in their order in memory."""
    steps = dict(zip(axes, stack.strides, strict=True))
    numbers = {"X": 1, "Y": 2, "Z": 3, "T": 4, "M": 10}
    count = (
        stack.shape[axes.index("C")] if "C" in axes else stack.shape[axes.index("S")] if "S" in axes else 1
    )
    step = steps.get("C", steps.get("S", 0))
    tags = tags or [0] * count
    described = "".join(
        f'<ChannelDescription DataType="{1 if stack.dtype.kind == "f" else 0}" ChannelTag="{tags[n]}" '
        f'Resolution="{stack.dtype.itemsize * 8}" NameOfMeasuredQuantity="" Min="0" Max="1" Unit="" '
        f'LUTName="Gray" IsLUTInverted="0" BytesInc="{n * step}" BitInc="0">'
        + (
            f"<ChannelProperty><Key>DyeName</Key><Value>{channels[n]}</Value></ChannelProperty>"
            if channels
            else ""
        )
        + "</ChannelDescription>"
        for n in range(count)
    )
    lengths = {axis: (size - 1) * (spacing or 0) * 1e-6 for axis, size in zip(axes, stack.shape, strict=True)}
    dimensions = "".join(
        f'<DimensionDescription DimID="{numbers[axis]}" NumberOfElements="{size}" Origin="0" '
        f'Length="{lengths[axis]!r}" Unit="m" BitInc="0" BytesInc="{steps[axis]}"/>'
        for axis, size in zip(axes, stack.shape, strict=True)
        if axis in numbers
    )
    xml = (
        f'<Element Name="{name}" UniqueID="{name}"><Data><Image><ImageDescription>'
        f"<Channels>{described}</Channels><Dimensions>{dimensions}</Dimensions></ImageDescription></Image></Data>"
        f'<Memory Size="{stack.nbytes}" MemoryBlockID="{name}"/></Element>'
    )
    return xml, stack


def write_lif(path, *images) -> None:
    """Write images that `lif_image` describes."""
    elements = "".join(xml for xml, _ in images)
    header = (
        '<LMSDataContainerHeader Version="2"><Element Name="project"><Data><Experiment/></Data>'
        f'<Memory Size="0" MemoryBlockID="none"/><Children>{elements}</Children></Element>'
        "</LMSDataContainerHeader>"
    )
    encoded = header.encode("utf-16-le")
    content = struct.pack("<IIBI", 0x70, len(encoded) + 5, 0x2A, len(encoded) // 2) + encoded
    for xml, stack in images:
        name = xml.partition('MemoryBlockID="')[2].partition('"')[0].encode("utf-16-le")
        content += struct.pack("<IIBQBI", 0x70, len(name) + 14, 0x2A, stack.nbytes, 0x2A, len(name) // 2)
        content += name + np.ascontiguousarray(stack).tobytes()
    path.write_bytes(content)


# ---------------------------------------------------------------- OIF and OIB

OIF_SETTINGS = """[ProfileSaveInfo]\r
Name="a.oif"\r
Version="2.0"\r
[Reference Image Parameter]\r
HeightConvertValue=0.5\r
HeightUnit="um"\r
ValidBitCounts=12\r
WidthConvertValue=0.25\r
WidthUnit="um"\r
[GUI Channel 1 Parameters]\r
CH Name="CH1"\r
DyeName="DAPI"\r
[GUI Channel 2 Parameters]\r
CH Name="CH2"\r
DyeName="GFP"\r
[Axis Parameter Common]\r
AxisCount=8\r
AxisOrder="XYCZ"\r
"""


def oif_parts(stack, axes="CZ") -> dict[str, bytes]:
    """The files of a stack with the axes (channels, planes, Y, X), and a reference image."""
    from io import BytesIO

    parts = {}
    for place in product(*map(range, stack.shape[:-2])):
        name = "".join(f"{axis}{at + 1:03d}" for axis, at in zip(axes, place, strict=True))
        buffer = BytesIO()
        tifffile.imwrite(buffer, stack[place], metadata=None)
        parts[f"s_{name}.tif"] = buffer.getvalue()
    parts["s_C001-R001.tif"] = parts[min(parts)]
    return parts


def write_oif(path, stack, axes="CZ") -> None:
    """Write an OIF file and its folder."""
    path.write_bytes(OIF_SETTINGS.encode("utf-16"))
    folder = path.with_name(f"{path.name}.files")
    folder.mkdir()
    for name, content in oif_parts(stack, axes).items():
        (folder / name).write_bytes(content)


def write_oib(path, stack, axes="CZ") -> None:
    """Write an OIB file."""
    streams, info = {}, "[OibSaveInfo]\r\nVersion=2.0.0.0\r\nName=a.oif\r\n"
    parts = {"a.oif": OIF_SETTINGS.encode("utf-16"), **oif_parts(stack, axes)}
    for number, (name, content) in enumerate(parts.items()):
        streams[f"Storage00001/Stream{number:05d}"] = content
        where = name if name == "a.oif" else f"Storage00001/{name}"
        info += f"Stream{number:05d}={where}\r\n"
    info += "MainFileName=Stream00000\r\nStorage00001=a.oif.files\r\n"
    write_compound(path, {"OibInfo.txt": info.encode("utf-16"), **streams})


def write_compound(path, streams) -> None:
    """Write a compound file with sectors of 512 bytes; short streams go to the one of the root."""
    free, end, fat_mark = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
    sectors: list[bytes] = []
    following: list[int] = []

    def store(content: bytes) -> int:
        first = len(sectors)
        parts = [content[at : at + 512].ljust(512, b"\0") for at in range(0, len(content), 512)]
        sectors.extend(parts)
        following.extend([*range(first + 1, first + len(parts)), end] if parts else [])
        return first if parts else end

    mini, mini_following, starts = b"", [], {}
    for name, content in streams.items():
        if len(content) >= 4096:
            starts[name] = store(content)
            continue
        count = -(-len(content) // 64)
        starts[name] = len(mini_following) if count else end
        mini_following += [*range(len(mini_following) + 1, len(mini_following) + count), end][:count]
        mini += content.ljust(count * 64, b"\0")
    mini_start = store(mini)
    mini_fat = store(struct.pack(f"<{len(mini_following)}I", *mini_following)) if mini_following else end
    folders = sorted({name.partition("/")[0] for name in streams if "/" in name})
    entries = [("Root Entry", 5, free, 1, mini_start, len(mini))]
    top = [name for name in streams if "/" not in name]
    for at, name in enumerate([*top, *folders]):
        right = at + 2 if at + 1 < len(top) + len(folders) else free
        is_stream = name in streams
        child = 1 + len(top) + len(folders) if not is_stream else free
        entries.append(
            (name, 2 if is_stream else 1, right, child, starts.get(name, 0), len(streams.get(name, b"")))
        )
    inner = [name for name in streams if "/" in name]
    for at, name in enumerate(inner):
        right = len(entries) + 1 if at + 1 < len(inner) else free
        entries.append((name.partition("/")[2], 2, right, free, starts[name], len(streams[name])))
    directory = b""
    for name, kind, right, child, start, size in entries:
        text = f"{name}\0".encode("utf-16-le")
        directory += struct.pack("<64sHBBIII36xIQ", text, len(text), kind, 1, free, right, child, start, size)
    first_entry = store(directory)
    count = 1
    while count * 128 < len(following) + count:
        count += 1
    table = [*following, *[fat_mark] * count]
    fat = [len(sectors) + at for at in range(count)]
    table += [free] * (count * 128 - len(table))
    sectors += [struct.pack("<128I", *table[at * 128 : at * 128 + 128]) for at in range(count)]
    numbers = (0, count, first_entry, 0, 4096, mini_fat, -(-len(mini_following) // 128), end, 0)
    header = struct.pack(
        "<8s16xHHHHH6x9I", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 62, 3, 0xFFFE, 9, 6, *numbers
    )
    header += struct.pack("<109I", *fat, *[free] * (109 - count))
    path.write_bytes(header + b"".join(sectors))


# ---------------------------------------------------------------- ND2


def _lite(name: str, value) -> bytes:
    """A value with its name in the notation of the metadata of ND2 files."""
    kinds = {bool: (1, "<B"), float: (6, "<d")}
    label = f"{name}\0".encode("utf-16-le")
    head = struct.pack("<B", len(label) // 2) + label
    if isinstance(value, dict):
        inner = b"".join(_lite(key, each) for key, each in value.items())
        length = 1 + len(head) + 12 + len(inner)
        return b"\x0b" + head + struct.pack("<IQ", len(value), length) + inner + bytes(8 * len(value))
    if isinstance(value, str):
        return b"\x08" + head + f"{value}\0".encode("utf-16-le")
    if isinstance(value, bytes):
        return b"\x09" + head + struct.pack("<Q", len(value)) + value
    number, code = kinds.get(type(value), (3, "<I"))
    return bytes([number]) + head + struct.pack(code, value)


def _nd2_loops(loops) -> dict:
    """The experiment, from the outer loop to the inner one: ("T", 2), ("P", ["A", "B"]), ("Z", 3)."""
    result: dict = {}
    for kind, count in reversed(loops):
        if kind == "P":
            points = {"": None}
            points = {f"i{n:010}": {"dPosX": float(n), "dPosName": name} for n, name in enumerate(count)}
            loop = {"eType": 2, "uLoopPars": {"Points": points, "uiCount": len(count)}}
        elif kind == "T":
            loop = {
                "eType": 1,
                "uLoopPars": {"uiCount": count, "dStart": 0.0, "dPeriod": 1.0, "dDuration": 1.0},
            }
        else:
            loop = {"eType": 4, "uLoopPars": {"uiCount": count, "dZStep": 1.0, "dZLow": 0.0, "dZHigh": 1.0}}
        result = {**loop, **({"ppNextLevelEx": {"i0000000000": result}} if result else {})}
    return result


def write_nd2(path, frames, loops=(), channels=("DAPI",), size=None, missing=(), compressed=False) -> None:
    """Write frames, each (H, W), (H, W, channels) or, for one channel, (H, W, 3)."""
    height, width = frames[0].shape[:2]
    components = frames[0].shape[2] if frames[0].ndim == 3 else 1
    bits = frames[0].dtype.itemsize * 8
    attributes = {
        "uiWidth": width,
        "uiWidthBytes": width * components * bits // 8,
        "uiHeight": height,
        "uiComp": components,
        "uiBpcInMemory": bits,
        "uiBpcSignificant": bits,
        "uiSequenceCount": len(frames),
        "eCompression": 0 if compressed else 2,
    }
    per_channel = components // len(channels)
    planes = {
        f"a{n}": {
            "sDescription": name,
            "uiCompCount": per_channel,
            "uiSampleIndex": n,
            "pFluorescentProbe": {"m_sName": name},
        }
        for n, name in enumerate(channels)
    }
    picture = {
        "sPicturePlanes": {"uiCount": len(channels), "uiCompCount": components, "sPlaneNew": planes},
        "dCalibration": float(size or 1.0),
        "dAspect": 1.0,
        "bCalibrated": bool(size),
    }
    chunks = {
        b"ImageAttributesLV!": _lite("SLxImageAttributes", attributes),
        b"ImageMetadataSeqLV|0!": _lite("SLxPictureMetadata", picture),
    }
    if loops:
        chunks[b"ImageMetadataLV!"] = _lite("SLxExperiment", _nd2_loops(loops))
    for number, frame in enumerate(frames):
        if number not in missing:
            pixels = np.ascontiguousarray(frame).tobytes()
            pixels = zlib.compress(pixels) if compressed else pixels
            chunks[b"ImageDataSeq|%d!" % number] = bytes(8) + pixels
    magic = 0x0ABECEDA
    content = struct.pack("<IIQ32s64s", magic, 32, 64, b"ND2 FILE SIGNATURE CHUNK NAME01!", b"Ver3.0")
    table = b""
    for name, data in chunks.items():
        table += name + struct.pack("<QQ", len(content), len(data))
        # Pixels begin 4096 bytes after the start of their chunk.
        length = 4072 if name.startswith(b"ImageDataSeq") else 48
        content += struct.pack("<IIQ", magic, length, len(data)) + name.ljust(length, b"\0") + data
    end = b"ND2 CHUNK MAP SIGNATURE 0000001!" + struct.pack("<Q", len(content))
    content += struct.pack("<IIQ", magic, 32, len(table) + len(end)) + b"ND2 FILEMAP SIGNATURE NAME 0001!"
    path.write_bytes(content + table + end)
