"""Scores of label maps in files."""

from __future__ import annotations

from pathlib import Path

from ..errors import ConfigError, ImageError, SuperDSMError, joined
from ..io import PNG, TIFF, imread, is_image, is_store
from .scores import Score, score


def pair_files(predicted: Path, truth: Path) -> tuple[dict[str, tuple[Path, Path]], int]:
    """Pair label maps with their truth.

    Parameters
    ----------
    predicted, truth : Path
        Two files, or two folders, whose images are paired by their names without suffix. Hidden files and
        all that is no image, such as tables and outlines beside the label maps, are ignored.

    Returns
    -------
    pairs : dict of str to (Path, Path)
        Prediction and truth by name.
    left_out : int
        Number of images without a counterpart.

    Raises
    ------
    ConfigError
        If one of them does not exist, only one of them is a folder, a folder has no images or several of one
        name, or no names match.
    """
    for path in (predicted, truth):
        if not path.exists():
            raise ConfigError(f"There is no file or folder {path}.")
    if not _is_folder(predicted) and not _is_folder(truth):
        return {predicted.name: (predicted, truth)}, 0
    if not (_is_folder(predicted) and _is_folder(truth)):
        raise ConfigError(f"{predicted} and {truth} must both be files or both be folders.")
    predictions, truths = _images_by_name(predicted), _images_by_name(truth)
    names = [name for name in predictions if name in truths]
    if not names:
        raise ConfigError(f"No file in {predicted} has the name of a file in {truth}.")
    pairs = {name: (_only(predictions[name]), _only(truths[name])) for name in names}
    return pairs, len(truths.keys() ^ predictions.keys())


def _images_by_name(folder: Path) -> dict[str, list[Path]]:
    """Return the images in a folder by their names without suffix, in the order of their names."""
    images: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        # A label map that is damaged is named later; other files are told by their content.
        if not path.name.startswith(".") and (path.is_file() or is_store(path)) and _is_label_map(path):
            images.setdefault(path.stem, []).append(path)
    if not images:
        raise ConfigError(f"There are no images in {folder}.")
    return images


def _is_folder(path: Path) -> bool:
    """Whether a path is a folder of files, not one that is an image."""
    return path.is_dir() and not is_store(path)


def _is_label_map(path: Path) -> bool:
    return path.suffix.lower() in PNG + TIFF or is_image(path)


def _only(paths: list[Path]) -> Path:
    """Return the only image of a name; it would be a guess which of several is meant."""
    if len(paths) > 1:
        names = joined([path.name for path in paths])
        raise ConfigError(
            f"{paths[0].parent} has several images of one name, {names}: keep the one to be scored."
        )
    return paths[0]


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
