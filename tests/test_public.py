"""What `import superdsm_nb` offers, and how little it costs."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import superdsm_nb
from superdsm_nb._moved import MOVED

STUB = Path(superdsm_nb.__file__).with_suffix(".pyi")


def names_in_the_stub():
    """Names that the stub imports."""
    tree = ast.parse(STUB.read_text(encoding="utf-8"))
    return {name.asname for node in tree.body if isinstance(node, ast.ImportFrom) for name in node.names}


def test_the_public_names_are_listed_and_lead_somewhere():
    assert set(dir(superdsm_nb)) == set(superdsm_nb.__all__) == names_in_the_stub()
    assert {"segment", "analyze", "segment_file", "write_outputs", "imread", "metrics"} <= set(
        dir(superdsm_nb)
    )
    assert all(getattr(superdsm_nb, name) is not None for name in dir(superdsm_nb))


def test_modules_need_no_import_of_their_own():
    code = "import superdsm_nb; superdsm_nb.metrics.score; superdsm_nb.render.rasterize_labels"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_import_loads_nothing_heavy():
    code = (
        "import sys, superdsm_nb; dir(superdsm_nb)\n"
        "print(sorted({'numpy', 'numba', 'scipy', 'pydantic', 'typer'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(("old", "new"), MOVED.items())
def test_a_module_that_was_moved_is_the_same_by_its_old_name(old, new):
    moved = importlib.import_module(f"superdsm_nb.{old}")
    assert moved is importlib.import_module(f"superdsm_nb.{new}")
    assert moved.__spec__.name == moved.__name__ == f"superdsm_nb.{new}"


def test_an_unknown_name_is_an_error():
    with pytest.raises(AttributeError, match="segmnt"):
        superdsm_nb.segmnt  # noqa: B018


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        ("batch.jobs", "jobs_of", "expand_jobs"),
        ("batch.run", "Crew", "WorkerPool"),
        ("batch.spec", "fill_places", "substitute_placeholders"),
        ("postprocess", "Examiner", "ObjectFilter"),
        ("segmentation", "about", "errors_name"),
    ],
)
def test_a_former_name_means_the_same(module, old, new):
    module = importlib.import_module(f"superdsm_nb.{module}")
    assert getattr(module, old) is getattr(module, new)
