"""The recipes of deploy/: what they say, and the commands in them, run as they stand."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
MODULE = DEPLOY / "nextflow" / "modules" / "superdsm_nb" / "segment"
IMAGE = DEPLOY / "galaxy" / "test-data" / "nuclei.tif"
NUCLEI = 6


def container_variables():
    """The environment variables of the container, in the order of their lines."""
    text = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
    return dict(re.findall(r"^ENV (\w+)=(\S+)$", text, re.MULTILINE))


def nextflow_block(name):
    """The commands in a block of the Nextflow module, `script` or `stub`, without the escapes of Groovy."""
    text = (MODULE / "main.nf").read_text(encoding="utf-8")
    found = re.search(rf'^    {name}:$.*?"""\n(.*?)^    """$', text, re.MULTILINE | re.DOTALL)
    return found[1].replace("\\\\", "\\")


def fill_in(command, **values):
    """Put values in place of `$name` and `${name}`, as Nextflow does."""
    filled = re.sub(r"\$(?:\{([\w.]+)\}|([\w.]+))", lambda found: str(values[found[1] or found[2]]), command)
    assert "$" not in filled
    return filled


def run_commands(command, folder, **environment):
    """Run commands of a shell in a folder; the program comes from this environment."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", command],
        cwd=folder,
        env=os.environ | {"PATH": path} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
