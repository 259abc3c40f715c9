"""The program that serves a page, in a process of its own."""

from __future__ import annotations

import re
import subprocess
import sys
from contextlib import contextmanager

COMMAND = [sys.executable, "-c", "from superdsm_nb.cli import main; main()", "tune", "--no-browser"]


@contextmanager
def serving(image, *arguments):
    """Start the program; the process, and the address that it prints."""
    process = subprocess.Popen(
        [*COMMAND, str(image), *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        line = process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+/[\w-]+/", line)
        assert found, line + process.stderr.read()
        yield process, found[0]
    finally:
        process.kill()
        process.communicate()
