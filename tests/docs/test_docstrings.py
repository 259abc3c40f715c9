"""The examples in docstrings are true."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import superdsm_nb

MODULES = [
    module.name
    for module in pkgutil.walk_packages(superdsm_nb.__path__, "superdsm_nb.")
    if module.name != "superdsm_nb.__main__"
    and not module.name.startswith("superdsm_nb.napari.")  # tested where napari is installed
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_the_docstrings_are_true(name):
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)

    assert result.failed == 0
