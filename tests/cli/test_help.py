"""Help, version and misspelt commands."""

from __future__ import annotations

import pytest

from superdsm_nb import __version__

from support.command_line import in_a_process

COMMANDS = ("segment", "batch", "score", "demo")


def test_version_is_printed(run):
    assert run("--version") == (0, f"superdsm-nb {__version__}\n", "")


def test_help_names_every_command(run):
    outcome = run("--help")
    assert outcome.code == 0
    assert all(command in outcome.out for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(run, command):
    outcome = run(command, "--help")
    assert outcome.code == 0
    assert f"superdsm-nb {command}" in outcome.out


def test_without_arguments_the_help_is_shown(run):
    outcome = run()
    assert "Usage: superdsm-nb" in outcome.out + outcome.err


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["segment", "--help"], ["batch", "--help"]])
def test_help_and_version_wait_for_no_heavy_import(arguments):
    code = (
        "import atexit, sys\n"
        "heavy = {'numpy', 'numba', 'scipy', 'skimage', 'imageio', 'tifffile'}\n"
        "atexit.register(lambda: print(sorted(heavy & set(sys.modules)), file=sys.stderr))\n"
        "from superdsm_nb.cli import main\n"
        "main()"
    )
    done = in_a_process(*arguments, code=code)
    assert (done.returncode, done.stderr) == (0, "[]\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["segmnt"], "Did you mean 'segment'"),
        (["segment"], "Missing argument 'IMAGE'"),
        (["segment", "a.tif"], "Missing option '--out'"),
        (["segment", "a.tif", "-o", "b.png", "--chanel", "1"], "--channel"),
        (["segment", "a.tif", "-o", "b.png", "--channel", "-1"], "--channel"),
        (["segment", "a.tif", "-o", "b.png", "--plane", "x"], "--plane"),
        (["segment", "a.tif", "-o", "b.png", "--border", "0"], "--border"),
        (["score", "a.png"], "Missing argument 'TRUTH'"),
        (["demo", "folder", "--count", "0"], "--count"),
    ],
)
def test_a_command_that_is_misspelt_or_incomplete_is_explained(run, arguments, message):
    outcome = run(*arguments)
    assert outcome.code == 2
    assert message in outcome.err
