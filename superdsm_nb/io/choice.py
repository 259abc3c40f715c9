"""Which pictures of a stack are chosen, and how several become one."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import AxisChoiceError, ImageError, joined
from .address import Place
from .choosing import check_index, index_of
from .picture import AXES, RGB, Picture

ALL = "all"
PROJECTIONS = ("max", "mean")
ORDER = ("time", "plane", "channel")  # of the axes of what is made of all planes
COLORS = ("red", "green", "blue")


@dataclass(frozen=True)
class Choice:
    """What is chosen of a picture or a stack.

    Attributes
    ----------
    places : tuple of int or str
        For each axis of the stack, and for the samples, a number, "all", or a projection; None for all
        samples together, whose colours are the picture.
    sizes : tuple of int
        Lengths of these axes.
    axes : mapping of str to int
        Where "time", "plane" and "channel" are among them, if all are chosen that there are; in this order.
    projected : tuple of int
        Which of them are projected, in the order of time points, planes and channels, whatever the file has.
    names : tuple of str
        Names of the channels; empty if the file does not name them.
    """

    places: tuple[int | str | None, ...]
    sizes: tuple[int, ...]
    axes: Mapping[str, int]
    projected: tuple[int, ...]
    names: tuple[str, ...]

    def at(self, position: Mapping[str, int]) -> Choice:
        """Return the choice of one of all."""
        chosen = self
        for axis, at in self.axes.items():
            chosen = chosen._with(at, position[axis])
        return chosen

    def read(self, decode: Callable[[tuple[int, ...], int | None], NDArray[Any]]) -> NDArray[Any]:
        """Decode what is chosen; of what is projected, only one picture at a time is held.

        Parameters
        ----------
        decode : callable
            Takes the position in the stack and the number of the sample.
        """
        if self.projected:
            at, *others = self.projected
            inner = replace(self, projected=tuple(others))
            one_by_one = (inner._with(at, place).read(decode) for place in range(self.sizes[at]))
            return _largest(one_by_one) if self.places[at] == "max" else _mean(one_by_one)
        *stack, sample = self.places
        assert not isinstance(sample, str), "one is chosen by now"
        return decode(tuple(place for place in stack if isinstance(place, int)), sample)

    def _with(self, at: int, place: int) -> Choice:
        return replace(self, places=(*self.places[:at], place, *self.places[at + 1 :]))


def _largest(pictures: Iterable[NDArray[Any]]) -> NDArray[Any]:
    pictures = iter(pictures)
    result = next(pictures).copy()
    for each in pictures:
        np.maximum(result, each, out=result)
    return result


def _mean(pictures: Iterable[NDArray[Any]]) -> NDArray[np.float64]:
    pictures = iter(pictures)
    total, count = next(pictures).astype(np.float64), 1
    for each in pictures:
        total += each
        count += 1
    total /= count
    return total


def positions(axes: Sequence[str], sizes: Sequence[int]) -> list[dict[str, int]]:
    """List the position of every plane, the last axis the fastest.

    Examples
    --------
    >>> positions(("time", "plane"), (1, 2))
    [{'time': 0, 'plane': 0}, {'time': 0, 'plane': 1}]
    """
    return [dict(zip(axes, place, strict=True)) for place in itertools.product(*map(range, sizes))]


def choose(
    path: Place, picture: Picture, chosen: Mapping[str, int | str | None], *, missing_ok: bool = False
) -> Choice:
    """Find what is chosen.

    Parameters
    ----------
    path : Path
        The file, for messages.
    picture : Picture
        What it declares.
    chosen : mapping of str to int or str
        For "channel", "plane" and "time" a number, "all" or a projection, a name of a channel, or None.
    missing_ok : bool
        Whether choices on axes that the picture does not have are left out.

    Raises
    ------
    AxisChoiceError
        If there are several channels, planes or time points and none is chosen.
    ImageError
        If there is none of that name or number.
    """
    axes, sizes = f"{picture.axes}{picture.samples.axis}", (*picture.sizes, picture.samples.choices)
    places: list[int | str | None] = [0 if size == 1 else None for size in sizes]
    where: dict[str, int] = {}
    names: tuple[str, ...] = ()
    for what, wanted in chosen.items():
        if wanted is None:
            continue
        at = next((at for at, axis in enumerate(axes) if axis in AXES[what] and sizes[at] > 1), None)
        if at is None and missing_ok:
            continue
        size = 1 if at is None else sizes[at]
        own_names = names_of(picture, size) if what == "channel" else ()
        if isinstance(wanted, str):
            place = _place(path, what, wanted, own_names, picture.remark)
        else:
            place = operator.index(wanted)  # of NumPy, too
        if isinstance(place, int):
            check_index(path, what, place, size, picture.remark)
        if at is not None:
            places[at] = place
            where[what] = at
            if place == ALL:
                names = own_names or names
    undecided = [axis for axis, place in zip(axes[:-1], places[:-1], strict=True) if place is None]
    if undecided:
        missing = [what for what, wanted in chosen.items() if wanted is None]
        raise _too_many_dimensions(path, picture, undecided, missing)
    sample = None if sizes[-1] == 1 else places[-1]
    samples = picture.samples
    if sample is None and samples.colors == 0:
        kinds = "channels of {} bits in each pixel" if samples.together else "planes of {} bits"
        what = next((what for what, axis in AXES.items() if samples.axis in axis), "channel")
        raise AxisChoiceError(
            path, f"has {samples.count} {kinds.format(samples.bits)}{samples.remark}", [what]
        )
    ordered = {axis: where[axis] for axis in ORDER if axis in where}
    of_all = {axis: at for axis, at in ordered.items() if places[at] == ALL}
    projected = tuple(at for at in ordered.values() if places[at] in PROJECTIONS)
    return Choice((*places[:-1], sample), sizes, of_all, projected, names)


def names_of(picture: Picture, size: int) -> tuple[str, ...]:
    """Return the names of as many channels as there are to choose from."""
    names = picture.channel_names or (
        COLORS if picture.samples.colors == RGB and "C" not in picture.axes else ()
    )
    return names if len(names) == size else ()


def _place(path: Place, what: str, name: str, names: Sequence[str], remark: str) -> int | str:
    """Find the number of a channel by its name; words stand for several, unless a channel is called so."""
    is_word = name in (ALL, *PROJECTIONS) and name not in map(str.casefold, names)
    return name if is_word else index_of(path, name, names, what, remark)


def _too_many_dimensions(
    path: Place, picture: Picture, undecided: Sequence[str], missing: Sequence[str]
) -> ImageError:
    names = names_of(picture, picture.sizes[picture.axes.index("C")]) if "C" in undecided else ()
    named = f"; channels {joined(list(names))}" if names else ""
    contents = f"has more than two dimensions ({picture.dimensions}{named})"
    if picture.samples.colors == 0 and "channel" in missing:
        undecided = [*undecided, picture.samples.axis]
    choices = [
        what for what, names in AXES.items() if what in missing and any(axis in names for axis in undecided)
    ]
    if choices:
        return AxisChoiceError(path, contents, choices)
    return ImageError(f"{path} {contents}: save the part to be segmented as a separate image.")
