"""A tree of six images, before and after a run by workers."""

from __future__ import annotations

import pytest

from support.commands import NAMES, finish, start
from support.trees import write_tree


@pytest.fixture(scope="module")
def finished_tree(tmp_path_factory):
    """A tree of six images whose tasks are complete, by workers."""
    root = write_tree(tmp_path_factory.mktemp("undisturbed") / "tree", names=NAMES, num_cpus=2)
    code, out, err = finish(start(root))
    assert code == 0, out + err
    return root


@pytest.fixture
def root(finished_tree, tmp_path):
    """The same tree before any run."""
    return write_tree(tmp_path / "tree", names=NAMES, num_cpus=2)
