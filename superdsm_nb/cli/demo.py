"""``superdsm-nb demo``: generate images, segment them, score the result."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import ConfigError
from .batch import run_tasks
from .score import print_scores, score_pairs


def demo(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to write, new or empty.")],
    count: Annotated[int, typer.Option(metavar="N", help="Number of images.", min=1)] = 3,
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of the first image.", min=0)] = 0,
) -> None:
    """Generate images, segment them, and score the result.

    The images show clustered nuclei, whose true outlines are known.
    """
    from ..batch.outcome import Mode
    from ..batch.spec import find_tasks
    from ..batch.survey import survey
    from ..demo import write_demo
    from .console import say, say_lines

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"{folder} already exists: give a new or an empty folder.")
    ids = write_demo(folder, count, seed)
    images = "1 image" if len(ids) == 1 else f"{len(ids)} images"
    say(f"Generated {images} of clustered nuclei. The first run compiles kernels.")
    failures = run_tasks(folder, survey(find_tasks(folder), folder), Mode(), 1)
    print_scores(score_pairs(folder / "segmentation", folder / "truth"))
    say_lines(
        f"\nContours over the images: {folder / 'overlay'}\nLabel maps: {folder / 'segmentation'}\n"
        f"Settings: {folder / 'task.json'}; run again with: superdsm-nb batch {folder} --run"
    )
    if failures:
        raise typer.Exit(1)
