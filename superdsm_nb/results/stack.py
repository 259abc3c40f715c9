"""The result of a stack: its planes, each segmented by itself, and their files."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .._version import __version__
from ..config import Config, Preset, resolve_preset
from ..errors import ConfigError
from ..io import LoadedImage, imsave_stack, save_zarr, utf8, write_file
from ..performance import PerformanceReport
from .outlines import Outline, geojson_of_planes, rois_of_planes
from .outputs import OUTPUTS, STORE_SUFFIX, image_rows, stack_output, target_place

if TYPE_CHECKING:
    from ..io import Place
    from .result import Segmentation

OUTLINED = ("rois", "geojson")
AXES_OF_STORES = {"time": "t", "channel": "c", "plane": "z"}  # in the order of the format
TOLD = ("foreground_sha256", "measured", "ring", "dilate", "merge_overlap_threshold")
FAST = 1  # level of compression

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Packed:
    """A picture, compressed: label maps of a long series then need little memory.

    Attributes
    ----------
    content : bytes
        Compressed pixels.
    shape : tuple of int
        Shape of the array.
    dtype : str
        Its type.
    """

    content: bytes
    shape: tuple[int, ...]
    dtype: str

    @classmethod
    def of(cls, pixels: NDArray[Any]) -> Packed:
        """Compress a picture."""
        return cls(zlib.compress(pixels.tobytes(), FAST), pixels.shape, pixels.dtype.str)

    def pixels(self) -> NDArray[Any]:
        """Return the picture."""
        return np.frombuffer(zlib.decompress(self.content), self.dtype).reshape(self.shape)


@dataclass(frozen=True)
class Plane:
    """What is kept of one segmented plane.

    Attributes
    ----------
    position : mapping of str to int
        Where it is, by the axes of the stack.
    object_count : int
        Number of objects.
    scale : float or None
        Scale used (pixels); None if the plane was not segmented.
    is_complete : bool
        Whether nothing was left out because the time was over.
    performance : PerformanceReport
        How the cover was found.
    config_digest : str or None
        Digest of the hyperparameters used.
    error : str or None
        Why the plane could not be segmented.
    is_constant : bool
        Whether all of its pixels are the same, so that there is nothing to segment.
    pictures : mapping of str to Packed
        Pictures by the kind of output.
    rows : mapping of str to sequence of mapping
        Rows by the kind of table, without image and position.
    outlines : sequence of Outline
        Outlines of the objects, if they are to be written.
    told : mapping of str
        What the provenance of its segmentation tells of the foreground, measured channels, and drawing.
    """

    position: Mapping[str, int]
    object_count: int = 0
    scale: float | None = None
    is_complete: bool = True
    performance: PerformanceReport = field(default_factory=PerformanceReport)
    config_digest: str | None = None
    error: str | None = None
    is_constant: bool = False
    pictures: Mapping[str, Packed] = field(default_factory=dict)
    rows: Mapping[str, Rows] = field(default_factory=dict)
    outlines: Sequence[Outline] = ()
    told: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, position: Mapping[str, int], result: Segmentation, kinds: Sequence[str]) -> Plane:
        """Keep what the given kinds of output need of a segmentation."""
        pictures: dict[str, Packed] = {}
        rows: dict[str, Rows] = {}
        for kind in kinds:
            output = OUTPUTS[kind]
            if output.pixels is not None:
                pictures[kind] = Packed.of(output.pixels(result))
            elif output.write_rows is not None or kind == "geojson":
                rows[kind] = output.rows(result)
        return cls(
            position,
            result.object_count,
            result.scale,
            result.is_complete,
            result.performance,
            result.config.digest,
            pictures=pictures,
            rows=rows,
            outlines=result.outlines if set(OUTLINED).intersection(kinds) else (),
            told={name: value for name, value in result.provenance.items() if name in TOLD},
        )


@dataclass(frozen=True)
class StackSegmentation:
    """A stack whose planes were segmented, each by itself.

    Attributes
    ----------
    image : LoadedImage
        Where it comes from; its pixels are not kept.
    axes : tuple of str
        Axes of the stack: of "time", "plane" and "channel", those that were chosen as "all" and have several
        places, in this order.
    sizes : tuple of int
        Their lengths.
    channel_names : tuple of str
        Names of the channels, if "channel" is one of the axes and they are known.
    planes : sequence of Plane
        In the order of the axes, the last the fastest.
    config : Config
        Hyperparameters that were given, and ``preset``.
    outputs : sequence of str
        The kinds of output of which the planes keep what is needed.
    """

    image: LoadedImage
    axes: tuple[str, ...]
    sizes: tuple[int, ...]
    channel_names: tuple[str, ...]
    planes: Sequence[Plane]
    config: Config
    outputs: Sequence[str]

    @property
    def preset(self) -> Preset:
        """The method that made it: "automatic" or "published"."""
        return resolve_preset(self.config)

    @property
    def labels(self) -> NDArray[Any]:
        """Label maps, in every plane numbered from 1; (T, Z, C, H, W) uint16 without the axes that are not.

        uint32 if a plane has more than 65535 objects.
        """
        self._check_kept("seg")
        pictures = list(self._pictures("seg"))
        return np.stack(pictures).reshape(*self.sizes, *pictures[0].shape)

    @property
    def object_count(self) -> int:
        """Number of objects in all planes."""
        return sum(plane.object_count for plane in self.planes)

    @property
    def failed(self) -> list[Plane]:
        """The planes that could not be segmented; those that are constant do not count."""
        return [plane for plane in self.planes if plane.error is not None and not plane.is_constant]

    @property
    def is_complete(self) -> bool:
        """Whether nothing was left out because the time was over."""
        return all(plane.is_complete for plane in self.planes)

    @property
    def performance(self) -> PerformanceReport:
        """How the covers of all planes were found, and what is proven of them."""
        return sum((plane.performance for plane in self.planes), PerformanceReport())

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Measurements of the objects of all planes, with columns for the axes."""
        return self.rows_of("csv")

    def rows_of(self, kind: str) -> list[dict[str, Any]]:
        """Rows of a kind of table, with a column for each axis: its number, or the name of the channel."""
        self._check_kept(kind)
        return [
            {**self._named(plane.position), **row}
            for plane in self.planes
            for row in plane.rows.get(kind, ())
        ]

    def _check_kept(self, kind: str) -> None:
        """Raise `ConfigError` if nothing is kept of a kind of output: it would be as if nothing was found."""
        if kind not in self.outputs:
            raise ConfigError(
                f"Nothing is kept of the planes for the output {kind}: segment the stack with {kind} among "
                "its outputs."
            )

    def _named(self, position: Mapping[str, int]) -> dict[str, int | str]:
        """Return a position with the name of the channel, if the file names it."""
        named: dict[str, int | str] = dict(position)
        if "channel" in named and self.channel_names:
            named["channel"] = self.channel_names[position["channel"]]
        return named

    def _pictures(self, kind: str) -> Iterator[NDArray[Any]]:
        """Pictures of all planes, of one type; black where a plane could not be segmented."""
        found = [plane.pictures[kind] for plane in self.planes if kind in plane.pictures]
        dtype = np.result_type(*(each.dtype for each in found))
        for plane in self.planes:
            picture = plane.pictures.get(kind)
            yield (
                np.zeros(found[0].shape, dtype)
                if picture is None
                else picture.pixels().astype(dtype, copy=False)
            )

    @property
    def provenance(self) -> dict[str, Any]:
        """How the result was made, as JSON values for the descriptions of its files."""
        source, size = self.image.source, self.image.pixel_size
        return {
            "software": f"superdsm_nb {__version__}",
            "preset": self.preset,
            "image": self.image.name,
            "image_sha256": self.image.sha256,
            **({} if source is None else source.part),
            "complete": self.is_complete,
            "pixel_size_micrometers": None if size is None else list(size),
            "axes": dict(zip(self.axes, self.sizes, strict=True)),
            "planes": [
                {
                    **self._named(plane.position),
                    "objects": plane.object_count,
                    "scale": plane.scale,
                    "complete": plane.is_complete,
                    "gap": plane.performance.gap,
                    "config_digest": plane.config_digest,
                    **plane.told,
                    "error": plane.error,
                }
                for plane in self.planes
            ],
            "config": json.loads(self.config.dumps()),
        }


def write_stack(stack: StackSegmentation, targets: Mapping[str, str | Place]) -> list[str]:
    """Write the result of a stack to files.

    Parameters
    ----------
    stack : StackSegmentation
        The result; it must have been made for these kinds of output.
    targets : mapping of str to path
        Files by kind, as for `superdsm_nb.write_outputs`. Pictures become stacks of the same axes (TIFF),
        tables get a column for each axis, and regions and outlines are put in their planes.

    Returns
    -------
    list of str
        Kinds that were written.

    Raises
    ------
    ConfigError
        If stacks have no such output, or the stack was not segmented for it.
    ImageError
        If a picture is not to become a TIFF file.
    OutputError
        If a file cannot be written.
    """
    kinds = {kind: stack_output(kind) for kind in targets}
    for kind in kinds:
        stack._check_kept(kind)
    for kind, output in kinds.items():
        path = target_place(targets[kind])
        if output.write_rows is not None:
            output.write_rows(path, image_rows(stack.image.name, stack.rows_of(kind)))
        elif kind == "rois":
            write_file(path, rois_of_planes((plane.position, plane.outlines) for plane in stack.planes))
        elif kind == "geojson":
            planes = ((plane.position, plane.rows.get(kind, ()), plane.outlines) for plane in stack.planes)
            write_file(path, utf8(geojson_of_planes(planes, stack.provenance)))
        elif path.suffix.lower() == STORE_SUFFIX and kind == "seg":
            ordered = [axis for axis in AXES_OF_STORES if axis in stack.axes]
            save_zarr(
                *(path, stack.labels.transpose(*map(stack.axes.index, ordered), -2, -1)),
                axes="".join(AXES_OF_STORES[axis] for axis in ordered) + "yx",
                labels=True,
                provenance=stack.provenance,
                pixel_size=stack.image.pixel_size,
                channel_names=stack.channel_names,
            )
        else:
            imsave_stack(
                *(path, stack._pictures(kind), stack.axes, stack.sizes),
                provenance=stack.provenance,
                pixel_size=stack.image.pixel_size,
            )
    return list(kinds)
