"""Machine code that another user may have written is never loaded."""

from __future__ import annotations

import os

import pytest

from support import naive
from support.kernelcaches import CALL

pytestmark = pytest.mark.slow


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
