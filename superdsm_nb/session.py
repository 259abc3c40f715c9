"""An image that is segmented again and again while its settings change."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import ArrayLike

from .automation import process_image
from .automation.changes import first_change
from .config import STAGE_NAMES, Config, Preset, with_preset
from .diameter import with_diameter
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
        emit: Emit = ignore,
    ) -> None:
        self._image = image if isinstance(image, LoadedImage) else LoadedImage(unmasked(image))
        self._foreground = foreground
        self._drawing = drawing or Drawing()
        self._emit = naming(self._image.name, emit)
        given = with_preset(Config(config), preset, has_foreground=foreground is not None)
        self._config = with_diameter(given, diameter, self._image.pixel_size)
        self._pipeline = pipeline_of(self._config["preset"])
        self._pipeline.check(self._config)
        self._result: Segmentation | None = None
        self._running = threading.Lock()
        self._deadline: Deadline | None = None

    @property
    def config(self) -> Config:
        """Hyperparameters that are set now."""
        return self._config.copy()

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
            self._pipeline = pipeline_of(wanted["preset"])
            self._pipeline.check(wanted)
            for key, _ in leaves:
                if key not in self._pipeline.declarations:  # None would set nothing back
                    self._pipeline.check(Config({key: None}))
            deadline = Deadline(math.inf, math.inf)
            self._deadline = deadline
            try:
                with until(deadline):
                    result = self._segment(wanted)
                    check()
            finally:
                self._deadline = None
            self._config, self._result = wanted, result
            return result

    def cancel(self) -> None:
        """End a running `update` as soon as possible; it raises `Cancelled`. Without one, nothing happens."""
        deadline = self._deadline
        if deadline is not None:
            deadline.is_cancelled = True

    def _segment(self, wanted: Config) -> Segmentation:
        """Run the stages whose results change."""
        before, first, options = self._result, 0, dict[str, Any]()
        if before is not None:
            first = first_change(self._pipeline, before.config, wanted, before.scale)
            if first == len(STAGE_NAMES):
                return before
        if before is not None and first > 0:
            # What a stage makes and reads, it compares with what it would make.
            stale = {
                entry
                for stage in self._pipeline.stages[first:]
                for entry in set(stage.outputs).difference(stage.optional_inputs)
            }
            kept = {name: value for name, value in before.data.items() if name not in stale}
            options = {"first_stage": STAGE_NAMES[first], "data": kept, "scale": before.scale}
        else:
            options = {"foreground": self._foreground}
        discarded: list[ObjectDiscarded] = []

        def collect(event: Event) -> None:
            if isinstance(event, ObjectDiscarded):
                discarded.append(event)
            self._emit(event)

        data, used, timings = process_image(
            self._pipeline, wanted, self._image.pixels, emit=collect, **options
        )
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
