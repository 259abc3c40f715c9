"""Writing OME-Zarr: images and label maps with smaller copies of themselves, completely or not at all."""

from __future__ import annotations

import json
import os
import shutil
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import ConfigError, ImageError, OutputError
from ..strictjson import strict_values
from .address import Address, Place, place_of
from .confinement import make_folder
from .picture import PixelSize
from .zarrnodes import METADATA, is_store
from .zarrremote import MARK, check_address, replace_store

ZARR = (".zarr",)
Version = Literal["0.4", "0.5"]
CHUNK, SMALLEST = 1024, 256  # pixels per side of a chunk, and of the smallest copy at most
KINDS = {"t": {"type": "time"}, "c": {"type": "channel"}}
VERSION_VARIABLE = "SUPERDSM_NB_OME_ZARR"


def check_zarr() -> None:
    """Raise `ConfigError` unless OME-Zarr can be written on this system."""
    default_version()
    try:
        import zarr  # noqa: F401, PLC0415 - installed on request
    except ImportError as error:
        raise ConfigError(
            "Writing OME-Zarr needs one more package: pip install 'superdsm_nb[zarr]'."
        ) from error


def save_zarr(
    path: str | Place,
    image: NDArray[Any],
    *,
    axes: str = "yx",
    labels: bool = False,
    provenance: Mapping[str, Any] | None = None,
    pixel_size: PixelSize | None = None,
    channel_names: Sequence[str] = (),
    version: Version | None = None,
) -> None:
    """Write an image or a label map as OME-Zarr, completely or not at all.

    Parameters
    ----------
    path : str, Path or Address
        A folder that ends in ``.zarr``. Missing folders above it are created. One that is there is replaced
        if this function has written it. Or the address of one in an object store, "s3://bucket/a.ome.zarr",
        which counts as written once its metadata are there: they are written last.
    image : array
        Pixel values, along the axes.
    axes : str
        Its axes: some of "tczyx", in this order.
    labels : bool
        Whether the values are labels: the smaller copies then hold labels as well, and no means of them.
    provenance : mapping, optional
        How the image was made; stored as the attribute ``superdsm_nb``.
    pixel_size : PixelSize, optional
        Size of a pixel.
    channel_names : sequence of str
        Names of the channels, if there is an axis "c".
    version : {"0.5", "0.4"}, optional
        Version of OME-Zarr. By default what the environment variable ``SUPERDSM_NB_OME_ZARR`` says, or 0.5.

    Raises
    ------
    ConfigError
        If zarr is not installed, or the version is not known.
    ImageError
        If the path does not end in ``.zarr``, or the axes or values cannot be stored.
    OutputError
        If the folder cannot be written, or is there and was not written by this function.
    """
    path = place_of(path)
    is_ordered = len(axes) == image.ndim and axes.endswith("yx") and axes in _subsets("tczyx")
    if not is_ordered or image.dtype.kind not in ("ui" if labels else "uif") or not image.size:
        raise ImageError(
            f"{path} cannot hold an image of {image.ndim} dimensions with the axes {axes!r} and the type "
            f"{image.dtype}."
        )
    window = float(image.min()), float(image.max())
    store = Store(image.shape, image.dtype, axes, labels, provenance, pixel_size, channel_names, window)

    def fill(folder: Path, arrays: Sequence[Any]) -> None:
        level = image
        for array in arrays:
            array[...] = level
            if array is not arrays[-1]:
                level = half(level, labels)

    save_store(path, store, version, fill)


def default_version() -> Version:
    """Return the version of OME-Zarr that is written: 0.5, or what the environment says.

    Raises
    ------
    ConfigError
        If the environment variable holds another one.
    """
    given = os.environ.get(VERSION_VARIABLE, "0.5")
    if given not in ("0.4", "0.5"):
        raise ConfigError(f"The environment variable {VERSION_VARIABLE} must be 0.4 or 0.5.")
    return "0.4" if given == "0.4" else "0.5"


def check_store(path: Place) -> None:
    """Raise `OutputError` if there is something at a path that was not written by `save_zarr`."""
    if isinstance(path, Address):
        check_address(path)
        return
    try:
        is_free = not os.path.lexists(path) or (not path.is_symlink() and is_own_store(path))
    except OSError as error:  # a name that is too long
        raise OutputError(f"{path} cannot be written: {error.strerror or error}.") from error
    if not is_free:
        raise OutputError(f"{path} cannot be written: it is there, and was not written by superdsm_nb.")


def is_own_store(path: Path) -> bool:
    """Whether a folder is a store that `save_zarr` has written."""
    try:
        known = all(each.name in METADATA or each.name.isdecimal() for each in path.iterdir())
        if not known or not is_store(path):  # somebody has added to it
            return False
        if (path / "zarr.json").is_file():
            return MARK in json.loads((path / "zarr.json").read_text(encoding="utf-8"))["attributes"]
        return MARK in json.loads((path / ".zattrs").read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError):
        return False


def save_store(
    path: Place,
    store: Store,
    version: Version | None,
    fill: Callable[[Path, Sequence[Any]], None],
    scratch: Path | None = None,
) -> None:
    """Write a store beside its place, and put it there.

    Parameters
    ----------
    path : Path or Address
        As for `save_zarr`.
    store : Store
        What it declares.
    version : {"0.5", "0.4"}, optional
        As for `save_zarr`.
    fill : callable
        Called with the folder and its empty arrays, the largest first: writes the pixels.
    scratch : Path, optional
        For an address: a folder for what will be uploaded.
    """
    check_zarr()
    if path.suffix.lower() not in ZARR:
        raise ImageError(f"{path} must end in .zarr.")
    version = version or default_version()
    check_store(path)
    if isinstance(path, Address):
        with TemporaryDirectory(prefix="superdsm-nb-", dir=scratch) as folder:
            new = Path(folder) / "new"
            fill(new, store.create(new, version, path.name))
            replace_store(new, path)
        return
    temporary = _beside(path, "unfinished").absolute()
    try:
        make_folder(path.parent)
        shutil.rmtree(temporary, ignore_errors=True)
        fill(temporary, store.create(temporary, version, path.name))
        _replace(temporary, path)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror or error}.") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@dataclass(frozen=True)
class Store:
    """What a store declares; the parameters are those of `save_zarr`.

    Attributes
    ----------
    window : (float, float)
        Lowest and highest value.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    axes: str
    labels: bool
    provenance: Mapping[str, Any] | None
    pixel_size: PixelSize | None
    channel_names: Sequence[str]
    window: tuple[float, float]

    def shapes(self) -> list[tuple[int, ...]]:
        """Shapes of the image and its smaller copies."""
        shapes = [self.shape]
        while max(shapes[-1][-2:]) > SMALLEST and min(shapes[-1][-2:]) >= 2:
            *outer, height, width = shapes[-1]
            sides = [-(-side // 2) if self.labels else side // 2 for side in (height, width)]
            shapes.append((*outer, *sides))
        return shapes

    def create(self, folder: Path, version: Version, name: str) -> list[Any]:
        """Create the store in a folder that is not there, and return its empty arrays, the largest first."""
        import zarr  # noqa: PLC0415 - installed on request

        is_old = version == "0.4"
        size = self.pixel_size
        sides = {"y": 1.0, "x": 1.0} if size is None else {"y": size.height, "x": size.width}
        base = [sides.get(axis, 1.0) for axis in self.axes]
        datasets: list[dict[str, Any]] = []
        arrays: list[Any] = []
        group = zarr.create_group(zarr.storage.LocalStore(folder), zarr_format=2 if is_old else 3)
        for level, shape in enumerate(self.shapes()):
            # The parts that exist in Zarr 2 only, and in 3 only.
            only: dict[str, Any] = (
                {"chunk_key_encoding": {"name": "v2", "separator": "/"}}
                if is_old
                else {"dimension_names": list(self.axes)}
            )
            arrays.append(
                group.create_array(
                    str(level),
                    shape=shape,
                    dtype=self.dtype,
                    chunks=(1,) * (len(shape) - 2) + tuple(min(CHUNK, size) for size in shape[-2:]),
                    compressors=_compressor(is_old),
                    fill_value=0,
                    **only,
                )
            )
            datasets.append({"path": str(level), "coordinateTransformations": self._placed(base, 2**level)})
        unit = {} if size is None else {"unit": "micrometer"}
        described = [
            {"name": axis, **KINDS.get(axis, {"type": "space"}), **(unit if axis in "yx" else {})}
            for axis in self.axes
        ]
        multiscales: dict[str, Any] = {
            "name": name.removesuffix(".zarr").removesuffix(".ome"),
            "axes": described,
            "datasets": datasets,
            "type": "nearest" if self.labels else "mean",
        }
        if is_old:
            multiscales["version"] = version
        ome: dict[str, Any] = {"multiscales": [multiscales], "omero": self._omero()}
        if self.labels:
            ome["image-label"] = {"version": version} if is_old else {}
        known = strict_values(dict(self.provenance or {}))
        group.attrs.update({**(ome if is_old else {"ome": {"version": version, **ome}}), MARK: known})
        return arrays

    def _placed(self, base: Sequence[float], factor: int) -> list[dict[str, Any]]:
        """Where the pixels of a smaller copy are."""
        scale = [value * (factor if axis in "yx" else 1) for axis, value in zip(self.axes, base, strict=True)]
        transformations: list[dict[str, Any]] = [{"type": "scale", "scale": scale}]
        if factor > 1 and not self.labels:
            # A mean of several pixels lies between them; a label is that of the first of them.
            shift = [
                value * (factor - 1) / 2 if axis in "yx" else 0.0
                for axis, value in zip(self.axes, base, strict=True)
            ]
            transformations.append({"type": "translation", "translation": shift})
        return transformations

    def _omero(self) -> dict[str, Any]:
        """How the channels are shown."""
        count = self.shape[self.axes.index("c")] if "c" in self.axes else 1
        names = [
            *self.channel_names,
            *(f"channel {number}" for number in range(len(self.channel_names), count)),
        ]
        low, high = self.window
        window = {"start": low, "end": high, "min": low, "max": high}
        channels = [
            {"label": name, "color": "FFFFFF", "active": True, "window": window} for name in names[:count]
        ]
        return {"channels": strict_values(channels)}


def _compressor(is_old: bool) -> Any:  # noqa: ANN401 - of another library
    if is_old:
        from numcodecs import Zstd  # noqa: PLC0415 - zarr needs it

        return Zstd(level=3)
    from zarr.codecs import ZstdCodec  # noqa: PLC0415 - installed on request

    return ZstdCodec(level=3)


def half(image: NDArray[Any], labels: bool) -> NDArray[Any]:
    """Return an image of half the size: every second pixel, or the mean of four."""
    if labels:
        return image[..., ::2, ::2]
    rows, cols = (size // 2 * 2 for size in image.shape[-2:])
    parts = [image[..., row:rows:2, col:cols:2].astype(np.float64) for row in (0, 1) for col in (0, 1)]
    mean = sum(parts[1:], parts[0]) / 4
    return (np.rint(mean) if image.dtype.kind in "ui" else mean).astype(image.dtype)


def _subsets(axes: str) -> set[str]:
    """All choices of letters in their order."""
    found = {""}
    for letter in axes:
        found |= {f"{each}{letter}" for each in found}
    return found


def _beside(path: Path, suffix: str) -> Path:
    """A hidden name for a folder beside the one that is written."""
    return path.with_name(f".{zlib.crc32(path.name.encode(errors='replace')):08x}.{os.getpid()}.{suffix}")


def _replace(new: Path, path: Path) -> None:
    """Put a folder in the place of another one; a folder cannot replace a full one in one step."""
    old = _beside(path, "old.unfinished")
    shutil.rmtree(old, ignore_errors=True)
    if os.path.lexists(path):
        path.rename(old)
    try:
        new.rename(path)
    except OSError:
        if old.exists():
            old.rename(path)
        raise
    shutil.rmtree(old, ignore_errors=True)
