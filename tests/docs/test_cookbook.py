"""Every recipe of the cookbook runs as it stands, in a folder with the files that its first page writes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support import naive

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs" / "cookbook").glob("*.md"))
STEP = re.compile(r"^```(sh|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
pytestmark = naive.compiled_only


def follow(page, folder):
    """Do what a page says, step by step."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    for language, step in STEP.findall(page.read_text(encoding="utf-8")):
        command = (
            ["bash", "-e", "-o", "pipefail", "-c", step] if language == "sh" else [sys.executable, "-c", step]
        )
        done = subprocess.run(
            command,
            check=False,
            cwd=folder,
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == 0, f"{step}\n{done.stderr}"
        assert "Traceback" not in done.stderr


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    follow(ROOT / "docs" / "cookbook" / "index.md", folder)
    shutil.copytree(ROOT / "tasks" / "sample", folder / "tasks" / "sample", ignore=lambda *_: ["results"])
    return folder


def test_the_first_page_lists_every_recipe():
    text = (ROOT / "docs" / "cookbook" / "index.md").read_text(encoding="utf-8")
    listed = re.findall(r"\]\(([\w-]+\.md)\)", text)
    assert sorted(listed) == [page.name for page in PAGES if page.name != "index.md"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.name != "index.md"], ids=lambda page: page.stem
)
def test_a_recipe_runs_as_it_stands(files, page, tmp_path):
    shutil.copytree(files, tmp_path / "here")
    assert STEP.search(page.read_text(encoding="utf-8"))
    follow(page, tmp_path / "here")
