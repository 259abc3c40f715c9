"""Sessions: ``nox -s tests``, ``lint``, ``docs``, ``demo``, ``bench``, ``kernels``."""

import tempfile

import nox

nox.options.sessions = ["lint", "tests"]
nox.options.reuse_existing_virtualenvs = True


@nox.session
def tests(session):
    session.install("-e", ".[test]")
    session.run("pytest", *session.posargs)


@nox.session
def lint(session):
    session.install("-e", ".[dev]")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")
    session.run("lint-imports")


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
