"""A folder for trying the method: generated images with their ground truth, and a task that segments them."""

from __future__ import annotations

import json
from pathlib import Path

from ._version import __version__
from .config import DEFAULT_PRESET
from .io import imsave
from .synthetic import generate

RADIUS = 16.0  # pixels
CONFIG = {"preset": DEFAULT_PRESET}


def write_demo(folder: Path, count: int, seed: int) -> list[str]:
    """Write generated images, their truth, and a task to segment them.

    Parameters
    ----------
    folder : Path
        Receives ``images/``, ``truth/`` and ``task.json``.
    count : int
        Number of images.
    seed : int
        Seed of the first image; the others follow.

    Returns
    -------
    list of str
        Identifiers of the images.
    """
    ids = [f"sample-{seed + index}" for index in range(count)]
    for index, name in enumerate(ids):
        sample = generate(seed=seed + index, radius=RADIUS)
        provenance = {
            "software": f"superdsm_nb {__version__}",
            "generator": "synthetic",
            "seed": seed + index,
        }
        imsave(folder / "images" / f"{name}.tif", sample.image, provenance)
        imsave(folder / "truth" / f"{name}.png", sample.labels.astype("uint16"), provenance)
    task = {
        "runnable": True,
        "img_pathpattern": "{ROOTDIR}/images/%s.tif",
        "seg_pathpattern": "segmentation/%s.png",
        "overlay_pathpattern": "overlay/%s.png",
        "seg_border": 2,
        "file_ids": ids,
        "config": CONFIG,
    }
    (folder / "task.json").write_text(json.dumps(task, indent=2) + "\n", encoding="utf-8")
    return ids
