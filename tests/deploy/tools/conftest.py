"""Recipes in the programs they are for; they are tested where these programs are (see .ci/run)."""

from __future__ import annotations

from importlib.util import find_spec

if find_spec("snakemake") is None or find_spec("galaxy") is None:
    collect_ignore_glob = ["*.py"]
