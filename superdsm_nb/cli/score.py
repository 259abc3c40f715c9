"""``superdsm-nb score``: compare label maps with the truth."""

from __future__ import annotations

from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import visible

if TYPE_CHECKING:
    from ..metrics import Score

COLUMNS = {
    "seg": "SEG",
    "dice": "Dice",
    "ap50": "AP@0.5",
    "ap75": "AP@0.75",
    "splits": "splits",
    "merges": "merges",
    "missed": "missed",
    "added": "added",
    "hausdorff": "Hausdorff",
}
DECIMALS = {"seg": 3, "dice": 3, "ap50": 3, "ap75": 3, "hausdorff": 1}


def score(
    predicted: Annotated[Path, typer.Argument(metavar="PREDICTED", help="Label map, or a folder of them.")],
    truth: Annotated[Path, typer.Argument(metavar="TRUTH", help="True label map, or a folder of them.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare label maps with the truth.

    Prints SEG, Dice, average precision, splits, merges and Hausdorff distance.

    Files of two folders are paired by their names without suffix; the last row holds the means.
    """
    scores = score_pairs(predicted, truth)
    if as_json:
        import json

        from .console import say_lines, strict

        records = {name: asdict(result) for name, result in scores.items()}
        say_lines(json.dumps(strict(records), indent=2))
    else:
        print_scores(scores)


def score_pairs(predicted: Path, truth: Path) -> dict[str, Score]:
    """Score files or folders of files; warn about those without a counterpart."""
    from ..metrics import pair_files, score_files

    pairs, left_out = pair_files(predicted, truth)
    if left_out:
        files = "1 file has" if left_out == 1 else f"{left_out} files have"
        typer.echo(f"Warning: {files} no counterpart of the same name and cannot be scored.", err=True)
    return {name: score_files(*pair) for name, pair in pairs.items()}


def print_scores(scores: dict[str, Score]) -> None:
    """Print a table with a row for each image, and one of means if there are several."""
    from .console import say

    rows = [
        (visible(name), *(f"{getattr(result, column):.{DECIMALS.get(column, 0)}f}" for column in COLUMNS))
        for name, result in scores.items()
    ]
    if len(scores) > 1:
        means = _means(list(scores.values()))
        rows.append(("mean", *(f"{means[column]:.{DECIMALS.get(column, 2)}f}" for column in COLUMNS)))
    table = [("image", *COLUMNS.values()), *rows]
    widths = [max(len(row[index]) for row in table) for index in range(len(table[0]))]
    for row in table:
        cells = [
            row[0].ljust(widths[0]),
            *(text.rjust(width) for text, width in zip(row[1:], widths[1:], strict=True)),
        ]
        say("  ".join(cells))


def _means(scores: list[Score]) -> dict[str, float]:
    """Mean of each metric over the images for which it is known."""
    means = {}
    for field in fields(scores[0]):
        known = [value for each in scores if (value := getattr(each, field.name)) == value]
        means[field.name] = sum(known) / len(known) if known else float("nan")
    return means
