"""Scores of label maps in files."""

from __future__ import annotations

from pathlib import Path

from ..errors import ConfigError, ImageError, SuperDSMError
from ..io import imread
from .scores import Score, score


def pair_files(predicted: Path, truth: Path) -> tuple[dict[str, tuple[Path, Path]], int]:
    """Pair label maps with their truth.

    Parameters
    ----------
    predicted, truth : Path
        Two files, or two folders, whose files are paired by their names without suffix.

    Returns
    -------
    pairs : dict of str to (Path, Path)
        Prediction and truth by name.
    left_out : int
        Number of files without a counterpart.

    Raises
    ------
    ConfigError
        If one of them does not exist, only one of them is a folder, or no names match.
    """
    for path in (predicted, truth):
        if not path.exists():
            raise ConfigError(f"There is no file or folder {path}.")
    if not predicted.is_dir() and not truth.is_dir():
        return {predicted.name: (predicted, truth)}, 0
    if not (predicted.is_dir() and truth.is_dir()):
        raise ConfigError(f"{predicted} and {truth} must both be files or both be folders.")
    predictions, truths = (
        {path.stem: path for path in sorted(folder.iterdir()) if path.is_file()}
        for folder in (predicted, truth)
    )
    pairs = {name: (path, truths[name]) for name, path in predictions.items() if name in truths}
    if not pairs:
        raise ConfigError(f"No file in {predicted} has the name of a file in {truth}.")
    return pairs, len(truths.keys() ^ predictions.keys())


def score_files(predicted: Path, truth: Path) -> Score:
    """Compute every metric for two files.

    Parameters
    ----------
    predicted, truth : Path
        Label maps.

    Returns
    -------
    Score
        All metrics of the pair.

    Raises
    ------
    ImageError
        If one of them cannot be read, or they cannot be compared.
    """
    try:
        return score(imread(predicted), imread(truth))
    except SuperDSMError as error:
        reason = error.message.rstrip(".")
        raise ImageError(f"{predicted} and {truth} cannot be compared: {reason}.") from error
