"""The papers of the project agree with it, and with each other."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import superdsm_nb
from superdsm_nb import strictjson
from superdsm_nb.batch.places import MAX_ENTRIES
from superdsm_nb.io.limits import MAX_PIXELS_VARIABLE

ROOT = Path(__file__).parents[2]
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def test_the_version_is_the_same_everywhere():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

    assert re.findall(r"^version: (.+)$", citation, re.MULTILINE) == [superdsm_nb.__version__]
    releases = re.findall(r"^## \[(.+?)\]", changelog, re.MULTILINE)
    assert releases[:2] == ["Unreleased", superdsm_nb.__version__]


def test_the_doi_of_the_method_is_the_same_everywhere():
    for name in ("CITATION.cff", "README.md", "docs/cite.md"):
        assert "10.1109/TPAMI.2022.3185583" in (ROOT / name).read_text(encoding="utf-8"), name


def test_the_sessions_that_contributors_are_told_of_are_those_there_are():
    noxfile = (ROOT / "noxfile.py").read_text(encoding="utf-8")

    named = set(re.findall(r"`nox -s (\w+)`", CONTRIBUTING))

    assert named == set(re.findall(r"^@nox\.session\ndef (\w+)", noxfile, re.MULTILINE))


def test_the_files_that_contributors_are_told_of_exist():
    named = re.findall(r"`((?:tests|docs|benchmarks|superdsm_nb|kernels|\.ci)/[\w./]*)`", CONTRIBUTING)

    assert len(named) >= 10
    assert all((ROOT / name).exists() or (ROOT / "superdsm_nb" / name).exists() for name in named)


def test_the_markers_that_contributors_are_told_of_are_declared():
    pytest_options = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pytest"]
    declared = [marker.partition(":")[0] for marker in pytest_options["ini_options"]["markers"]]

    table = CONTRIBUTING.partition("| marker |")[2].partition("\n\n")[0]

    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == declared


def test_the_limits_that_strangers_meet_are_those_there_are():
    security = (ROOT / "SECURITY.md").read_text(encoding="utf-8")

    assert f"{strictjson.MAX_SIZE // 2**20} MiB" in security
    assert f"{strictjson.MAX_DEPTH} levels and {strictjson.MAX_DIGITS} digits" in security
    assert MAX_ENTRIES == 10**6
    assert "a million files" in security
    assert f"`{MAX_PIXELS_VARIABLE}`" in security
    for name in re.findall(r"`(tests/[\w./]+)`", security):
        assert (ROOT / name).exists()
