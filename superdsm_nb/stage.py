"""A stage of the pipeline, and the data that stages exchange."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypedDict, TypeVar, cast

from .config import Config, StageSettings
from .errors import PipelineError
from .events import Emit, StageStarted, ignore
from .timelimit import check

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from .atoms import AtomAdjacencyGraph
    from .automatic.energy import RememberedUnions
    from .automatic.postprocess import RememberedOutlines
    from .automatic.window import Measures
    from .config import FitParameters
    from .corrections import Corrections, Decisions
    from .image import Image
    from .minsetcover import MinSetCover, SolvedCover
    from .objects import Object, PostprocessedObject
    from .performance import PerformanceReport

S = TypeVar("S", bound=StageSettings)


class PipelineData(TypedDict, total=False):
    """The pipeline data object: each stage adds entries.

    Attributes
    ----------
    g_raw : (H, W) float64
        Intensities, scaled to [0, 1].
    g_rgb : (H, W, 3) array or None
        The colour image if ``histological`` is set.
    foreground : (H, W) float64
        Given by the user, if at all: positive in the foreground (automatic method only).
    radius : float
        Radius of a typical nucleus in pixels of the image (automatic method only).
    zoom : float
        Canonical pixels per pixel of the image (automatic method only).
    content : (slice, slice)
        Rows and columns of the image without a frame around it (automatic method only).
    canonical : (h, w) float64
        The intensities of the content at the resolution at which the automatic method works, if that method
        runs: then all other entries except ``g_raw``, ``g_rgb``, ``foreground`` and
        ``postprocessed_objects`` are in canonical pixels as well, and (H, W) stands for (h, w).
    y : (H, W) float64
        Offset intensities.
    dsm_cfg : FitParameters
        Hyperparameters of the fits.
    y_mask : (H, W) bool
        False on foreground discarded as noise.
    clusters, atoms : (H, W) int32
        Label maps, numbered from 1.
    adjacencies : AtomAdjacencyGraph
        Which atoms touch.
    seeds : list of (float, float)
        Row and column of the seed of each atom (pixels).
    y_img : Image
        Offset intensities with the pixels that fits may use.
    cover : MinSetCover or SolvedCover
        The best combination of objects.
    objects : list of Object
        Every object whose energy was computed.
    performance : PerformanceReport
        Work done by the search, and quality of the cover.
    postprocessed_objects : list of PostprocessedObject
        The objects of the result.
    unions : RememberedUnions or None
        All unions of atoms that were considered, with their energies; of the automatic method only.
    measures : Measures or None
        What was measured in a sample of a large image, if the automatic method runs.
    outlines : RememberedOutlines or None
        Outlines of all objects of the cover; of the automatic method only.
    corrections : Corrections
        By hand, if there are any.
    decisions : Decisions
        What they have led to.
    scale : float
        Scale used (pixels).
    """

    g_raw: NDArray[np.float64]
    g_rgb: NDArray[Any] | None
    foreground: NDArray[np.float64]
    radius: float
    zoom: float
    content: tuple[slice, slice]
    canonical: NDArray[np.float64]
    y: NDArray[np.float64]
    dsm_cfg: FitParameters
    y_mask: NDArray[np.bool_]
    clusters: NDArray[np.int32]
    atoms: NDArray[np.int32]
    adjacencies: AtomAdjacencyGraph
    seeds: list[tuple[float, float]]
    y_img: Image
    cover: MinSetCover | SolvedCover
    objects: list[Object]
    performance: PerformanceReport
    postprocessed_objects: list[PostprocessedObject]
    unions: RememberedUnions | None
    outlines: RememberedOutlines | None
    measures: Measures | None
    corrections: Corrections
    decisions: Decisions
    scale: float


class Stage(Generic[S]):
    """One step of the pipeline: reads entries of the pipeline data object, adds others.

    Subclasses declare `name`, `inputs`, `outputs` and `settings_type` and implement `process`.

    Attributes
    ----------
    name : str
        Name of the stage, and of its section of the configuration.
    inputs, outputs : tuple of str
        Entries of the pipeline data object that are read and added.
    optional_inputs : tuple of str
        Entries that are read if they are there.
    settings_type : type of StageSettings
        Declares the hyperparameters; by default only `enabled`, which every stage has.
    """

    name: ClassVar[str] = ""
    inputs: ClassVar[tuple[str, ...]] = ()
    optional_inputs: ClassVar[tuple[str, ...]] = ()
    outputs: ClassVar[tuple[str, ...]] = ()
    settings_type: type[StageSettings] = StageSettings

    def __call__(self, data: PipelineData, config: Config, emit: Emit = ignore) -> None:
        """Run the stage on the pipeline data object, in place.

        Parameters
        ----------
        data : PipelineData
            Pipeline data object.
        config : Config
            Hyperparameters; defaults of this stage are filled in.
        emit : callable, optional
            Receives the events.

        Raises
        ------
        PipelineError
            If an input is missing.
        ConfigError
            If a hyperparameter is not allowed.
        """
        settings = self.settings(config)
        if not settings.enabled:
            return
        entries = cast(dict[str, Any], data)  # custom stages may add any entry
        missing = [key for key in self.inputs if key not in entries]
        if missing:
            raise PipelineError(
                f"Stage {self.name} needs {', '.join(missing)}, which no earlier stage provides."
            )
        emit(StageStarted(self.name))
        check()
        known = [key for key in (*self.inputs, *self.optional_inputs) if key in entries]
        inputs = cast(PipelineData, {key: entries[key] for key in known})
        produced = self.process(inputs, settings, emit)
        assert set(produced) == set(self.outputs), f"{self.name} made {set(produced)}"
        entries.update(produced)

    def settings(self, config: Config) -> S:
        """Hyperparameters of this stage; defaults are filled into `config`."""
        self.fill_defaults(config)
        return cast(S, self.settings_type.of(config, self.name))

    def fill_defaults(self, config: Config) -> None:
        """Fill in the defaults of this stage, without checks."""
        for name, parameter in self.settings_type.declared().items():
            config.set_default(f"{self.name}/{name}", parameter.default, override_none=not parameter.optional)

    def process(self, inputs: PipelineData, settings: S, emit: Emit) -> PipelineData:
        """Compute the outputs from the inputs and the hyperparameters."""
        raise NotImplementedError

    def objects_of(
        self, data: PipelineData, settings: S, footprints: Sequence[frozenset[int]]
    ) -> list[Object]:
        """Return the objects of unions of atoms, for corrections; only the fourth stage can.

        Parameters
        ----------
        data : PipelineData
            Pipeline data object to which the stage has added its entries.
        settings : StageSettings
            Hyperparameters of the stage.
        footprints : sequence of frozenset of int
            Labels of the atoms of each.

        Returns
        -------
        list of Object
            With energies and masks.
        """
        raise NotImplementedError


def are_same(first: Sequence[object], second: Sequence[object]) -> bool:
    """Whether two sequences of entries of pipeline data objects hold the very same objects."""
    return all(a is b for a, b in zip(first, second, strict=True))
