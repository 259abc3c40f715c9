"""From an image, or its file, to a segmentation in one call."""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike, NDArray

from .automation import process_image
from .config import Config, GeneralSettings, Preset, with_preset
from .corrections import Correction, Corrections
from .diameter import with_diameter
from .errors import errors_name
from .events import READING, Emit, Event, LogLine, ObjectDiscarded, StageStarted, Warned, ignore, naming
from .image import unmasked
from .io import Address, LoadedImage, Source, place_of, read_companion
from .pipeline import pipeline_of
from .results.channels import Place, load_channels
from .results.intensity import Measure, check_measure
from .results.result import Drawing, Segmentation
from .timelimit import has_passed
from .timelimit import time_limit as limited

__all__ = ["Drawing", "Measure", "Segmentation", "analyze", "segment", "segment_file"]

NOTHING_FOUND = (
    "no object was found: check that nuclei are brighter than the background and that their size is right"
)
NUMBER = r"-?\d[\d.]*(e[+-]?\d+)?"
MAX_REASONS = 3  # of all that were discarded that a warning names
PACKAGE = str(Path(__file__).parent)


def segment(
    image: ArrayLike,
    config: Config | Mapping[str, Any] | None = None,
    *,
    diameter: float | str | None = None,
    preset: Preset | None = None,
    foreground: ArrayLike | None = None,
    time_limit: float | None = None,
    keep_finished: bool = False,
    emit: Emit | None = None,
) -> NDArray[Any]:
    """Segment the cell nuclei in a fluorescence microscopy image.

    Parameters
    ----------
    image : (H, W) array
        Intensities of any type and unit; bright objects on a dark background.
    config : Config or mapping, optional
        Hyperparameters that differ from their defaults, e.g. ``{"dsm": {"AF_alpha": 0.001}}``.
    diameter : float or str, optional
        Diameter of a typical nucleus in pixels. Estimated from the image by default.
    preset : {"automatic", "published"}, optional
        Which method runs. By default, ``preset`` or the other hyperparameters in `config` decide; see
        `superdsm_nb.config.resolve_preset`.
    foreground : (H, W) array, optional
        Where nuclei are, if you know better: a mask, probabilities, or a map that is positive in the
        foreground; see `superdsm_nb.foreground.signed_foreground`. For the automatic method.
    time_limit : float, optional
        Seconds that the segmentation may take.
    keep_finished : bool
        When the time is over, keep the nuclei that are finished, with a warning, instead of failing.
    emit : callable, optional
        Receives the events of `superdsm_nb.events`. Without it, warnings are issued as `UserWarning`.

    Returns
    -------
    (H, W) uint16 array
        Label map: 0 is background, objects are numbered from 1 (int32 if there are more than
        65535 objects).

    Raises
    ------
    ImageError
        If the image is empty, constant, a single pixel, masked, not two-dimensional, or holds NaN or
        infinity, or if the foreground does not fit it.
    ConfigError
        If a hyperparameter is unknown or out of its range, or is not one of the method that runs.
    ScaleEstimationError
        If the scale of the objects cannot be estimated and neither ``AF_scale`` nor a diameter is given.
    WorkAmountError
        If there are too many possible objects.
    TimeLimitError
        If it takes longer than `time_limit`, and nothing is finished or `keep_finished` is not set.

    See Also
    --------
    analyze : The same, with all intermediate results.

    References
    ----------
    L. Kostrykin and K. Rohr: Superadditivity and convex optimization for globally optimal cell segmentation
    using deformable shape models. IEEE TPAMI 45(3), 2023, doi 10.1109/TPAMI.2022.3185583.

    Examples
    --------
    >>> import superdsm_nb
    >>> from superdsm_nb.synthetic import generate
    >>> sample = generate(seed=1, shape=(160, 160), nuclei=4)
    >>> superdsm_nb.segment(sample.image, diameter=31).shape
    (160, 160)
    """
    return analyze(
        image,
        config,
        diameter=diameter,
        preset=preset,
        foreground=foreground,
        time_limit=time_limit,
        keep_finished=keep_finished,
        emit=emit,
    ).labels


def analyze(
    image: ArrayLike | LoadedImage,
    config: Config | Mapping[str, Any] | None = None,
    *,
    diameter: float | str | None = None,
    preset: Preset | None = None,
    foreground: ArrayLike | None = None,
    drawing: Drawing | None = None,
    measure: Measure | None = None,
    corrections: Sequence[Correction] = (),
    time_limit: float | None = None,
    keep_finished: bool = False,
    emit: Emit | None = None,
) -> Segmentation:
    """Segment an image and keep all intermediate results.

    Parameters
    ----------
    image : (H, W) array or LoadedImage
        Intensities, or an image with the metadata of its file (see `Source.load`).
    config : Config or mapping, optional
        Hyperparameters that differ from their defaults.
    diameter : float or str, optional
        Diameter of a typical nucleus in pixels or, if the pixel size of the image is known, as a length such
        as "12um".
    preset : {"automatic", "published"}, optional
        Which method runs, as for `segment`.
    foreground : (H, W) array, optional
        Where nuclei are, as for `segment`.
    drawing : Drawing, optional
        How objects become label maps and contours.
    measure : Measure, optional
        Other channels whose intensities the ``rows`` tell.
    corrections : sequence of Correction, optional
        Objects that are merged, split, deleted or kept by hand, in this order, such as the ``corrections`` of
        a `Session`. A warning names those that do not fit.
    time_limit : float, optional
        Seconds that the segmentation may take.
    keep_finished : bool
        Keep the nuclei that are finished when the time is over, as for `segment`.
    emit : callable, optional
        Takes what happens on the way, as for `segment`.

    Returns
    -------
    Segmentation
        With ``labels``, ``rows`` (measurements of the objects), ``discarded``, ``data`` (atoms, objects,
        cover), ``config``, ``scale`` and ``provenance``; `superdsm_nb.write_outputs` writes it to files.

    Raises
    ------
    SuperDSMError
        As for `segment`.
    """
    loaded = image if isinstance(image, LoadedImage) else LoadedImage(unmasked(image))
    emit = naming(loaded.name, emit or warn)
    given = with_preset(Config(config), preset, has_foreground=foreground is not None)
    given = with_diameter(given, diameter, loaded.pixel_size)
    measure = measure or Measure()
    check_measure(measure, loaded.pixels.shape[:2], loaded.pixel_size)
    emit(LogLine(f"preset {given['preset']}"))
    discarded: list[ObjectDiscarded] = []

    def collect(event: Event) -> None:
        if isinstance(event, ObjectDiscarded):
            discarded.append(event)
        emit(event)

    with limited(time_limit, keep_finished):
        data, used, timings = process_image(
            pipeline_of(given["preset"]),
            given,
            loaded.pixels,
            foreground=foreground,
            corrections=Corrections(tuple(corrections)) if corrections else None,
            emit=collect,
        )
        is_complete = not has_passed()
    result = Segmentation(
        loaded, data, used, timings, drawing or Drawing(), is_complete, tuple(discarded), measure
    )
    warn_if_empty(result, emit)
    return result


def warn_if_empty(result: Segmentation, emit: Emit) -> None:
    """Warn that a finished segmentation has no object."""
    if not (result.has_objects and result.is_complete and result.object_count == 0):
        return
    emit(Warned(all_discarded(result.discarded) if result.discarded else NOTHING_FOUND))


def all_discarded(discarded: Sequence[ObjectDiscarded]) -> str:
    """Say that everything that was found was discarded, and the most frequent reasons, with an example."""
    examples: dict[str, list[str]] = {}
    for event in discarded:
        examples.setdefault(re.sub(NUMBER, "", event.reason), []).append(event.reason)
    frequent = sorted(examples.values(), key=len, reverse=True)[:MAX_REASONS]
    reasons = "; ".join(f"{len(each)}: {each[0]}" if len(discarded) > 1 else each[0] for each in frequent)
    count = "1 candidate was" if len(discarded) == 1 else f"{len(discarded)} candidates were"
    return f"no object was found: {count} discarded ({reasons})"


def segment_file(
    source: Source | Path | Address | str,
    config: Config | Mapping[str, Any] | None = None,
    *,
    diameter: float | str | None = None,
    preset: Preset | None = None,
    foreground: ArrayLike | Path | Address | str | None = None,
    drawing: Drawing | None = None,
    measure: Mapping[str, Place] | None = None,
    ring: str | None = None,
    time_limit: float | None = None,
    keep_finished: bool = False,
    emit: Emit = ignore,
) -> Segmentation:
    """Read an image file and segment it; `superdsm_nb.write_outputs` writes the result.

    Parameters
    ----------
    source : Source, Path, Address or str
        The file, or as text the address of an OME-Zarr store; a `Source` also selects the scene, channel,
        plane and time point.
    config : Config or mapping, optional
        Hyperparameters that differ from their defaults.
    diameter : float or str, optional
        Diameter of a typical nucleus, as for `analyze`.
    preset : {"automatic", "published"}, optional
        Which method runs, as for `segment`.
    foreground : (H, W) array, Path, Address or str, optional
        Where nuclei are, as for `segment`, or an image file of it.
    drawing : Drawing, optional
        How objects become label maps and contours.
    measure : mapping of str to int, str, Path or (H, W) array, optional
        Other channels whose intensities the ``rows`` tell, by the name that the columns get: the number or
        the name of a channel of the same file, the path of another file, or pixels.
    ring : str, optional
        Width of a ring around each object in which they are measured as well, such as "4" (pixels) or "2um".
    time_limit : float, optional
        Seconds that the segmentation may take once the file has been read.
    keep_finished : bool
        Keep the nuclei that are finished when the time is over, as for `segment`.
    emit : callable, optional
        Takes what happens on the way; no Python warnings are issued here.

    Returns
    -------
    Segmentation
        As of `analyze`, with the file in its provenance.

    Raises
    ------
    SuperDSMError
        If the image cannot be read or segmented; the message names the file.
    """
    source = source if isinstance(source, Source) else Source(place_of(source))
    config = with_preset(Config(config), preset, has_foreground=foreground is not None)
    emit(StageStarted(READING))
    loaded = source.load(GeneralSettings.of(config).histological)
    if isinstance(foreground, str | Path | Address):
        foreground = read_companion(foreground, source.part)
    with errors_name(source.path):
        channels = load_channels(source, measure or {})
        return analyze(
            loaded,
            config,
            diameter=diameter,
            foreground=foreground,
            drawing=drawing,
            measure=Measure(channels, ring),
            time_limit=time_limit,
            keep_finished=keep_finished,
            emit=emit,
        )


def warn(event: Event) -> None:
    """Issue a warning as a Python warning that points at the line of the caller outside this package."""
    if isinstance(event, Warned):
        level, frame = 1, sys._getframe()
        while frame.f_back is not None and frame.f_code.co_filename.startswith(PACKAGE):
            level, frame = level + 1, frame.f_back
        warnings.warn(str(event), UserWarning, stacklevel=level)


about = errors_name  # its name in 0.1.0, for one more version
