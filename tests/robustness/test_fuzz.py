"""What no input may break: unlikely images, configurations and task files (see `fuzz`)."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, seed
from hypothesis import strategies as st

from support import folders, fuzz, naive
from support.trees import needs_links

# Seeds of cases that broke a promise once, with what was wrong.
FOUND = [
    ("images", 1073),  # the sum of the colours of a pixel was larger than the largest number
    ("images", 1388),  # colours were subtracted before it was seen that they are infinite
    ("images", 1667),  # squares of the intensities were larger than the largest number
    ("images", 2696),  # after clipping nothing was left to estimate a scale from
    ("configurations", 1063),  # an integer of 10^308 pixels was squared
    ("configurations", 1064),  # an infinite irregularity was multiplied by an area of 0
    ("configurations", 1711),  # a smoothness of 10^308 pixels had no window
    ("configurations", 1756),  # an irregularity of 10^308 was multiplied by an area
    ("configurations", 2346),  # without the stage that finds objects there is no cover to draw
    ("configurations", 2694),  # an integer of 2^70 did not fit where a float was meant
    ("configurations", 3133),  # a rim of 999 pixels took more than a minute
    ("configurations", 4517),  # infinitely many layers of a glare
    ("configurations", 18853),  # a distance in units of 5e-324 pixels
    ("configurations", 1008680),  # a cluster without a maximum: it was beside a brighter pixel of another one
    ("tasks", 1365),  # half of a pair of code units in the name of a field
    ("tasks", 4429),  # a name of 3000 characters was repeated in full
    ("tasks", 4836),  # a null character was printed
]


@pytest.mark.parametrize(("kind", "number"), FOUND)
def test_what_broke_once_does_not_break_again(kind, number):
    fuzz.run_case(kind, number)


@seed(7)
@naive.settings_for(700, 40)
@given(number=st.integers(0, 2**32))
def test_an_image_of_any_kind_gives_a_label_map_or_one_clear_sentence(number):
    fuzz.run_case("images", number)


@seed(7)
@naive.settings_for(700, 40)
@given(number=st.integers(0, 2**32))
def test_a_configuration_of_any_kind_gives_a_label_map_or_one_clear_sentence(number):
    fuzz.run_case("configurations", number)


@seed(7)
@naive.settings_for(600, 60)
@given(number=st.integers(0, 2**32))
def test_a_task_of_any_bytes_is_read_or_refused_in_clear_sentences(number):
    fuzz.run_case("tasks", number)


def test_a_promise_that_is_broken_is_noticed(monkeypatch):
    monkeypatch.setattr(fuzz.superdsm_nb, "segment", lambda image, config: 1 / 0)

    with pytest.raises(fuzz.BrokenPromiseError, match="ZeroDivisionError"):
        fuzz.run_case("configurations", 1)


# ---------------------------------------------------------------- folders from strangers


@needs_links
@seed(7)
@naive.settings_for(200, 4)
@given(number=st.integers(0, 2**32))
def test_a_folder_from_a_stranger_runs_nothing_changes_nothing_outside_and_keeps_what_is_finished(number):
    fuzz.run_case("folders", number)


def break_out(tree):
    (tree.outside / "kept").write_text("changed")


def leave_a_trace(tree):
    tree.canary.touch()


def lose_a_result(tree):
    (tree.root / "good" / "seg" / "a.png").unlink()


def wait_for_ever(tree):
    time.sleep(60)


def fail(tree):
    print("Traceback (most recent call last):")


def forge(tree):
    print("a\u202eb")


@needs_links
@pytest.mark.parametrize(
    ("deed", "said"),
    [
        (break_out, "something outside changed"),
        (leave_a_trace, "code of the folder ran"),
        (lose_a_result, "a finished image was not kept"),
        (wait_for_ever, "more than 0.5 s"),
        (fail, "a traceback"),
        (forge, "invisible characters"),
    ],
    ids=lambda part: getattr(part, "__name__", ""),
)
def test_a_promise_about_folders_that_is_broken_is_noticed(monkeypatch, deed, said):
    folders.finished()
    trees = []
    make, main = folders.Tree.__init__, folders.main

    def remember(tree, *arguments):
        make(tree, *arguments)
        trees.append(tree)

    def misbehave():
        deed(trees[-1])
        main()

    monkeypatch.setattr(folders.Tree, "__init__", remember)
    monkeypatch.setattr(folders, "main", misbehave)
    monkeypatch.setattr(folders, "SECONDS", 0.5 if deed is wait_for_ever else 20)

    with pytest.raises(fuzz.BrokenPromiseError, match=said):
        fuzz.run_case("folders", 1)
