"""Warming says why it cannot be done; what it achieves is shown in tests/deploy/test_container.py."""

from __future__ import annotations

import pytest

from superdsm_nb.errors import ConfigError, OutputError
from superdsm_nb.warming import warm


def test_without_a_folder_there_is_nothing_to_warm(monkeypatch):
    monkeypatch.setattr("superdsm_nb.warming.writable_folder", lambda: None)
    monkeypatch.setattr("numba.config.DISABLE_JIT", 0)
    with pytest.raises(OutputError, match="Set NUMBA_CACHE_DIR"):
        warm()


def test_without_a_compiler_there_is_nothing_to_warm(monkeypatch):
    monkeypatch.setattr("numba.config.DISABLE_JIT", 1)
    with pytest.raises(ConfigError, match="nothing is compiled"):
        warm()
