"""How long a session takes after each kind of change: medians in milliseconds, on images of two sets.

    python benchmarks/session.py [--repeat 9]

The images are in the folder that SUPERDSM_NB_DATA names. Cancelling is timed as well: from the call to the
end of the update that was running.
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import threading
import time
from pathlib import Path

from superdsm_nb import Session, imread
from superdsm_nb.errors import Cancelled

CHANGES = {
    "limits of post-processing": [{"postprocess/min_area": value} for value in (0.1, 0.2)],
    "height of outlines": [{"postprocess/outline_height": value} for value in (0.35, 0.3)],
    "cost of objects": [{"global-energy-minimization/object_cost": value} for value in (0.25, 0.3)],
    "foreground": [{"preprocess/min_local_contrast": value} for value in (0.12, 0.14)],
}


SIZES = (1.0, 1.08)  # of the diameter that is measured


def milliseconds(session: Session, changes: dict[str, float], labels: bool = True) -> float:
    """Time of one update, with its label map."""
    start = time.perf_counter()
    result = session.update(changes)
    if labels:
        _ = result.labels
    return 1e3 * (time.perf_counter() - start)


def cancelling(session: Session, diameter: float, after: float) -> float:
    """Time from cancelling an update to its end; NaN if it was over before."""
    called = []

    def cancel() -> None:
        time.sleep(after)
        called.append(time.perf_counter())
        session.cancel()

    thread = threading.Thread(target=cancel)
    thread.start()
    try:
        session.update({"diameter": diameter * SIZES[session.config.get("diameter") == diameter]})
        end = math.nan
    except Cancelled:
        end = time.perf_counter()
    thread.join()
    return 1e3 * (end - called[0])


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=9)
    repeat = parser.parse_args().repeat
    folder = Path(os.environ["SUPERDSM_NB_DATA"])
    files = [sorted((folder / name / "images").iterdir())[0] for name in ("BBBC039", "U2OS")]
    print("ms".ljust(28), *(f"{path.parents[1].name:>10}" for path in files))
    sessions = [Session(imread(path)) for path in files]
    for session in sessions:
        session.update()
    diameters = [2 * session.result.data["radius"] for session in sessions]
    for kind in [*CHANGES, "diameter"]:
        found = []
        for session, diameter in zip(sessions, diameters, strict=True):
            values = CHANGES.get(kind, [{"diameter": diameter * size} for size in SIZES])
            times = [milliseconds(session, values[number % 2]) for number in range(repeat + 1)]
            found.append(statistics.median(times[1:]))
        print(kind.ljust(28), *(f"{each:10.0f}" for each in found))
    found = []
    for session, diameter in zip(sessions, diameters, strict=True):
        whole = milliseconds(session, {"diameter": 0.9 * diameter}) / 1e3
        times = [cancelling(session, diameter, whole * part / repeat) for part in range(repeat)]
        found.append(max(each for each in times if not math.isnan(each)))
    print("cancelling, at most".ljust(28), *(f"{each:10.0f}" for each in found))


if __name__ == "__main__":
    main()
