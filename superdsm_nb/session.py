"""An image that is segmented again and again while its settings change."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from numpy.typing import ArrayLike

from .automation import process_image
from .automation.changes import first_change
from .config import DECLARATIONS, STAGE_NAMES, Config, Preset, with_preset
from .corrections import Correction, Corrections, Kind, point_in
from .diameter import with_diameter
from .errors import CorrectionError
from .events import Emit, Event, ObjectDiscarded, ignore, naming
from .image import unmasked
from .io import LoadedImage
from .pipeline import pipeline_of
from .results.result import Drawing, Segmentation
from .timelimit import Deadline, check, until

SIZES = ("diameter", "AF_scale")  # of which one is set, by the method


class Session:
    """Segments one image for several settings; after a change, only what depends on it is computed.

    Every result is, bit for bit, that of `superdsm_nb.analyze` with the same settings. A session may be used
    from several threads: one `update` runs at a time.

    Parameters
    ----------
    image : (H, W) array or LoadedImage
        Intensities, or an image with the metadata of its file.
    config : Config or mapping, optional
        Hyperparameters that differ from their defaults.
    diameter : float or str, optional
        Diameter of a typical nucleus, as for `superdsm_nb.analyze`.
    preset : {"automatic", "published"}, optional
        Which method runs, as for `superdsm_nb.segment`.
    foreground : (H, W) array, optional
        Where nuclei are, as for `superdsm_nb.segment`.
    drawing : Drawing, optional
        How objects become label maps and contours.
    corrections : sequence of Correction, optional
        Corrections by hand to begin with.
    emit : callable, optional
        Takes what happens on the way.

    Raises
    ------
    ConfigError
        If a hyperparameter is unknown or out of its range.

    Examples
    --------
    >>> from superdsm_nb import Session
    >>> from superdsm_nb.synthetic import generate
    >>> session = Session(generate(seed=1, shape=(160, 160), nuclei=4).image, diameter=31)
    >>> fine = session.update({"global-energy-minimization/object_cost": 0.1})
    >>> coarse = session.update({"global-energy-minimization/object_cost": 1.0})
    >>> fine.object_count >= coarse.object_count
    True
    """

    def __init__(
        self,
        image: ArrayLike | LoadedImage,
        config: Config | Mapping[str, Any] | None = None,
        *,
        diameter: float | str | None = None,
        preset: Preset | None = None,
        foreground: ArrayLike | None = None,
        drawing: Drawing | None = None,
        corrections: Sequence[Correction] = (),
        emit: Emit = ignore,
    ) -> None:
        self._image = image if isinstance(image, LoadedImage) else LoadedImage(unmasked(image))
        self._foreground = foreground
        self._drawing = drawing or Drawing()
        self._corrections = tuple(corrections)
        self._emit = naming(self._image.name, emit)
        given = with_preset(Config(config), preset, has_foreground=foreground is not None)
        self._config = with_diameter(given, diameter, self._image.pixel_size)
        pipeline_of(self._config["preset"]).check(self._config)
        self._result: Segmentation | None = None
        self._made: tuple[Correction, ...] = ()  # what the result was made with
        self._running = threading.Lock()
        self._deadline: Deadline | None = None

    @property
    def config(self) -> Config:
        """Hyperparameters that are set now."""
        return self._config.copy()

    @property
    def corrections(self) -> tuple[Correction, ...]:
        """Corrections by hand; those that do not fit the present settings are kept for others."""
        return self._corrections

    @property
    def result(self) -> Segmentation:
        """The result for the present settings; computed if that has not happened yet."""
        return self.update()

    def update(
        self, changes: Config | Mapping[str, Any] | None = None, *, diameter: float | str | None = None
    ) -> Segmentation:
        """Change settings and segment the image.

        Parameters
        ----------
        changes : Config or mapping, optional
            Hyperparameters to change, by full name or by section; None sets one back to its default.
        diameter : float or str, optional
            Another diameter of a typical nucleus; ``{"diameter": None}`` in `changes` measures it again.

        Returns
        -------
        Segmentation
            As of `superdsm_nb.analyze`.

        Raises
        ------
        Cancelled
            If another thread has called `cancel`. The settings are then as before, and so is the result.
        SuperDSMError
            As by `superdsm_nb.segment`; likewise.
        """
        with self._running:
            leaves = _leaves(changes.entries if isinstance(changes, Config) else changes or {})
            wanted = _changed(self._config, leaves, is_size_new=diameter is not None)
            wanted = with_preset(wanted, has_foreground=self._foreground is not None)
            wanted = with_diameter(wanted, diameter, self._image.pixel_size)
            pipeline = pipeline_of(wanted["preset"])
            pipeline.check(wanted)
            for key, _ in leaves:
                if key not in DECLARATIONS and key not in self._config:  # nothing to set back
                    pipeline.check(Config({key: None}))
            result = self._run(wanted, Corrections(self._corrections))
            self._config = wanted
            return result

    def merge(self, *labels: int) -> Segmentation:
        """Make one object of several that touch; return the new result.

        Parameters
        ----------
        *labels : int
            Labels in the present result.

        Returns
        -------
        Segmentation
            The new result. What `Segmentation.performance` tells of the clusters shows what the correction
            costs: the lower bounds are those without it.

        Raises
        ------
        CorrectionError
            If there is no such label, or if the objects do not touch. Nothing is changed then.
        """
        return self._correct("merge", *labels)

    def split(self, label: int, rank: int = 0) -> Segmentation:
        """Take another combination of the parts of an object; return the new result.

        Parameters
        ----------
        label : int
            Label in the present result.
        rank : int
            0 for the best of the other combinations, 1 for the next, and so on.

        Returns
        -------
        Segmentation
            As of `merge`.

        Raises
        ------
        CorrectionError
            If there is no such label, or no such combination. Nothing is changed then.
        """
        return self._correct("split", label, rank=rank)

    def split_otherwise(self) -> Segmentation:
        """Take the next combination instead of that of the last correction, which was a split.

        Returns
        -------
        Segmentation
            As of `merge`.

        Raises
        ------
        CorrectionError
            If the last correction was something else, or if there is no further combination.
        """
        last = self._corrections[-1] if self._corrections else None
        if last is None or last.kind != "split":
            raise CorrectionError("The last correction was not a split.")
        return self._with((*self._corrections[:-1], replace(last, rank=last.rank + 1)))

    def delete(self, *labels: int) -> Segmentation:
        """Leave objects out of the result; return the new result.

        Parameters
        ----------
        *labels : int
            Labels in the present result.

        Raises
        ------
        CorrectionError
            If there is no such label. Nothing is changed then.
        """
        return self._correct("delete", *labels)

    def keep(self, row: float, col: float) -> Segmentation:
        """Keep an object that was discarded; return the new result.

        Parameters
        ----------
        row, col : float
            Its position, as `Segmentation.discarded` tells it, or a pixel near it: the nearest one is kept.

        Raises
        ------
        CorrectionError
            If no object was discarded. Nothing is changed then.
        Cancelled
            As by `update`.
        """
        found = [
            (math.hypot(each.row - row, each.col - col), each.atoms)
            for each in self.result.discarded
            if each.row is not None and each.col is not None
        ]
        if not found:
            raise CorrectionError("No object was discarded.")
        correction = Correction("keep", (point_in(self.result.data, min(found)[1]),))
        return self._with((*self._corrections, correction))

    def undo(self) -> Segmentation:
        """Take back the last correction; return the new result, which is the present one if there is none.

        Returns
        -------
        Segmentation
            The new result.
        """
        return self._with(self._corrections[:-1], is_last_strict=False)

    def _correct(self, kind: Kind, *labels: int, rank: int = 0) -> Segmentation:
        result = self.result
        points = []
        for label in labels:
            if not 1 <= label <= result.object_count:
                raise CorrectionError(f"There is no object {label}: the result has {result.object_count}.")
            points += [point_in(result.data, footprint) for footprint in result.footprints[label - 1]]
        if kind == "split" and len(points) > 1:
            raise CorrectionError("The label shows several objects, drawn as one: only one can be split.")
        return self._with((*self._corrections, Correction(kind, tuple(points), rank)))

    def _with(self, corrections: tuple[Correction, ...], is_last_strict: bool = True) -> Segmentation:
        with self._running:
            result = self._run(self._config, Corrections(corrections, is_last_strict))
            self._corrections = corrections
            return result

    def cancel(self) -> None:
        """End a running `update` as soon as possible; it raises `Cancelled`. Without one, nothing happens."""
        deadline = self._deadline
        if deadline is not None:
            deadline.is_cancelled = True

    def _run(self, wanted: Config, corrections: Corrections) -> Segmentation:
        deadline = Deadline(math.inf, math.inf)
        self._deadline = deadline
        try:
            with until(deadline):
                result = self._segment(wanted, corrections)
                check()
        finally:
            self._deadline = None
        self._result, self._made = result, corrections.items
        return result

    def _segment(self, wanted: Config, corrections: Corrections) -> Segmentation:
        """Run the stages whose results change."""
        pipeline = pipeline_of(wanted["preset"])
        before, first, options = self._result, 0, dict[str, Any]()
        if before is not None:
            first = first_change(pipeline, before.config, wanted, before.scale)
            if corrections.items != self._made:
                first = min(first, len(STAGE_NAMES) - 1)
            if first == len(STAGE_NAMES):
                return before
        if before is not None and first > 0:
            # What a stage makes and reads, it compares with what it would make.
            stale = {
                entry
                for stage in pipeline.stages[first:]
                for entry in set(stage.outputs).difference(stage.optional_inputs)
            }
            kept = {name: value for name, value in before.data.items() if name not in stale}
            options = {"first_stage": STAGE_NAMES[first], "data": kept, "scale": before.scale}
        else:
            options = {"foreground": self._foreground}
        if corrections.items:
            options["corrections"] = corrections
        discarded: list[ObjectDiscarded] = []

        def collect(event: Event) -> None:
            if isinstance(event, ObjectDiscarded):
                discarded.append(event)
            self._emit(event)

        data, used, timings = process_image(pipeline, wanted, self._image.pixels, emit=collect, **options)
        return Segmentation(self._image, data, used, timings, self._drawing, True, tuple(discarded))


def _changed(config: Config, leaves: Sequence[tuple[str, Any]], is_size_new: bool) -> Config:
    """Return a configuration with some entries changed, and those that are None left out."""
    result = config.copy()
    if is_size_new or any(key in SIZES for key, _ in leaves):  # whichever of them was set before
        for key in SIZES:
            result.pop(key)
    for key, value in leaves:
        if value is None:
            result.pop(key)
        else:
            result[key] = value
    return result


def _leaves(entries: Mapping[str, Any], section: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, value in entries.items():
        key = f"{section}{name}"
        found += _leaves(value, f"{key}/") if isinstance(value, Mapping) else [(key, value)]
    return found
