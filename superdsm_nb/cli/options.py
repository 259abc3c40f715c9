"""Options shared by several commands, and how their values are read."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ..errors import ConfigError, shortened
from ..results.outputs import OUTPUTS
from ..strictjson import loads

if TYPE_CHECKING:
    from ..config import Config

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="JSON file of hyperparameters.", show_default=False),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="A hyperparameter, such as postprocess/min_area=0.2; repeatable. Those of the published method, "
        "such as AF_scale=40, select that method.",
        show_default=False,
    ),
]
PresetOption = Annotated[
    Literal["automatic", "published"] | None,
    typer.Option(
        "--preset",
        help="Which method runs. By default, the hyperparameters that are set decide.",
        show_default=False,
    ),
]
DiameterOption = Annotated[
    str | None,
    typer.Option(
        "--diameter",
        metavar="D",
        help="Diameter of a typical nucleus in pixels (31), or as a length (12um) if the file states "
        "its pixel size. Estimated from each image by default.",
        show_default=False,
    ),
]


def place(text: str) -> Any:  # noqa: ANN401 - a path or an address
    """Return what a text stands for: a path, or the address of an OME-Zarr store."""
    if "::" not in text and "://" not in text:
        return Path(text)  # without NumPy
    from ..io import place_of

    try:
        return place_of(text)
    except ConfigError as error:
        raise typer.BadParameter(error.message) from error


MAX_DIGITS = 10  # of the number of a channel


def _number_or_name(text: str) -> int | str:
    """Return the number or the name of a scene or a channel, or a word for several channels."""
    if text.removeprefix("-").isdecimal() and len(text) < MAX_DIGITS:
        if text.startswith("-"):
            raise typer.BadParameter(f"{text} is not in the range x>=0.")
        return int(text)
    return text


def _place(text: str) -> int | str:
    """Return the number of a plane or a time point, or a word for several."""
    place = _number_or_name(text)
    if isinstance(place, str) and place not in WORDS:
        raise typer.BadParameter(f"{text!r} is not a number, {', '.join(WORDS[:-1])} or {WORDS[-1]}.")
    return place


WORDS = ("all", "max", "mean")
ChannelOption = Annotated[
    str | None,
    typer.Option(
        metavar="N|NAME|WORD",
        help="Channel of a multichannel file: its number (zero-based), its name, or a word as for --plane.",
        parser=_number_or_name,
        show_default=False,
    ),
]
SceneOption = Annotated[
    str | None,
    typer.Option(
        metavar="N|NAME",
        help="Picture of a file that holds several (series, wells, positions): its number (zero-based), or "
        "its name.",
        parser=_number_or_name,
        show_default=False,
    ),
]
PlaneOption = Annotated[
    str | None,
    typer.Option(
        metavar="N|WORD",
        help="Plane of a stack: its number (zero-based), 'max' or 'mean' of all, or 'all', each by itself.",
        parser=_place,
        show_default=False,
    ),
]
TimeOption = Annotated[
    str | None,
    typer.Option(
        metavar="N|WORD",
        help="Time point of a series: its number (zero-based), or a word as for --plane.",
        parser=_place,
        show_default=False,
    ),
]
MeasureOption = Annotated[
    list[str] | None,
    typer.Option(
        "--measure",
        metavar="FILE|N|NAME",
        help="Also measure the intensities of another channel in each nucleus: a file or, for several "
        "images, a folder with a file of the same name for each; or the number (zero-based) or the name of a "
        "channel of the same file. Repeatable.",
        show_default=False,
    ),
]
RingOption = Annotated[
    str | None,
    typer.Option(
        metavar="WIDTH",
        help="Measure them also in a ring around each nucleus that is this wide: pixels (4), or a length "
        "(2um).",
        show_default=False,
    ),
]
TimeLimitOption = Annotated[
    float | None,
    typer.Option(
        "--time-limit",
        metavar="SECONDS",
        help="Time that an image may take; one that takes longer fails, and the others go on. No limit by "
        "default.",
        show_default=False,
    ),
]
KeepFinishedOption = Annotated[
    bool,
    typer.Option(
        "--keep-finished",
        help="When the time limit is over, write the nuclei that are finished, with a warning, instead of "
        "failing.",
    ),
]
VerboseOption = Annotated[bool, typer.Option("--verbose", "-v", help="Show what each stage does.")]
QuietOption = Annotated[
    bool, typer.Option("--quiet", "-q", help="Print warnings and errors only: no progress and no results.")
]


def read_config(
    path: Path | None,
    settings: list[str] | None,
    preset: Literal["automatic", "published"] | None = None,
    has_foreground: bool = False,
) -> Config:
    """Read the hyperparameters that ``--config``, ``--set`` and ``--preset`` give.

    Parameters
    ----------
    path : Path or None
        File of hyperparameters.
    settings : list of str or None
        Hyperparameters as NAME=VALUE.
    preset : {"automatic", "published"}, optional
        The method, whatever the others say.
    has_foreground : bool
        Whether the foreground is given.

    Returns
    -------
    Config
        With ``preset`` set.

    Raises
    ------
    ConfigError
        If one of them is unknown or out of its range, or not one of the method that runs.
    """
    from ..config import Config, with_preset

    config = Config() if path is None else Config.load(path)
    for setting in settings or ():
        key, separator, text = (part.strip() for part in setting.partition("="))
        if not separator or not key:
            raise ConfigError(f"--set {setting} must have the form NAME=VALUE, such as dsm/alpha=0.5.")
        try:
            value = loads(text)
        except json.JSONDecodeError:
            special = {"inf": float("inf"), "-inf": -float("inf"), "none": None}
            value = special.get(text.lower(), text)
        except ValueError as error:
            raise ConfigError(f"--set {shortened(key)} has an impossible value: {error}.") from error
        config[key] = value
    return with_preset(config, preset, has_foreground=has_foreground)


def output_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command an option for each kind of output except the label map.

    Parameters
    ----------
    command : callable
        Accepts a keyword argument ``outputs``, a dict of the paths given by the user, by kind.

    Returns
    -------
    callable
        The command with the options ``--overlay``, ``--rois`` and so on instead of ``outputs``.
    """
    signature = inspect.signature(command, eval_str=True)
    kinds = [kind for kind in OUTPUTS if kind != "seg"]
    options = [
        inspect.Parameter(kind, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_output_option(kind))
        for kind in kinds
    ]
    own = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for name, parameter in signature.parameters.items()
        if name != "outputs"
    ]

    @wraps(command)
    def with_outputs(**values: Any) -> None:  # noqa: ANN401 - values of the options
        given: Mapping[str, Path | None] = {kind: values.pop(kind) for kind in kinds}
        command(**values, outputs={kind: path for kind, path in given.items() if path is not None})

    parameters = [*own, *options]
    with_outputs.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    with_outputs.__annotations__ = {each.name: each.annotation for each in parameters} | {"return": None}
    return with_outputs


def _output_option(kind: str) -> Any:  # noqa: ANN401 - an annotation
    output = OUTPUTS[kind]
    suffix = output.suffixes[0]
    where = "one file for all images" if output.write_rows else "or a folder for several images"
    text = f"{output.meaning} ({output.suffix_text}; {where})."
    return Annotated[
        Path | None,
        typer.Option(f"--{kind}", metavar=f"FILE{suffix}", help=text, show_default=False),
    ]
