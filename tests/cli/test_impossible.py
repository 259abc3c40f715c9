"""Arguments without measure, and files in loops of links, end in one sentence."""

from __future__ import annotations

import pytest

from support.command_line import assert_one_sentence
from support.trees import needs_links

DIGITS = "9" * 5000
OUT = ("-o", "out.png")


@pytest.mark.parametrize(
    "options",
    [
        ["--set", f"AF_scale={DIGITS}"],
        ["--set", f"AF_scale={'9' * 299}"],
        ["--set", f"AF_scale={'[' * 100_000}"],
        ["--set", 'AF_scale={"a": 1, "a": 2}'],
        ["--set", f"{'a/' * 5000}a=1"],
        ["--diameter", DIGITS],
        ["--time-limit", "1e400"],
        ["--ring", DIGITS, "--measure", "1", "--csv", "out.csv"],
    ],
    ids=["digits", "large", "nested", "twice", "parts", "diameter", "time limit", "ring"],
)
def test_values_without_measure_are_wrong_use(run, image_path, tmp_path, monkeypatch, options):
    monkeypatch.chdir(tmp_path)
    outcome = run("segment", image_path, *OUT, *options)
    assert_one_sentence(outcome)
    assert len(outcome.err) < 600
    assert not (tmp_path / "out.png").exists()


@pytest.mark.parametrize("options", [["--channel", DIGITS], ["--measure", DIGITS, "--csv", "out.csv"]])
def test_a_number_of_a_channel_that_no_image_has_fails(run, image_path, tmp_path, monkeypatch, options):
    monkeypatch.chdir(tmp_path)
    outcome = run("segment", image_path, *OUT, *options)
    assert_one_sentence(outcome, "channel", code=1)
    assert len(outcome.err) < 600


@needs_links
@pytest.mark.parametrize(
    ("command", "code"),
    [
        (["segment", "LOOP", "-o", "out.png"], 1),
        (["segment", "IMAGE", "-o", "LOOP/out.png"], 1),
        (["segment", "IMAGE", "-o", "loop.png"], 2),
        (["segment", "IMAGE", "-o", "out.png", "--config", "LOOP"], 2),
        (["segment", "IMAGE", "-o", "out.png", "--foreground", "LOOP"], 1),
        (["score", "LOOP", "IMAGE"], 2),
        (["config", "LOOP"], 1),
        (["batch", "LOOP"], 2),
    ],
    ids=lambda part: " ".join(part) if isinstance(part, list) else "",
)
def test_a_link_to_itself_is_no_file(run, image_path, tmp_path, monkeypatch, command, code):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "loop.png").symlink_to("loop.png")
    words = {"LOOP": "loop", "IMAGE": str(image_path)}
    outcome = run(*[words.get(word, word.replace("LOOP", "loop")) for word in command])
    assert_one_sentence(outcome, code=code)
