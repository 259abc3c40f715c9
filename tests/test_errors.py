"""Errors carry what they are about, and survive being sent between processes."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from superdsm_nb import errors
from superdsm_nb.errors import (
    AxisChoiceError,
    ConfigError,
    ImageError,
    OutputError,
    SuperDSMError,
    errors_name,
)

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, SuperDSMError)]


def instance(kind):
    """An error of a kind."""
    return kind(Path("a.tif"), "has 3 planes", ["plane"]) if kind is AxisChoiceError else kind("It is wrong.")


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_survives_pickling_with_the_file_it_is_about(kind):
    error = instance(kind)
    error.path = Path("b.tif")
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), copy.path) == (kind, str(error), Path("b.tif"))


def test_errors_are_what_the_ecosystem_expects():
    assert issubclass(ImageError, ValueError)
    assert issubclass(ConfigError, ValueError)
    assert issubclass(OutputError, OSError)


def test_a_choice_is_worded_by_whoever_asks_for_it():
    error = AxisChoiceError(Path("a.tif"), "has 3 planes", ["plane", "channel", "time"])
    assert str(error) == (
        "a.tif has 3 planes: choose a plane (plane=N), a channel (channel=N) and a time point (time=N)."
    )
    assert error.worded("--{} N".format).endswith("a channel (--channel N) and a time point (--time N).")
    assert (error.file, error.axes) == (Path("a.tif"), ("plane", "channel", "time"))


def test_the_innermost_file_is_named_and_only_once():
    with pytest.raises(ImageError) as caught, errors_name(Path("outer")), errors_name(Path("inner")):
        raise ImageError("It is dark.")
    assert str(caught.value) == "inner: It is dark."


@pytest.mark.parametrize("kind", [MemoryError, OverflowError, RecursionError])
def test_what_is_too_large_is_a_matter_of_hyperparameters(kind):
    message = r"^a\.tif: segmenting the image would overflow or exhaust memory"
    with pytest.raises(ConfigError, match=message), errors_name(Path("a.tif")):
        raise kind
