"""``superdsm-nb tune``: a page in the browser on which the segmentation follows the sliders."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..diameter import with_diameter
from ..errors import ConfigError, errors_name
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


def tune(
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="Image to segment.")],
    diameter: DiameterOption = None,
    preset: PresetOption = None,
    config: ConfigOption = None,
    settings: SetOption = None,
    scene: SceneOption = None,
    channel: ChannelOption = None,
    plane: PlaneOption = None,
    time: TimeOption = None,
    port: Annotated[
        int, typer.Option(metavar="N", help="Port of the page; 0 for any that is free.", min=0, max=65535)
    ] = 0,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Print the address of the page, but do not open it.")
    ] = False,
) -> None:
    """Find the settings for an image with sliders, on a page in the browser.

    The page is for this machine only, and nothing leaves it. Ctrl-C, or "Done" on the page, ends it.
    """
    from ..config import GeneralSettings
    from ..io import Source
    from .console import say

    try:
        from ..page.server import serve
    except ImportError as error:
        raise ConfigError(
            "The page needs more packages: install them with  pip install 'superdsm_nb[tune]'."
        ) from error
    base = read_config(config, settings, preset)
    source = Source(image, channel, plane, time, scene)
    if source.is_stack:
        raise ConfigError("The page shows one plane: choose it by its number, or project with max or mean.")
    with errors_name(image):
        loaded = source.load(GeneralSettings.of(base).histological)
        given = with_diameter(base, diameter, loaded.pixel_size)

    def opened(address: str) -> None:
        say(f"{image.name}: {address}")
        say("Ctrl-C, or Done on the page, ends it.")

    if not serve(loaded, given, port=port, opened=opened, is_browser_wanted=not no_browser):
        raise KeyboardInterrupt  # what still runs is not waited for
