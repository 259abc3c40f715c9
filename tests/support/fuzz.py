"""Images, configurations and files that nobody would give on purpose, and what must come of each.

``python -m support.fuzz KIND CASES [SEED]``, in ``tests``, runs as many cases of a kind (images,
configurations, tasks or folders) as asked for and prints every seed that broke a promise; the test suite runs
some of them. A case is a function of its seed alone.
"""

from __future__ import annotations

import json
import math
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path

import numpy as np

import superdsm_nb
from superdsm_nb.batch.spec import find_tasks
from superdsm_nb.batch.survey import survey
from superdsm_nb.errors import SuperDSMError
from superdsm_nb.pipeline import create_default_pipeline

from support import folders
from support.unlikely_images import blobs, image_of

SECONDS = 60  # of the processor; a case that takes longer does not end
DECLARATIONS = create_default_pipeline().declarations


class BrokenPromiseError(Exception):
    """A promise does not hold."""


# --- configurations -------------------------------------------------------------------------------------

WRONG = (
    math.nan,
    math.inf,
    -math.inf,
    -1,
    -1e-300,
    1e308,
    2**70,
    "",
    "abc",
    True,
    None,
    [],
    [1],
    {},
    {"a": 1},
)


def value_at_limit(rng, parameter):
    """Draw a value at or near a limit of a hyperparameter, or one of another kind."""
    if rng.random() < 0.1:
        return WRONG[rng.integers(len(WRONG))]
    if parameter.kind == "bool":
        return bool(rng.integers(2))
    if parameter.choices:
        return parameter.choices[rng.integers(len(parameter.choices))]
    if parameter.kind not in ("float", "int"):
        return parameter.default
    limits = [
        parameter.minimum,
        parameter.maximum,
        np.nextafter(parameter.above, np.inf),
        np.nextafter(parameter.below, -np.inf),
        np.nextafter(parameter.minimum, np.inf),
        np.nextafter(parameter.maximum, -np.inf),
        parameter.default,
        math.inf,
        1,
        2.0,
        3.5,
        1e-3,
    ]
    limits = [limit for limit in limits if limit is not None and limit != -math.inf]
    value = limits[rng.integers(len(limits))]
    return int(value) if parameter.kind == "int" and math.isfinite(value) else float(value)


def configuration_of(rng, share):
    """Draw a configuration in which about so many hyperparameters differ from their defaults."""
    config = {}
    keys = list(DECLARATIONS)
    for _ in range(rng.poisson(share)):
        key = keys[rng.integers(len(keys))]
        section, _, name = key.rpartition("/")
        value = value_at_limit(rng, DECLARATIONS[key])
        if section:
            config.setdefault(section, {})
            if isinstance(config[section], dict):
                config[section][name] = value
        else:
            config[name] = value
    if rng.random() < 0.03:
        config[str(rng.choice(["dsm", "nothing", "postprocess", "AF_scale"]))] = WRONG[
            rng.integers(len(WRONG))
        ]
    if rng.random() < 0.9:
        config["AF_scale"] = float(rng.uniform(1, 9))
    dsm = config.setdefault("dsm", {})
    if isinstance(dsm, dict):
        dsm.setdefault("cp_timeout", 2.0)
    return config


# --- what must come of a case ---------------------------------------------------------------------------


def check_sentence(error):
    """An error of ours is one sentence of a length that is read; of several, each has a line."""
    for line in str(error).split("\n"):
        if not line or len(line) > 600 or "Traceback" in line or not line.isprintable():
            raise BrokenPromiseError(f"not one clear sentence: {line[:700]!r}") from error


def check_labels(labels, image):
    """A label map has the shape of the image and numbers its objects from 1 on, none left out."""
    if labels.shape != np.shape(image) or labels.dtype not in (np.uint16, np.int32):
        raise BrokenPromiseError(f"a label map of shape {labels.shape} and type {labels.dtype}")
    present = np.unique(labels)
    if (present[present > 0] != np.arange(1, present.max() + 1)).any():
        raise BrokenPromiseError(f"labels {present}")


def segment_case(image, config):
    """Segment; return what came of it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.simplefilter("ignore", UserWarning)  # what we tell the user
            labels = superdsm_nb.segment(image, config)
    except SuperDSMError as error:
        check_sentence(error)
        return type(error).__name__
    check_labels(labels, image[:, :, 0] if config.get("histological") is True else image)
    return "objects" if labels.any() else "no object"


def image_case(seed):
    """Segment an unlikely image with a plain configuration of either method."""
    rng = np.random.default_rng(seed)
    image = image_of(rng)
    config = {"AF_scale": float(rng.uniform(1.5, 9)), "dsm": {"cp_timeout": 5.0}}
    if rng.random() < 0.1:
        del config["AF_scale"]
    if rng.random() < 0.1:
        config["histological"] = True
        image = np.stack([image] * 3, axis=2) if image.ndim == 2 else image
    elif rng.random() < 0.5:
        config = {"preset": "automatic"}
    return segment_case(image, config)


def configuration_case(seed):
    """Segment a likely image with an unlikely configuration."""
    rng = np.random.default_rng(seed)
    shape = tuple(int(size) for size in rng.integers(8, 40, 2))
    image = blobs(rng, shape) + rng.choice([0, 0.05]) * rng.random(shape)
    return segment_case(image, configuration_of(rng, rng.choice([1, 3, 10])))


# --- task.json ------------------------------------------------------------------------------------------

TASK = {
    "runnable": True,
    "img_pathpattern": "img/%s.png",
    "seg_pathpattern": "seg/%s.png",
    "adj_pathpattern": "adj/%s.png",
    "log_pathpattern": "log/%s",
    "cfg_pathpattern": "cfg/%s.json",
    "overlay_pathpattern": "over/%s.png",
    "file_ids": ["1-3", "a"],
    "config": {"AF_scale": 5, "dsm": {"alpha": 0.1}},
    "dilate": 0,
    "last_stage": "dsm",
    "environ": {"OMP_NUM_THREADS": "1"},
    "base_config_path": "base.json",
}


def mutated(rng, text):
    """Change some bytes of a text."""
    data = bytearray(text.encode())
    for _ in range(rng.integers(1, 6)):
        place = int(rng.integers(len(data) + 1))
        what = rng.integers(5)
        if what == 0:
            del data[place : place + int(rng.integers(1, 20))]
        elif what == 1:
            data[place:place] = bytes(rng.integers(0, 256, rng.integers(1, 5), dtype=np.uint8))
        elif what == 2:
            data[place:place] = data[max(0, place - 30) : place]
        elif what == 3:
            snippets = (
                '"',
                "{",
                "}",
                "[",
                "]",
                "null",
                "NaN",
                "1e999",
                "\\u0000",
                "\\ud800",
                "../",
                "%s%s",
                "%(a)s",
            )
            data[place:place] = snippets[rng.integers(len(snippets))].encode()
        else:
            data[place:place] = b"[" * int(rng.choice([1, 3000]))
        if not data:
            break
    return bytes(data)


def any_value(rng, depth=0):
    """Draw a JSON value."""
    leaves = (
        None,
        True,
        0,
        -1,
        3.5,
        1e308,
        math.nan,
        math.inf,
        "",
        "x",
        "%s",
        "../%s",
        "/etc/%s",
        "a\u0000b",
        "\ud800",
        10**30,
    )
    kind = rng.integers(4) if depth < 3 else 0
    if kind == 1:
        return [any_value(rng, depth + 1) for _ in range(rng.integers(4))]
    if kind == 2:
        keys = (*TASK, "x", "", "\u00e4", "AF_scale", "merge_overlap_threshold", "num_cpus", "channel")
        return {keys[rng.integers(len(keys))]: any_value(rng, depth + 1) for _ in range(rng.integers(4))}
    return leaves[rng.integers(len(leaves))]


def task_bytes(rng):
    """Draw the bytes of a task.json."""
    kind = rng.integers(4)
    if kind == 0:
        return bytes(rng.integers(0, 256, rng.integers(0, 60), dtype=np.uint8))
    task = dict(TASK)
    if kind > 1:
        for _ in range(rng.integers(1, 4)):
            key = list(TASK)[rng.integers(len(TASK))]
            if rng.random() < 0.3:
                task.pop(key, None)
            else:
                task[key] = any_value(rng)
    text = json.dumps(task)
    return text.encode() if kind == 3 else mutated(rng, text)


def task_case(seed):
    """Read and survey a tree with an unlikely task.json."""
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "img").mkdir()
        (root / "img" / "1.png").write_bytes(b"no image")
        (root / "base.json").write_text("{}")
        (root / "task.json").write_bytes(task_bytes(rng))
        if rng.random() < 0.3:
            (root / "child").mkdir()
            (root / "child" / "task.json").write_bytes(task_bytes(rng))
        before = sorted(root.rglob("*"))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                plans = survey(find_tasks(root), root)
        except SuperDSMError as error:
            check_sentence(error)
            return type(error).__name__
        if sorted(root.rglob("*")) != before:
            raise BrokenPromiseError("a survey leaves something behind")
        return f"{len(plans)} tasks"


def folder_case(seed):
    """Run the tasks of a hostile folder (see `folders`)."""
    return folders.folder_case(seed, BrokenPromiseError)


CASES = {
    "images": image_case,
    "configurations": configuration_case,
    "tasks": task_case,
    "folders": folder_case,
}


def run_case(kind, seed):
    """Run one case; return what came of it, or raise `BrokenPromiseError` if it broke a promise."""
    start = time.process_time()
    try:
        outcome = CASES[kind](seed)
    except BrokenPromiseError:
        raise
    except BaseException as error:  # whatever it is, it should not be
        raise BrokenPromiseError(f"{type(error).__name__}: {error}") from error
    seconds = time.process_time() - start
    if seconds > SECONDS:
        raise BrokenPromiseError(f"{seconds:.0f} s")
    return outcome


def main(kind, cases, first=0):
    """Run many cases; print every one that broke a promise, and what came of the others."""
    outcomes = Counter()
    slowest = (0.0, 0)
    for seed in range(int(first), int(first) + int(cases)):
        start = time.process_time()
        try:
            outcomes[run_case(kind, seed)] += 1
        except BrokenPromiseError as error:
            outcomes["broken"] += 1
            cause = error.__cause__ or error
            frame = traceback.extract_tb(cause.__traceback__)[-1]
            print(f"{kind} {seed}: {error} ({Path(frame.filename).name}:{frame.lineno})", flush=True)
        slowest = max(slowest, (time.process_time() - start, seed))
    print(f"{kind}: {dict(outcomes)}; slowest {slowest[0]:.1f} s (seed {slowest[1]})")
    return outcomes["broken"]


if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] not in CASES:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]) > 0)
