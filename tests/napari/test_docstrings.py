"""The examples in the docstrings of the plug-in are true."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import superdsm_nb.napari

MODULES = [
    module.name for module in pkgutil.walk_packages(superdsm_nb.napari.__path__, "superdsm_nb.napari.")
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_the_docstrings_are_true(name):
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert result.failed == 0
