"""The images of a task: where each is read, where its results go, and what decides whether they hold."""

from __future__ import annotations

from pathlib import Path

import pytest
from trees import needs_links, write_task

from superdsm_nb.batch.jobs import TABLES, digest_of, jobs_of, plan_all
from superdsm_nb.batch.spec import find_tasks
from superdsm_nb.errors import TaskError

TASK = {
    "runnable": True,
    "img_pathpattern": "{ROOTDIR}/images/%s.tif",
    "seg_pathpattern": "seg/%s.png",
    "file_ids": ["a"],
}
SUFFIXES = {"seg": ".png", "overlay": ".png", "adj": ".tif", "cfg": ".json", "log": ".tgz"}


def write(folder, **changes):
    """Write a complete task with fields changed; None takes a field out."""
    return write_task(folder, **{**TASK, **changes})


def jobs(folder, root=None, **changes):
    """Images of a task that is written for it; the root is the task's folder unless given."""
    (task,) = find_tasks(write(folder, **changes))
    return jobs_of(task, folder if root is None else root)


def job(folder, root=None, **changes):
    (only,) = jobs(folder, root, **changes)
    return only


def refusals(root):
    """What is said of the tasks under a root, line by line."""
    with pytest.raises(TaskError) as error:
        plan_all(find_tasks(root), root)
    return str(error.value).splitlines()


def refusal(folder, **changes):
    """The only sentence said of a task."""
    (line,) = refusals(write(folder, **changes))
    return line


# ---------------------------------------------------------------- where things are


def test_every_file_id_makes_a_job(tmp_path):
    made = jobs(tmp_path, file_ids=["a", 7])

    assert [job.file_id for job in made] == ["a", "7"]
    assert [job.image for job in made] == [tmp_path / "images/a.tif", tmp_path / "images/7.tif"]


@pytest.mark.parametrize(
    ("pattern", "file_id", "name"),
    [
        ("%d.png", 7, "7.png"),
        ("%03d.png", 7, "007.png"),
        ("%03d.png", 1234, "1234.png"),
        ("%s.png", 7, "7.png"),
        ("%s.png", "x/y", "x/y.png"),
        ("deep/%s.png", "x/y z", "deep/x/y z.png"),
        ("100%%-%s.png", "x", "100%-x.png"),
        ("%s.png", "50%", "50%.png"),
        ("%s.png", "%s", "%s.png"),
        ("{DIRNAME}/%s.png", "x", "task/x.png"),
    ],
)
def test_file_ids_fill_the_patterns(tmp_path, pattern, file_id, name):
    made = job(tmp_path / "task", seg_pathpattern=pattern, file_ids=[file_id])

    assert made.outputs["seg"] == tmp_path / "task" / name


@pytest.mark.parametrize("kind", SUFFIXES)
def test_every_pattern_makes_an_output_in_the_folder_of_the_task(tmp_path, kind):
    made = job(tmp_path / "task", **{f"{kind}_pathpattern": f"out/%s{SUFFIXES[kind]}"})

    assert made.outputs[kind] == tmp_path / "task" / "out" / f"a{SUFFIXES[kind]}"


def test_what_has_no_pattern_is_not_written(tmp_path):
    assert set(job(tmp_path).outputs) == {"seg"}


@pytest.mark.parametrize(
    ("pattern", "name"),
    [("log/%s", "log/a.tgz"), ("log/%s.tgz", "log/a.tgz"), ("log/%s.log", "log/a.log.tgz")],
)
def test_logs_are_compressed_whatever_the_pattern_says(tmp_path, pattern, name):
    assert job(tmp_path, log_pathpattern=pattern).outputs["log"] == tmp_path / name


@pytest.mark.parametrize(
    ("pattern", "image"),
    [
        ("{ROOTDIR}/{DIRNAME}/%s.tif", "{root}/task/a.tif"),
        ("images/%s.tif", "images/a.tif"),
        ("../images/%s.tif", "../images/a.tif"),
        ("/data/%s.tif", "/data/a.tif"),
        ("~/%s.tif", "{home}/a.tif"),
    ],
)
def test_image_patterns_know_the_root_the_folder_and_the_home(tmp_path, monkeypatch, pattern, image):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))

    made = job(tmp_path / "task", tmp_path, img_pathpattern=pattern)

    assert made.image == Path(image.format(root=tmp_path, home=tmp_path / "home"))


def test_an_inherited_dirname_is_the_folder_of_the_task_that_inherits_it(tmp_path):
    write(tmp_path, runnable=False, img_pathpattern="{ROOTDIR}/images/{DIRNAME}/%s.tif")
    write_task(tmp_path / "U2OS", runnable=True)

    *_, task = find_tasks(tmp_path)

    assert jobs_of(task, tmp_path)[0].image == tmp_path / "images" / "U2OS" / "a.tif"


def test_a_percent_sign_in_the_name_of_a_folder_is_no_placeholder(tmp_path):
    folder = tmp_path / "50% dense"

    made = job(folder, seg_pathpattern="{DIRNAME}-%s.png")

    assert made.outputs["seg"] == folder / "50% dense-a.png"
    assert made.image == folder / "images" / "a.tif"


def test_the_folder_has_a_name_even_where_it_is_the_current_one(tmp_path, monkeypatch):
    monkeypatch.chdir(write(tmp_path / "task", seg_pathpattern="{DIRNAME}-%s.png"))

    (task,) = find_tasks(Path())

    assert jobs_of(task, Path())[0].outputs["seg"] == Path("task-a.png")


def test_results_are_stored_under_the_file_id(tmp_path):
    made = job(tmp_path, file_ids=["x/y"])

    assert made.stored == tmp_path / "results" / "x" / "y.npz"
    assert made.timings == tmp_path / "results" / "x" / "y.timings.json"


def test_a_job_knows_where_the_runnable_ancestors_store_theirs(tmp_path):
    write(tmp_path)
    write_task(tmp_path / "template")
    write_task(tmp_path / "template" / "task", runnable=True)

    made = [jobs_of(task, tmp_path)[0].ancestors for task in find_tasks(tmp_path)]

    assert made[0] == {}
    assert made[2] == {tmp_path: tmp_path / "results" / "a.npz"}


def test_a_job_knows_its_ancestors_from_the_nearest_on(tmp_path):
    for folder in ("", "x", "x/y"):
        write(tmp_path / folder)

    *_, task = find_tasks(tmp_path)

    assert list(jobs_of(task, tmp_path)[0].ancestors) == [tmp_path / "x", tmp_path]


def test_templates_have_nothing_to_do(tmp_path):
    (template,) = find_tasks(write(tmp_path, runnable=False, seg_pathpattern="../%s.jpg"))

    assert plan_all([template], tmp_path) == [(template, [])]


# ---------------------------------------------------------------- patterns that cannot be filled


@pytest.mark.parametrize("name", ["img_pathpattern", *(f"{kind}_pathpattern" for kind in SUFFIXES)])
def test_a_pattern_for_integers_takes_no_text(tmp_path, name):
    assert refusal(tmp_path, **{name: "%03d.png"}) == (
        f"{tmp_path / 'task.json'}: {name} '%03d.png' does not take the file id 'a': "
        "it must have one place for it, %s for texts, or %d or %03d for integers."
    )


@pytest.mark.parametrize(
    ("pattern", "file_id"),
    [("same.png", "a"), ("same.png", 1), ("%s%s.png", "a"), ("%q.png", 1), ("%(x)s", 1)],
)
def test_a_pattern_without_one_place_for_the_file_id_is_refused(tmp_path, pattern, file_id):
    assert "does not take the file id" in refusal(tmp_path, seg_pathpattern=pattern, file_ids=[file_id])


@pytest.mark.parametrize("kind", ["seg", "overlay", "adj"])
@pytest.mark.parametrize("suffix", [".jpg", ".npy", ""])
def test_a_picture_of_unknown_type_is_refused(tmp_path, kind, suffix):
    line = refusal(tmp_path, **{f"{kind}_pathpattern": f"%s{suffix}"})

    assert line.startswith(f"{tmp_path / 'task.json'}: {kind}_pathpattern leads to a file of unknown type: ")
    assert line.endswith(f"{tmp_path / f'a{suffix}'} must end in .png, .tif or .tiff.")


@pytest.mark.parametrize("suffix", [".png", ".tif", ".tiff", ".TIF", ".PNG"])
def test_pictures_are_written_as_png_or_tiff(tmp_path, suffix):
    assert job(tmp_path, seg_pathpattern=f"%s{suffix}").outputs["seg"] == tmp_path / f"a{suffix}"


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

    assert jobs_of(task, tmp_path / "link")[0].outputs["seg"] == tmp_path / "link" / "seg" / "a.png"


@pytest.mark.parametrize("kind", SUFFIXES)
def test_a_name_that_no_file_can_have_is_refused(tmp_path, kind):
    line = refusal(tmp_path, **{f"{kind}_pathpattern": f"x\0%s{SUFFIXES[kind]}"})

    assert f"{kind}_pathpattern with file id 'a' leads to no possible file" in line


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

    assert "an output would overwrite the image" in line


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


# ---------------------------------------------------------------- what decides whether results hold

FULL = {f"{kind}_pathpattern": f"{kind}/%s{suffix}" for kind, suffix in SUFFIXES.items()}


@pytest.mark.parametrize(
    "changes",
    [
        {"config": {"AF_scale": 12}},
        {"config": {}},
        {"config": {"AF_scale": 11, "postprocess": {"min_contrast": 1.5}}},
        {"last_stage": "dsm"},
        {"channel": 0},
        {"plane": 0},
        {"dilate": 1},
        {"dilate": -1},
        {"merge_overlap_threshold": 0.5},
        {"seg_border": 7},
        *({name: f"other/{pattern}"} for name, pattern in FULL.items()),
        *({name: None} for name in FULL if name != "seg_pathpattern"),
    ],
    ids=str,
)
def test_the_digest_tells_of_everything_that_results_depend_on(tmp_path, changes):
    base = {**FULL, "config": {"AF_scale": 11}}

    assert job(tmp_path, **base).digest != job(tmp_path, **{**base, **changes}).digest


@pytest.mark.parametrize(
    "changes",
    [
        {"num_cpus": 2},
        {"environ": {"OMP_NUM_THREADS": "1"}},
        {"file_ids": ["a", "b"]},
        {"img_pathpattern": "elsewhere/%s.tif"},
        {"dilate": 0},
        {"seg_border": 8},
        {"merge_overlap_threshold": float("inf")},
        {"config": {"dsm/alpha": 2.5, "AF_scale": 11}},
        {"log_pathpattern": "log/%s.tgz"},
        {"seg_pathpattern": "{DIRNAME}/%s.png"},
    ],
    ids=str,
)
def test_the_digest_tells_of_nothing_else(tmp_path, changes):
    base = {
        "config": {"AF_scale": 11, "dsm": {"alpha": 2.5}},
        "log_pathpattern": "log/%s",
        "seg_pathpattern": "task/%s.png",
    }

    first = job(tmp_path / "task", **base)
    second = jobs(tmp_path / "task", **{**base, **changes})[0]

    assert first.digest == second.digest


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"merge_overlap_threshold": 1}, {"merge_overlap_threshold": 1.0}),
        ({"file_ids": [1]}, {"file_ids": ["1"]}),
    ],
    ids=str,
)
def test_the_digest_does_not_depend_on_how_a_number_is_written(tmp_path, one, other):
    assert job(tmp_path, **one).digest == job(tmp_path, **other).digest


def test_the_digest_is_the_same_wherever_the_tasks_are(tmp_path, monkeypatch):
    digests = [job(tmp_path / name / "task").digest for name in ("here", "there")]
    monkeypatch.chdir(tmp_path / "here")
    (task,) = find_tasks(Path())
    digests.append(jobs_of(task, Path())[0].digest)

    assert len(set(digests)) == 1


def test_inherited_and_own_fields_count_alike(tmp_path):
    own = job(tmp_path / "own", dilate=2, config={"AF_scale": 11})
    write(tmp_path / "parent", dilate=2, config={"AF_scale": 11})
    write_task(tmp_path / "parent" / "sub", runnable=True)

    *_, task = find_tasks(tmp_path / "parent")

    assert jobs_of(task, tmp_path)[0].digest == own.digest


def test_a_base_configuration_counts_like_the_own_one(tmp_path):
    own = job(tmp_path / "own", config={"AF_scale": 11})
    (tmp_path / "base.json").write_text('{"AF_scale": 11}')

    assert job(tmp_path / "task", base_config_path="../base.json").digest == own.digest


def test_the_order_of_keys_leaves_a_digest_as_it_is():
    assert digest_of({"a": 1, "b": [None, True]}) == digest_of({"b": [None, True], "a": 1})
    assert digest_of({"a": 1, "b": [None, True]}) != digest_of({"a": 1, "b": [True, None]})
