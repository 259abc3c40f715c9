"""Choosing one of several things in a file by its number or name."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import AxisChoiceError, ImageError, joined, shortened
from .address import Place
from .picture import Picture, Scenes

LISTED = 20  # scenes that a message names


def choose_scene(path: Place, found: Picture | Scenes, choice: int | str | None) -> Picture:
    """Return the chosen picture of a file.

    Parameters
    ----------
    path : Path or Address
        The file, for messages.
    found : Picture or Scenes
        What is in it.
    choice : int, str or None
        Number (zero-based) or name of the scene.

    Returns
    -------
    Picture
        If nothing is chosen, the only one or the main one.

    Raises
    ------
    AxisChoiceError
        If there are several, none of them the main one, and nothing is chosen.
    ImageError
        If there is no such scene.
    """
    names = found.names if isinstance(found, Scenes) else ()
    count = len(names) or 1
    if choice is None:
        if isinstance(found, Picture):
            return found
        if found.main is None:
            raise AxisChoiceError(path, f"has {count} {found.noun}{_listed(names)}", ["scene"])
        return found.open(found.main)
    if isinstance(choice, str):
        choice = index_of(path, choice, names if all(names) else (), "scene")
    check_index(path, "scene", choice, count)
    return found if isinstance(found, Picture) else found.open(int(choice))


def _listed(names: Sequence[str]) -> str:
    """Numbers and names of scenes for a message."""
    if not all(names):
        return f" (0 to {len(names) - 1})"
    named = [f"{number}: {shortened(name)}" for number, name in enumerate(names[:LISTED])]
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return f" ({', '.join(named)}{more})"


def index_of(path: Place, name: str, names: Sequence[str], noun: str, remark: str = "") -> int:
    """Find the number of something by its name; a number may be given as text, too.

    Parameters
    ----------
    path : Path or Address
        The file, for messages.
    name : str
        Its name, or its number.
    names : sequence of str
        Those that there are; empty if the file does not name them.
    noun : str
        What it is: "scene", "channel", "plane" or "time".
    remark : str
        What else a message should say.

    Raises
    ------
    ImageError
        If there is none of that name, or several.
    """
    found = [at for at, each in enumerate(names) if each == name] or [
        at for at, each in enumerate(names) if each.casefold() == name.casefold()
    ]
    if len(found) == 1:
        return found[0]
    if not found and name.isascii() and name.isdigit() and len(name) < 10:
        return int(name)
    if not names:
        nouns = "time points" if noun == "time" else f"{noun}s"
        raise ImageError(f"{path} does not name its {nouns}: choose {shortened(name)!r} by its number.")
    problem = f"has several {noun}s" if found else f"has no {noun}"
    known = list(names[:LISTED]) + (["others"] if len(names) > LISTED else [])
    raise ImageError(f"{path} {problem} {shortened(name)!r}, but {joined(known)}{remark}.")


def check_index(path: Place, what: str, index: int, size: int, remark: str = "") -> None:
    """Raise `ImageError` unless there is a channel, plane, time point or scene of that number."""
    if 0 <= index < size:
        return
    noun = "time point" if what == "time" else what
    if size == 1:
        raise ImageError(f"{path} has only one {noun}: there is no {noun} {index}{remark}.")
    raise ImageError(f"{path} has the {noun}s 0 to {size - 1}: there is no {noun} {index}{remark}.")
