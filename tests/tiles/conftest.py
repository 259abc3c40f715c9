"""Small images that are treated as large ones."""

from __future__ import annotations

import pytest

from superdsm_nb.automatic import sample


@pytest.fixture
def small_is_large(monkeypatch):
    """Let images of some thousand pixels be measured in a sample, as those of millions are."""
    monkeypatch.setattr(sample, "LARGE", 100_000)
    monkeypatch.setattr(sample, "SIDE", 128)
