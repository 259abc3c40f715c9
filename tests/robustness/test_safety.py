"""Nothing of what is read is executed, and nothing that is written harms who opens it."""

from __future__ import annotations

import ast
import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path, PurePosixPath

import numpy as np
import pytest

import superdsm_nb
from superdsm_nb.batch.fields import ENVIRON_NAMES
from superdsm_nb.batch.spec import find_tasks
from superdsm_nb.errors import SuperDSMError, TaskError
from superdsm_nb.results.outlines import rois

from support.trees import write_tree

PACKAGE = Path(superdsm_nb.__file__).parent
SOURCES = sorted(PACKAGE.rglob("*.py"))
# What runs code or a program, or reads a format that does.
MODULES = {"pickle", "marshal", "shelve", "dill", "joblib", "yaml", "subprocess", "code", "runpy", "ctypes"}
CALLS = {"eval", "exec", "compile", "__import__", "system", "popen", "mktemp", "extractall", "unpack_archive"}


def used(tree):
    """Names of imported modules and of called functions, with the line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name.split(".")[0], node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield (node.module or "").split(".")[0], node.lineno
        elif isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            yield f"{name}()", node.lineno
            yield from ((f"{word.arg}=True", node.lineno) for word in node.keywords if is_true(word.value))


def is_true(node):
    return isinstance(node, ast.Constant) and node.value is True


# Whoever can write into the cache of machine code can have any code run anyway; results come from anywhere.
# What compiles ahead is this Python with a fixed script, and it never looks into the working folder.
ALLOWED = {("_cache.py", "pickle"), ("ahead.py", "subprocess")}
FORBIDDEN = MODULES | {f"{name}()" for name in CALLS} | {"shell=True", "allow_pickle=True"}


@pytest.mark.parametrize("path", SOURCES, ids=[str(path.relative_to(PACKAGE)) for path in SOURCES])
def test_no_code_runs_from_data_and_no_program_is_started(path):
    found = [(name, line) for name, line in used(ast.parse(path.read_text())) if name in FORBIDDEN]

    assert [(name, line) for name, line in found if (path.name, name) not in ALLOWED] == []


def test_what_is_forbidden_is_recognised():
    text = (
        "import pickle.x\nfrom yaml import load\neval('1')\nnp.load(f, allow_pickle=True)\nrun(c, shell=True)"
    )

    found = {name for name, _ in used(ast.parse(text))}

    assert found >= {"pickle", "yaml", "eval()", "allow_pickle=True", "shell=True"}


def test_an_archive_of_outlines_unpacks_into_its_own_folder_only():
    labels = np.zeros((40, 40), np.uint16)
    labels[3:15, 3:15], labels[20:35, 20:35] = 1, 2

    names = zipfile.ZipFile(io.BytesIO(rois(labels))).namelist()

    assert len(names) == len(set(names)) == 2
    assert all(
        len(PurePosixPath(name).parts) == 1 and ".." not in name and "\\" not in name for name in names
    )


@pytest.mark.parametrize(
    "name",
    [
        *("LD_PRELOAD", "LD_LIBRARY_PATH", "DYLD_INSERT_LIBRARIES", "PYTHONPATH", "PYTHONSTARTUP", "PATH"),
        *("NUMBA_CACHE_DIR", "NUMBA_OPT", "XDG_CACHE_HOME", "HOME", "TMPDIR", "OPENBLAS_CORETYPE", "A"),
        *("omp_num_threads", "OMP_NUM_THREADS ", "", "A=B", "\0", "SUPERDSM_NB_MAX_PIXELS", "\ud800"),
    ],
)
def test_a_task_sets_no_variable_but_numbers_of_threads(tmp_path, name):
    (tmp_path / "task.json").write_text(json.dumps({"environ": {"OMP_NUM_THREADS": 1, name: "1"}}))

    with pytest.raises(TaskError) as error:
        find_tasks(tmp_path)

    assert len(str(error.value).splitlines()) == 1
    assert "environ" in str(error.value)


@pytest.mark.parametrize("value", ["", "0", "-1", "x", "1025", "\u0661", " 1", 0, -1, 10**30])
def test_a_number_of_threads_is_one(tmp_path, value):
    (tmp_path / "task.json").write_text(json.dumps({"environ": {"OMP_NUM_THREADS": value}}))

    with pytest.raises(TaskError, match=r"the field environ must be integers from 1 to 1024\.$"):
        find_tasks(tmp_path)


def test_a_task_sets_numbers_of_threads(tmp_path):
    (tmp_path / "task.json").write_text(json.dumps({"environ": dict.fromkeys(ENVIRON_NAMES, "2")}))

    assert find_tasks(tmp_path)[0].environ == dict.fromkeys(ENVIRON_NAMES, "2")


MODULES_OF_WORKERS = (
    "multiprocessing",
    "threading",
    "numpy",
    "numba",
    "sitecustomize",
    "superdsm_nb",
    "encodings",
)


def test_modules_in_the_working_folder_are_not_imported(tmp_path):
    root = write_tree(tmp_path / "root", names=("a",), num_cpus=1)
    for name in MODULES_OF_WORKERS:
        (root / f"{name}.py").write_text(f"open({str(tmp_path / 'canary')!r}, 'a').write({name!r} + ' ')\n")
    script = tmp_path / "bin" / "superdsm-nb"
    script.parent.mkdir()
    script.write_text("from superdsm_nb.cli import main\nif __name__ == '__main__':\n    main()\n")

    done = subprocess.run(
        [sys.executable, script, "batch", ".", "--run"], cwd=root, capture_output=True, text=True, check=False
    )

    assert not (tmp_path / "canary").exists()
    assert (done.returncode, done.stderr) == (0, "")


def test_what_a_message_repeats_is_printable_and_keeps_the_end_of_a_long_path():
    assert str(SuperDSMError("a\x1b[31m\ud800b\u3000c")) == "a\\x1b[31m\\ud800b\u3000c"
    assert str(SuperDSMError("/tmp/" + "x" * 1000 + "/image.tif")).endswith("/image.tif")
    assert len(str(SuperDSMError("x" * 1000))) < 350
    assert str(SuperDSMError("one\ntwo")) == "one\ntwo"
