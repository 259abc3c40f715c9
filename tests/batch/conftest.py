"""Tasks of a single image."""

from __future__ import annotations

import pytest

from support.trees import PATTERNS, run_tree, write_images, write_task


@pytest.fixture
def single(tmp_path):
    """A function that writes a task of one image in a folder of its own, runs it, and returns the folder."""

    def run_single(**fields):
        write_images(tmp_path / "images", ["a"])
        defaults = {
            "runnable": True,
            "img_pathpattern": str(tmp_path / "images" / "%s.tif"),
            "file_ids": ["a"],
            "config": {"AF_scale": 11},
            **PATTERNS,
        }
        folder = tmp_path / f"task-{len(list(tmp_path.iterdir()))}"
        failures, witness = run_tree(write_task(folder, **{**defaults, **fields}))
        assert failures == 0, witness.results
        return folder

    return run_single
