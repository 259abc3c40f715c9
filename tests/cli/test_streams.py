"""Standard output that is closed, full or without a reader: one sentence, and all the work is done."""

from __future__ import annotations

import os
import resource
import shlex
import subprocess
import sys

import pytest

from support.command_line import assert_one_sentence
from support.trees import write_tree

FULL = "Error: standard output cannot be written: No space left on device.\n"
CLOSED = "Error: standard output cannot be written: it is closed.\n"
GONE = "Error: standard output cannot be written: Broken pipe.\n"


def in_a_shell(line, *arguments, **options):
    """Run the command line in a shell line, in which COMMAND stands for it."""
    command = shlex.join([sys.executable, "-c", CODE, *map(str, arguments)])
    return subprocess.run(
        ["bash", "-c", line.replace("COMMAND", command)],
        capture_output=True,
        text=True,
        check=False,
        **options,
    )


CODE = "from superdsm_nb.cli import main; main()"
needs_full = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux only")  # noqa: PTH110
WAYS = [
    pytest.param("COMMAND > /dev/full", FULL, 1, marks=needs_full),
    ("COMMAND >&-", CLOSED, 1),
]


@pytest.mark.parametrize(("line", "sentence", "code"), WAYS)
@pytest.mark.parametrize("command", [["--help"], ["batch", "ROOT"]])
def test_output_that_is_lost_ends_in_one_sentence(tmp_path, command, line, sentence, code):
    root = write_tree(tmp_path / "tree")
    done = in_a_shell(line, *[root if word == "ROOT" else word for word in command])
    assert (done.stdout, done.stderr, done.returncode) == ("", sentence, code)


@pytest.mark.parametrize(("line", "sentence", "code"), WAYS)
def test_a_batch_does_all_its_work_whatever_becomes_of_its_output(tmp_path, line, sentence, code):
    root = write_tree(tmp_path / "tree", num_cpus=1)
    done = in_a_shell(line, "batch", root, "--run")
    assert (done.stderr, done.returncode) == (sentence, code)
    assert (root / "default" / "provenance.json").exists()
    assert (root / "default" / "adapted" / "provenance.json").exists()


def test_a_batch_does_all_its_work_if_the_reader_has_seen_enough(tmp_path):
    root = write_tree(tmp_path / "tree", num_cpus=1)
    done = in_a_shell("set -o pipefail; COMMAND | head -1", "batch", root, "--run")
    assert (len(done.stdout.splitlines()), done.stderr, done.returncode) == (1, GONE, 0)
    assert (root / "default" / "adapted" / "provenance.json").exists()


def test_a_quiet_batch_needs_no_output(tmp_path):
    root = write_tree(tmp_path / "tree", names=("a",), num_cpus=1)
    done = in_a_shell("COMMAND >&- 2>&-", "batch", root, "--run", "--quiet")
    assert done.returncode == 0
    assert (root / "default" / "provenance.json").exists()


@needs_full
def test_errors_that_nobody_can_read_stop_nothing(tmp_path):
    root = write_tree(tmp_path / "tree", names=("missing", "a"), num_cpus=1)
    (root / "images" / "missing.tif").write_bytes(b"no image")
    done = in_a_shell("COMMAND 2> /dev/full", "batch", root, "--run")
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "2 of 4 failed"
    assert (root / "default" / "seg" / "a.png").exists()


@pytest.mark.parametrize("limit", [8, 24])
def test_too_few_file_descriptors_end_in_sentences(tmp_path, limit):
    root = write_tree(tmp_path / "tree", num_cpus=2)

    def few():
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))

    done = in_a_shell("COMMAND", "batch", root, "--run", preexec_fn=few)
    assert "Traceback" not in done.stderr
    assert done.returncode in (0, 1, 2)
    assert (done.returncode == 0) == (done.stderr == "")
    assert all(line.startswith("Error: ") for line in done.stderr.splitlines())


@pytest.mark.parametrize(
    "arguments",
    [
        ["segment", "IMAGE", "-o", ""],
        ["segment", "IMAGE", "--out="],
        ["segment", ""],
        ["batch", ""],
        ["batch", "FOLDER", "--report", ""],
        ["score", "IMAGE", ""],
    ],
)
def test_an_empty_argument_is_wrong_use(run, image_path, tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    words = {"IMAGE": image_path, "FOLDER": tmp_path}
    before = list(tmp_path.iterdir())
    assert_one_sentence(run(*[words.get(word, word) for word in arguments]), "is empty")
    assert list(tmp_path.iterdir()) == before
