"""A Dask scheduler and workers as processes of their own, on 127.0.0.1."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

SECONDS = 60  # to start


class Cluster:
    """A scheduler, and workers that can be killed."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.workers = []
        self.start_scheduler()

    def start_scheduler(self):
        self.file = self.folder / f"scheduler-{time.monotonic_ns()}.json"
        self.scheduler = self._start(
            "dask_scheduler",
            "--host",
            "127.0.0.1",
            "--port",
            "0",
            "--no-dashboard",
            "--scheduler-file",
            self.file,
        )
        deadline = time.monotonic() + SECONDS
        while not self.address:
            assert time.monotonic() < deadline
            time.sleep(0.02)

    @property
    def address(self):
        try:
            return json.loads(self.file.read_text())["address"]
        except (OSError, ValueError):
            return None

    def start_worker(self, *options, preload=None):
        if preload is not None:
            script = self.folder / "preload.py"
            script.write_text(preload, encoding="utf-8")
            options = (*options, "--preload", script)
        process = self._start(
            "dask_worker",
            self.address,
            *("--no-dashboard", "--host", "127.0.0.1", "--local-directory", self.folder),
            *(() if "--nthreads" in options else ("--nthreads", "1")),
            *options,
        )
        self.workers.append(process)
        return process

    def wait_for(self, count):
        """Wait until a number of workers is known to the scheduler."""
        import distributed

        with distributed.Client(self.address) as client:
            client.wait_for_workers(count, timeout=SECONDS)

    def _start(self, module, *options):
        return subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", f"distributed.cli.{module}", *map(str, options)],
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def kill(self, process):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def clear(self):
        """Kill all workers; a scheduler that forgets about them takes the place of this one."""
        for process in self.workers:
            self.kill(process)
        self.workers.clear()
        if self.scheduler.poll() is None:
            self.kill(self.scheduler)
        self.start_scheduler()

    def close(self):
        for process in (*self.workers, self.scheduler):
            self.kill(process)
