"""Compiled kernels on disk: whatever is the matter with the folder, results are the same and code is fresh.

Every test runs processes of its own on a copy of the package, so that no cache is there but the one it is
about. Permissions count even for the superuser: the processes give up the capability to override them.
"""

from __future__ import annotations

import hashlib
import resource

import pytest

import superdsm_nb

from support import naive
from support.kernelcaches import AT_ONCE, CALL, SEGMENT, finish

pytestmark = pytest.mark.slow

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


# ---------------------------------------------------------------- several processes


@naive.compiled_only
def test_two_processes_that_compile_at_once_leave_a_cache_for_a_third(place):
    started = [place.start(AT_ONCE), place.start(AT_ONCE)]
    first, second = [finish(process) for process in started]
    assert first == second == ("True", 0, 1)
    assert place.run(AT_ONCE) == ("True", 1, 0)
    assert all(path.suffix == ".nbc" for path in place.cache.rglob("*") if path.is_file())


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
