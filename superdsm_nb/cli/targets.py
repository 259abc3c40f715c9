"""Which images a command works on, and where the results of each go."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError
from ..results.outputs import (
    MAX_PNG_LABEL,
    OUTPUTS,
    STORE_SUFFIX,
    OutputKind,
    stack_output,
    target_place,
    written_path,
)

if TYPE_CHECKING:
    from ..io import Place

TASK_FILE = "task.json"
MAX_DIGITS = 10  # of the number of a channel

IMAGE_SUFFIXES = frozenset(
    f".{suffix}"
    for suffix in [
        "bmp",
        "czi",
        "gif",
        "j2k",
        "jp2",
        "jpeg",
        "jpg",
        "lif",
        "lsm",
        "nd2",
        "oib",
        "oif",
        "pbm",
        "pgm",
        "png",
        "pnm",
        "ppm",
        "tif",
        "tiff",
        "webp",
        "zarr",
    ]
)


def find_images(arguments: Iterable[Place], pattern: str | None) -> list[Place]:
    """List the images that files and folders stand for.

    Parameters
    ----------
    arguments : iterable of Path or Address
        Files and addresses are used as they are; a folder stands for the images directly inside it, or for
        what the pattern matches below it.
    pattern : str or None
        Which files of a folder to use, such as "*.tif" or "**/*.tif"; by default those whose suffix is that
        of an image. Hidden files and folders are always skipped.

    Returns
    -------
    list of Path or Address
        The images of each folder in the order of their names.

    Raises
    ------
    ConfigError
        If there is no image in a folder, or a pattern is given but no folder.
    """
    from ..io import Address, is_store  # imports NumPy, which help does without

    images: list[Place] = []
    folders = 0
    for argument in arguments:
        if isinstance(argument, Address) or not argument.is_dir() or is_store(argument):
            images.append(argument)
            continue
        folders += 1
        found = images_in(argument, pattern)
        if not found:
            what = "image" if pattern is None else f"file that matches {pattern}"
            raise ConfigError(f"There is no {what} in {argument}.")
        images += found
    if pattern is not None and not folders:
        raise ConfigError("--pattern chooses among the files of a folder, but no folder is given.")
    return images


def images_in(folder: Path, pattern: str | None = None) -> list[Path]:
    """List the images in a folder, as `find_images` does."""
    from ..io import is_store

    try:
        candidates = folder.iterdir() if pattern is None else folder.glob(pattern)
        return sorted(
            path
            for path in candidates
            if (path.is_file() or is_store(path))
            and not any(part.startswith(".") for part in path.relative_to(folder).parts)
            and (pattern is not None or path.suffix.lower() in IMAGE_SUFFIXES)
            and not any(map(is_store, _between(folder, path)))
        )
    except (ValueError, NotImplementedError) as error:
        raise ConfigError(f"--pattern {pattern} is not a pattern of file names, such as *.tif.") from error
    except OSError as error:
        raise ConfigError(f"{folder} cannot be listed: {error.strerror or error}.") from error


def _between(folder: Path, path: Path) -> list[Path]:
    """The folders between a folder and something below it; what is inside a store is no file of its own."""
    return [parent for parent in path.parents if parent != folder and parent.is_relative_to(folder)]


def find_foregrounds(images: Sequence[Place], foreground: Place | None) -> list[Place | None]:
    """Find the file with the foreground of each image.

    Parameters
    ----------
    images : sequence of Path or Address
        The images.
    foreground : Path, Address or None
        A file for a single image, or a folder with a file for each, whose name is the same up to the suffix.

    Returns
    -------
    list of Path, Address or None
        In the order of the images; None for each if no foreground is given.

    Raises
    ------
    ConfigError
        If there is none for an image, or more than one, or a single file for several images.
    """
    if foreground is None:
        return [None] * len(images)
    return list(_companions(images, foreground, "foreground"))


def find_measured(images: Sequence[Place], given: Iterable[str]) -> list[dict[str, int | str | Path]]:
    """Find the channels to measure of each image.

    Parameters
    ----------
    images : sequence of Path or Address
        The images.
    given : iterable of str
        For each channel its number or name, a file for a single image, or a folder with a file for each.

    Returns
    -------
    list of dict of str to int, str or Path
        In the order of the images; where each channel is, by the name of its columns.

    Raises
    ------
    ConfigError
        If there is no file for an image, or more than one, or a single file for several images; or if two
        channels have the same name.
    """
    from ..results.channels import named_channels  # imports NumPy, which help does without

    places = [_place(text) for text in given]
    found: list[dict[str, int | str | Path]] = [{} for _ in images]
    for name, place in named_channels(places).items():
        if isinstance(place, Path):
            for each, path in zip(found, _companions(images, place, "measured channel"), strict=True):
                assert isinstance(path, Path), "a file, or one in a folder"
                each[name] = path
        else:
            for each in found:
                each[name] = place
    return found


def _place(text: str) -> int | str | Path:
    """Tell whether a text stands for a number, a file, or the name of a channel."""
    if text.isdecimal() and len(text) < MAX_DIGITS:
        return int(text)
    path = Path(text)
    if os.path.exists(path):  # noqa: PTH110 - a name that is too long is none of a file
        return path
    if path.suffix.lower() in IMAGE_SUFFIXES or len(path.parts) > 1:
        raise ConfigError(f"--measure: there is no file {text}.")
    return text


def _companions(images: Sequence[Place], given: Place, noun: str) -> list[Place]:
    """The file that belongs to each image: the one given, or that of the same name in a folder."""
    from ..io import Address, is_store

    if isinstance(given, Address) or not given.is_dir() or is_store(given):
        if len(images) > 1:
            raise ConfigError(f"Several images need a folder for their {noun}s, but {given} is not one.")
        return [given]
    files = images_in(given)
    found: list[Place] = []
    for image in images:
        same = [path for path in files if path.stem == image.stem]
        if len(same) != 1:
            problem = f"no {noun}" if not same else f"more than one {noun}"
            raise ConfigError(f"There is {problem} of {image.name} in {given}.")
        found += same
    return found


def plan_targets(
    images: Sequence[Place],
    outputs: Mapping[str, Place],
    foregrounds: Iterable[Place | None] = (),
    measured: Iterable[Path] = (),
    config: Path | None = None,
    *,
    force: bool = False,
    is_stack: bool = False,
) -> tuple[list[dict[str, Any]], dict[str, Path]]:
    """Decide where everything goes before any work is done.

    Parameters
    ----------
    images : sequence of Path or Address
        The images.
    outputs : mapping of str to Path or Address
        What the user gave for each kind of output: a file for a single image, or a folder; for tables, which
        hold the objects of all images, a file.
    foregrounds, measured : iterable of Path
        Other files that are read; None where there is no foreground.
    config : Path or None
        The file of hyperparameters that is read.
    force : bool
        Whether files may be overwritten that this package has not written.
    is_stack : bool
        Whether each image is a stack, so that its pictures become TIFF files.

    Returns
    -------
    targets : list of dict of str to Path or Address
        For each image, the file of each kind.
    tables : dict of str to Path
        The file of each kind of table.

    Raises
    ------
    ConfigError
        If a file has a wrong suffix, would overwrite what is read, another output, a ``task.json`` or what
        this package has not written, or is of a kind that cannot be written on this system.
    OutputError
        If a file cannot be written where it should be.
    """
    targets: list[dict[str, Any]] = [{} for _ in images]
    tables: dict[str, Path] = {}
    taken: dict[Place, str] = {real(path): f"the measured channel {path}" for path in measured}
    taken |= {real(path): f"the foreground {path}" for path in foregrounds if path}
    taken |= {real(image): f"the image {image}" for image in images}
    if config is not None:
        taken[real(config)] = f"the configuration {config}"
    for kind, out in outputs.items():
        output = stack_output(kind) if is_stack else OUTPUTS[kind]
        if output.write_rows is not None:
            tables[kind] = target_place(out)
            _reserve(kind, output, out, taken, force)
            continue
        for target, path in zip(targets, _target_files(images, out, output), strict=True):
            target[kind] = path
            _reserve(kind, output, path, taken, force)
    return targets, tables


def _target_files(images: Sequence[Place], out: Place, output: OutputKind) -> list[Place]:
    """Where the output of each image goes: a file for one image, or files in a folder."""
    from ..io import Address

    is_address = isinstance(out, Address)
    suffix = STORE_SUFFIX if is_address and STORE_SUFFIX in output.suffixes else output.suffixes[0]
    is_file = out.suffix.lower() in output.suffixes or (out.suffix and len(images) == 1)
    if is_file and (is_address or out.suffix.lower() == STORE_SUFFIX or not Path(str(out)).is_dir()):
        if len(images) > 1:
            raise ConfigError(
                f"Several images need a folder for their {output.noun}s, but {out} is a file name."
            )
        return [out]
    paths: dict[Place, None] = {}
    for image in images:
        path = out / f"{image.stem}{suffix}"
        if path in paths:
            raise ConfigError(f"Two images would be written to {path}: segment them into different folders.")
        paths[path] = None
    return list(paths)


def _reserve(kind: str, output: OutputKind, path: Place, taken: dict[Place, str], force: bool) -> None:
    """Reserve a file for writing, unless that would overwrite another one."""
    from ..io import Address, check_writable
    from ..results.ownership import is_own_output

    if isinstance(path, Address):
        target_place(path)
    output.check_suffix(path)
    output.check_path(path)
    for each in dict.fromkeys((path, written_path(kind, path, MAX_PNG_LABEL + 1))):  # where it may go as well
        check_writable(each)
        if real(each) in taken:
            raise ConfigError(f"The {output.noun} would overwrite {taken[real(each)]}: choose another path.")
        if each.name == TASK_FILE:
            raise ConfigError(f"The {output.noun} would overwrite the task {each}: choose another path.")
        if not force and isinstance(each, Path) and os.path.lexists(each) and not is_own_output(kind, each):
            raise ConfigError(
                f"{each} exists, and it is no {output.noun} that superdsm_nb has written: choose another "
                "path, or overwrite it with --force."
            )
    taken[real(path)] = f"the {output.noun} {path}"


def real(path: Place) -> Place:
    """Absolute path of a file without links; a file in a loop of links cannot be read or written anyway."""
    if not isinstance(path, Path):
        return path
    return Path(os.path.realpath(path))
