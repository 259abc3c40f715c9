"""The scripts for other programs: written with the place of this one, and in words that it understands."""

from __future__ import annotations

import re
import sys

import pytest

from superdsm_nb.errors import ConfigError
from superdsm_nb.scripts import SCRIPTS, write_scripts, writing

from support.command_line import in_a_process

QUOTES = {"superdsm_nb.ijm": '"', "superdsm_nb.groovy": "'"}


def literals(text, quote):
    """Strings of a script, without comments, as its language reads them."""
    code = re.sub(r"(?m)(?:^|\s)//.*$", "", text)
    found = re.findall(rf"{quote}((?:\\.|[^{quote}\\\n])*){quote}", code)
    return [re.sub(r"\\(.)", r"\1", each) for each in found]


@pytest.mark.parametrize(
    "program", ["/opt/my tools/superdsm-nb", r"C:\Users\O'Neill\new\superdsm-nb.exe", '/a"b/superdsm-nb']
)
def test_the_place_of_the_program_is_filled_in_whatever_it_is(tmp_path, monkeypatch, program):
    monkeypatch.setattr(writing, "_program", lambda: program)

    paths = write_scripts(tmp_path / "new")

    assert [path.name for path in paths] == list(SCRIPTS) == list(QUOTES)
    for path in paths:
        text = path.read_text(encoding="utf-8")
        assert program in literals(text, QUOTES[path.name])
        assert "{program}" not in text


def test_the_command_that_the_scripts_call_is_this_one(tmp_path):
    done = in_a_process("scripts", tmp_path)
    (macro, groovy) = (tmp_path / name for name in SCRIPTS)

    assert done.stdout.splitlines() == [str(macro), str(groovy)]
    program = re.search(r'^program = "(.*)";', macro.read_text(encoding="utf-8"), re.MULTILINE)[1]
    assert program.endswith("superdsm-nb") or sys.platform == "win32"


@pytest.mark.parametrize("name", SCRIPTS)
def test_options_in_the_scripts_exist(tmp_path, name):
    write_scripts(tmp_path)
    text = (tmp_path / name).read_text(encoding="utf-8")
    words = {word for each in literals(text, QUOTES[name]) for word in re.findall(r"--[a-z]+", each)}
    known = in_a_process("segment", "--help", COLUMNS="200").stdout

    assert words
    assert {word for word in words if word not in known} == set()


@pytest.mark.parametrize("name", SCRIPTS)
def test_brackets_and_quotes_are_closed(tmp_path, name):
    write_scripts(tmp_path)
    text = (tmp_path / name).read_text(encoding="utf-8")
    code = re.sub(r"(?m)(?:^|\s)//.*$", "", re.sub(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'", "", text))
    open_ = []
    for each in re.findall(r"[()\[\]{}]", code):
        if each in "([{":
            open_.append(each)
        else:
            assert open_.pop() + each in ("()", "[]", "{}")
    assert open_ == []
    assert not set("\"'") & set(code)


def test_scripts_are_written_again_but_no_file_of_somebody_else_is_overwritten(tmp_path):
    first, second = write_scripts(tmp_path)
    first.write_text(first.read_text(encoding="utf-8") + "// mine\n", encoding="utf-8")
    write_scripts(tmp_path)
    assert "// mine" not in first.read_text(encoding="utf-8")
    second.write_text("println 'mine'")
    before = first.read_bytes()

    with pytest.raises(ConfigError, match="no script that superdsm_nb has written"):
        write_scripts(tmp_path)

    assert (second.read_text(), first.read_bytes()) == ("println 'mine'", before)
