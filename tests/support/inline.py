"""Batches that work in the process of the tests: starting workers takes longer than most tests."""

from __future__ import annotations

import sys
import warnings

from superdsm_nb.batch.pool import Finished, ProcessPool
from superdsm_nb.batch.work import process
from superdsm_nb.events import ImageStarted


class InlinePool:
    """What `ProcessPool` does, without processes; tests/batch/workers shows that those do the same.

    Where variables are set for the workers, processes are started nevertheless.
    """

    def __new__(cls, size, environ, mode):
        return ProcessPool(size, environ, mode) if environ else super().__new__(cls)

    def __init__(self, size, environ, mode):
        self._mode = mode

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def run(self, jobs, emit):
        for job in jobs:
            emit(ImageStarted(job.file_id), 0)
            with warnings.catch_warnings():
                if not sys.warnoptions:
                    warnings.simplefilter("ignore")
                result = process(job, self._mode, lambda event: emit(event, 0))
            yield Finished(job, result)
