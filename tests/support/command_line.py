"""The command line in a process of its own, and what it says of wrong use."""

from __future__ import annotations

import os
import subprocess
import sys


def assert_one_sentence(outcome, *words):
    """Check for exit code 2 and one line that says what is wrong."""
    assert outcome.code == 2
    assert outcome.err.startswith("Error: ")
    assert outcome.err.count("\n") == 1
    assert outcome.err.endswith((".\n", "?\n"))
    for word in words:
        assert word in outcome.err


def in_a_process(*arguments, code="from superdsm_nb.cli import main; main()", **environment):
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env=os.environ | environment,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
