"""The installation is tested by `superdsm-nb doctor`."""

from __future__ import annotations

import pytest

from superdsm_nb import doctor
from superdsm_nb.synthetic import generate

from support import naive


@pytest.fixture
def affordable(monkeypatch):
    """A smaller image for the self-test where kernels are interpreted."""
    if not naive.COMPILED:
        monkeypatch.setattr(doctor, "generate", lambda **_: generate(5, (64, 72), 2, 12.0))


@pytest.mark.usefixtures("affordable")
def test_the_doctor_tells_versions_threads_and_cache_and_tests_itself(run, monkeypatch):
    monkeypatch.setenv("SUPERDSM_NB_NUM_THREADS", "1")
    outcome = run("doctor")
    assert (outcome.code, outcome.err) == (0, "")
    names = [line.split(":")[0] for line in outcome.out.splitlines()]
    assert {"superdsm_nb", "Python", "numba", "threads", "BLAS", "compiled kernels", "self-test"} <= set(
        names
    )
    assert "set by SUPERDSM_NB_NUM_THREADS" in outcome.out
    assert "passed: Dice coefficient 0.9" in outcome.out


@pytest.mark.usefixtures("affordable")
def test_a_bad_result_is_noticed(run, monkeypatch):
    segment = doctor.segment
    monkeypatch.setattr(doctor, "segment", lambda *arguments: segment(*arguments) * 0)
    outcome = run("doctor")
    assert outcome.code == 1
    assert "expected at least 0.9" in outcome.out


@pytest.mark.usefixtures("affordable")
def test_a_result_that_differs_from_run_to_run_is_noticed(run, monkeypatch):
    segment, calls = doctor.segment, []

    def different(*arguments):
        calls.append(arguments)
        return segment(*arguments) * len(calls)

    monkeypatch.setattr(doctor, "segment", different)
    assert "please report this" in run("doctor").out
