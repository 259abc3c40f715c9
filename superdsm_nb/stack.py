"""All planes of a stack or of a series, each segmented by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .config import Config, GeneralSettings, Preset, with_preset
from .diameter import with_diameter
from .errors import (
    AxisChoiceError,
    Cancelled,
    ConfigError,
    ImageError,
    SuperDSMError,
    TimeLimitError,
    errors_name,
)
from .events import PLANES, READING, Emit, Event, ObjectDiscarded, Progress, StageStarted, Warned
from .image import unmasked
from .io import Address, LoadedImage, Planes, Source, open_planes, place_of
from .parallel import mapped
from .results.channels import Place
from .results.intensity import Measure, check_measure
from .results.outputs import stack_output
from .results.result import Drawing
from .results.stack import Plane, StackSegmentation
from .segmentation import analyze, warn
from .timelimit import check_time_limit

NO_PIXELS = np.empty((0, 0))
AXES = {"T": "time", "Z": "plane", "C": "channel"}

Read = Callable[[Mapping[str, int]], NDArray[Any]]


class _Opened(NamedTuple):
    """A stack that can be read, and its origin as that of an image without pixels."""

    planes: Planes
    origin: LoadedImage


def segment_stack(
    stack: Source | Path | Address | str | ArrayLike,
    config: Config | Mapping[str, Any] | None = None,
    *,
    axes: str | None = None,
    diameter: float | str | None = None,
    preset: Preset | None = None,
    foreground: ArrayLike | Path | str | None = None,
    drawing: Drawing | None = None,
    measure: Mapping[str, Place] | None = None,
    ring: str | None = None,
    outputs: Sequence[str] = ("seg", "csv"),
    time_limit: float | None = None,
    keep_finished: bool = False,
    emit: Emit | None = None,
) -> StackSegmentation:
    """Segment all planes of a stack, or all time points of a series, each by itself.

    Planes are segmented in parallel. Nothing is linked between them: numbers of objects begin at 1 in every
    plane. A plane that cannot be segmented is left empty, with a warning.

    Parameters
    ----------
    stack : Source, Path, Address, str or array
        A file, of which all planes are segmented that a `Source` chooses with "all" (all time points and
        planes by default), or an array.
    config : Config or mapping, optional
        Hyperparameters that differ from their defaults, for all planes.
    axes : str, optional
        For an array, what its axes are: "T", "Z" and "C" in any order, and "YX" at the end, such as "TZYX".
    diameter : float or str, optional
        Diameter of a typical nucleus, as for `superdsm_nb.analyze`. Estimated from each plane by default.
    preset : {"automatic", "published"}, optional
        Which method runs, as for `superdsm_nb.segment`.
    foreground : array, Path or str, optional
        Where nuclei are, as for `superdsm_nb.segment`, or an image file of it: for each plane or for all.
    drawing : Drawing, optional
        How objects become label maps and contours.
    measure : mapping of str to int, str, Path or array, optional
        Other channels to measure, as for `superdsm_nb.segment_file`: of each plane, or one for all.
    ring : str, optional
        Width of a ring around each object in which they are measured as well.
    outputs : sequence of str
        What is kept of each plane, by the kinds of output that `superdsm_nb.write_outputs` is to write; "seg"
        for ``labels`` and "csv" for ``rows``.
    time_limit : float, optional
        Seconds that a plane may take.
    keep_finished : bool
        When the time of a plane is over, keep the nuclei that are finished.
    emit : callable, optional
        Takes what happens on the way. Without it, warnings are issued as `UserWarning`.

    Returns
    -------
    StackSegmentation
        With ``labels`` (T, Z, C, H, W, without the axes that are not), ``rows``, ``planes`` and
        ``provenance``.

    Raises
    ------
    SuperDSMError
        If the stack cannot be read, an option is wrong, or no plane can be segmented.

    Examples
    --------
    >>> import numpy as np
    >>> from superdsm_nb import segment_stack
    >>> from superdsm_nb.synthetic import generate
    >>> nuclei = generate(seed=1, shape=(160, 160), nuclei=4).image
    >>> result = segment_stack(np.stack([nuclei, nuclei[::-1]]), axes="ZYX", diameter=31)
    >>> result.axes, result.labels.shape
    (('plane',), (2, 160, 160))
    """
    emit = emit or warn
    for kind in outputs:
        stack_output(kind)
    check_time_limit(time_limit)
    given = with_preset(Config(config), preset, has_foreground=foreground is not None)
    emit(StageStarted(READING))
    with ExitStack() as files:
        opened = files.enter_context(_opened(stack, axes, GeneralSettings.of(given).histological))
        planes, origin = opened
        path = origin.source.path if origin.source else None
        with errors_name(path) if path else ExitStack():
            given = with_diameter(given, diameter, origin.pixel_size)
        read_foreground = (
            None if foreground is None else files.enter_context(_companion(foreground, planes, axes))
        )
        channels = {name: _channel(place, opened, axes, files) for name, place in (measure or {}).items()}

        def segment(position: Mapping[str, int]) -> tuple[Plane, list[Event]]:
            told: list[Event] = []
            try:
                pixels = planes.read(position)
                if pixels.dtype.kind in NUMBERS and pixels.min() == pixels.max():
                    return Plane(position, error=CONSTANT, is_constant=True), told
                measured = Measure({name: read(position) for name, read in channels.items()}, ring)
                check_measure(measured, pixels.shape[:2], origin.pixel_size)
                result = analyze(
                    replace(origin, pixels=pixels),
                    given,
                    foreground=None if read_foreground is None else read_foreground(position),
                    drawing=drawing,
                    measure=measured,
                    time_limit=time_limit,
                    keep_finished=keep_finished,
                    emit=told.append,
                )
                return Plane.of(position, result, outputs), told
            except (ConfigError, Cancelled):  # of all planes
                raise
            except SuperDSMError as error:
                is_complete = not isinstance(error, TimeLimitError)
                return Plane(position, error=str(error), is_complete=is_complete), told

        with errors_name(path) if path else ExitStack():
            found = list(_followed(segment, opened, emit))
    result = StackSegmentation(
        origin,
        planes.axes,
        planes.sizes,
        planes.channel_names,
        found,
        given,
        tuple(outputs),
    )
    if all(plane.error is not None for plane in found):
        if not result.failed:
            raise ImageError(f"{origin.name or 'The stack'}: {CONSTANT}.")
        reason = str(result.failed[0].error)
        raise ImageError(reason, None if str(path) in reason else path)
    return result


NUMBERS = "biuf"  # kinds of types
CONSTANT = "every pixel is the same: there is nothing to segment"


def _followed(
    segment: Callable[[Mapping[str, int]], tuple[Plane, list[Event]]], opened: _Opened, emit: Emit
) -> Iterator[Plane]:
    """Segment all planes and tell of each, in their order."""
    places, name = opened.planes.positions, opened.origin.name
    emit(StageStarted(PLANES))
    for done, (plane, told) in enumerate(mapped(segment, places), 1):
        where = ", ".join(f"{axis} {place}" for axis, place in plane.position.items())
        for event in told:
            if isinstance(event, Warned):
                emit(Warned(f"{where}: {event.text}" if where else event.text, name))
            elif isinstance(event, ObjectDiscarded):
                emit(replace(event, reason=f"{event.reason} ({where})") if where else event)
        if plane.error is not None and where:
            emit(Warned(f"{where} is left empty: {plane.error.rstrip('.')}", name))
        emit(Progress(done, len(places), PLANES))
        yield plane


@contextmanager
def _opened(
    stack: Source | Path | Address | str | ArrayLike, axes: str | None, histological: bool
) -> Iterator[_Opened]:
    """Open a file, or take an array apart."""
    if isinstance(stack, str | Path | Address):
        stack = Source(place_of(stack), plane="all", time="all")
    if not isinstance(stack, Source):
        yield _Opened(_planes_of_array(unmasked(stack), axes), LoadedImage(NO_PIXELS))
        return
    if axes is not None:
        raise ConfigError("axes are for arrays: a file declares those that it has.")
    with open_planes(stack.path, histological, **stack.part) as planes:
        yield _Opened(planes, stack.described(NO_PIXELS))


def _planes_of_array(array: NDArray[Any], axes: str | None) -> Planes:
    """Return the planes of an array."""
    if axes is None:
        raise ConfigError('An array needs its axes, such as axes="ZYX": T, Z or C, and YX at the end.')
    outer = axes[:-2]
    if axes[-2:] != "YX" or set(outer).difference(AXES) or len(set(outer)) < len(outer):
        raise ConfigError(f"The axes are {axes!r}, but must be T, Z or C, each once, and YX at the end.")
    if len(axes) != array.ndim:
        raise ConfigError(f"The axes are {axes}, but the array has {array.ndim} dimensions.")
    if not array.size:
        raise ImageError("The stack is empty.")
    order = [outer.index(axis) for axis in AXES if axis in outer]
    array = array.transpose(*order, -2, -1)
    names = tuple(AXES[outer[at]] for at in order)

    def read(position: Mapping[str, int]) -> NDArray[Any]:
        plane: NDArray[Any] = array[tuple(position[axis] for axis in names)]
        return plane

    return Planes(names, array.shape[:-2], (), read)


@contextmanager
def _companion(given: ArrayLike | Path | str, planes: Planes, axes: str | None) -> Iterator[Read]:
    """Open what belongs to a stack: a picture for each plane, or one for all."""
    if not isinstance(given, str | Path):
        array = np.asarray(given)
        if array.ndim == 2:
            yield lambda position: array
            return
        if array.ndim != len(planes.axes) + 2:
            raise ImageError(f"An array that belongs to the stack has {array.ndim} dimensions: not its own.")
        letters = "".join(letter for letter, axis in AXES.items() if axis in planes.axes)
        own = _planes_of_array(array, axes or f"{letters}YX")
        if own.sizes != planes.sizes:
            raise ImageError(
                f"An array that belongs to the stack has {own.sizes} planes, not {planes.sizes}."
            )
        yield own.read
        return
    channel = "all" if "channel" in planes.axes else None  # otherwise colours are one picture
    with ExitStack() as files:
        try:
            own = files.enter_context(open_planes(given, channel=channel, plane="all", time="all"))
        except AxisChoiceError as error:  # those that are chosen are of the stack
            raise ImageError(
                f"{given} {error.contents}, but belongs to a stack: save one picture for each of its planes."
            ) from error
        missing = [axis for axis in own.axes if axis not in planes.axes]
        sizes = dict(zip(planes.axes, planes.sizes, strict=True))
        if missing or any(sizes[axis] != size for axis, size in zip(own.axes, own.sizes, strict=True)):
            shape = " x ".join(f"{size} {axis}" for axis, size in zip(own.axes, own.sizes, strict=True))
            wanted = " x ".join(f"{size} {axis}" for axis, size in sizes.items())
            raise ImageError(f"{given} has {shape} places, but the stack {wanted or 'one plane'}.")
        yield lambda position: own.read({axis: position[axis] for axis in own.axes})


def _channel(place: Place, opened: _Opened, axes: str | None, files: ExitStack) -> Read:
    """Return how to read a channel that is measured, for each plane."""
    planes = opened.planes
    if not isinstance(place, int | str):
        return files.enter_context(_companion(place, planes, axes))
    source = opened.origin.source
    if source is None:
        raise ConfigError(f"An array has no channel {place} to measure: give its pixels.")
    own = files.enter_context(open_planes(source.path, **{**source.part, "channel": place}))
    if set(own.axes).difference(planes.axes):
        raise ImageError(f'{source.path}: "all" stands for several channels to measure: give each of them.')
    return lambda position: own.read({axis: position[axis] for axis in own.axes})
