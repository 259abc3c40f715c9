"""A task writes into its own folder only, and never over anything that is not its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from superdsm_nb.batch.jobs import TABLES, expand_jobs, plan_all
from superdsm_nb.batch.spec import find_tasks

from support.jobs import SUFFIXES, refusal, refusals, write
from support.trees import needs_links

# ---------------------------------------------------------------- nothing is written elsewhere


@pytest.mark.parametrize("kind", SUFFIXES)
@pytest.mark.parametrize(
    ("pattern", "file_id"),
    [("../%s", "a"), ("x/../../%s", "a"), ("%s", "../a"), ("{elsewhere}/%s", "a"), ("%s", "{elsewhere}/a")],
    ids=["pattern", "hidden", "file id", "absolute pattern", "absolute file id"],
)
def test_an_output_outside_the_folder_of_the_task_is_refused(tmp_path, kind, pattern, file_id):
    pattern, file_id = (text.replace("{elsewhere}", str(tmp_path)) for text in (pattern, file_id))
    name = f"{kind}_pathpattern"

    line = refusal(tmp_path / "task", **{name: pattern + SUFFIXES[kind]}, file_ids=[file_id])

    where = f"{tmp_path / 'task' / 'task.json'}: {name} with file id {file_id!r}"
    assert line == f"{where} leads outside the task's folder."


@pytest.mark.parametrize("file_id", ["../../a", "{elsewhere}/a"])
def test_a_result_stored_outside_the_folder_of_the_task_is_refused(tmp_path, file_id):
    file_id = file_id.replace("{elsewhere}", str(tmp_path))

    line = refusal(tmp_path / "task", seg_pathpattern="deep/seg/%s.png", file_ids=[file_id])

    where = f"{tmp_path / 'task' / 'task.json'}: the stored result with file id {file_id!r}"
    assert line == f"{where} leads outside the task's folder."


def test_an_output_is_never_the_folder_of_the_task_itself(tmp_path):
    assert "cfg_pathpattern with file id" in refusal(tmp_path, cfg_pathpattern="x/../%s", file_ids=["."])


@needs_links
@pytest.mark.parametrize("kind", SUFFIXES)
def test_a_symbolic_link_leads_no_output_outside(tmp_path, kind):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "task").mkdir()
    (tmp_path / "task" / "link").symlink_to(tmp_path / "elsewhere")

    line = refusal(tmp_path / "task", **{f"{kind}_pathpattern": f"link/%s{SUFFIXES[kind]}"})

    assert line.endswith("leads outside the task's folder.")


@needs_links
def test_a_symbolic_link_leads_no_stored_result_outside(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "task").mkdir()
    (tmp_path / "task" / "results").symlink_to(tmp_path / "elsewhere")

    assert refusal(tmp_path / "task").endswith("leads outside the task's folder.")


@needs_links
def test_a_task_may_be_reached_through_a_symbolic_link(tmp_path):
    write(tmp_path / "real")
    (tmp_path / "link").symlink_to(tmp_path / "real")

    (task,) = find_tasks(tmp_path / "link")

    assert expand_jobs(task, tmp_path / "link")[0].outputs["seg"] == tmp_path / "link" / "seg" / "a.png"


@pytest.mark.parametrize("kind", SUFFIXES)
def test_a_name_that_no_file_can_have_is_refused(tmp_path, kind):
    line = refusal(tmp_path, **{f"{kind}_pathpattern": f"x\0%s{SUFFIXES[kind]}"})

    assert f"{kind}_pathpattern with file id 'a' gives an impossible path" in line


# ---------------------------------------------------------------- nothing is overwritten


@pytest.mark.parametrize(
    "changes",
    [
        {"overlay_pathpattern": "seg/%s.png"},
        {"overlay_pathpattern": "x/../seg/%s.png"},
        {"cfg_pathpattern": "seg/%s.png"},
        {"cfg_pathpattern": "log/%s.tgz", "log_pathpattern": "log/%s"},
        {"cfg_pathpattern": "results/%s.npz"},
        {"file_ids": ["a", "b/../a"]},
    ],
    ids=["same pattern", "same place", "of other kinds", "with .tgz added", "the stored result", "same file"],
)
def test_two_outputs_of_a_task_never_share_a_file(tmp_path, changes):
    lines = refusals(write(tmp_path, **changes))

    assert all(": two outputs would be written to " in line for line in lines)


@pytest.mark.parametrize("file_ids", [["a", "a"], [1, "1"]])
def test_a_file_id_occurs_only_once(tmp_path, file_ids):
    assert refusals(write(tmp_path, file_ids=file_ids)) == [
        f"{tmp_path / 'task.json'}: the file id {file_ids[0]} occurs twice."
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"seg_pathpattern": "sub/seg/%s.png"},
        {"file_ids": ["../sub/results/a"], "seg_pathpattern": "x/y/%s.png"},
    ],
    ids=["output", "stored result"],
)
def test_two_tasks_never_share_a_file(tmp_path, changes):
    write(tmp_path, **changes)
    write(tmp_path / "sub")

    (line,) = refusals(tmp_path)

    assert line.startswith(f"{tmp_path / 'sub' / 'task.json'}: two outputs would be written to ")


def test_tasks_in_folders_of_their_own_share_their_patterns(tmp_path):
    for folder in ("", "a", "b"):
        write(tmp_path / folder)

    plans = plan_all(find_tasks(tmp_path), tmp_path)

    assert [made.outputs["seg"] for _, (made,) in plans] == [
        tmp_path / folder / "seg" / "a.png" for folder in ("", "a", "b")
    ]


@pytest.mark.parametrize("kind", ["seg", "overlay", "adj", "cfg"])
def test_an_output_never_overwrites_an_image(tmp_path, kind):
    line = refusal(tmp_path, **{f"{kind}_pathpattern": "images/%s.tif"})

    image = tmp_path / "images" / "a.tif"
    assert line == (
        f"{tmp_path / 'task.json'}: an output would overwrite the image {image}: check the patterns."
    )


def test_an_output_never_overwrites_the_image_of_another_task(tmp_path):
    write(tmp_path, seg_pathpattern="sub/%s.tif")
    write(tmp_path / "sub", img_pathpattern="{ROOTDIR}/sub/%s.tif")

    (line,) = refusals(tmp_path)

    assert line.startswith(f"{tmp_path / 'task.json'}: an output would overwrite the image ")


@needs_links
@pytest.mark.parametrize(("read", "written"), [("images", "link"), ("link", "images")])
def test_an_output_never_overwrites_an_image_by_another_name(tmp_path, read, written):
    (tmp_path / "images").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "images")

    line = refusal(
        tmp_path, img_pathpattern=f"{{ROOTDIR}}/{read}/%s.tif", seg_pathpattern=f"{written}/%s.tif"
    )

    assert ("an output would overwrite the image" in line) == (written == "images")
    assert ("goes through the link" in line) == (written == "link")


@pytest.mark.parametrize("table", ["task.json", *TABLES])
@pytest.mark.parametrize("folder", ["", "sub/"])
def test_an_output_never_overwrites_what_belongs_to_a_task(tmp_path, table, folder):
    write(tmp_path, cfg_pathpattern=f"{folder}%s", file_ids=[table])
    write(tmp_path / "sub", file_ids=["x"], cfg_pathpattern="cfg/%s")

    (line,) = refusals(tmp_path)

    path = tmp_path / folder / table
    assert line == (
        f"{tmp_path / 'task.json'}: an output would overwrite {path}, which belongs to the task: "
        "check the patterns."
    )


def test_a_suffix_of_the_pattern_hides_no_task_file(tmp_path):
    line = refusal(tmp_path, cfg_pathpattern="%s.json", file_ids=["task"])

    assert f"an output would overwrite {tmp_path / 'task.json'}, which belongs to the task" in line


def test_everything_wrong_with_any_plan_is_said_at_once(tmp_path):
    write(tmp_path / "a", seg_pathpattern="../%s.png")
    write(tmp_path / "b")
    write(tmp_path / "c", overlay_pathpattern="seg/%s.png")
    write(tmp_path / "d", seg_pathpattern="%d.png")

    lines = refusals(tmp_path)

    assert sorted(Path(line.split(": ")[0]).parent.name for line in lines) == ["a", "c", "d"]
