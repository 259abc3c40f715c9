"""Compiled kernels on disk: whatever is the matter with the folder, results are the same and code is fresh.

Every test runs processes of its own on a copy of the package, so that no cache is there but the one it is
about. Permissions count even for the superuser: the processes give up the capability to override them.
"""

from __future__ import annotations

import hashlib
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

import superdsm_nb
from superdsm_nb.kernels._cache import folders
from superdsm_nb.synthetic import generate

from support import naive
from support.processes import as_an_ordinary_user

pytestmark = pytest.mark.slow
HELPER = """
from ._jit import jit

@jit
def helper(x):
    return x + 1
"""
PROBE = """
from ._helper import helper
from ._jit import jit

OFFSET = 10

@jit
def probe(x):
    return helper(x) + OFFSET
"""
CALL = """
from superdsm_nb.kernels._probe import probe
print(probe(1000), sum(probe.stats.cache_hits.values()), sum(probe.stats.cache_misses.values()))
"""
AT_ONCE = """
import os, pathlib, time
import numpy as np
from superdsm_nb.kernels.regions import positive_on_frame
pathlib.Path(f"ready-{os.getpid()}").touch()
while len(list(pathlib.Path().glob("ready-*"))) < 2:
    time.sleep(0.001)
stats = positive_on_frame.stats
found = positive_on_frame(np.arange(6.0) - 3, 9, 9)
print(found, sum(stats.cache_hits.values()), sum(stats.cache_misses.values()))
"""
SEGMENT = """
import hashlib, importlib, pkgutil, superdsm_nb, superdsm_nb.kernels
from superdsm_nb.synthetic import generate
labels = superdsm_nb.segment(generate(36, (48, 64), 2, 9.0).image, {"AF_scale": 11})
hits = misses = 0
for module in pkgutil.iter_modules(superdsm_nb.kernels.__path__):
    for kernel in vars(importlib.import_module(f"superdsm_nb.kernels.{module.name}")).values():
        if hasattr(kernel, "stats"):
            hits += sum(kernel.stats.cache_hits.values())
            misses += sum(kernel.stats.cache_misses.values())
print(hashlib.sha256(labels.tobytes()).hexdigest(), hits, misses)
"""


class Outcome(NamedTuple):
    """What a process printed: its result, and how much machine code it found and did not find."""

    result: str
    hits: int
    misses: int


class Place:
    """A copy of the package with two kernels more, a home, and a folder for the cache."""

    def __init__(self, folder):
        self.folder = folder
        self.package = folder / "site" / "superdsm_nb"
        self.cache = folder / "cache"
        self.home = folder / "home"
        source = Path(superdsm_nb.__file__).parent
        shutil.copytree(source, self.package, ignore=shutil.ignore_patterns("__pycache__"))
        (self.package / "kernels" / "_helper.py").write_text(HELPER)
        (self.package / "kernels" / "_probe.py").write_text(PROBE)
        self.home.mkdir()

    def start(self, code, before_exec=as_an_ordinary_user, **variables):
        given = {name: text for name, text in os.environ.items() if not name.startswith(("NUMBA_", "XDG_"))}
        own = {"PYTHONPATH": self.package.parent, "HOME": self.home, "NUMBA_CACHE_DIR": self.cache}
        own |= {"PYTHONDONTWRITEBYTECODE": 1, **variables}
        return subprocess.Popen(
            [sys.executable, "-W", "error", "-c", code],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            env=given | {name: str(value) for name, value in own.items() if value is not None},
            preexec_fn=before_exec,  # noqa: PLW1509 - it only gives something up
        )

    def run(self, code, **arguments):
        return finish(self.start(code, **arguments))

    def forbid_other_folders(self):
        """Leave no folder to write to but the one for the cache."""
        self.home.chmod(0o555)
        (self.package / "kernels").chmod(0o555)

    def edit(self, name, before, after):
        """Change a file of the package as an installation with times of its own does: none of them moves."""
        path = self.package / name
        times = path.stat().st_atime_ns, path.stat().st_mtime_ns
        text = path.read_text()
        assert before in text
        path.write_text(text.replace(before, after))
        os.utime(path, ns=times)


def finish(process):
    out, err = process.communicate(timeout=300)
    assert (process.returncode, err) == (0, "")
    result, hits, misses = out.split()
    return Outcome(result, int(hits), int(misses))


@pytest.fixture
def place(tmp_path):
    made = Place(tmp_path)
    yield made
    for folder in (made.home, made.cache, made.package / "kernels"):
        if folder.is_dir():
            folder.chmod(0o755)  # or it could not be removed


@pytest.fixture(scope="module")
def normal():
    """The digest of the label map of `SEGMENT`, with everything compiled for it in the normal cache."""
    labels = superdsm_nb.segment(generate(36, (48, 64), 2, 9.0).image, {"AF_scale": 11})
    return hashlib.sha256(labels.tobytes()).hexdigest()


@pytest.fixture
def filled(place, normal):
    """A place whose cache has all that `SEGMENT` needs: kernels of the same text, wherever they are."""
    for name in ("_helper.py", "_probe.py"):
        (place.package / "kernels" / name).unlink()
    target = place.cache / folders()[0].name
    for folder in reversed(folders()):
        if folder.is_dir():
            shutil.copytree(folder, target, dirs_exist_ok=True)
    return place


# ---------------------------------------------------------------- folders that cannot be written


@naive.compiled_only
def test_without_any_folder_that_can_be_written_kernels_are_compiled(place):
    place.forbid_other_folders()
    assert place.run(CALL, NUMBA_CACHE_DIR=None) == ("1011", 0, 1)
    assert not list(place.folder.rglob("*.nbc"))


@naive.compiled_only
def test_a_cache_folder_that_is_read_only_and_empty_does_not_matter(place):
    place.cache.mkdir(mode=0o555)
    place.forbid_other_folders()
    assert place.run(CALL) == ("1011", 0, 1)
    assert not list(place.folder.rglob("*.nbc"))


@naive.compiled_only
def test_a_cache_folder_that_cannot_be_made_does_not_matter(place):
    place.forbid_other_folders()
    place.cache.write_text("a file")
    assert place.run(CALL, NUMBA_CACHE_DIR=place.cache / "below") == ("1011", 0, 1)


@naive.compiled_only
def test_a_full_disk_does_not_matter(place):
    def no_space():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))

    assert place.run(CALL, before_exec=no_space) == ("1011", 0, 1)
    assert not list(place.folder.rglob("*.nbc*"))


@naive.compiled_only
def test_without_a_home_nothing_is_written_where_the_process_happens_to_be(place):
    place.forbid_other_folders()
    assert place.run(CALL, NUMBA_CACHE_DIR=None, HOME="~") == ("1011", 0, 1)
    assert not (place.folder / "~").exists()


@naive.compiled_only
def test_what_the_wished_folder_cannot_take_goes_to_the_next(place):
    place.cache.mkdir(mode=0o555)
    assert place.run(CALL) == ("1011", 0, 1)
    assert place.run(CALL) == ("1011", 1, 0)
    assert list((place.package / "kernels" / "__pycache__").rglob("*.nbc"))


@naive.compiled_only
def test_a_cache_that_is_read_only_is_read(filled, normal):
    filled.forbid_other_folders()
    for folder in (*filled.cache.iterdir(), filled.cache):
        folder.chmod(0o555)
    result, hits, misses = filled.run(SEGMENT)
    for folder in (filled.cache, *filled.cache.iterdir()):
        folder.chmod(0o755)
    assert result == normal
    assert hits > 10
    assert misses == 0


@naive.compiled_only
def test_machine_code_that_cannot_be_stored_does_not_matter(place):
    refusing = "from superdsm_nb.kernels import _cache\n_cache.dumps = lambda content: content.missing\n"
    assert place.run(refusing + CALL) == ("1011", 0, 1)
    assert not list(place.folder.rglob("*.nbc"))


def cut_off(content):
    return content[: len(content) // 2]


def other_bytes(content):
    middle = len(content) // 2
    garbage = bytes(byte ^ 0xFF for byte in content[middle : middle + 64])
    return content[:middle] + garbage + content[middle + 64 :]


# ---------------------------------------------------------------- files that are damaged


@naive.compiled_only
def test_damaged_files_are_compiled_anew_and_replaced(filled, normal):
    damages = {"group_pixels": cut_off, "component_sizes": other_bytes, "touching_pairs": lambda content: b""}
    for name, damage in damages.items():
        (path,) = filled.cache.rglob(f"regions.{name}-*.nbc")
        path.write_bytes(damage(path.read_bytes()))
    result, _, misses = filled.run(SEGMENT)
    assert result == normal
    assert misses == len(damages)
    assert filled.run(SEGMENT)[::2] == (normal, 0)


@naive.compiled_only
def test_whole_files_of_something_else_are_compiled_anew(place):
    assert place.run(CALL) == ("1011", 0, 1)
    for path in place.cache.rglob("*.nbc"):
        path.write_bytes(hashlib.sha256(b"else").digest() + b"else")
    assert place.run(CALL) == ("1011", 0, 1)
    assert place.run(CALL) == ("1011", 1, 0)


# ---------------------------------------------------------------- files that others could have written

PLANT = """
import hashlib, os, pickle, pathlib

class Canary:
    def __reduce__(self):
        return pathlib.Path.touch, (pathlib.Path(CANARY),)

payload = pickle.dumps((Canary(),))
content = hashlib.sha256(payload).digest() + payload
for path in pathlib.Path(FOLDER).rglob("*.nbc"):
    path.write_bytes(content)
"""


def plant(folder, canary):
    """Replace machine code by code that leaves a trace when it is loaded."""
    exec(f"CANARY, FOLDER = {str(canary)!r}, {str(folder)!r}\n{PLANT}", {})
    assert list(folder.rglob("*.nbc"))


@pytest.fixture
def canary(place):
    return place.folder / "canary"


@naive.compiled_only
def test_what_is_planted_would_run_if_it_were_trusted(compiled, canary):
    plant(compiled.cache, canary)
    assert compiled.run(CALL) == ("1011", 0, 1)
    assert canary.exists()


def let_others_write(folder):
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o777)


def let_the_group_write_files(folder):
    for path in folder.rglob("*.nbc"):
        path.chmod(0o664)


def give_away(folder):
    for path in (folder, *folder.rglob("*")):
        os.chown(path, 12345, 12345)


def give_files_away(folder):
    for path in folder.rglob("*.nbc"):
        os.chown(path, 12345, 12345)


def replace_by_a_link_of_another_user(folder):
    folder.rename(folder.with_name("unpacked"))
    folder.symlink_to("unpacked")
    os.chown(folder, 12345, 12345, follow_symlinks=False)


def replace_files_by_links(folder):
    for path in list(folder.rglob("*.nbc")):
        path.symlink_to(path.rename(path.with_suffix(".txt")))


as_superuser = pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser gives files away")


@naive.compiled_only
@pytest.mark.parametrize(
    "expose",
    [
        let_others_write,
        let_the_group_write_files,
        replace_files_by_links,
        pytest.param(give_away, marks=as_superuser),
        pytest.param(give_files_away, marks=as_superuser),
        pytest.param(replace_by_a_link_of_another_user, marks=as_superuser),
    ],
    ids=lambda expose: expose.__name__,
)
def test_machine_code_that_another_user_may_have_written_is_not_loaded(compiled, canary, expose):
    plant(compiled.cache, canary)
    expose(compiled.cache)
    result, hits, misses = compiled.run(CALL)
    assert (result, hits, misses) == ("1011", 0, 1)
    assert not canary.exists()


@naive.compiled_only
def test_the_working_folder_does_not_say_where_machine_code_is(compiled, canary):
    plant(compiled.cache, canary)
    (compiled.folder / ".numba_config.yaml").write_text(f"cache_dir: {compiled.cache}\ndisable_jit: 1\n")
    (compiled.folder / "superdsm_nb").mkdir()
    for wished in (None, "cache"):
        assert compiled.run(CALL, NUMBA_CACHE_DIR=wished)[0] == "1011"
    shown = (
        "import superdsm_nb.kernels, numba; print(repr(numba.config.CACHE_DIR), numba.config.DISABLE_JIT, 0)"
    )
    assert compiled.run(shown, NUMBA_CACHE_DIR=None) == ("''", 0, 0)
    assert not canary.exists()


@naive.compiled_only
def test_machine_code_that_is_stored_is_closed_to_others_whatever_the_mask(place):
    place.cache.mkdir(mode=0o755)
    assert place.run(f"import os; os.umask(0)\n{CALL}") == ("1011", 0, 1)
    made = list(place.cache.rglob("*"))
    assert {path.suffix for path in made if path.is_file()} == {".nbc"}
    assert not any(path.stat().st_mode & 0o022 for path in made)
    assert place.run(CALL) == ("1011", 1, 0)


# ---------------------------------------------------------------- several processes


@naive.compiled_only
def test_two_processes_that_compile_at_once_leave_a_cache_for_a_third(place):
    started = [place.start(AT_ONCE), place.start(AT_ONCE)]
    first, second = [finish(process) for process in started]
    assert first == second == ("True", 0, 1)
    assert place.run(AT_ONCE) == ("True", 1, 0)
    assert all(path.suffix == ".nbc" for path in place.cache.rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def cache_of_the_probe(tmp_path_factory):
    first = Place(tmp_path_factory.mktemp("first"))
    assert first.run(CALL) == ("1011", 0, 1)
    return first.cache


@pytest.fixture
def compiled(place, cache_of_the_probe):
    """A place whose cache has the probe."""
    shutil.copytree(cache_of_the_probe, place.cache)
    return place


# ---------------------------------------------------------------- versions, settings, processors


@naive.compiled_only
def test_the_same_version_in_another_folder_is_not_compiled_again(compiled):
    assert compiled.run(CALL) == ("1011", 1, 0)


@naive.compiled_only
@pytest.mark.parametrize(
    ("name", "before", "after", "result"),
    [
        ("kernels/_helper.py", "x + 1", "x + 2", "1012"),
        ("kernels/_probe.py", "OFFSET = 10", "OFFSET = 20", "1021"),
        ("kernels/_jit.py", '"contract"', '"arcp"', "1011"),
        ("_version.py", superdsm_nb.__version__, "9.9.9", "1011"),
    ],
    ids=["helper", "constant", "options", "version"],
)
def test_another_version_of_the_package_never_takes_what_this_one_compiled(
    compiled, name, before, after, result
):
    compiled.edit(name, before, after)
    assert compiled.run(CALL) == (result, 0, 1)
    compiled.edit(name, after, before)
    assert compiled.run(CALL) == ("1011", 1, 0)


@naive.compiled_only
@pytest.mark.parametrize(
    "variables",
    [{"NUMBA_CPU_NAME": "generic"}, {"NUMBA_BOUNDSCHECK": 1}],
    ids=lambda variables: next(iter(variables)),
)
def test_code_for_another_processor_or_made_otherwise_is_left_alone(compiled, variables):
    assert compiled.run(CALL, **variables) == ("1011", 0, 1)
    assert compiled.run(CALL) == ("1011", 1, 0)


@naive.compiled_only
@pytest.mark.parametrize("library", ["numpy", "numba"])
def test_code_made_with_another_version_of_a_library_is_left_alone(compiled, library):
    changed = f"import numba, {library}\n{library}.__version__ += '.1'\n"
    assert compiled.run(changed + CALL) == ("1011", 0, 1)
    assert compiled.run(CALL) == ("1011", 1, 0)


# ---------------------------------------------------------------- no compiled kernels


def test_without_compiled_kernels_the_label_map_is_the_same_and_nothing_is_warned_of(place, normal):
    assert place.run(SEGMENT, NUMBA_DISABLE_JIT=1) == (normal, 0, 0)
