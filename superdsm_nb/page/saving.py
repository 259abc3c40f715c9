"""Files that the page saves: as downloads, and one beside the image."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from ..batch.init import task_text
from ..config import Config
from ..errors import ConfigError
from ..io import LoadedImage, Source
from ..results.outputs import OUTPUTS
from ..segmentation import Segmentation
from ..tuning import save_task, task_for
from .opening import FILES


def saved(found: Segmentation, name: str) -> bytes:
    """Return the content of a file with a result.

    Parameters
    ----------
    found : Segmentation
        The result.
    name : str
        One of `FILES`.

    Raises
    ------
    ConfigError
        If there is no such file.
    OutputError
        If it cannot be written.
    """
    if name not in FILES:
        raise ConfigError(f"There is no file {name}: there are {', '.join(FILES)}.")
    with TemporaryDirectory(prefix="superdsm-nb-") as folder:
        path = Path(folder) / name
        OUTPUTS[FILES[name][0]].write(found, path)
        return path.read_bytes()


def task_file(image: LoadedImage, config: Config) -> bytes:
    """Return the content of a ``task.json`` for the folder of the image, with these settings."""
    source, path = _source(image)
    return task_text(task_for(config, [path], source)).encode()


def task_beside(image: LoadedImage, config: Config) -> Path:
    """Write a ``task.json`` into the folder of the image, with these settings, and return its path.

    Raises
    ------
    TaskError
        If there is one already.
    OutputError
        If it cannot be written.
    """
    source, path = _source(image)
    return save_task(path.parent, config, [path], source)


def _source(image: LoadedImage) -> tuple[Source, Path]:
    assert image.source is not None, "an image of a file"
    assert isinstance(image.source.path, Path), "the page opens files"
    return image.source, image.source.path
