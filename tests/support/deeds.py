"""What a stranger may do to the folder of a task: each deed is a function of a tree and its seed."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pickle
import shutil
import socket
import zipfile
from pathlib import Path

import numpy as np

TABLES = ("objects.csv", "performance.csv", "timings.csv", "report.html", "provenance.json")
INTERNAL = (".superdsm-nb.lock", ".superdsm-nb.holder.json", ".superdsm-nb.complete.json")
FILES = (
    *("task.json", "base.json", "images/a.tif", "images/b.tif", "results/a.npz", "results/a.timings.json"),
    *("seg/a.png", "cfg/a.json", "log/a.tgz", "csv/a.csv", "status.txt", *TABLES, *INTERNAL),
)
FOLDERS = ("seg", "cfg", "log", "csv", "results", "export-seg", "images", "sub")
IDS = (
    *("a", "b", "x/a", "../a", "../../outside/kept", "/etc/passwd", "a/../../b", ".", "..", "", "a/", "//a"),
    *(
        "a\x1b[31mb",
        "a\u202eb",
        "a\nb",
        "a\r\nb",
        "a\u2028b",
        "=1+1",
        "+1",
        "-1",
        "@a",
        "\ta",
        "%s",
        "%d",
        "%",
    ),
    *(
        "a" * 300,
        "a/" * 900 + "a",
        "\0",
        "\ud800",
        "~",
        "~root",
        "{ROOTDIR}",
        "$HOME",
        "a;b",
        "*",
        "[",
        "task",
    ),
    *("con", "report.html", "provenance", "é", "e\u0301", 1, -1, 10**20, 10**299, 0),
)
ID_PATTERNS = ("*", "**", "**/*", "**/**/**/a", "[", "a*", "../*", "../../outside/*", "/*", "{a,b}", "\0", "")
PATTERNS = (
    *("%s.png", "../%s.png", "seg/%s.png", "%999999999d.png", "%s%s.png", "%d.png", "{ROOTDIR}/%s.png", "%s"),
    *(
        "results/%s.npz",
        "images/%s.tif",
        "/tmp/%s.png",
        "{X}/%s.png",
        "task.json%.0s",
        "%*d",
        "%c.png",
        "\0%s",
    ),
    *(
        "a/" * 2000 + "%s.png",
        "objects.csv%.0s",
        ".superdsm-nb.%s",
        "seg/../../%s.png",
        "%(a)s.png",
        "~/%s.png",
    ),
)
ENVIRON = (
    *("PATH", "LD_PRELOAD", "PYTHONPATH", "NUMBA_CACHE_DIR", "HOME", "TMPDIR", "A", "", "OMP_NUM_THREADS"),
    *("SUPERDSM_NB_NUM_THREADS", "SUPERDSM_NB_MAX_PIXELS", "MKL_NUM_THREADS", "\0", "A=B", "BASH_ENV"),
)
NUMBERS = (0, -1, 1, 3, 2.5, 1e308, 10**30, 10**299, "1", None, True, [], {}, float("nan"), float("inf"))


def link(tree):
    names = FILES + FOLDERS
    path = tree.place(names)
    targets = (
        *(tree.outside, tree.outside / "kept", tree.outside / "kept.tif", tree.outside / "new", path, "."),
        *("..", "/dev/zero", "/dev/full", "/dev/stdin", "/proc/self/mem", "/etc/passwd", "../good/task.json"),
    )
    if path is not None:
        path.symlink_to(tree.one_of(targets))


def hard_link(tree):
    path = tree.place(FILES)
    if path is not None:
        os.link(tree.outside / "kept", path)


def special_file(tree):
    path, kind = tree.place(FILES + FOLDERS), tree.rng.integers(5)
    if path is None:
        return
    if kind == 0:
        os.mkfifo(path)
    elif kind == 1:
        path.mkdir()
        (path / "full").write_text("")
    elif kind == 2:
        with path.open("wb") as file:
            file.truncate(2**43)
    elif kind == 3:
        path.write_bytes(b"")
    else:
        with socket.socket(socket.AF_UNIX) as made:
            handle = os.open(path.parent, os.O_RDONLY)
            made.bind(f"/proc/self/fd/{handle}/{path.name}")
            os.close(handle)


def edit(tree, **changes):
    """Change fields of the stranger's task, if it still is one."""
    path = tree.evil / "task.json"
    with contextlib.suppress(OSError, ValueError, RecursionError):
        if path.is_file() and path.stat().st_size < 10**6:
            known = json.loads(path.read_text())
            if isinstance(known, dict) and path.stat().st_nlink == 1 and not path.is_symlink():
                path.write_text(json.dumps({**known, **changes}))


def file_ids(tree):
    ids = [tree.one_of(IDS) for _ in range(tree.rng.integers(1, 5))]
    ids = [f"{tree.outside}/kept" if each == "task" else each for each in ids]
    edit(tree, file_ids=tree.one_of(ID_PATTERNS) if tree.rng.random() < 0.3 else ids)
    if tree.rng.random() < 0.5:  # images with these names, where files can have them
        for name in map(str, ids):
            path = os.path.normpath(tree.evil / "images" / f"{name}.tif")
            with contextlib.suppress(OSError, ValueError):
                if path.startswith(f"{tree.evil}/images/") and not os.path.lexists(path):
                    Path(path).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(tree.root / "good" / "images" / "a.tif", path)


def patterns(tree):
    kinds = ("seg", "cfg", "log", "csv", "overlay", "adj", "rois", "geojson", "img")
    edit(tree, **{f"{tree.one_of(kinds)}_pathpattern": tree.one_of(PATTERNS) for _ in range(2)})
    if tree.rng.random() < 0.2:
        images = (
            f"{tree.outside}/%s.tif",
            "/dev/%s",
            "/proc/self/%s",
            "~nobody/%s",
            "{TASKDIR}/images/%s.tif",
        )
        edit(tree, img_pathpattern=tree.one_of(images))


def environment(tree):
    values = (str(tree.root / "bin"), "1", "0", 2, 10**299, "x", "", "1\0")
    edit(tree, environ={tree.one_of(ENVIRON): tree.one_of(values) for _ in range(tree.rng.integers(1, 3))})


def fields(tree):
    names = (
        *("num_cpus", "dilate", "seg_border", "merge_overlap_threshold", "channel", "plane", "time", "ring"),
        *(
            "measure",
            "time_limit",
            "keep_finished",
            "diameter",
            "last_stage",
            "runnable",
            "config",
            "$schema",
        ),
    )
    changes = {tree.one_of(names): tree.one_of(NUMBERS) for _ in range(tree.rng.integers(1, 3))}
    edit(tree, **{name: value for name, value in changes.items() if name != "dilate" or value != 10**30})
    deep = ("a/" * 5000 + "b", "dsm/alpha", "preset", "postprocess")
    if tree.rng.random() < 0.3:
        edit(tree, config={tree.one_of(deep): tree.one_of(NUMBERS)})
    if tree.rng.random() < 0.3:
        paths = ("base.json", "/dev/zero", "..", "\0", "task.json", "~nobody/x", f"{tree.outside}/kept", "%s")
        edit(tree, base_config_path=tree.one_of(paths))
        (tree.evil / "base.json").unlink(missing_ok=True)
        (tree.evil / "base.json").write_text("{}")


def raw_json(tree):
    path = tree.place(("task.json", "base.json", "results/a.timings.json", ".superdsm-nb.complete.json"))
    texts = (
        *(
            "[" * 100_000,
            '{"a": ' * 3000,
            "1" * 5000,
            '{"runnable": true, "runnable": true}',
            "\ufeff{}",
            "null",
        ),
        *(
            '{"dsm": "=1+1", "scale": ' + "9" * 400 + "}",
            '{"config": {"a": ' + "1" * 5000 + "}}",
            '"\\ud800"',
        ),
        *("{" + " " * 100_000, "\0", '{"x": NaN, "scale": Infinity, "dsm": -1}', '{"digest": 1e999}', "[]"),
    )
    if path is not None:
        path.write_text(tree.one_of(texts))


def other_bytes(tree):
    """Put content into files that runs, or is not what it seems."""
    path = tree.place(FILES)
    if path is None:
        return

    class Canary:
        def __reduce__(self):
            return Path.touch, (tree.canary,)

    trap = pickle.dumps(Canary())
    archive, array = io.BytesIO(), io.BytesIO()
    np.save(array, np.array([Canary()], object), allow_pickle=True)
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("atoms.npy", array.getvalue())
        made.writestr("header.json", json.dumps({"format": 4, "config": {}, "remarks": {}}))
        made.writestr("../../../outside/kept", b"changed")
    eps = f"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(%pipe%touch {tree.canary}) (r) file\n"
    script = f"import pathlib; pathlib.Path({str(tree.canary)!r}).touch()\n"
    contents = (
        *(trap, archive.getvalue(), array.getvalue(), eps.encode(), script.encode(), b"", b"\0" * 1000),
        *(tree.rng.bytes(200), b"II*\0" + tree.rng.bytes(100), b"\x89PNG\r\n\x1a\n" + tree.rng.bytes(100)),
        *(b"GIF89a" + b"\xff" * 100, b"P5 99999999 99999999 255\n", b"<script>alert(1)</script>"),
    )
    path.write_bytes(tree.one_of(contents))
    for name in ("sitecustomize.py", "numba.py", "gs", "conftest.py"):
        (tree.root / "bin" / name).write_text(script)


def damage(tree):
    """Change some bytes of a file, or cut it off."""
    path = tree.evil / tree.one_of(FILES)
    if (
        not path.is_file()
        or path.stat().st_size > 10**7
        or not path.resolve().is_relative_to(tree.root.resolve())
    ):
        return
    if path.stat().st_nlink > 1:
        return
    content = bytearray(path.read_bytes())
    if tree.rng.random() < 0.3 or not content:
        del content[len(content) // 2 :]
    else:
        for place in tree.rng.integers(0, len(content), 5):
            content[place] = tree.rng.integers(256)
    path.write_bytes(bytes(content))


def numba_settings(tree):
    (tree.evil / ".numba_config.yaml").write_text(f"cache_dir: {tree.root / 'bin'}\ndisable_jit: 1\n")
    (tree.root / ".numba_config.yaml").write_text("a: [")


def nested_folders(tree):
    path = tree.evil / "sub"
    if path.is_symlink() or path.is_file() or not tree.evil.is_dir():
        return
    with contextlib.suppress(OSError):
        path.joinpath(*("d" * 200,) * int(tree.rng.integers(1, 17))).mkdir(parents=True, exist_ok=True)
        (path / "task.json").mkdir() if tree.rng.random() < 0.5 else (path / "task.json").symlink_to(
            "task.json"
        )


DEEDS = (
    *(link, link, link, hard_link, special_file, special_file, file_ids, patterns, environment),
    *(fields, raw_json, other_bytes, other_bytes, damage, damage, numba_settings, nested_folders),
)
