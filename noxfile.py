"""Sessions, run with ``nox -s NAME``; CONTRIBUTING.md explains each of them."""

import tempfile
import tomllib
from pathlib import Path

import nox

nox.options.sessions = ["lint", "tests"]
nox.options.reuse_existing_virtualenvs = True


@nox.session
def tests(session):
    session.install("-e", ".[test]")
    session.run("pytest", *session.posargs)


@nox.session
def whole(session):
    """All tests; those on published images need SUPERDSM_NB_DATA."""
    session.install("-e", ".[test]")
    session.run("pytest", "-m", "", *session.posargs)


@nox.session
def mintest(session):
    """Test with the lowest versions that pyproject.toml allows."""
    own = Path(session.virtualenv.location)
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    declared = [*project["dependencies"], *extras["parquet"], *extras["tune"], *extras["test"]]
    lowest = own / "lowest.txt"
    lowest.write_text("".join(f"{each.replace('>=', '==')}\n" for each in declared if ">=" in each))
    session.install("-e", ".[test]", "--constraint", str(lowest))
    # A separate kernel cache: sharing one would mean compiling again for each version of Numba.
    session.run("pytest", "-m", "", *session.posargs, env={"NUMBA_CACHE_DIR": str(own / "numba")})


@nox.session
def maxtest(session):
    """Test with the newest versions, with deprecation warnings as errors."""
    own = Path(session.virtualenv.location)
    session.install("-e", ".[test]", "--upgrade", "--upgrade-strategy", "eager")
    # pytest turns warnings into errors in its own process only; our commands silence them unless Python is
    # configured otherwise: this variable does so, for every process that the tests start.
    deprecations = ("DeprecationWarning", "PendingDeprecationWarning", "FutureWarning")
    environment = {
        "NUMBA_CACHE_DIR": str(own / "numba"),
        "PYTHONWARNINGS": ",".join(f"error::{kind}" for kind in deprecations),
    }
    session.run("pytest", "-m", "", *session.posargs, env=environment)


@nox.session
def napari(session):
    """The plug-in, in a viewer; needs a display, such as that of xvfb-run."""
    session.install("-e", ".[napari-test]")
    session.run("pytest", "-W", "ignore::DeprecationWarning", "tests/napari", *session.posargs)


@nox.session
def deploy(session):
    """The recipes of deploy/, in Snakemake and with what Galaxy checks."""
    session.install("-e", ".[deploy-test]")
    session.run("pytest", "-W", "ignore::DeprecationWarning", "tests/deploy/tools", *session.posargs)


@nox.session
def interpreted(session):
    """Everything except the tests on published images, without compiled kernels."""
    session.install("-e", ".[test]")
    session.run("pytest", "-m", "not published", *session.posargs, env={"NUMBA_DISABLE_JIT": "1"})


@nox.session
def lint(session):
    session.install("-e", ".[dev]")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")
    session.run("lint-imports")
    session.run("numpydoc", "lint", *map(str, sorted(Path("superdsm_nb").rglob("*.py"))))


@nox.session
def docs(session):
    session.install("-e", ".[docs]")
    session.run("mkdocs", "build", "--strict", *session.posargs, env={"NO_MKDOCS_2_WARNING": "1"})


@nox.session
def demo(session):
    session.install(".")
    session.run("superdsm-nb", "demo", *(session.posargs or [tempfile.mkdtemp(prefix="superdsm-nb-demo-")]))


@nox.session
def bench(session):
    session.install(".")
    session.run("python", "benchmarks/run.py", *session.posargs)


@nox.session
def kernels(session):
    session.install("-e", ".[dev]")
    session.run("pytest", "benchmarks", "--benchmark-columns=median,ops", *session.posargs)
