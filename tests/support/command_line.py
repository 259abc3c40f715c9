"""The command line in a process of its own, and what it says of wrong use."""

from __future__ import annotations

import os
import subprocess
import sys


def assert_failed(outcome, *words):
    """Check for exit code 1, which says that an image failed, and one line that says why."""
    assert_one_sentence(outcome, *words, code=1)


def assert_one_sentence(outcome, *words, code=2):
    """Check for exit code 2, which says that the use is wrong, and one line that says why."""
    assert outcome.code == code
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
