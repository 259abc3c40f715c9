"""``superdsm-nb config``, ``schema`` and ``doctor``: settings, schema and installation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..diameter import is_size_given, with_diameter
from ..errors import errors_name
from .options import (
    ChannelOption,
    ConfigOption,
    DiameterOption,
    PlaneOption,
    PresetOption,
    SceneOption,
    SetOption,
    TimeOption,
    read_config,
)

if TYPE_CHECKING:
    from ..automation import Explanation


def explain_config(
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="Image to segment.")],
    diameter: DiameterOption = None,
    preset: PresetOption = None,
    config: ConfigOption = None,
    settings: SetOption = None,
    scene: SceneOption = None,
    channel: ChannelOption = None,
    plane: PlaneOption = None,
    time: TimeOption = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print only the table: no progress and no headline.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print only the configuration, as JSON for --config and task.json.")
    ] = False,
) -> None:
    """Print the settings for an image, and where each comes from.

    These are all hyperparameters that it would be segmented with, each with its meaning.
    """
    from ..automation import explain
    from ..automation.scale import typical_diameter
    from ..config import Config, GeneralSettings
    from ..events import naming
    from ..io import Source
    from ..pipeline import pipeline_of
    from .console import NORMAL, QUIET, ProgressDisplay, say, say_lines, table

    base = read_config(config, settings, preset)
    loaded = Source(image, channel, plane, time, scene).load(GeneralSettings.of(base).histological)
    display = ProgressDisplay(1, QUIET if quiet else NORMAL)
    with errors_name(image):
        given = with_diameter(base, diameter, loaded.pixel_size)
        explanations, scale = explain(
            pipeline_of(base["preset"]), given, loaded.pixels, emit=naming(image.name, display.emit)
        )
    if as_json:
        used = Config()
        for entry in explanations:
            if "AF_" not in entry.key or entry.key == "AF_scale":
                used[entry.key] = entry.value
        say_lines(used.dumps())
        return
    if not quiet:
        is_given = is_size_given(given)
        exceeds = base["preset"] == "published" and not is_given
        say(
            f"{image.name}: scale {scale:.2f} pixels{' (given)' if is_given else ''}, for nuclei of about "
            f"{typical_diameter(scale, is_estimated=exceeds):.0f} pixels in diameter "
            f"({base['preset']} method)"
        )
    shown = [entry for entry in explanations if _is_relevant(entry) or base.get(entry.key) is not None]
    table(
        ("hyperparameter", "value", "from", "default", "meaning"),
        [(e.key, _shown(e.value), e.origin, _shown(e.default), e.meaning) for e in shown],
    )


def _is_relevant(entry: Explanation) -> bool:
    """Whether to show it even if it is not set: factors appear with the values they scale."""
    return "/AF_" not in entry.key and not entry.deprecated


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return value if isinstance(value, str) else json.dumps(value, default=str)


def schema() -> None:
    """Print the JSON Schema of task.json.

    With it, editors complete and check the file as you type.
    """
    from ..batch import fields
    from .console import say_lines

    say_lines(json.dumps(fields.schema(), indent=2))


def doctor() -> None:
    """Test the installation, and print what it consists of.

    Prints versions, threads and the cache folder, and segments a generated image.
    """
    from ..doctor import examine, self_test
    from .console import say

    for name, text in examine():
        say(f"{name + ':':18}{text}")
    passed, verdict = self_test()
    say(f"{'self-test:':18}{verdict}")
    if not passed:
        raise typer.Exit(1)


def warm(
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing.")] = False,
) -> None:
    """Compile everything now, so that no later run has to.

    For images of containers, software that is shared on a cluster, and after an update.
    """
    from ..warming import warm as compile_all
    from .console import say

    folder, count = compile_all(lambda what: None if quiet else say(f"Compiling: {what}"))
    if not quiet:
        new = "Nothing was left to compile" if count == 0 else f"{count} kernels compiled"
        say(f"{new}: {folder}")
